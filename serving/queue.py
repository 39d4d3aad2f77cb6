"""A generator that takes so many requests at a time. Others wait, and callers take turns."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from core.errors import DeadlineExceeded, GeneratorBusy
from core.ports import Generator
from core.types import Delta, Generation, GenerationRequest, GeneratorInfo

BUSY = "More questions are waiting for the generator than it takes. Ask again in a moment."
WAITED = "The generator had no time for this question. Ask again in a moment."


class QueuedGenerator:
    """The same port over another generator. For one event loop.

    Whoever has the fewest requests under way is next, and among equals who has waited longest for a turn. Where the
    queue is full, the newest request of whoever has most in it gives way to a caller with fewer; else the newcomer is
    refused. Time spent waiting counts towards a request's timeout.
    """

    def __init__(self, inner: Generator, *, concurrency: int, waiting: int) -> None:
        self._inner = inner
        self._concurrency = concurrency
        self._most = waiting
        self._running: Counter[str] = Counter()
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def info(self) -> GeneratorInfo:
        """The inner one's."""
        return self._inner.info

    @property
    def running(self) -> int:
        """Requests that the inner generator has in hand."""
        return self._running.total()

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return sum(map(len, self._queues.values()))

    async def complete(self, request: GenerationRequest) -> Generation:
        """As the inner one. Raises `GeneratorBusy` where too many wait, `DeadlineExceeded` where it waited too long."""
        async with self._turn(request) as admitted:
            return await self._inner.complete(admitted)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        """As the inner one; the turn is over when the iterator is closed. Raises as `complete` does."""
        async with self._turn(request) as admitted:
            pieces = self._inner.stream(admitted)
            assert isinstance(pieces, AsyncGenerator)
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece

    async def check(self) -> None:
        """The inner one's; it takes no turn."""
        await self._inner.check()

    async def close(self) -> None:
        """Closes the inner one."""
        await self._inner.close()

    @asynccontextmanager
    async def _turn(self, request: GenerationRequest) -> AsyncIterator[GenerationRequest]:
        since = time.monotonic()
        await self._enter(request.caller, request.timeout)
        try:
            left = request.timeout - (time.monotonic() - since)
            if left <= 0:
                raise DeadlineExceeded(WAITED)
            yield replace(request, timeout=left)
        finally:
            self._leave(request.caller)

    async def _enter(self, caller: str, seconds: float) -> None:
        """Returns with a turn taken."""
        if self.running < self._concurrency and not self._queues:
            self._running[caller] += 1
            return
        self._make_place(caller)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(caller, deque()).append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._leave(caller)  # the turn came in the same moment as the end
            else:
                self._forget(caller, turn)
            if isinstance(error, TimeoutError):
                raise DeadlineExceeded(WAITED) from None
            raise

    def _make_place(self, caller: str) -> None:
        """Raises `GeneratorBusy` where the queue has no place for this caller."""
        if self.waiting < self._most:
            return
        greediest = max(self._queues, key=lambda each: len(self._queues[each]), default=None)
        mine = len(self._queues.get(caller, ()))
        if greediest is None or len(self._queues[greediest]) <= mine + 1:
            raise GeneratorBusy(BUSY)
        newest = self._queues[greediest][-1]
        self._forget(greediest, newest)
        if not newest.done():
            newest.set_exception(GeneratorBusy(BUSY))

    def _leave(self, caller: str) -> None:
        self._running[caller] -= 1
        if not self._running[caller]:
            del self._running[caller]
        while self._queues and self.running < self._concurrency:
            self._admit(min(self._queues, key=lambda each: self._running[each]))

    def _admit(self, caller: str) -> None:
        queue = self._queues.pop(caller)
        turn = queue.popleft()
        if queue:
            self._queues[caller] = queue  # at the end: the others' turn comes first
        if not turn.done():  # done are those whose caller left this moment
            self._running[caller] += 1
            turn.set_result(None)

    def _forget(self, caller: str, turn: asyncio.Future[None]) -> None:
        queue = self._queues.get(caller)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._queues[caller]
