"""Traces are written after the answer, many at a time, and never keep anybody waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from app.tracing import Tracing
from core.errors import StoreUnavailable
from core.types import AnswerTrace


class Book:
    """Writes when it is let."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.written: list[list[str]] = []
        self.error: Exception | None = None

    async def put(self, traces: Mapping[str, AnswerTrace]) -> None:
        await self.go.wait()
        if self.error is not None:
            raise self.error
        self.written.append(list(traces))


TRACE = AnswerTrace(asked="?", question="?")


async def test_those_that_come_while_one_is_written_are_written_together() -> None:
    book, tracing = Book(), Tracing()
    tracing.keep(book, "a", TRACE)
    await asyncio.sleep(0)
    for name in "bcd":
        tracing.keep(book, name, TRACE)
    assert book.written == []
    book.go.set()
    await tracing.settled()
    assert book.written == [["a"], ["b", "c", "d"]]
    tracing.keep(book, "e", TRACE)
    await tracing.settled()
    assert book.written[-1] == ["e"]


async def test_what_waits_is_bounded() -> None:
    book, tracing = Book(), Tracing(capacity=2)
    tracing.keep(book, "a", TRACE)
    await asyncio.sleep(0)
    for name in "bcd":
        tracing.keep(book, name, TRACE)
    book.go.set()
    await tracing.settled()
    assert book.written == [["a"], ["c", "d"]]


async def test_a_store_that_does_not_answer_costs_the_traces_alone() -> None:
    for error in (StoreUnavailable("The disk is full."), RuntimeError("unexpected")):
        book, tracing = Book(), Tracing()
        book.go.set()
        book.error = error
        tracing.keep(book, "a", TRACE)
        await tracing.settled()
        book.error = None
        tracing.keep(book, "b", TRACE)
        await tracing.settled()
        assert book.written == [["b"]]


async def test_nothing_to_wait_for() -> None:
    await Tracing().settled()
