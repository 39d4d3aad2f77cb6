"""How often one caller may ask: so many questions a minute, at once or one by one, over every server that is joined.

The generic cell rate algorithm: one number for each caller, the time at which all it has asked would have been asked at
an even pace. Who is further ahead of that than a minute waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from core.errors import Unavailable

if TYPE_CHECKING:
    from app.redis import Redis

MINUTE = 60.0

_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local due = tonumber(redis.call('GET', KEYS[1]) or now)
if due < now then due = now end
local ahead = due + ARGV[1] - now
if ahead > 60000.5 then return math.ceil(ahead - 60000) end
redis.call('SET', KEYS[1], tostring(now + ahead), 'PX', math.ceil(ahead))
return 0
"""


class Rates(Protocol):
    """Counts what callers ask."""

    async def take(self, caller_id: str) -> float:
        """Counts one question of the caller's, and returns 0; or counts none and returns the seconds to wait."""
        ...


class MemoryRates:
    """`Rates` of this process: `per_minute` questions."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = MINUTE / per_minute
        self._clock = clock
        self._due: dict[str, float] = {}

    async def take(self, caller_id: str) -> float:
        now = self._clock()
        ahead = max(self._due.get(caller_id, now), now) + self._every - now
        if ahead > MINUTE + 0.0005:
            return ahead - MINUTE
        if len(self._due) >= 10_000:  # who is not ahead need not be known
            self._due = {caller: due for caller, due in self._due.items() if due > now}
        self._due[caller_id] = now + ahead
        return 0.0


class RedisRates:
    """`Rates` of all servers on one Redis, by its clock; while it is away this server counts alone."""

    def __init__(self, redis: Redis, per_minute: int, *, prefix: str = "footnote") -> None:
        self._redis = redis
        self._every = MINUTE * 1000 / per_minute
        self._prefix = prefix
        self._alone = MemoryRates(per_minute)

    async def take(self, caller_id: str) -> float:
        try:
            wait = await self._redis.script(_TAKE, [f"{self._prefix}:rate:{caller_id}"], [self._every])
        except Unavailable:
            return await self._alone.take(caller_id)
        return int(wait) / 1000


__all__ = ["MemoryRates", "Rates", "RedisRates"]
