"""What every `Rates` does: so many questions a minute for each caller, over all servers that are joined."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from app.rates import MemoryRates, Rates, RedisRates
from app.redis import Redis
from tests.redis_process import RedisProcess

PER_MINUTE = 120


@pytest.fixture(params=["memory", "redis", "two_servers", "redis_gone"])
async def rates(request: pytest.FixtureRequest) -> AsyncIterator[Rates]:
    if request.param == "memory":
        yield MemoryRates(PER_MINUTE)
        return
    process: RedisProcess = request.getfixturevalue("redis_process")
    url = "redis://127.0.0.1:1/0" if request.param == "redis_gone" else process.url
    redis, prefix = Redis(url, timeout=10), uuid.uuid4().hex
    one = RedisRates(redis, PER_MINUTE, prefix=prefix)
    yield _Turns(one, RedisRates(redis, PER_MINUTE, prefix=prefix)) if request.param == "two_servers" else one
    await redis.close()


class _Turns:
    """A balancer before two servers."""

    def __init__(self, *servers: Rates) -> None:
        self._servers = list(servers)

    async def take(self, caller_id: str) -> float:
        self._servers.reverse()
        return await self._servers[0].take(caller_id)


async def test_a_minutes_questions_may_come_at_once(rates: Rates) -> None:
    waits = [await rates.take("ana") for _ in range(PER_MINUTE + 30)]
    first = next(number for number, wait in enumerate(waits) if wait)
    assert first >= PER_MINUTE
    assert waits[:first] == [0.0] * first
    assert 0 < waits[first] <= 60 / PER_MINUTE
    assert await rates.take("ben") == 0

    await asyncio.sleep(await _refused(rates))
    assert await rates.take("ana") == 0


async def _refused(rates: Rates) -> float:
    while not (wait := await rates.take("ana")):
        pass
    return wait + 0.01
