"""How long event logs in this process are kept; `tests/contracts/test_streams.py` has what all logs do."""

from __future__ import annotations

import pytest

from app.streams import MemoryStreams, StreamEvent
from core.errors import NotFound, Unavailable


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def _read(streams: MemoryStreams, stream_id: str, after: int = 0) -> list[StreamEvent]:
    return [event async for event in streams.read(stream_id, after)]


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


async def _has(streams: MemoryStreams, name: str) -> bool:
    try:
        await streams.owner(name)
    except NotFound:
        return False
    return True
