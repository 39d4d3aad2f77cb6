"""What callers hold at a time, counted over all servers that Redis joins.

Each thing held is a lease in Redis, renewed for as long as it is held: those of a server that died are over after
`LEASE` seconds. While Redis is away each server counts alone, and when it is back what is held is counted again.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.beside import beside
from core.errors import Unavailable

if TYPE_CHECKING:
    from app.redis import Redis

LEASE = 30.0
"""Seconds for which something counts as held without a sign of life of its server."""

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
"""
_TAKE = f"""{_NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
_RENEW = f"""{_NOW}
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
_GIVE_BACK = "return redis.call('ZREM', KEYS[1], ARGV[1])"


class RedisLeases:
    """Leases of all servers on one Redis, of `lease` seconds each, renewed `every` so many. For one event loop."""

    def __init__(
        self, redis: Redis, *, prefix: str = "footnote", lease: float = LEASE, every: float = LEASE / 3
    ) -> None:
        self._redis = redis
        self._prefix = prefix
        self._lease = int(lease * 1000)
        self._every = every
        self._held: dict[str, str] = {}
        self._going: set[asyncio.Task[None]] = set()

    async def take(self, kind: str, caller_id: str, most: int) -> Callable[[], None] | None:
        """One more of a kind for a caller, unless it holds `most`; what is returned gives it back."""
        key, token = f"{self._prefix}:held:{kind}:{caller_id}", uuid.uuid4().hex
        try:
            taken = bool(await self._redis.script(_TAKE, [key], [token, self._lease, most]))
        except Unavailable:
            taken = True  # the server's own count decides
        except BaseException:  # Redis may have counted it
            self._held[token] = key
            self._give_back(token)
            raise
        if not taken:
            return None
        self._held[token] = key
        return lambda: self._give_back(token)

    @asynccontextmanager
    async def renewed(self) -> AsyncIterator[RedisLeases]:
        """Renews what is held; at the end it is given back."""
        try:
            async with beside(self._renew(), "leases of what callers hold"):
                yield self
        finally:
            for token in list(self._held):
                self._give_back(token)
            await asyncio.gather(*self._going, return_exceptions=True)

    def _give_back(self, token: str) -> None:
        key = self._held.pop(token, None)
        if key is not None:
            task = asyncio.create_task(self._forget(key, token), name="give back a lease")
            self._going.add(task)
            task.add_done_callback(self._going.discard)

    async def _forget(self, key: str, token: str) -> None:
        with contextlib.suppress(Unavailable):  # it ends by itself
            await self._redis.script(_GIVE_BACK, [key], [token])

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            with contextlib.suppress(Unavailable):
                for token, key in list(self._held.items()):
                    await self._redis.script(_RENEW, [key], [token, self._lease])
                    if token not in self._held:  # given back meanwhile
                        await self._forget(key, token)


__all__ = ["LEASE", "RedisLeases"]
