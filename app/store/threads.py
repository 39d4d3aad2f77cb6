"""The threads of the SQLite driver, one a connection, which must end before their event loop does.

A connection whose user was cancelled is ended without anybody waiting for it. Its thread then speaks to the loop once
more, and where that is closed by then, it dies with "Event loop is closed" on standard error.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

if TYPE_CHECKING:
    import aiosqlite


class DriverThreads:
    """The driver's threads of some engines."""

    def __init__(self) -> None:
        self._threads: WeakSet[threading.Thread] = WeakSet()

    def watch(self, engine: AsyncEngine) -> None:
        """Keeps account of every connection that the engine opens from now on."""

        @event.listens_for(engine.sync_engine, "do_connect")
        def _open(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
            options["async_creator_fn"] = self._opened

    def _opened(self, *arguments: Any, **options: Any) -> aiosqlite.Connection:
        import aiosqlite

        connection = aiosqlite.connect(*arguments, **options)
        connection._thread.daemon = True  # as SQLAlchemy does where it opens them itself
        self._threads.add(connection._thread)
        return connection

    async def ended(self, deadline: float) -> bool:
        """Waits until all have ended, or `time.monotonic()` says `deadline`. Whether they have."""
        alive = [thread for thread in self._threads if thread.is_alive()]
        if alive:
            await asyncio.to_thread(_join, alive, deadline)
        return not any(thread.is_alive() for thread in alive)


def _join(threads: list[threading.Thread], deadline: float) -> None:
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
