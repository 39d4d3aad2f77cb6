"""The folder of unfinished uploads, which several servers may share: what lies in it, and in which order it changes.

    ID.part   the bytes so far; an offset is told to the caller only after they are on disk
    ID.json   whose it is, how long it will be, the form's fields and, at last and for a while, what it became
    locks/    for beginning uploads: a caller's are begun one by one

The note is the truth: it comes after the file of the bytes, is replaced by one that says what became of them before
they are dropped, and goes before them. So a crash leaves an upload as it was, or bytes that no note knows.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from app.errors import TooManyRequests
from app.settings import HttpSettings
from app.store.files import create, write_whole
from app.upload_lock import lock
from core.errors import DiskFull

_ID = re.compile(r"[0-9a-f]{32}")
_FINISHED_KEPT = 3600.0
"""Seconds for which a finished upload tells what it became, to a caller that lost the last answer."""
_LEFT_OVER = {"json.new", "done"}
"""What an interrupted `write_whole` leaves, and finished uploads' notes as they were called before."""
_LEFT_OVER_AFTER = 3600.0
"""A file this old in seconds is none that another server is just beginning or finishing an upload with."""


@dataclass(frozen=True, kw_only=True)
class Became:
    """What a finished upload became."""

    document_id: str
    version_id: str
    job_id: str
    unchanged: bool


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An upload and what was said when it began; `fields` are the form's, as they came. `became`: it is finished."""

    id: str
    owner: str
    length: int
    filename: str
    fields: dict[str, list[str]]
    metadata: str = ""
    became: Became | None = None


class UploadFiles:
    """The folder's files; to be called in threads, and raises `OSError` where the disk does."""

    def __init__(self, root: Path, settings: HttpSettings) -> None:
        self._root = root
        self._settings = settings
        self._begun: dict[str, tuple[str, int]] = {}
        """Owner and length of the unfinished uploads whose notes were read before; neither changes."""
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        (root / "locks").mkdir(exist_ok=True, mode=0o700)

    def part(self, upload_id: str) -> Path:
        """Where the bytes lie."""
        return self._root / f"{upload_id}.part"

    def note(self, upload_id: str) -> Path:
        """Where the note lies."""
        return self._root / f"{upload_id}.json"

    def beginning(self, owner: str) -> Path:
        """The file to lock while an upload of this owner's is begun."""
        return self._root / "locks" / hashlib.sha256(owner.encode()).hexdigest()[:2]

    def begin(self, upload: Upload) -> None:
        """Puts a new upload there, on disk when this returns. Raises `TooManyRequests`, `DiskFull`."""
        found = os.statvfs(self._root)
        if upload.length > found.f_bavail * found.f_frsize:
            raise DiskFull("The server's disk has no room for this file; free some space there, then try again.")
        descriptor = create(self.part(upload.id))  # before the others are counted: NFS lists the folder anew then
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # no sweep takes it for one that was left
            self._allow(upload)
            self._write(upload)
        finally:
            os.close(descriptor)

    def end(self, done: Upload) -> None:
        """Says what an upload became, and drops its bytes."""
        self._write(done)
        self.part(done.id).unlink(missing_ok=True)

    def drop(self, upload_id: str) -> None:
        """Takes an upload away; nothing happens where there is none."""
        self.note(upload_id).unlink(missing_ok=True)
        self.part(upload_id).unlink(missing_ok=True)

    def read(self, upload_id: str) -> Upload | None:
        """What an upload's note says; None where there is none."""
        if not _ID.fullmatch(upload_id):
            return None
        try:
            found = json.loads(self.note(upload_id).read_bytes())
            became = found.pop("became")
            return Upload(**found, became=became and Became(**became))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def expires(self, upload: Upload) -> float:
        """When a sweep takes it away unless more of it arrives before, in seconds since the epoch."""
        with contextlib.suppress(FileNotFoundError):
            if upload.became:
                return self.note(upload.id).stat().st_mtime + _FINISHED_KEPT
            return self.part(upload.id).stat().st_mtime + self._settings.upload_retention
        return time.time()

    def sweep(self) -> int:
        """Removes the uploads that expired and that nobody holds, and what killed servers left; how many uploads."""
        now, removed = time.time(), 0
        with os.scandir(self._root) as entries:
            found = {entry.name: entry for entry in entries if not entry.is_dir()}
        for name, entry in found.items():
            upload_id, _, suffix = name.partition(".")
            with contextlib.suppress(FileNotFoundError):  # another server's sweep was there first
                age = now - entry.stat().st_mtime
                if suffix == "part" and age > min(self._settings.upload_retention, _LEFT_OVER_AFTER):
                    removed += self._expire(upload_id)
                elif suffix == "json" and f"{upload_id}.part" not in found and age > _FINISHED_KEPT:
                    self.drop(upload_id)
                    removed += 1
                elif suffix in _LEFT_OVER and age > _LEFT_OVER_AFTER:
                    Path(entry).unlink()
        return removed

    def _expire(self, upload_id: str) -> bool:
        """Removes an upload that has expired, or in whose beginning, end or removal a server was killed."""
        descriptor = lock(self.part(upload_id))
        if descriptor is None:
            return False
        try:
            upload, age = self.read(upload_id), time.time() - os.fstat(descriptor).st_mtime
            if upload is not None and upload.became:
                self.part(upload_id).unlink()
                return False
            if age <= (_LEFT_OVER_AFTER if upload is None else self._settings.upload_retention):
                return False
            self.drop(upload_id)
            return upload is not None
        finally:
            os.close(descriptor)

    def _allow(self, upload: Upload) -> None:
        mine = [length for owner, length in self._unfinished() if owner == upload.owner]
        if len(mine) >= self._settings.unfinished_uploads_per_caller:
            raise TooManyRequests(
                f"You have {len(mine):,} unfinished uploads. Finish or cancel some, or wait until they expire."
            )
        if sum(mine) + upload.length > self._settings.unfinished_bytes_per_caller:
            allowed = f"{self._settings.unfinished_bytes_per_caller / 1e6:,.0f} MB"
            raise TooManyRequests(f"Your unfinished uploads would exceed {allowed}. Finish or cancel some first.")

    def _unfinished(self) -> Iterable[tuple[str, int]]:
        """Owner and length of every upload whose bytes are there; each note is read once."""
        known, begun = self._begun, {}
        with os.scandir(self._root) as entries:
            names = [entry.name for entry in entries]
        for name in names:
            upload_id, _, suffix = name.partition(".")
            if suffix == "part":
                found = known.get(upload_id) or self._begun_by(upload_id)
                if found is not None:
                    begun[upload_id] = found
        self._begun = begun
        return begun.values()

    def _begun_by(self, upload_id: str) -> tuple[str, int] | None:
        upload = self.read(upload_id)
        return None if upload is None or upload.became else (upload.owner, upload.length)

    def _write(self, upload: Upload) -> None:
        write_whole(self.note(upload.id), json.dumps(asdict(upload)).encode())
