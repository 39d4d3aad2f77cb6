"""Event logs: read from any point, while they grow and for a while after."""

from __future__ import annotations

import asyncio

import pytest

from app.streams import MemoryStreams, StreamEvent
from core.errors import Conflict, NotFound, Unavailable


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def _read(streams: MemoryStreams, stream_id: str, after: int = 0) -> list[StreamEvent]:
    return [event async for event in streams.read(stream_id, after)]


async def test_a_reader_sees_what_was_and_what_comes() -> None:
    streams = MemoryStreams()
    await streams.open("s", "ana")
    assert await streams.append("s", "status", "{}") == 1
    readers = [asyncio.create_task(_read(streams, "s", after)) for after in (0, 0, 1, 7)]
    await asyncio.sleep(0)
    assert await streams.append("s", "done", '{"n": 1}') == 2
    await streams.finish("s")
    whole = [StreamEvent(id=1, name="status", data="{}"), StreamEvent(id=2, name="done", data='{"n": 1}')]
    assert await asyncio.gather(*readers) == [whole, whole, whole[1:], []]
    assert await _read(streams, "s", 1) == whole[1:]
    assert await streams.ended_at("s") == 2
    assert await streams.owner("s") == "ana"


async def test_a_reader_who_leaves_disturbs_nobody() -> None:
    streams = MemoryStreams()
    await streams.open("s", "ana")
    leaving, staying = (asyncio.create_task(_read(streams, "s")) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await streams.append("s", "done", "{}")
    assert await streams.ended_at("s") is None
    await streams.finish("s")
    assert [event.id for event in await staying] == [1]


async def test_a_finished_stream_is_kept_for_its_time() -> None:
    clock = Clock()
    streams = MemoryStreams(retention=60, clock=clock)
    for name in ("finished", "growing"):
        await streams.open(name, "ana")
    await streams.finish("finished")
    clock.now = 60
    assert await _read(streams, "finished") == []
    clock.now = 61
    with pytest.raises(NotFound):
        await streams.owner("finished")
    assert await streams.owner("growing") == "ana"


async def test_the_oldest_finished_ones_make_room() -> None:
    clock = Clock()
    streams = MemoryStreams(capacity=3, clock=clock)
    for at, name in enumerate(("a", "b", "c")):
        clock.now = at
        await streams.open(name, "ana")
    for at, name in enumerate(("b", "a"), start=10):
        clock.now = at
        await streams.finish(name)
    await streams.open("d", "ana")
    assert [await _has(streams, name) for name in "abcd"] == [True, False, True, True]
    await streams.open("e", "ana")
    with pytest.raises(Unavailable):
        await streams.open("f", "ana")
    assert [await _has(streams, name) for name in "acdef"] == [False, True, True, True, False]


async def test_what_is_not_allowed() -> None:
    streams = MemoryStreams()
    await streams.open("s", "ana")
    with pytest.raises(Conflict):
        await streams.open("s", "ben")
    await streams.finish("s")
    with pytest.raises(Conflict):
        await streams.append("s", "late", "{}")
    for call in (streams.append("x", "a", "{}"), streams.finish("x"), streams.ended_at("x"), _read(streams, "x")):
        with pytest.raises(NotFound):
            await call


async def _has(streams: MemoryStreams, name: str) -> bool:
    try:
        await streams.owner(name)
    except NotFound:
        return False
    return True
