"""A generator that leaves a failing one alone for a while, so that callers learn at once what they would wait for."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from core.errors import DeadlineExceeded, GeneratorBusy, GeneratorRefused, GeneratorUnavailable
from core.ports import Generator
from core.types import Delta, Generation, GenerationRequest, GeneratorInfo

log = logging.getLogger("footnote.generator")

OPEN = "The generator failed several times in a row and is left alone for some seconds. Ask again in a moment."


class GuardedGenerator:
    """The same port over another generator: a circuit breaker (M. Nygard, "Release It!"). For one event loop.

    After `failures` in a row nothing is asked of it for `seconds`; then one request is let through, and its outcome
    decides. What fails is an unavailable generator, and one that wrote no word in its time; not one that refuses a
    request for what is in it, or one caller could shut it to all.
    """

    def __init__(
        self, inner: Generator, *, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._inner = inner
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._probing = False

    @property
    def info(self) -> GeneratorInfo:
        """The inner one's."""
        return self._inner.info

    @property
    def open(self) -> bool:
        """Whether requests are refused now."""
        return self._failures >= self._limit and (self._probing or self._clock() < self._until)

    async def complete(self, request: GenerationRequest) -> Generation:
        """As the inner one. Raises `GeneratorUnavailable` at once while it is left alone."""
        async with aclosing(self.stream(request)) as pieces:
            async for piece in pieces:
                if piece.final is not None:
                    return piece.final
        raise GeneratorUnavailable("The generator stopped before its answer was complete. Try again.")

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        """As the inner one. Raises as `complete` does."""
        probe = self._enter()
        spoke = False
        try:
            pieces = self._inner.stream(request)
            assert isinstance(pieces, AsyncGenerator)
            async with aclosing(pieces):
                async for piece in pieces:
                    if not spoke:
                        spoke = True
                        self._succeeded()
                    yield piece
        except GeneratorBusy:
            raise
        except GeneratorRefused:  # whose request it was tells nothing to others: it answered
            self._succeeded()
            raise
        except GeneratorUnavailable:
            self._failed()
            raise
        except DeadlineExceeded:
            if not spoke:
                self._failed()
            raise
        finally:
            if probe:
                self._probing = False

    async def check(self) -> None:
        """The inner one's, whatever state this is in: a server that is back is seen at once."""
        await self._inner.check()

    async def close(self) -> None:
        """Closes the inner one."""
        await self._inner.close()

    def _enter(self) -> bool:
        """Whether this request is the one that finds out. Raises `GeneratorUnavailable` while it is left alone."""
        if self._failures < self._limit:
            return False
        if self.open:
            raise GeneratorUnavailable(OPEN)
        self._probing = True
        return True

    def _succeeded(self) -> None:
        if self._failures >= self._limit:
            log.info("the generator answers again")
        self._failures = 0
        self._probing = False

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= self._limit:
            self._until = self._clock() + self._seconds
            if self._failures == self._limit:
                log.warning("the generator failed %d times in a row; left alone for %.0f s", self._limit, self._seconds)
