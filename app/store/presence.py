"""Who works on this database at this moment, told without clocks.

Whoever announces itself holds a lock that is let go of the moment its process is gone, kill -9 included: on PostgreSQL
an advisory lock of a connection of its own, beside SQLite a locked file. So a server or worker that is busy, or that
was stopped for a while, never counts as dead, and one that is dead is known as such at once.

A machine that is cut off from PostgreSQL learns of it (11 s) before the database gives its locks to others (30 s).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import zlib
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.database import Database
from core.errors import FootnoteError

log = logging.getLogger("footnote.presence")

_KIND = 46_071  # the first half of an advisory lock's key: ours, whatever else locks in this database
_LOOK_EVERY = 0.5
_AGAIN_AFTER = 1.0
_SERVER_KEEPALIVE = ", ".join(
    f"set_config('tcp_keepalives_{name}', '{value}', false)"
    for name, value in {"idle": 10, "interval": 5, "count": 4}.items()
)
_TAKE = text("SELECT pg_try_advisory_lock(:kind, :key)")
_TAKE_SHARED = text("SELECT pg_try_advisory_lock_shared(:kind, :key)")
_HELD = text(
    "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid::bigint = :kind AND objsubid = 2 "
    "AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Presence:
    """The names under which processes work on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def held(self, name: str, *, shared: bool = False) -> AsyncIterator[asyncio.Event | None]:
        """Holds a name while the block lasts; None where another has it. `shared` is for names that many may have.

        The event tells that the name was lost, with the connection to the database: others count its holder as gone,
        which must leave off what it does in that name. Raises `StoreUnavailable`.
        """
        path = self._database.path
        if path is not None:
            with _locked(_file(path, name), shared) as alone:
                yield asyncio.Event() if alone else None
            return
        async with self._database.read() as connection:
            await connection.exec_driver_sql(f"SELECT {_SERVER_KEEPALIVE}")
            take = _TAKE_SHARED if shared else _TAKE
            got = bool((await connection.execute(take, {"kind": _KIND, "key": _key(name)})).scalar())
            lost = asyncio.Event()
            watch = asyncio.create_task(self._watch(connection, lost), name=f"presence of {name}") if got else None
            try:
                yield lost if got else None
            finally:
                if watch is not None:
                    watch.cancel()
                    await asyncio.gather(watch, return_exceptions=True)
                await connection.invalidate()  # it ends, and with it the lock

    @asynccontextmanager
    async def kept(self, name: str, *, shared: bool = False) -> AsyncIterator[None]:
        """Holds a name while the block lasts, and takes it again where it was lost. Raises `StoreUnavailable`."""
        async with contextlib.AsyncExitStack() as first:
            lost = await first.enter_async_context(self.held(name, shared=shared))
            keeping = asyncio.create_task(self._keep(name, shared, first.pop_all(), lost), name=f"keep {name}")
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def absent(self, names: Collection[str]) -> set[str]:
        """Those of these names that nobody holds. Raises `StoreUnavailable`."""
        path = self._database.path
        if path is not None:
            return {name for name in names if _is_free(_file(path, name))}
        async with self._database.read() as connection:
            held = set((await connection.execute(_HELD, {"kind": _KIND})).scalars())
        return {name for name in names if _key(name) not in held}

    async def _keep(
        self, name: str, shared: bool, holding: contextlib.AsyncExitStack, lost: asyncio.Event | None
    ) -> None:
        while True:
            async with holding:
                if lost is not None:
                    await lost.wait()
            await asyncio.sleep(_AGAIN_AFTER)
            holding, lost = contextlib.AsyncExitStack(), None
            with contextlib.suppress(FootnoteError):
                lost = await holding.enter_async_context(self.held(name, shared=shared))

    async def _watch(self, connection: AsyncConnection, lost: asyncio.Event) -> None:
        try:
            while True:
                await asyncio.sleep(_LOOK_EVERY)
                await connection.exec_driver_sql("SELECT 1")
        except Exception as error:
            lost.set()  # before anything else: whoever works must leave off
            log.warning("the connection that says who is here has ended: %r", error)


def _key(name: str) -> int:
    """The second half of the lock's key: 31 bits, since PostgreSQL shows it unsigned and takes it signed."""
    return zlib.crc32(name.encode()) & 0x7FFF_FFFF


def _file(database: Path, name: str) -> Path:
    return database.with_name("present") / name


@contextlib.contextmanager
def _locked(path: Path, shared: bool) -> Iterator[bool]:
    """Locks a file, which is removed afterwards; False where another process has it locked."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    path.parent.mkdir(mode=0o700, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            yield False
            return
        if _is_at(path, descriptor):
            break
        os.close(descriptor)  # removed by its last holder between our opening and our locking it
    try:
        yield True
    finally:
        with contextlib.suppress(BlockingIOError):  # others share it still
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def _is_free(path: Path) -> bool:
    """Whether nobody holds a file's lock; one that a killed process left is removed."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        path.unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)
