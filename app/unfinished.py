"""Uploads that have begun and not ended, over all servers that share their folder.

`app/upload_files.py` says what lies in it, `app/upload_lock.py` who may write there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from app.beside import beside
from app.settings import HttpSettings
from app.store.files import guarded, translated, unbroken, write_all
from app.upload_files import Became, Upload, UploadFiles
from app.upload_lock import Turns
from core.errors import FileTooLarge, FootnoteError, NotFound
from core.types import Principal

log = logging.getLogger("footnote.uploads")

_SWEEP_EVERY = 600.0


class Unfinished:
    """The uploads in a folder. Only their owners see them; to everyone else they do not exist."""

    def __init__(self, root: Path, settings: HttpSettings) -> None:
        self._turns = Turns()
        try:
            self._files = UploadFiles(root, settings)
        except OSError as error:
            raise translated(error) from error

    # ---- one upload ------------------------------------------------------------------------------------------------

    async def create(
        self, caller: Principal, *, filename: str, length: int, fields: dict[str, list[str]], metadata: str = ""
    ) -> Upload:
        """A new upload of `length` bytes, durable when this returns.

        Raises `TooManyRequests` where the caller has as many or as much unfinished as it may, `DiskFull` where the file
        would not fit.
        """
        upload = Upload(
            id=uuid.uuid4().hex, owner=caller.id, length=length, filename=filename, fields=fields, metadata=metadata
        )
        async with self._turns.one_by_one(
            self._files.beginning(caller.id)
        ):  # else two at once would not count each other
            try:
                await unbroken(guarded(self._files.begin, upload))
            except BaseException:
                await self.remove(upload.id)
                raise
        return upload

    async def get(self, upload_id: str, caller: Principal) -> Upload:
        """An upload, finished or not. Raises `NotFound` where it expired, was cancelled, or is somebody else's."""
        found = await guarded(self._files.read, upload_id)
        if found is None or found.owner != caller.id:
            raise NotFound("There is no such upload; it expired, or it was cancelled. Begin again.")
        return found

    async def offset(self, upload: Upload) -> int:
        """How many bytes of it are on disk."""
        return upload.length if upload.became else await guarded(_synced_size, self.path(upload))

    async def append(self, upload: Upload, pieces: AsyncIterable[bytes]) -> int:
        """Adds bytes at its end; its offset afterwards. What came before `pieces` broke off is kept.

        Raises `FileTooLarge`, and keeps nothing of `pieces`, where they go beyond its length; `DiskFull`.
        """
        descriptor = await guarded(os.open, self.path(upload), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            start = size = os.fstat(descriptor).st_size
            async for piece in pieces:
                size += len(piece)
                if size > upload.length:
                    os.ftruncate(descriptor, start)
                    raise FileTooLarge(f"More was sent than the {upload.length:,} bytes that `Upload-Length` named.")
                await unbroken(guarded(write_all, descriptor, piece))
            await unbroken(guarded(os.fsync, descriptor))
            return size
        finally:
            os.close(descriptor)

    async def finish(self, upload: Upload, became: Became) -> Upload:
        """Notes what the upload became, and drops its bytes, which are a blob by now."""
        done = replace(upload, became=became)
        await unbroken(guarded(self._files.end, done))
        return done

    async def remove(self, upload_id: str) -> None:
        """Takes an upload away; nothing happens where there is none."""
        await unbroken(guarded(self._files.drop, upload_id))

    def path(self, upload: Upload) -> Path:
        """Where its bytes lie."""
        return self._files.part(upload.id)

    def expires(self, upload: Upload) -> float:
        """When it is swept unless more of it arrives before, in seconds since the epoch."""
        return self._files.expires(upload)

    @asynccontextmanager
    async def alone(self, upload_id: str, caller: Principal) -> AsyncIterator[asyncio.Event]:
        """Holds an upload of the caller's, so that no two requests, to whichever servers, write to one file.

        A connection that broke can look alive for minutes, so whoever holds it is asked to give way: the event that the
        block is given is set then. Raises `Locked` where that takes too long, and what `get` raises: nobody else makes
        its owner give way, or learns from waiting that it is there. It may have ended meanwhile: `get` it in the block.
        """
        await self.get(upload_id, caller)
        async with self._turns.held(self._files.part(upload_id), self._files.note(upload_id)) as give_way:
            yield give_way

    # ---- all of them -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def swept(self) -> AsyncIterator[Unfinished]:
        """Sweeps what expired, from time to time, for as long as the block lasts."""
        async with beside(self._sweeping(), "unfinished uploads"):
            yield self

    async def _sweeping(self) -> None:
        while True:
            try:
                await self.sweep()
            except FootnoteError as error:
                log.warning("cannot sweep unfinished uploads: %s", error.message)
            await asyncio.sleep(_SWEEP_EVERY)

    async def sweep(self) -> int:
        """Removes the uploads that expired and that nobody holds, and what killed servers left; how many uploads."""
        return await unbroken(guarded(self._files.sweep))


def _synced_size(path: Path) -> int:
    """The size of a file whose bytes are on disk: only then may a caller forget them."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
