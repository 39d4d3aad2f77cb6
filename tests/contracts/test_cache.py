"""What every `Cache` does: gives back what was put, for a while, and is never in the way."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from redis import Redis as Client

from app.cache import LARGEST, Cache, MemoryCache, RedisCache
from app.redis import Redis
from core.errors import Unavailable
from tests.redis_process import RedisProcess

LIFE = 60.0


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A cache, and how an hour passes over it."""

    cache: Cache
    an_hour_later: Callable[[], Awaitable[None]]


@pytest.fixture
async def redis(redis_process: RedisProcess) -> AsyncIterator[Redis]:
    redis = Redis(redis_process.url, timeout=10)
    yield redis
    await redis.close()


@pytest.fixture(params=["memory", "redis"])
async def kind(request: pytest.FixtureRequest, redis: Redis) -> Kind:
    if request.param == "memory":
        now = [0.0]

        async def later() -> None:
            now[0] += 3600

        return Kind(cache=MemoryCache(seconds=LIFE, most=LARGEST * 2, clock=lambda: now[0]), an_hour_later=later)

    async def expired() -> None:
        # Redis has a clock of its own: what has no more than the life it was given left is put to its end.
        script = (
            "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do "
            "if redis.call('PTTL', key) >= 0 and redis.call('PTTL', key) <= tonumber(ARGV[2]) then "
            "redis.call('PEXPIRE', key, 1) end end return 0"
        )
        await redis.script(script, [], [f"{prefix}:*", LIFE * 1000])
        await asyncio.sleep(0.05)

    prefix = uuid.uuid4().hex
    return Kind(cache=RedisCache(redis, seconds=LIFE, prefix=prefix), an_hour_later=expired)


async def test_what_was_put_is_given_back_to_the_byte(kind: Kind) -> None:
    assert await kind.cache.get("k") is None
    await kind.cache.put("k", b"\x00\xffone\r\n")
    await kind.cache.put("l", b"")
    assert await kind.cache.get("k") == b"\x00\xffone\r\n"
    assert await kind.cache.get("l") == b""
    await kind.cache.put("k", b"two")
    assert await kind.cache.get("k") == b"two"


async def test_it_goes_when_its_time_is_over(kind: Kind) -> None:
    await kind.cache.put("k", b"one")
    await kind.an_hour_later()
    assert await kind.cache.get("k") is None
    await kind.cache.put("k", b"two")
    assert await kind.cache.get("k") == b"two"


async def test_what_is_too_large_is_passed_over(kind: Kind) -> None:
    await kind.cache.put("k", bytes(LARGEST + 1))
    assert await kind.cache.get("k") is None
    await kind.cache.put("k", bytes(LARGEST))
    assert await kind.cache.get("k") == bytes(LARGEST)


async def test_memory_is_bounded_and_the_least_used_goes_first() -> None:
    cache = MemoryCache(seconds=LIFE, most=40_000)
    for number in range(3):
        await cache.put(f"k{number}", bytes(10_000))
    assert await cache.get("k0") is not None
    await cache.put("k3", bytes(10_000))
    assert [await cache.get(f"k{number}") is not None for number in range(4)] == [True, False, True, True]
    assert cache.evicted == 1
    await cache.put("whole", bytes(40_000))  # with what an entry costs it could not be held
    assert await cache.get("whole") is None
    assert cache.evicted == 1
    for number in range(1000):
        await cache.put(f"small{number}", b"")
    assert sum([await cache.get(f"small{number}") is not None for number in range(1000)]) < 100, "nor many small ones"


async def test_servers_on_one_redis_share(redis: Redis, redis_process: RedisProcess) -> None:
    other = Redis(redis_process.url, timeout=10)
    prefix = uuid.uuid4().hex
    await RedisCache(redis, seconds=LIFE, prefix=prefix).put("k", b"one")
    assert await RedisCache(other, seconds=LIFE, prefix=prefix).get("k") == b"one"
    await other.close()


async def test_without_redis_nothing_is_there_and_nothing_fails() -> None:
    redis = Redis("redis://127.0.0.1:1/0", timeout=10)
    cache = RedisCache(redis, seconds=LIFE)
    await cache.put("k", b"one")
    assert await cache.get("k") is None
    assert redis.away
    with pytest.raises(Unavailable):
        await redis.value("k")
    await redis.close()


async def test_a_value_of_another_kind_is_not_there_and_redis_is_well(redis: Redis) -> None:
    prefix = uuid.uuid4().hex
    cache = RedisCache(redis, seconds=LIFE, prefix=prefix)
    await redis.script("return redis.call('RPUSH', KEYS[1], 'x')", [f"{prefix}:cache:k"], [])
    assert await cache.get("k") is None
    assert not redis.away
    await cache.put("k", b"mine")
    assert await cache.get("k") == b"mine"


async def test_a_full_redis_keeps_nothing_and_is_well(redis: Redis, redis_process: RedisProcess) -> None:
    cache = RedisCache(redis, seconds=LIFE, prefix=uuid.uuid4().hex)
    operator = Client.from_url(redis_process.url)
    operator.config_set("maxmemory", 1)
    try:
        await cache.put("k", b"one")
        assert not redis.away
        assert await cache.get("k") is None
    finally:
        operator.config_set("maxmemory", 0)
        operator.close()
