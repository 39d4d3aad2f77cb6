"""A failing generator is left alone for a while, and found again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from core.errors import (
    DeadlineExceeded,
    FootnoteError,
    GenerationInvalid,
    GeneratorBusy,
    GeneratorRefused,
    GeneratorUnavailable,
)
from core.types import Delta, Generation, GenerationRequest, GeneratorInfo
from serving.breaker import OPEN, GuardedGenerator

INFO = GeneratorInfo(name="moody", fingerprint="m")
REQUEST = GenerationRequest(task="answer", messages=(), schema={}, question="?")


class MoodyGenerator:
    """Fails with `error` while one is set, after so many words as `spoken` says."""

    info = INFO

    def __init__(self) -> None:
        self.error: FootnoteError | None = None
        self.spoken = 0
        self.asked = 0
        self.silence: asyncio.Event | None = None

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Delta]:
        self.asked += 1
        if self.silence is not None:
            await self.silence.wait()
        for _ in range(self.spoken):
            yield Delta(text="word ")
        if self.error is not None:
            raise self.error
        yield Delta(text="", final=Generation(text="word " * self.spoken, generator=INFO))

    async def complete(self, request: GenerationRequest) -> Generation:
        raise AssertionError("the guard reads streams")

    async def check(self) -> None:
        if self.error is not None:
            raise self.error

    async def close(self) -> None:
        self.asked = -1


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def inner() -> MoodyGenerator:
    return MoodyGenerator()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guarded(inner: MoodyGenerator, clock: Clock) -> GuardedGenerator:
    return GuardedGenerator(inner, failures=3, seconds=10, clock=clock)


async def fails(guarded: GuardedGenerator, times: int) -> None:
    for _ in range(times):
        with pytest.raises(FootnoteError):
            await guarded.complete(REQUEST)


DOWN = GeneratorUnavailable("down")
SLOW = DeadlineExceeded("slow")


@pytest.mark.parametrize("error", [DOWN, SLOW])
async def test_after_failures_in_a_row_nothing_is_asked(
    guarded: GuardedGenerator, inner: MoodyGenerator, error: FootnoteError
) -> None:
    inner.error = error
    await fails(guarded, 3)
    assert guarded.open
    with pytest.raises(GeneratorUnavailable, match=OPEN):
        await guarded.complete(REQUEST)
    assert inner.asked == 3


async def test_a_success_between_failures_begins_the_count_again(
    guarded: GuardedGenerator, inner: MoodyGenerator
) -> None:
    for _ in range(3):
        inner.error = DOWN
        await fails(guarded, 2)
        inner.error = None
        await guarded.complete(REQUEST)
    assert not guarded.open


async def test_after_a_while_one_finds_out_for_all(
    guarded: GuardedGenerator, inner: MoodyGenerator, clock: Clock
) -> None:
    inner.error = DOWN
    await fails(guarded, 3)
    clock.now += 10
    await fails(guarded, 2)
    assert inner.asked == 4  # the first of the two found it still down
    clock.now += 10
    inner.error, inner.spoken = None, 1
    async with aclosing(guarded.stream(REQUEST)) as probe:
        await anext(probe)
        assert not guarded.open  # its first word was enough
    assert (await guarded.complete(REQUEST)).text == "word "


async def test_while_one_finds_out_the_others_do_not_ask(
    guarded: GuardedGenerator, inner: MoodyGenerator, clock: Clock
) -> None:
    inner.error = DOWN
    await fails(guarded, 3)
    clock.now += 10
    inner.error, inner.silence = None, asyncio.Event()
    probe = asyncio.create_task(guarded.complete(REQUEST))
    await asyncio.sleep(0)
    await fails(guarded, 2)
    assert inner.asked == 4
    inner.silence.set()
    await probe
    await guarded.complete(REQUEST)


@pytest.mark.parametrize("error", [GeneratorBusy("busy"), GenerationInvalid("invalid"), GeneratorRefused("too long")])
async def test_what_says_nothing_of_its_health_is_not_counted(
    guarded: GuardedGenerator, inner: MoodyGenerator, error: FootnoteError
) -> None:
    inner.error = error
    await fails(guarded, 5)
    assert not guarded.open


async def test_who_wrote_until_the_time_was_over_is_well(guarded: GuardedGenerator, inner: MoodyGenerator) -> None:
    inner.error, inner.spoken = SLOW, 1
    await fails(guarded, 5)
    assert not guarded.open


async def test_a_look_and_the_end_go_through(guarded: GuardedGenerator, inner: MoodyGenerator) -> None:
    inner.error = DOWN
    await fails(guarded, 3)
    inner.error = None
    await guarded.check()
    await guarded.close()
    assert inner.asked == -1
    assert guarded.info == INFO
