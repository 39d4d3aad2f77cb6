"""What callers hold over several servers: counted by Redis, over when a server dies, each server's own without it."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import pytest

from app.errors import TooManyRequests
from app.leases import RedisLeases
from app.limits import Share
from app.redis import Redis
from core.types import Principal
from tests.redis_process import RedisProcess

ANA, BEN = (Principal(id=name, groups=frozenset()) for name in ("ana", "ben"))


@pytest.fixture
async def redis(redis_process: RedisProcess) -> AsyncIterator[Redis]:
    redis = Redis(redis_process.url, timeout=10)
    yield redis
    await redis.close()


def shares() -> tuple[Share, Share]:
    return Share(2, "At most {most}.", "things"), Share(2, "At most {most}.", "things")


async def until_held(redis: Redis, prefix: str, count: int) -> None:
    async with asyncio.timeout(20):
        while await redis.script("return redis.call('ZCARD', KEYS[1])", [f"{prefix}:held:things:ana"], []) != count:
            await asyncio.sleep(0.02)


async def test_what_is_held_on_one_server_counts_on_the_other(redis: Redis) -> None:
    prefix, (here, there) = uuid.uuid4().hex, shares()
    mine, other = RedisLeases(redis, prefix=prefix), RedisLeases(redis, prefix=prefix)
    first = await here.hold(ANA, mine)
    await there.hold(ANA, other)
    for share, leases in ((here, mine), (there, other)):
        with pytest.raises(TooManyRequests, match="At most 2"):
            await share.hold(ANA, leases)
    assert (len(here), len(there)) == (1, 1), "who was refused holds nothing"
    await there.hold(BEN, other)
    elsewhere = Share(2, "At most {most}.", "others")
    await elsewhere.hold(ANA, mine)

    first()
    first()
    await until_held(redis, prefix, 1)
    await there.hold(ANA, other)
    with pytest.raises(TooManyRequests):
        await here.hold(ANA, mine)


async def test_what_a_dead_server_held_is_over(redis: Redis) -> None:
    prefix, (here, there) = uuid.uuid4().hex, shares()
    dead = RedisLeases(redis, prefix=prefix, lease=0.2)
    for _ in range(2):
        await here.hold(ANA, dead)  # nobody renews it
    alive = RedisLeases(redis, prefix=prefix)
    async with asyncio.timeout(20):
        while not len(there):
            with contextlib.suppress(TooManyRequests):
                await there.hold(ANA, alive)
            await asyncio.sleep(0.02)


async def test_what_a_living_server_holds_is_renewed_and_given_back_when_it_stops(redis: Redis) -> None:
    prefix, (here, _) = uuid.uuid4().hex, shares()
    ends = "return redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]"
    async with RedisLeases(redis, prefix=prefix, every=0.05).renewed() as alive:
        await here.hold(ANA, alive)
        first = float(await redis.script(ends, [f"{prefix}:held:things:ana"], []))
        async with asyncio.timeout(20):
            while float(await redis.script(ends, [f"{prefix}:held:things:ana"], [])) <= first:
                await asyncio.sleep(0.02)
    await until_held(redis, prefix, 0)


async def test_without_redis_each_server_counts_alone() -> None:
    redis, (here, there) = Redis("redis://127.0.0.1:1/0", timeout=10), shares()
    leases = RedisLeases(redis)
    held = [await here.hold(ANA, leases) for _ in range(2)]
    with pytest.raises(TooManyRequests):
        await here.hold(ANA, leases)
    await there.hold(ANA, leases)
    held[0]()
    await here.hold(ANA, leases)
    await redis.close()


async def test_what_is_held_counts_again_when_redis_is_back(redis_process: RedisProcess) -> None:
    now, prefix, (here, there) = [0.0], uuid.uuid4().hex, shares()
    redis = Redis(redis_process.url, timeout=10, clock=lambda: now[0])
    async with RedisLeases(redis, prefix=prefix, every=0.05).renewed() as leases:
        await here.hold(ANA, leases)
        redis_process.kill()
        await here.hold(ANA, leases)
        redis_process.start()  # empty
        now[0] += 5
        await until_held(redis, prefix, 2)
        with pytest.raises(TooManyRequests):
            await there.hold(ANA, leases)
    await redis.close()


async def test_who_leaves_while_it_is_counted_holds_nothing(redis: Redis) -> None:
    prefix, (here, _) = uuid.uuid4().hex, shares()
    leases = RedisLeases(redis, prefix=prefix)
    taking = asyncio.create_task(here.hold(ANA, leases))
    await asyncio.sleep(0)
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    assert taking.cancelled()
    assert len(here) == 0
    await until_held(redis, prefix, 0)
