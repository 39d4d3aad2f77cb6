"""Redis comes and goes: streams go on, and a dead server's logs do not stay."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import traceback
from itertools import count
from pathlib import Path

import pytest

from app.cli.doctor import joined
from app.redis import Redis
from app.redis_streams import MirroredStreams, RedisStreams
from app.settings import Settings
from app.streams import MemoryStreams, StreamEvent
from core.errors import ConfigurationError, NotFound, Unavailable
from tests.redis_process import RedisProcess


async def _names(streams: MirroredStreams | RedisStreams, stream_id: str) -> list[str]:
    return [event.name async for event in streams.read(stream_id)]


async def test_redis_is_killed_in_the_middle_of_a_stream(redis_process: RedisProcess) -> None:
    now = [0.0]
    redis = Redis(redis_process.url, timeout=10, clock=lambda: now[0])
    here = MirroredStreams(MemoryStreams(), RedisStreams(redis))
    there = MirroredStreams(MemoryStreams(), RedisStreams(redis))
    await here.open("s", "ana")
    await here.append("s", "one", "{}")
    reading = asyncio.create_task(_names(here, "s"))
    away = asyncio.create_task(_names(there, "s"))
    await asyncio.sleep(0.05)
    assert not redis.away

    redis_process.kill()
    assert await here.append("s", "two", "{}") == 2
    assert redis.away
    await here.finish("s")
    assert await reading == ["one", "two"]
    assert await away == ["one"]  # that reader comes back, and is told the record
    with pytest.raises(NotFound):
        await there.ended_at("s")
    await here.open("t", "ana")  # as if there were no Redis
    await here.finish("t")
    with pytest.raises(Unavailable):
        await redis.ping()

    redis_process.start()
    now[0] += 5
    await redis.ping()
    assert not redis.away
    await here.open("u", "ana")
    await here.append("u", "back", "{}")
    await here.finish("u")
    assert await _names(there, "u") == ["back"]
    await redis.close()


async def test_a_log_with_a_hole_goes_though_its_server_lives(redis_process: RedisProcess) -> None:
    redis = Redis(redis_process.url, timeout=10)
    writing = Redis(redis_process.url, timeout=10, clock=count(step=60).__next__)  # asks again at once after a failure
    async with RedisStreams(writing, lease=4.0).renewed() as copy:
        here = MirroredStreams(MemoryStreams(), copy)
        there = MirroredStreams(MemoryStreams(), RedisStreams(redis))
        await here.open("s", "ana")
        await here.append("s", "one", "{}")
        redis_process.command("CONFIG SET maxmemory 1")
        assert await here.append("s", "two", "{}") == 2
        redis_process.command("CONFIG SET maxmemory 0")
        assert await asyncio.wait_for(_names(there, "s"), 30) == [
            "one"
        ]  # that reader comes back, and is told the record
        with pytest.raises(NotFound):
            await there.ended_at("s")
        assert await here.append("s", "three", "{}") == 3
        await here.finish("s")
        assert await _names(here, "s") == ["one", "two", "three"]
    for each in (redis, writing):
        await each.close()


async def test_a_dead_servers_logs_go(redis_process: RedisProcess) -> None:
    redis = Redis(redis_process.url, timeout=10)
    dead = RedisStreams(redis, lease=2.5)  # long enough for a machine that halts for a second
    async with RedisStreams(redis, lease=2.5).renewed() as alive:
        for streams, name in ((dead, "dead"), (alive, "alive")):
            await streams.open(name, "ana")
            await streams.append(name, "one", "{}")
        assert await _names(alive, "dead") == ["one"]  # it ends where the log does
        assert await alive.owner("alive") == "ana"
        with pytest.raises(NotFound):
            await alive.owner("dead")
    await redis.close()


async def test_a_finished_log_is_kept_for_its_time(redis_process: RedisProcess) -> None:
    redis = Redis(redis_process.url, timeout=10)
    streams = RedisStreams(redis, retention=2.0)
    await streams.open("s", "ana")
    await streams.append("s", "one", "{}")
    await streams.finish("s")
    assert [event async for event in streams.read("s")] == [StreamEvent(id=1, name="one", data="{}")]
    async with asyncio.timeout(20):
        with contextlib.suppress(NotFound):
            while True:
                assert await streams.ended_at("s") == 1
                await asyncio.sleep(0.05)
    await redis.close()


async def test_messages_reach_who_listens(redis_process: RedisProcess) -> None:
    redis = Redis(redis_process.url, timeout=10)
    heard: list[str] = []

    async def listen() -> None:
        async for message in redis.listen("c"):
            heard.append(message)

    listening = asyncio.create_task(listen())
    while not heard:
        await redis.publish("c", "first")
        await asyncio.sleep(0.02)
    redis_process.kill()
    redis_process.start()
    while heard[-1] != "again":
        with contextlib.suppress(Unavailable):
            await redis.publish("c", "again")
        await asyncio.sleep(0.05)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await redis.close()


async def test_doctor_says_whether_it_answers(redis_process: RedisProcess, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, redis_url=redis_process.url)  # type: ignore[arg-type]
    assert [finding.state for finding in await joined(settings)] == ["ok"]
    redis_process.kill()
    [found] = await joined(settings)
    assert (found.what, found.state) == ("redis", "warning")
    assert await joined(Settings(data_dir=tmp_path)) == []


@pytest.mark.parametrize(
    "url", ["redis://:geh/eim@redis:6379/0", "redis://:geh#eim@redis/0", "redis://:g[eheim@redis/0"]
)
def test_an_address_that_is_none_is_said_without_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="FOOTNOTE_REDIS_URL") as raised:
        Redis(url)
    assert "geh" not in "".join(traceback.format_exception(raised.value))


async def test_a_listener_asks_whether_the_other_end_is_there(redis_process: RedisProcess) -> None:
    redis = Redis(redis_process.url, timeout=10)
    listening = asyncio.create_task(anext(redis.listen("channel")))
    async with asyncio.timeout(30):
        while not any(_connected(redis_process.port)):  # set once it is connected
            await asyncio.sleep(0.02)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await redis.close()
    away = Redis("unix:///nowhere/redis.sock", timeout=10)
    with pytest.raises(Unavailable):
        await away.ping()
    await away.close()


def _connected(port: int) -> list[int]:
    """Of this process' connections to a port, whether each is kept alive."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            copy = socket.socket(fileno=os.dup(int(entry.name)))
            with copy:
                if copy.family == socket.AF_INET and copy.getpeername()[1] == port:
                    found.append(copy.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
    return found
