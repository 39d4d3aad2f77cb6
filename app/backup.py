"""Backups: one tar file with the database, agents' checkpoints, the files, and what was computed from them.

The index is not in it: it is a copy, and is put together again from the kept vectors when the restored server starts.
The database is copied first, by SQLite's online backup, and blobs never change, so a backup of a running server is
consistent: a file that was deleted in between belongs to a document that was deleted in between. Checkpoints are copied
after the database: a run may be further on in them than its record says, and goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import secrets
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app import wiring
from app.settings import Settings
from app.store.backup import backup_sqlite
from app.store.effects import RESTORED
from app.store.store import Store
from core.errors import ConfigurationError, Conflict, InvalidInput

FORMAT = 1
_FOLDERS = ("blobs", "artefacts")
_DATABASE = "footnote.sqlite"
_MARK = "footnote-backup.json"
_ENTRY = re.compile(
    r"footnote\.sqlite|checkpoints\.sqlite|(?:blobs|artefacts)(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}){1,8}"
)
"""What lies in a backup: plain files at plain places. Links and devices have no business there."""

_NO_DATA = {"server.lock", "server.json", "lost+found"}
"""What may lie in a folder that holds no data: a server's lock and note, and what file systems put there."""
_SCRATCH = ".restore-"

Report = Callable[[int, int], None]
"""Told how many bytes of how many are done."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A backup's size in bytes, and the folder that was made for it, if there was none."""

    bytes: int
    made: Path | None


def backup(settings: Settings, target: Path, report: Report) -> Written:
    """Writes a backup. An older file of that name stays until the new one is whole. Raises `ConfigurationError`."""
    _refuse_elsewhere(settings)
    if not (settings.data_dir / _DATABASE).exists():
        raise ConfigurationError(f"There is nothing to back up in {settings.data_dir}.")
    made = None if target.parent.exists() else target.parent
    beside = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=settings.data_dir) as scratch:
            copies = asyncio.run(_copy_databases(settings, Path(scratch)))
            _write(settings.data_dir, copies, beside, report)
        beside.replace(target)
    except OSError as error:
        raise ConfigurationError(f"The backup could not be written to {target}: {error.strerror}.") from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
    return Written(bytes=target.stat().st_size, made=made)


async def _copy_databases(settings: Settings, folder: Path) -> list[Path]:
    copies = [folder / _DATABASE]
    store = await Store.open(wiring.database_url(settings))
    try:
        await store.backup_to(copies[0])
    finally:
        await store.close()
    checkpoints = settings.data_dir / wiring.CHECKPOINTS
    if checkpoints.exists():  # else no agent has worked yet
        copies.append(folder / wiring.CHECKPOINTS)
        await backup_sqlite(checkpoints, copies[1])
    return copies


def _write(data_dir: Path, databases: list[Path], target: Path, report: Report) -> None:
    copied = [(path, Path(path.name)) for path in databases]
    files = [*copied, *((path, path.relative_to(data_dir)) for path in _kept(data_dir))]
    total = sum(path.stat().st_size for path, _ in files)
    done = 0
    with target.open("wb") as raw, tarfile.open(fileobj=raw, mode="w") as archive:
        _add_bytes(archive, _MARK, json.dumps({"format": FORMAT, "made": time.time()}).encode())
        for path, name in files:
            try:
                archive.add(path, arcname=str(name), recursive=False)
            except FileNotFoundError:
                continue  # its document was deleted since the database was copied
            done += path.stat().st_size if path.exists() else 0
            report(done, total)
        archive.close()
        raw.flush()
        os.fsync(raw.fileno())


def _kept(data_dir: Path) -> Iterator[Path]:
    for folder in _FOLDERS:
        for path in sorted((data_dir / folder).glob("??/**/*")):
            if path.is_file() and not path.name.startswith("."):
                yield path


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def restore(settings: Settings, source: Path, report: Report, *, force: bool = False) -> Path | None:
    """Puts a backup into the data folder. What lay there is kept beside it, and its new place returned.

    Raises `Conflict` when the folder holds anything and `force` is not given, `InvalidInput` for a file that is no
    backup, and `ConfigurationError` where the folder cannot be written or moved.
    """
    _refuse_elsewhere(settings)
    data_dir = settings.data_dir
    occupied = _holds_something(data_dir)
    if occupied and not force:
        raise Conflict(f"{data_dir} holds data already. With --force it is moved aside, not lost.")
    try:
        if occupied:
            return _beside(source, data_dir, report)
        _into(source, data_dir, report)
        return None
    except OSError as error:
        raise ConfigurationError(f"{data_dir} could not be restored: {error.strerror}.") from error


def _refuse_elsewhere(settings: Settings) -> None:
    """Raises `ConfigurationError` where database or files are elsewhere than in the data folder, and says what to do.

    Files never change and go only after their rows: a database saved first names no file that was not there.
    """
    if settings.database_url is None and settings.shared_dir is None:
        return
    files = settings.files_dir
    raise ConfigurationError(
        "Backup and restore are for a data folder that holds everything. Here, save the database first (pg_dump for "
        f"PostgreSQL) and {files / 'blobs'} afterwards, with the servers running. To restore, stop them all, put both "
        f"back, and start: the index is put together again, at once where {files / 'artefacts'} was saved as well."
    )


def _holds_something(folder: Path) -> bool:
    if not folder.is_dir():
        return folder.exists()
    return any(path.name not in _NO_DATA and not path.name.startswith(_SCRATCH) for path in folder.iterdir())


def _into(source: Path, data_dir: Path, report: Report) -> None:
    """Fills an empty folder where it is: it may be a mounted disk, which cannot be renamed."""
    there = data_dir.exists()
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in data_dir.glob(f"{_SCRATCH}*"):  # a restore that was killed
        shutil.rmtree(left)
    fresh = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=data_dir))
    try:
        _unpack(source, fresh, report)
        # The database comes last: without it the folder is none that a server would answer from.
        for path in sorted(fresh.iterdir(), key=lambda path: path.name == _DATABASE):
            path.rename(data_dir / path.name)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        if not there and not any(data_dir.iterdir()):
            data_dir.rmdir()


def _beside(source: Path, data_dir: Path, report: Report) -> Path:
    """Unpacks beside the folder, and changes places only when all of it is there."""
    fresh = Path(tempfile.mkdtemp(prefix=f".{data_dir.name}{_SCRATCH}", dir=data_dir.parent))
    try:
        _unpack(source, fresh, report)
        aside = data_dir.with_name(f"{data_dir.name}.before-restore-{time.strftime('%Y%m%d-%H%M%S')}")
        data_dir.rename(aside)
        fresh.rename(data_dir)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return aside


def _unpack(source: Path, target: Path, report: Report) -> None:
    total = source.stat().st_size
    try:
        with tarfile.open(source, mode="r:") as archive:
            first = archive.next()
            if first is None or first.name != _MARK:
                raise InvalidInput(f"{source} is no backup made by `footnote backup`.")
            for entry in archive:
                if entry.name != _MARK:
                    if not (entry.isreg() and _ENTRY.fullmatch(entry.name)):
                        raise InvalidInput(f"{source} holds {entry.name!r}, which no backup holds; it was changed.")
                    # Modes are no part of a backup; `filter` alone would let others keep their right to read.
                    archive.extract(entry.replace(mode=0o600, deep=False), target, filter="data")
                report(archive.offset, total)
    except tarfile.TarError as error:
        raise InvalidInput(f"{source} cannot be read as a backup: {error}.") from error
    if not (target / _DATABASE).exists():
        raise InvalidInput(f"{source} is cut off: it has no database in it.")
    _rename_builds(target / _DATABASE)
    _mark_runs(target / _DATABASE)


def _rename_builds(database: Path) -> None:
    """Gives the restored builds of the index names of their own. On a Qdrant server points may lie under the old names
    that are younger than the backup; the index is put together anew either way."""
    with (
        contextlib.suppress(sqlite3.DatabaseError),  # what is no database is said when the server starts
        contextlib.closing(sqlite3.connect(database)) as connection,
        connection,
    ):
        connection.execute("UPDATE generations SET folder = id || '-' || ?", (secrets.token_hex(4),))


def _mark_runs(database: Path) -> None:
    """Notes of every run that was not over that its effects may have happened since: `app.store.effects.RESTORED`."""
    with (
        contextlib.suppress(sqlite3.DatabaseError),  # a backup of an older version, which had no runs
        contextlib.closing(sqlite3.connect(database)) as connection,
        connection,
    ):
        connection.execute(
            "INSERT OR IGNORE INTO effects (call_id, run_id, tool, arguments, status, begun, begun_at) "
            "SELECT DISTINCT task_id || ':' || ?1, task_id, '', '{}', ?1, 0, 0 FROM runs "
            "WHERE status IN ('pending', 'running') OR id IN (SELECT run_id FROM approvals WHERE status = 'waiting')",
            (RESTORED,),
        )


__all__ = ["FORMAT", "Written", "backup", "restore"]
