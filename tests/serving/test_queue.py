"""Turns before a generator: who goes next, who is refused, and that no turn is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from core.errors import DeadlineExceeded, GeneratorBusy, GeneratorUnavailable
from core.types import Delta, Generation, GenerationRequest, GeneratorInfo
from serving.queue import QueuedGenerator

INFO = GeneratorInfo(name="held", fingerprint="h")


class HeldGenerator:
    """Notes who was let in, and writes when it is released."""

    info = INFO

    def __init__(self) -> None:
        self.entered: list[str] = []
        self.release = asyncio.Semaphore(0)
        self.closed = 0

    async def complete(self, request: GenerationRequest) -> Generation:
        self.entered.append(request.question)
        await self.release.acquire()
        return Generation(text=request.question, generator=INFO)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        try:
            generation = await self.complete(request)
            yield Delta(text=generation.text)
            yield Delta(text="", final=generation)
        finally:
            self.closed += 1

    async def check(self) -> None:
        raise GeneratorUnavailable("down")

    async def close(self) -> None:
        self.closed = -1


def asked(question: str, timeout: float = 30.0) -> GenerationRequest:
    """By the caller that the question begins with."""
    return GenerationRequest(
        task="answer", messages=(), schema={}, question=question, caller=question[0], timeout=timeout
    )


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_callers_take_turns_however_many_questions_one_has() -> None:
    inner = HeldGenerator()
    queue = QueuedGenerator(inner, concurrency=1, waiting=10)
    tasks = []
    for question in ("a1", "a2", "a3", "a4", "b1", "b2", "c1"):
        tasks.append(asyncio.create_task(queue.complete(asked(question))))
        await settled()
    assert (queue.running, queue.waiting) == (1, 6)
    for _ in tasks:
        inner.release.release()
    await asyncio.gather(*tasks)
    assert inner.entered == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]
    assert (queue.running, queue.waiting) == (0, 0)


async def test_whoever_has_most_under_way_waits() -> None:
    inner = HeldGenerator()
    queue = QueuedGenerator(inner, concurrency=3, waiting=10)
    tasks = []
    for question in ("a1", "a2", "a3", "a4", "a5", "b1"):
        tasks.append(asyncio.create_task(queue.complete(asked(question))))
        await settled()
    inner.release.release()
    await settled()
    assert inner.entered == ["a1", "a2", "a3", "b1"]
    for _ in tasks:
        inner.release.release()
    await asyncio.gather(*tasks)


async def test_a_full_queue_refuses_and_gives_a_place_to_who_has_less() -> None:
    inner = HeldGenerator()
    queue = QueuedGenerator(inner, concurrency=1, waiting=3)
    tasks = {}
    for question in ("a1", "a2", "a3", "a4"):
        tasks[question] = asyncio.create_task(queue.complete(asked(question)))
        await settled()
    with pytest.raises(GeneratorBusy):
        await queue.complete(asked("a5"))
    tasks["b1"] = asyncio.create_task(queue.complete(asked("b1")))
    await settled()
    with pytest.raises(GeneratorBusy):
        await tasks.pop("a4")
    tasks["b2"] = asyncio.create_task(queue.complete(asked("b2")))
    await settled()
    with pytest.raises(GeneratorBusy):
        await tasks["b2"]  # one more for b would leave a with less
    del tasks["b2"]
    for _ in tasks:
        inner.release.release()
    await asyncio.gather(*tasks.values())
    assert inner.entered == ["a1", "a2", "b1", "a3"]


async def test_no_place_to_wait_is_no_place_at_all() -> None:
    inner = HeldGenerator()
    queue = QueuedGenerator(inner, concurrency=1, waiting=0)
    first = asyncio.create_task(queue.complete(asked("a1")))
    await settled()
    with pytest.raises(GeneratorBusy):
        await queue.complete(asked("b1"))
    inner.release.release()
    await first


async def test_waiting_counts_towards_the_timeout() -> None:
    inner = HeldGenerator()
    queue = QueuedGenerator(inner, concurrency=1, waiting=3)
    first = asyncio.create_task(queue.complete(asked("a1")))
    await settled()
    with pytest.raises(DeadlineExceeded):
        await queue.complete(asked("b1", timeout=0.02))
    assert queue.waiting == 0
    inner.release.release()
    await first
    assert queue.running == 0


async def test_who_leaves_the_queue_leaves_no_gap() -> None:
    inner = HeldGenerator()
    queue = QueuedGenerator(inner, concurrency=1, waiting=9)
    tasks = []
    for question in ("a1", "b1", "c1", "d1"):
        tasks.append(asyncio.create_task(queue.complete(asked(question))))
        await settled()
    tasks[1].cancel()
    inner.release.release()  # in the same moment as b leaves
    inner.release.release()
    inner.release.release()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(done[1], asyncio.CancelledError)
    assert inner.entered == ["a1", "c1", "d1"]
    assert (queue.running, queue.waiting) == (0, 0)


async def test_a_turn_that_comes_as_its_caller_leaves_goes_to_the_next() -> None:
    inner = HeldGenerator()
    queue = QueuedGenerator(inner, concurrency=1, waiting=9)

    async def first() -> None:
        await queue.complete(asked("a1"))
        second.cancel()  # its turn has been given, and it has not woken up yet

    one = asyncio.create_task(first())
    await settled()
    second = asyncio.create_task(queue.complete(asked("b1")))
    third = asyncio.create_task(queue.complete(asked("c1")))
    await settled()
    inner.release.release()
    inner.release.release()
    await one
    assert (await third).text == "c1"
    assert second.cancelled()
    assert inner.entered == ["a1", "c1"]
    assert (queue.running, queue.waiting) == (0, 0)


async def test_a_stream_holds_its_turn_until_it_is_closed() -> None:
    inner = HeldGenerator()
    queue = QueuedGenerator(inner, concurrency=1, waiting=9)
    inner.release.release()
    async with aclosing(queue.stream(asked("a1"))) as stream:
        await anext(stream)
        other = asyncio.create_task(queue.complete(asked("b1")))
        await settled()
        assert inner.entered == ["a1"]
        inner.release.release()
    assert (await other).text == "b1"
    assert inner.closed == 1


async def test_what_is_not_a_request_takes_no_turn() -> None:
    inner = HeldGenerator()
    queue = QueuedGenerator(inner, concurrency=1, waiting=0)
    assert queue.info == INFO
    with pytest.raises(GeneratorUnavailable):
        await queue.check()
    await queue.close()
    assert inner.closed == -1
