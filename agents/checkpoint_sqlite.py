"""LangGraph's SQLite saver with one thread that writes for all runs: what comes in together is committed together.

A node's writes are kept only if they have to be read again (`agents.state.needed`). A write is in the queue when a call
returns, in the order of the calls, and on disk when `settled` returns; reading waits for that. WAL with
synchronous=NORMAL: kill -9 takes nothing back, a power cut perhaps the last moments, of which the ledger of effects
knows.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import WRITES_IDX_MAP, get_checkpoint_metadata
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from agents.checkpoints import only_data, told_as_unavailable
from agents.state import needed
from core.errors import StoreUnavailable

_CHECKPOINT = (
    "INSERT OR REPLACE INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, "
    "checkpoint, metadata) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_WRITES = (
    "INSERT OR REPLACE INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, "
    "value) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FORGET = ("DELETE FROM checkpoints WHERE thread_id = ?", "DELETE FROM writes WHERE thread_id = ?")
_BUSY_SECONDS = 15.0
_GATHER_SECONDS = 0.01
"""How long writes for which nobody waits are gathered: every turn of the thread takes the event loop's from it."""
_Rows = list[tuple[Any, ...]]


class Writer:
    """A thread that writes what is queued, as many at a time as have come. Made in the event loop it belongs to."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[str, _Rows] | asyncio.Future[None] | None] = deque()
        self._awake, self._hurry = threading.Event(), threading.Event()
        self._problem: sqlite3.Error | None = None
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
        self._thread.start()

    def put(self, statement: str, rows: _Rows) -> None:
        """Queues a statement with its rows. Raises `StoreUnavailable` where an earlier one failed."""
        self._check()
        self._put((statement, rows), hurry=False)

    async def settled(self) -> None:
        """Returns once all that was queued is on disk. Raises `StoreUnavailable` where that failed."""
        done = self._loop.create_future()
        self._put(done, hurry=True)
        await done
        self._check()

    async def close(self) -> None:
        """Writes what is queued and ends the thread."""
        self._put(None, hurry=True)
        await asyncio.to_thread(self._thread.join)

    def _put(self, thing: tuple[str, _Rows] | asyncio.Future[None] | None, *, hurry: bool) -> None:
        self._queue.append(thing)
        if hurry:
            self._hurry.set()
        if not self._awake.is_set():
            self._awake.set()

    def _check(self) -> None:
        if self._problem is not None:
            problem, self._problem = self._problem, None  # the next may try again
            raise StoreUnavailable(f"The checkpoints of agents' runs cannot be written: {problem}. Free disk space.")

    def _work(self) -> None:
        going_on = True
        while going_on:
            self._awake.wait()
            self._hurry.wait(_GATHER_SECONDS)
            self._hurry.clear()
            self._awake.clear()
            batch = [self._queue.popleft() for _ in range(len(self._queue))]
            going_on = None not in batch
            self._write([each for each in batch if isinstance(each, tuple)])
            waiting = [each for each in batch if isinstance(each, asyncio.Future)]
            if waiting and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(_release, waiting)
        self._connection.close()

    def _write(self, work: Sequence[tuple[str, _Rows]]) -> None:
        if not work:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for statement, rows in work:
                self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._problem = error
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def _release(waiting: Sequence[asyncio.Future[None]]) -> None:
    for each in waiting:
        if not each.done():
            each.set_result(None)


@told_as_unavailable(sqlite3.Error)
class SqliteCheckpoints(AsyncSqliteSaver):
    """The saver; `writer` is shared by its copies."""

    writer: Writer

    async def settled(self) -> None:
        """See `Writer.settled`."""
        await self.writer.settled()

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        """See the base class; on disk once it is settled."""
        where = config["configurable"]
        thread, name = str(where["thread_id"]), where["checkpoint_ns"]
        told = json.dumps(get_checkpoint_metadata(config, metadata), ensure_ascii=False).encode("utf-8", "ignore")
        row = (thread, name, checkpoint["id"], where.get("checkpoint_id"), *self.serde.dumps_typed(checkpoint), told)
        self.writer.put(_CHECKPOINT, [row])
        return {"configurable": {"thread_id": thread, "checkpoint_ns": name, "checkpoint_id": checkpoint["id"]}}

    async def aput_writes(
        self, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See the base class; on disk once it is settled."""
        where = config["configurable"]
        place = (str(where["thread_id"]), str(where["checkpoint_ns"]), str(where["checkpoint_id"]), task_id, task_path)
        if needed(writes):
            rows: _Rows = [
                (*place, WRITES_IDX_MAP.get(channel, number), channel, *self.serde.dumps_typed(value))
                for number, (channel, value) in enumerate(writes)
            ]
            self.writer.put(_WRITES, rows)

    async def aget_tuple(self, config: Any) -> Any:
        """See the base class."""
        await self.settled()
        return await super().aget_tuple(config)

    async def adelete_thread(self, thread_id: str) -> None:
        """See the base class."""
        for statement in _FORGET:
            self.writer.put(statement, [(str(thread_id),)])
        await self.settled()


@asynccontextmanager
async def open_sqlite(path: Path) -> AsyncIterator[SqliteCheckpoints]:
    """The checkpoints in a file, which is made where there is none."""
    async with SqliteCheckpoints.from_conn_string(str(path)) as saver:
        assert isinstance(saver, SqliteCheckpoints)
        saver.serde = only_data()
        await saver.setup()
        saver.writer = Writer(path)
        try:
            yield saver
        finally:
            await saver.writer.close()
