"""Keeps how answers came about, after they were told: nobody who asks waits for it.

Traces that arrive while one is being written go into the next transaction together, so that many answers at a time cost
few writes. What waits is bounded; what is lost with the process is a trace, never an answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol

from core.errors import FootnoteError
from core.types import AnswerTrace

logger = logging.getLogger("footnote.traces")

CAPACITY = 256
"""Traces that may wait to be written; beyond them the oldest is given up."""


class TraceBook(Protocol):
    """Where traces are kept."""

    async def put(self, traces: Mapping[str, AnswerTrace]) -> None:
        """Keeps traces by their answers' ids."""
        ...


class Tracing:
    """Takes traces at once and writes them soon. For one event loop."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._waiting: OrderedDict[str, AnswerTrace] = OrderedDict()
        self._writing: asyncio.Task[None] | None = None

    def keep(self, book: TraceBook, answer_id: str, trace: AnswerTrace) -> None:
        """Hands over the trace of a finished or failed answer; returns at once."""
        self._waiting[answer_id] = trace
        if len(self._waiting) > self._capacity:
            lost, _ = self._waiting.popitem(last=False)
            logger.warning("answer %s: its trace was given up; the database is slower than the answers", lost)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(book), name="write traces")

    async def settled(self) -> None:
        """Returns once everything handed over before was written or given up."""
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def _write(self, book: TraceBook) -> None:
        while self._waiting:
            now, self._waiting = self._waiting, OrderedDict()
            try:
                await book.put(now)
            except FootnoteError as error:
                logger.warning("the traces of %d answers could not be kept: %s", len(now), error)
            except Exception:
                logger.exception("the traces of %d answers could not be kept", len(now))


__all__ = ["CAPACITY", "TraceBook", "Tracing"]
