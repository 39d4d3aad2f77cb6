"""Blobs: files as they were uploaded, named by the SHA-256 of their bytes, each kept once."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.store.files import create, guarded, sync_folder, translated
from core.errors import EmptyFile, FileTooLarge, NotFound

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LEFT_OVER_AFTER = 24 * 3600.0
"""A temporary file this old in seconds belongs to no upload that is still running."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """A stored file: the hash that names it and its size in bytes."""

    sha256: str
    size: int


class FolderBlobs:
    """Blobs in a folder: `ab/abcdef…`, temporary files in `tmp/`, lock files in `locks/`.

    An upload holds a shared lock on its blob from the moment it is in place until its version is recorded, and removal
    takes it exclusively, so that no blob is removed between being stored (or found there) and being referred to. Locks
    are the kernel's (flock): a killed process leaves none behind.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tmp = root / "tmp"
        self._locks = root / "locks"
        try:
            self._tmp.mkdir(parents=True, exist_ok=True)
            self._locks.mkdir(exist_ok=True)
        except OSError as error:
            raise translated(error) from error

    @contextlib.asynccontextmanager
    async def receive(self, pieces: AsyncIterable[bytes], *, limit: int) -> AsyncIterator[Blob]:
        """Stores a file from its pieces; durable when the block is entered. Record its version inside the block.

        Raises `FileTooLarge` as soon as more than `limit` bytes have come, `EmptyFile`, `StoreUnavailable`.
        """
        temporary = self._tmp / uuid.uuid4().hex
        try:
            digest, size = await _write(temporary, pieces, limit)
            with self._locked(digest, exclusive=False) as wait:
                await wait()
                await guarded(self._place, temporary, digest)
                yield Blob(sha256=digest, size=size)
        finally:
            temporary.unlink(missing_ok=True)

    @contextlib.asynccontextmanager
    async def adopt(self, path: Path) -> AsyncIterator[Blob]:
        """Stores a whole file that lies on disk already; it stays where it is, as another name for the same bytes.

        Record its version inside the block, as with `receive`. Raises `EmptyFile`, `StoreUnavailable`.
        """
        size, digest = await guarded(_measured, path)
        if size == 0:
            raise EmptyFile("The file is empty.")
        temporary = self._tmp / uuid.uuid4().hex
        try:
            with self._locked(digest, exclusive=False) as wait:
                await wait()
                await guarded(_linked, path, temporary)
                await guarded(self._place, temporary, digest)
                yield Blob(sha256=digest, size=size)
        finally:
            temporary.unlink(missing_ok=True)

    async def put(self, pieces: AsyncIterable[bytes], *, limit: int) -> Blob:
        """`receive` for a blob that is recorded already, as in a restore: nothing protects it after this returns."""
        async with self.receive(pieces, limit=limit) as blob:
            return blob

    def path(self, sha256: str) -> Path:
        """Where a blob lies, for reading. Raises `NotFound`."""
        path = self._path(sha256)
        if not path.is_file():
            raise NotFound("The stored file is gone.")
        return path

    async def stream(self, sha256: str, *, piece: int = 1 << 18) -> AsyncIterator[bytes]:
        """A blob in pieces. Raises `NotFound`."""
        with self.path(sha256).open("rb") as file:
            while data := await asyncio.to_thread(file.read, piece):
                yield data

    async def remove(self, sha256: str, needed: Callable[[str], Awaitable[bool]]) -> bool:
        """Removes a blob unless `needed(sha256)` says that a version has it or an upload of it is in hand.

        False where it stays; sweep again later. A blob that is not there counts as removed.
        """
        with self._locked(sha256, exclusive=True) as wait:
            if not await wait() or await needed(sha256):
                return False
            await guarded(self._unlink, self._path(sha256))
            return True

    def all(self) -> Iterator[str]:
        """The hashes of all blobs, in no order: what a sweep after a crash compares with the versions."""
        for folder in self._root.iterdir():
            if len(folder.name) == 2 and folder.is_dir():
                yield from (path.name for path in folder.iterdir() if _SHA256.fullmatch(path.name))

    def tidy(self, *, older_than: float = _LEFT_OVER_AFTER) -> int:
        """Removes temporary files that a killed process left, if older than this many seconds; how many."""
        removed = 0
        for path in self._tmp.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime >= older_than:
                    path.unlink()
                    removed += 1
        return removed

    def free_bytes(self) -> int:
        """How much room is left on the disk."""
        return shutil.disk_usage(self._root).free

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise NotFound("There is no such file.")
        return self._root / sha256[:2] / sha256

    def _place(self, temporary: Path, digest: str) -> None:
        path = self._path(digest)
        if path.is_file():
            return
        path.parent.mkdir(exist_ok=True)
        temporary.replace(path)
        for folder in (path.parent, self._root):
            sync_folder(folder)

    def _unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self, sha256: str, *, exclusive: bool) -> Iterator[Callable[[], Awaitable[bool]]]:
        """Gives a function that takes the lock: shared waits for it, exclusive says at once whether it got it."""
        descriptor = os.open(self._locks / self._path(sha256).parent.name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

        async def take() -> bool:
            while True:
                try:
                    fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                    return True
                except BlockingIOError:
                    if exclusive:
                        return False
                    await asyncio.sleep(0.01)

        try:
            yield take
        finally:
            os.close(descriptor)  # and with it the lock


async def _write(path: Path, pieces: AsyncIterable[bytes], limit: int) -> tuple[str, int]:
    """Hash and size of what was written to `path`, which is on disk when this returns."""
    digest, size = hashlib.sha256(), 0
    file = os.fdopen(await guarded(create, path), "wb")
    try:
        async for piece in pieces:
            size += len(piece)
            if size > limit:
                raise FileTooLarge(f"The file is larger than the {limit / 1e6:,.0f} MB that are allowed.")
            await guarded(_append, file, digest, piece)
        if size == 0:
            raise EmptyFile("The file is empty.")
        await guarded(_sync, file)
    finally:
        file.close()
    return digest.hexdigest(), size


def _append(file: BinaryIO, digest: hashlib._Hash, piece: bytes) -> None:
    digest.update(piece)
    file.write(piece)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _measured(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return os.fstat(file.fileno()).st_size, digest.hexdigest()


def _linked(path: Path, target: Path) -> None:
    """The same file under a second name; a copy where the file system has no such thing or it lies on another."""
    try:
        target.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())
