"""What is remembered for a while, and may be forgotten at any time: in this process, or in Redis for all servers.

Whoever remembers something puts all that it depends on into its key. What has become wrong is then never asked for
again, so that nobody has to be told to forget it: it goes by its age, or makes room for what is newer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from cachetools import TTLCache

from core.errors import Unavailable

if TYPE_CHECKING:
    from app.redis import Redis

LARGEST = 2**20
"""Bytes above which a value is not remembered."""

_ENTRY = 512
"""Bytes that an entry takes besides its value, about."""


class Cache(Protocol):
    """Values by key. Never raises: what cannot be had is not there."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""
        ...

    async def put(self, key: str, value: bytes) -> None:
        """Remembers a value, in place of another under the same key; one over `LARGEST` bytes is passed over."""
        ...

    @property
    def evicted(self) -> int:
        """How many values had to make room before their time."""
        ...


class MemoryCache:
    """A `Cache` in this process: values of `seconds`, `most` bytes of them; those used least lately go first."""

    def __init__(self, *, seconds: float, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept = _Counting(maxsize=most, ttl=seconds, timer=clock, getsizeof=_size)

    async def get(self, key: str) -> bytes | None:
        return self._kept.get(key)

    async def put(self, key: str, value: bytes) -> None:
        if len(value) <= LARGEST and _size(value) <= self._kept.maxsize:
            self._kept[key] = value

    @property
    def evicted(self) -> int:
        return self._kept.evicted


class _Counting(TTLCache[str, bytes]):
    """Counts what goes before its time."""

    evicted = 0

    def popitem(self) -> tuple[str, bytes]:
        self.evicted += 1
        return super().popitem()


def _size(value: bytes) -> int:
    return len(value) + _ENTRY


class RedisCache:
    """A `Cache` of all servers on one Redis, which bounds it by its `maxmemory`; while it is away nothing is there."""

    evicted = 0
    """Redis tells itself how often it did: `evicted_keys`."""

    def __init__(self, redis: Redis, *, seconds: float, prefix: str = "footnote") -> None:
        self._redis = redis
        self._seconds = seconds
        self._prefix = prefix

    async def get(self, key: str) -> bytes | None:
        try:
            return await self._redis.value(f"{self._prefix}:cache:{key}")
        except Unavailable:
            return None

    async def put(self, key: str, value: bytes) -> None:
        if len(value) > LARGEST:
            return
        try:
            await self._redis.keep(f"{self._prefix}:cache:{key}", value, self._seconds)
        except Unavailable:
            return


__all__ = ["LARGEST", "Cache", "MemoryCache", "RedisCache"]
