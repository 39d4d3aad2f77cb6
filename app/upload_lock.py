"""Who may write to an upload, over all servers that share its folder, told without clocks.

Whoever holds an upload has the file of its bytes locked (flock); whoever waits for it meanwhile shares a lock on its
note, and the holder looks there. A lock goes with its process, kill -9 included, and on NFS 4 it is the file server's,
so it is seen at once where a file would not be. What was waited for may be finished or gone by then: read its note.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.errors import Locked
from app.store.files import translated, unbroken

_PATIENCE = 5.0
"""Seconds within which whoever holds an upload has to give way to a newer request for it."""
_PATIENCE_TO_BEGIN = 30.0
_LOOK_EVERY = 0.5
_AGAIN_AFTER = 0.02


class Turns:
    """The turns of requests to this server among all that there are."""

    def __init__(self) -> None:
        self._held: dict[Path, asyncio.Event] = {}
        self._begun: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def held(self, part: Path, note: Path) -> AsyncIterator[asyncio.Event]:
        """Holds an upload while the block lasts; the event asks it to give way to another request.

        Where there is no `part`, or no longer, nothing is held: nobody will write to it. Raises `Locked` where its
        holder does not give way in time, `StoreUnavailable`.
        """
        give_way = asyncio.Event()
        descriptor = await self._taken(part, note)
        if descriptor is None:
            yield give_way
            return
        self._held[part] = give_way
        watch = asyncio.create_task(_watch(note, give_way), name=f"who waits for {part.stem}")
        try:
            yield give_way
        finally:
            watch.cancel()
            try:
                await asyncio.gather(watch, return_exceptions=True)
            finally:
                del self._held[part]
                os.close(descriptor)  # and with it the lock

    @asynccontextmanager
    async def one_by_one(self, path: Path) -> AsyncIterator[None]:
        """Holds the lock of a file that is made for it, and stays. Raises `Locked`, `StoreUnavailable`."""
        async with self._begun[path]:  # one of this server's at a time asks for it, and has its turn
            until = time.monotonic() + _PATIENCE_TO_BEGIN
            while (descriptor := await _taken(path, fcntl.LOCK_EX, os.O_CREAT)) is None:
                if time.monotonic() > until:
                    raise Locked("Other uploads are being begun; try again in a moment.")
                await asyncio.sleep(_AGAIN_AFTER)
            try:
                yield
            finally:
                os.close(descriptor)

    async def _taken(self, part: Path, note: Path) -> int | None:
        asking, until = None, time.monotonic() + _PATIENCE
        try:
            while (descriptor := await _taken(part, fcntl.LOCK_EX)) is None:
                if part in self._held:
                    self._held[part].set()  # one of this server's learns it at once
                if time.monotonic() > until:
                    raise Locked("Another request is writing to this upload; try again in a moment.")
                if asking is None:
                    asking = await _taken(note, fcntl.LOCK_SH)
                await asyncio.sleep(_AGAIN_AFTER)
            return descriptor
        except FileNotFoundError:
            return None
        finally:
            if asking is not None:
                os.close(asking)


def lock(path: Path, kind: int = fcntl.LOCK_EX, flags: int = 0) -> int | None:
    """A descriptor that has the file locked until it is closed; None where another has it. Raises `OSError`."""
    # For writing even where the lock is shared: NFS gives no exclusive one to a file that is opened for reading.
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


async def _taken(path: Path, kind: int, flags: int = 0) -> int | None:
    """`lock` in a thread. Raises `FileNotFoundError`, and `StoreUnavailable` for every other `OSError`."""
    try:
        return await unbroken(asyncio.to_thread(lock, path, kind, flags), undo=_close)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise translated(error) from error


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


async def _watch(note: Path, give_way: asyncio.Event) -> None:
    """Sets the event as soon as somebody waits."""
    while not give_way.is_set():
        await asyncio.sleep(_LOOK_EVERY)
        try:
            # To its end: the next holder, looking at the same time, would take this look for somebody who waits.
            if await unbroken(asyncio.to_thread(_is_wanted, note)):
                give_way.set()
        except OSError:
            continue  # the holder will meet with it itself


def _is_wanted(note: Path) -> bool:
    descriptor = lock(note)
    _close(descriptor)
    return descriptor is None
