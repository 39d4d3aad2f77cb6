"""The parts are asked seldom, together, and once for everyone who wants to know."""

from __future__ import annotations

import asyncio

import pytest

from app.ready import FRESH, Found, Ready
from core.errors import IndexUnavailable, StoreUnavailable


class Parts:
    """A server's parts; each counts how often it is asked."""

    def __init__(self) -> None:
        self.store = self.index = self.generator = self.generations = self.sharing = self
        self.joined = True
        self.generation = 1
        self.active = 1
        self.missing = (0, 0)
        self.asked = 0
        self.error: Exception | None = None
        self.hold: asyncio.Event | None = None

    async def check(self) -> None:
        """The generator is there."""

    def lacking(self) -> tuple[int, int]:
        return self.missing

    async def look(self) -> bool:
        return self.joined

    async def is_active(self, generation: int) -> bool:
        return generation == self.active

    async def ping(self) -> None:
        self.asked += 1
        if self.hold is not None:
            await self.hold.wait()

    async def count(self, scope: object) -> int:
        if self.error is not None:
            raise self.error
        return 0


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_what_was_found_is_told_again_for_a_while() -> None:
    parts, clock = Parts(), Clock()
    ready = Ready(clock)
    nothing = Found(parts={"database": None, "index": None, "generator": None}, notes={})
    assert [await ready.look(parts) for _ in range(50)] == [nothing] * 50  # type: ignore[arg-type]
    assert parts.asked == 1
    parts.error = IndexUnavailable("Gone.")
    clock.now += FRESH / 2
    assert (await ready.look(parts)).parts["index"] is None  # type: ignore[arg-type]
    clock.now += FRESH
    assert (await ready.look(parts)).parts["index"] == "Gone."  # type: ignore[arg-type]
    assert parts.asked == 2


async def test_those_who_come_meanwhile_wait_for_the_same_look() -> None:
    parts, clock = Parts(), Clock()
    parts.hold = asyncio.Event()
    ready = Ready(clock)
    probes = [asyncio.create_task(ready.look(parts)) for _ in range(20)]  # type: ignore[arg-type]
    await asyncio.sleep(0)
    clock.now += 2 * FRESH
    probes += [asyncio.create_task(ready.look(parts)) for _ in range(20)]  # type: ignore[arg-type]
    await asyncio.sleep(0)
    probes[0].cancel()
    parts.hold.set()
    with pytest.raises(asyncio.CancelledError):
        await probes[0]
    assert len(await asyncio.gather(*probes[1:])) == 39
    assert parts.asked == 1


async def test_a_look_that_broke_is_not_kept() -> None:
    parts, ready = Parts(), Ready(Clock())
    parts.error = ValueError("unforeseen")
    with pytest.raises(ValueError, match="unforeseen"):
        await ready.look(parts)  # type: ignore[arg-type]
    parts.error = StoreUnavailable("Gone.")
    assert (await ready.look(parts)).parts["index"] == "Gone."  # type: ignore[arg-type]


async def test_what_should_be_known_though_questions_are_answered() -> None:
    parts, clock = Parts(), Clock()
    parts.active, parts.missing, parts.joined = 2, (3, 1), False
    found = await Ready(clock).look(parts)  # type: ignore[arg-type]
    assert set(found.parts.values()) == {None}
    assert set(found.notes) == {"restart_needed", "redis_unavailable", "index_incomplete", "documents_left_out"}
    assert all(words.endswith(".") for words in found.notes.values())
