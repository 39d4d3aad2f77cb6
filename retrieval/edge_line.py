"""The line before the engine: reads go first, writes wait, and maintenance can hold the writes back.

One task takes one request at a time to the engine. A write is at most a batch of points, so a search never waits for
more than one; after `READS_IN_A_ROW` reads one write goes, so that writes are not starved.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from retrieval.edge_child import Engine
from retrieval.rpc import Frame, Op, Tag, pack, unpack

READS_IN_A_ROW = 16
STUCK = 120.0
"""Seconds after which a request's silence means that the engine hangs."""

_ASK_NOTHING = pack(None)


@dataclass(kw_only=True)
class Job:
    """A request in line. `answer` takes the reply, and `Tag.WAIT` frames before it."""

    op: Op
    body: bytes
    answer: Callable[[Frame], None]
    since: float = field(default_factory=time.monotonic)


@dataclass(kw_only=True)
class Tally:
    """What happened since it was last looked at."""

    pending: int = 0
    """Points written or deleted since the last rebuild."""
    unflushed: int = 0
    last_write: float = 0.0


class Line:
    """The waiting requests and the engine that answers them."""

    def __init__(self, engine: Engine, flush_points: int) -> None:
        self.engine = engine
        self.tally = Tally()
        self.recent_searches: deque[bytes] = deque(maxlen=16)
        self.on_write: Callable[[Frame], None] | None = None
        """Told of each write that the engine has taken, in order."""
        self._flush_points = flush_points
        self._reads: deque[Job] = deque()
        self._writes: deque[Job] = deque()
        self._between: deque[Callable[[], Awaitable[None]]] = deque()
        self._held = False
        self._busy_since: float | None = None
        self._news = asyncio.Event()

    def put(self, job: Job) -> None:
        """Gets in line."""
        (self._writes if job.op.writes or job.op is Op.FLUSH else self._reads).append(job)
        self._news.set()

    async def ask(self, op: Op) -> Frame:
        """A request of the house's own, ahead of every write."""
        reply: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()

        def answer(frame: Frame) -> None:
            if not reply.done():
                reply.set_result(frame)

        self._reads.append(Job(op=op, body=_ASK_NOTHING, answer=answer))
        self._news.set()
        return await reply

    async def between(self, action: Callable[[], Awaitable[None]]) -> None:
        """Runs `action` while no request is at the engine."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def run() -> None:
            try:
                await action()
            except BaseException as error:
                if not done.done():
                    done.set_exception(error)
                raise
            if not done.done():
                done.set_result(None)

        self._between.append(run)
        self._news.set()
        await done

    def hold_writes(self, held: bool) -> None:
        """Lets no further write through, or lets them through again. One may still be at the engine."""
        self._held = held
        self._news.set()

    async def run(self) -> None:
        """Serves for ever. Raises `EngineLost`."""
        reads = 0
        while True:
            self._news.clear()
            if self._between:
                await self._between.popleft()()
            elif self._reads and (reads < READS_IN_A_ROW or not self._writes or self._held):
                reads += 1
                await self._serve(self._reads.popleft())
            elif self._writes and not self._held:
                reads = 0
                await self._serve(self._writes.popleft())
            else:
                reads = 0
                await self._news.wait()

    def tell_waiting(self, longer_than: float) -> None:
        """Tells the writes in line that they are not forgotten."""
        now = time.monotonic()
        for job in self._writes:
            if now - job.since > longer_than:
                job.answer(Frame(0, Tag.WAIT, b""))

    @property
    def stuck(self) -> bool:
        """Whether the engine has been at one request for longer than anything takes."""
        return self._busy_since is not None and time.monotonic() - self._busy_since > STUCK

    async def _serve(self, job: Job) -> None:
        self._busy_since = time.monotonic()
        reply = await self.engine.call(job.op, job.body)
        self._busy_since = None
        if job.op is Op.SEARCH:
            self.recent_searches.append(job.body)
        if reply.tag == Tag.OK:
            self._note(job, reply)
        job.answer(reply)
        if self.tally.unflushed >= self._flush_points and not self._reads:
            await self._serve(Job(op=Op.FLUSH, body=_ASK_NOTHING, answer=lambda frame: None))

    def _note(self, job: Job, reply: Frame) -> None:
        if job.op is Op.FLUSH:
            self.tally.unflushed = 0
        if job.op.writes:
            touched = int(unpack(reply.body))
            self.tally.pending += touched
            self.tally.unflushed += touched
            self.tally.last_write = time.monotonic()
            if self.on_write is not None:
                self.on_write(Frame(0, job.op, job.body))


__all__ = ["Job", "Line"]
