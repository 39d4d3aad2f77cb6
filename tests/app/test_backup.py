"""Restoring what somebody changed, and who may read what was backed up."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sqlite3
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from app.backup import backup, restore
from app.folder import DataFolder
from app.settings import Settings
from app.store.run_records import NewRun
from app.store.store import Store
from core.errors import ConfigurationError, InvalidInput
from core.types import Principal


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


@pytest.mark.parametrize(
    "foreign",
    [
        entry("blobs/ab", tarfile.SYMTYPE, "artefacts"),
        entry("blobs/ab/cd", tarfile.LNKTYPE, "footnote.sqlite"),
        entry("blobs/pipe", tarfile.FIFOTYPE),
        entry("../outside"),
        entry("blobs/../../outside"),
        entry("/blobs/outside"),
        entry("jobs.sqlite"),
        entry("blobs/tmp/.hidden"),
    ],
    ids=lambda each: f"{each.type.decode()} {each.name}",
)
def test_a_backup_with_anything_else_in_it_is_refused_and_leaves_nothing(
    tmp_path: Path, foreign: tarfile.TarInfo
) -> None:
    with tarfile.open(tmp_path / "backup.tar", "w") as archive:
        for each in (entry("footnote-backup.json"), foreign, entry("footnote.sqlite")):
            archive.addfile(each, io.BytesIO())
    (tmp_path / "home").mkdir()

    with pytest.raises(InvalidInput, match="no backup holds"):
        restore(Settings(data_dir=tmp_path / "home" / "data"), tmp_path / "backup.tar", _silent)

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["backup.tar", "home"]


def test_what_is_restored_is_its_owners_alone_whatever_the_backup_says(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "backup.tar", "w") as archive:
        for name in ("footnote-backup.json", str(BLOB), "footnote.sqlite"):
            each = entry(name)
            each.mode = 0o755
            archive.addfile(each, io.BytesIO())
    data = tmp_path / "data"
    data.mkdir(mode=0o755)  # a mounted disk, say, that others may look into

    restore(Settings(data_dir=data), tmp_path / "backup.tar", _silent)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in data.rglob("*") if path.is_file()}
    assert modes == {"footnote.sqlite": 0o600, BLOB.name: 0o600}


BLOB = Path("blobs") / "ab" / ("ab" + "0" * 62)


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A data folder with a collection and a file."""
    folder = tmp_path / "data"
    (folder / BLOB).parent.mkdir(parents=True)
    (folder / BLOB).write_text("bytes")
    async with await Store.open(f"sqlite:///{folder / 'footnote.sqlite'}") as store:
        await store.collections.create("handbook")
    return folder


def footnote(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOOTNOTE_")}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *words],
        env={**kept, "FOOTNOTE_DATA_DIR": str(data)},
        umask=0o022,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


async def test_a_backup_is_its_makers_alone_and_comes_back(tmp_path: Path, data: Path) -> None:
    assert footnote(data, "backup", str(tmp_path / "backup.tar")).returncode == 0

    assert stat.S_IMODE((tmp_path / "backup.tar").stat().st_mode) == 0o600
    again = Settings(data_dir=tmp_path / "again")
    restore(again, tmp_path / "backup.tar", _silent)
    assert (again.data_dir / BLOB).read_text() == "bytes"
    async with await Store.open(f"sqlite:///{again.data_dir / 'footnote.sqlite'}") as store:
        assert [each.name for each in await store.collections.list()] == ["default", "handbook"]


async def test_runs_come_back_with_their_checkpoints(tmp_path: Path, data: Path) -> None:
    ana = Principal(id="ana")
    async with await Store.open(f"sqlite:///{data / 'footnote.sqlite'}") as store:
        thread = await store.threads.create(ana, {"title": "Leave"})
        run = await store.runs.create(ana, NewRun(thread_id=thread.id, agent="main", request={"task": "x"}))
        assert await store.effects.begin(f"{run.id}:1", tool="send", arguments={}) == "new"
    for settled in (False, True):  # while a server writes to them, and after it was stopped
        with contextlib.closing(sqlite3.connect(data / "checkpoints.sqlite")) as checkpoints:
            checkpoints.executescript("PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS checkpoints (id TEXT)")
            checkpoints.execute("INSERT INTO checkpoints VALUES (?)", (thread.id,))
            checkpoints.commit()
            if not settled:
                await asyncio.to_thread(backup, Settings(data_dir=data), tmp_path / "0.tar", _silent)
        if settled:
            await asyncio.to_thread(backup, Settings(data_dir=data), tmp_path / "1.tar", _silent)
        again = Settings(data_dir=tmp_path / f"again-{settled}")
        restore(again, tmp_path / f"{int(settled)}.tar", _silent)
        with contextlib.closing(sqlite3.connect(again.data_dir / "checkpoints.sqlite")) as checkpoints:
            found = checkpoints.execute("SELECT id FROM checkpoints").fetchall()
        assert found == [(thread.id,)] * (1 + settled)
        async with await Store.open(f"sqlite:///{again.data_dir / 'footnote.sqlite'}") as store:
            assert [run.task for run in await store.runs.list(thread.id, ana)] == ["x"]
            assert await store.effects.begin(f"{run.id}:2", tool="send", arguments={}) == "unknown", (
                "done since, perhaps"
            )
            assert await store.effects.begin(f"{run.id}:2", tool="send", arguments={}, again=1) == "new"
            assert await store.effects.begin("another:1", tool="send", arguments={}) == "new"


async def test_a_folder_that_is_made_for_a_backup_is_named(tmp_path: Path, data: Path) -> None:
    there = footnote(data, "backup", str(tmp_path / "backup.tar"), "--json")
    assert json.loads(there.stdout)["made"] is None
    target = tmp_path / "kept" / "here" / "backup.tar"
    made = footnote(data, "backup", str(target), "--json")
    assert json.loads(made.stdout) == {
        "file": str(target), "bytes": target.stat().st_size, "made": str(target.parent)
    }  # fmt: skip
    again = footnote(data, "backup", str(tmp_path / "more" / "backup.tar"))
    assert f"no folder {tmp_path / 'more'}" in " ".join(again.stdout.split())
    refused = footnote(data, "backup", str(tmp_path / "backup.tar" / "inside.tar"))
    assert (refused.returncode, "could not be written" in " ".join(refused.stderr.split())) == (78, True)


@pytest.fixture
async def backed_up(tmp_path: Path, data: Path) -> Path:
    """A backup of that folder."""
    written = await asyncio.to_thread(backup, Settings(data_dir=data), tmp_path / "backup.tar", _silent)
    assert (written.bytes, written.made) == ((tmp_path / "backup.tar").stat().st_size, None)
    return tmp_path / "backup.tar"


def _silent(done: int, total: int) -> None:
    return None


@pytest.mark.parametrize("before", [None, [], ["server.lock"], ["lost+found/", ".restore-killed/"]])
async def test_an_empty_folder_is_filled_where_it_is(tmp_path: Path, backed_up: Path, before: list[str] | None) -> None:
    home = tmp_path / "home" / "data"
    for name in before or []:
        (home / name).mkdir(parents=True) if name.endswith("/") else home.mkdir(parents=True, exist_ok=True)
        (home / name.rstrip("/")).touch()
    if before == []:
        home.mkdir(parents=True)
    where = home.stat().st_ino if home.exists() else None

    with DataFolder(home):  # as the command does, and it leaves a lock there
        assert restore(Settings(data_dir=home), backed_up, _silent) is None

    assert [path.name for path in home.parent.iterdir()] == ["data"]
    assert where in (None, home.stat().st_ino), "it may be a mounted disk"
    assert {path.name for path in home.iterdir()} - {"server.lock", "lost+found"} == {"blobs", "footnote.sqlite"}
    assert (home / BLOB).read_text() == "bytes"


async def test_a_folder_that_holds_something_is_moved_aside_by_force_alone(tmp_path: Path, backed_up: Path) -> None:
    home = tmp_path / "home" / "data"
    home.mkdir(parents=True)
    (home / "letters.txt").write_text("mine")  # no database: somebody named the wrong folder
    refused = footnote(home, "restore", str(backed_up))
    assert (refused.returncode, "--force" in refused.stderr) == (1, True)
    assert (home / "letters.txt").read_text() == "mine"

    ended = footnote(home, "restore", str(backed_up), "--force", "--json")

    assert ended.returncode == 0, ended.stderr
    aside = Path(json.loads(ended.stdout)["moved_aside"])
    assert (aside / "letters.txt").read_text() == "mine"
    assert (home / BLOB).read_text() == "bytes"
    assert {path.name for path in home.parent.iterdir()} == {"data", aside.name}


def test_where_the_database_is_elsewhere_both_say_what_to_do_instead(tmp_path):
    settings = Settings(data_dir=tmp_path / "data", shared_dir=tmp_path / "files", database_url="postgresql://h/n")
    for call in (backup, restore):
        with pytest.raises(ConfigurationError, match="pg_dump") as refused:
            call(settings, tmp_path / "backup.tar", _silent)
        assert str(tmp_path / "files" / "blobs") in refused.value.message
    assert not (tmp_path / "data").exists()
