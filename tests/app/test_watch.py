"""One look at the job book serves everyone who waits for a change."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest

from app.watch import JobWatch
from core.errors import StoreUnavailable


class Book:
    """Revisions of jobs, and every question for them."""

    def __init__(self, **revisions: int) -> None:
        self.revisions = revisions
        self.asked: list[set[str]] = []
        self.error: Exception | None = None

    async def __call__(self, ids: Collection[str]) -> Mapping[str, int]:
        self.asked.append(set(ids))
        if self.error is not None:
            raise self.error
        return {key: value for key, value in self.revisions.items() if key in ids}

    async def was_asked(self, times: int) -> None:
        """Waits for so many more looks."""
        times += len(self.asked)
        while len(self.asked) < times:
            await asyncio.sleep(0)


async def test_one_question_for_all_readers_of_all_jobs() -> None:
    book, watch = Book(a=1, b=5), JobWatch(every=0.001)
    readers = [asyncio.create_task(watch.changed(book, "a", 1)) for _ in range(10)]
    other = asyncio.create_task(watch.changed(book, "b", 5))
    await book.was_asked(3)
    assert book.asked == [{"a", "b"}] * 3
    assert not any(reader.done() for reader in readers)
    book.revisions["a"] = 2
    await asyncio.gather(*readers)
    assert not other.done()
    await book.was_asked(1)
    assert book.asked[-1] == {"b"}
    del book.revisions["b"]
    await other


async def test_a_change_that_is_there_already_is_found() -> None:
    book = Book(a=4)
    assert await JobWatch(every=0.001).changed(book, "a", 3)
    assert book.asked == [{"a"}]


async def test_nobody_looks_while_nobody_waits() -> None:
    book, watch = Book(a=1), JobWatch(every=0.001)
    reader = asyncio.create_task(watch.changed(book, "a", 1))
    await book.was_asked(1)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    while any(task.get_name() == "watch jobs" for task in asyncio.all_tasks()):
        await asyncio.sleep(0)
    book.revisions["a"] = 2
    await watch.changed(book, "a", 1)  # whoever comes later is served again


async def test_a_look_that_fails_is_told_and_the_next_one_is_taken() -> None:
    book, watch = Book(a=1), JobWatch(every=0.001)
    book.error = StoreUnavailable("The database does not answer.")
    with pytest.raises(StoreUnavailable):
        await watch.changed(book, "a", 1)
    book.error = None
    book.revisions["a"] = 2
    await watch.changed(book, "a", 1)


async def test_closing_lets_nobody_wait() -> None:
    book, watch = Book(a=1), JobWatch(every=0.001)
    reader = asyncio.create_task(watch.changed(book, "a", 1))
    await book.was_asked(1)
    await watch.close()
    assert not await reader
    assert not await watch.changed(book, "a", 0)
