"""What every `StreamLog` does: read from any point, while it grows and for a while after."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from app.redis import Redis
from app.redis_streams import MirroredStreams, RedisStreams
from app.streams import MemoryStreams, StreamEvent, StreamLog
from core.errors import Conflict, NotFound
from tests.redis_process import RedisProcess


@pytest.fixture(params=["memory", "redis", "mirrored", "mirrored_elsewhere"])
async def streams(request: pytest.FixtureRequest) -> AsyncIterator[StreamLog]:
    """`mirrored_elsewhere` is written on one server and read on another."""
    if request.param == "memory":
        yield MemoryStreams()
        return
    process: RedisProcess = request.getfixturevalue("redis_process")
    redis, prefix = Redis(process.url, timeout=10), uuid.uuid4().hex
    shared = RedisStreams(redis, prefix=prefix)
    if request.param == "redis":
        yield shared
    elif request.param == "mirrored":
        yield MirroredStreams(MemoryStreams(), shared)
    else:
        yield _Elsewhere(MirroredStreams(MemoryStreams(), shared), MirroredStreams(MemoryStreams(), shared))
    await redis.close()


class _Elsewhere:
    """Two servers: what writes is asked of the one, what reads of the other."""

    def __init__(self, writer: StreamLog, reader: StreamLog) -> None:
        self.open, self.append, self.finish = writer.open, writer.append, writer.finish
        self.owner, self.ended_at, self.read = reader.owner, reader.ended_at, reader.read


async def _read(streams: StreamLog, stream_id: str, after: int = 0) -> list[StreamEvent]:
    return [event async for event in streams.read(stream_id, after)]


async def test_a_reader_sees_what_was_and_what_comes(streams: StreamLog) -> None:
    await streams.open("s", "ana")
    assert await streams.append("s", "status", "{}") == 1
    readers = [asyncio.create_task(_read(streams, "s", after)) for after in (0, 0, 1, 7)]
    await asyncio.sleep(0.05)
    assert await streams.append("s", "done", '{"n": 1}') == 2
    await streams.finish("s")
    whole = [StreamEvent(id=1, name="status", data="{}"), StreamEvent(id=2, name="done", data='{"n": 1}')]
    assert await asyncio.gather(*readers) == [whole, whole, whole[1:], []]
    assert await _read(streams, "s", 1) == whole[1:]
    assert await streams.ended_at("s") == 2
    assert await streams.owner("s") == "ana"


async def test_a_reader_who_leaves_disturbs_nobody(streams: StreamLog) -> None:
    await streams.open("s", "ana")
    leaving, staying = (asyncio.create_task(_read(streams, "s")) for _ in range(2))
    await asyncio.sleep(0.05)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await streams.append("s", "done", "{}")
    assert await streams.ended_at("s") is None
    await streams.finish("s")
    assert [event.id for event in await staying] == [1]


async def test_what_is_not_allowed(streams: StreamLog) -> None:
    await streams.open("s", "ana")
    with pytest.raises(Conflict):
        await streams.open("s", "ben")
    await streams.finish("s")
    with pytest.raises(Conflict):
        await streams.append("s", "late", "{}")
    for call in (streams.append("x", "a", "{}"), streams.finish("x"), streams.ended_at("x"), _read(streams, "x")):
        with pytest.raises(NotFound):
            await call
