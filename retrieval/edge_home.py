"""The index's folder: which shard is the current one, whose the folder is, and what in it is left over.

    DIR/owner.lock        held by the one process that owns the folder
    DIR/CURRENT           JSON: the current shard's folder name and how much of it awaited a rebuild when last known
    DIR/shard-<id>/       shards; every one but the current is a copy being rebuilt or a leftover

`CURRENT` is replaced by rename and synced, so that at any moment it names one complete shard.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from core.errors import ConfigurationError, Conflict

EXIT_NOTHING_TO_DO = 4
EXIT_OWNED = 75
EXIT_CONFIGURATION = 78
"""How the index's processes say why they ended."""

PATIENCE = 3.0
"""Seconds to wait for a predecessor that is just being killed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Current:
    """The current shard. `optimized` is its points after its last rebuild, `pending` those awaiting one at shutdown."""

    shard: str
    optimized: int = 0
    pending: int = 0


class Home:
    """The folder, owned while this object lives. Raises `Conflict` if another process owns it."""

    def __init__(self, path: Path, patience: float = PATIENCE) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = _own(path / "owner.lock", patience)

    def current(self) -> Current | None:
        """What `CURRENT` says; None before the first shard. Raises `ConfigurationError` if it names no shard."""
        try:
            text = (self.path / "CURRENT").read_text()
        except FileNotFoundError:
            return None
        try:
            current = Current(**json.loads(text))
            if self.shard(current).is_dir():
                return current
        except (TypeError, ValueError):
            pass  # said below, as for a folder that is gone
        raise ConfigurationError(
            f"{self.path / 'CURRENT'} names no shard that is there. Build the index again with `footnote reindex`."
        )

    def switch(self, current: Current) -> None:
        """Makes a shard the current one, durably: before it returns the old one is current, afterwards the new one."""
        partial = self.path / "CURRENT.new"
        with partial.open("w") as file:
            json.dump(asdict(current), file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path / "CURRENT")
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def shard(self, current: Current) -> Path:
        return self.path / current.shard

    def new_shard(self) -> Current:
        """A name nobody used before; nothing is made yet."""
        return Current(shard=f"shard-{uuid.uuid4().hex[:12]}")

    def copy(self, source: Current, target: Current) -> None:
        """A full copy of a shard nobody writes to meanwhile. No hard links: the engine changes its files in place."""
        shutil.copytree(self.shard(source), self.shard(target), copy_function=_copy_file)

    def remove_leftovers(self, keep: Current) -> None:
        """Removes every shard but one."""
        for folder in self.path.glob("shard-*"):
            if folder.name != keep.shard:
                shutil.rmtree(folder, ignore_errors=True)

    def disk_bytes(self) -> int:
        """What the folder takes on the disk, holes in sparse files not counted."""
        total = 0
        for folder, _, files in os.walk(self.path):
            for name in files:
                try:
                    total += Path(folder, name).lstat().st_blocks * 512
                except FileNotFoundError:  # removed meanwhile
                    continue
        return total

    def release(self) -> None:
        self._lock.close()


def _copy_file(source: str, target: str) -> None:
    """Copies inside the kernel, by reference on file systems that can, without Python's GIL and without the holes."""
    with Path(source).open("rb") as read, Path(target).open("wb") as write:
        size = os.fstat(read.fileno()).st_size
        position = 0
        while position < size:
            try:
                position = os.lseek(read.fileno(), position, os.SEEK_DATA)
            except OSError:  # only a hole is left
                break
            end = os.lseek(read.fileno(), position, os.SEEK_HOLE)
            position = _copy_range(read.fileno(), write.fileno(), position, end)
        write.truncate(size)


def _copy_range(read: int, write: int, start: int, end: int) -> int:
    while start < end:
        try:
            copied = os.copy_file_range(read, write, end - start, start, start)
        except OSError:  # not between these file systems
            copied = os.pwrite(write, os.pread(read, min(end - start, 2**20), start), start)
        if copied == 0:
            break
        start += copied
    return end


def _own(path: Path, patience: float) -> IO[str]:
    file = path.open("a+")
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.seek(0)
                owner = file.read().strip() or "unknown"
                file.close()
                raise Conflict(
                    f"The index at {path.parent} belongs to another running process (pid {owner}). "
                    "Stop it first, or choose another data folder."
                ) from None
            time.sleep(0.05)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


__all__ = ["EXIT_CONFIGURATION", "EXIT_NOTHING_TO_DO", "EXIT_OWNED", "Current", "Home"]
