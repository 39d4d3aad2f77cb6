"""What several servers behind one address do as one: streams read anywhere, answers stopped anywhere, limits
kept over all.

Redis joins them where `redis_url` names one. Without it, and while it is away, each server is on its own; a Redis that
is away is said, in every search and answer (`redis_unavailable`), by `/readyz` and in a figure.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.cache import Cache, MemoryCache, RedisCache
from app.rates import MemoryRates, Rates, RedisRates
from app.streams import MemoryStreams, StreamLog
from core.errors import Conflict, FootnoteError, Unavailable
from core.ports import Searcher
from core.types import SearchRequest, SearchResult

if TYPE_CHECKING:
    from app.boot import Boot
    from app.leases import RedisLeases
    from app.redis import Redis
    from app.runs import AnswerRuns
    from app.settings import Settings

log = logging.getLogger("footnote.sharing")

REDIS_UNAVAILABLE = "redis_unavailable"
WORDS = "Redis does not answer. Each server goes on alone: streams, cancellations and limits do not reach the others."

_CANCEL = "footnote:cancel"


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """What this server shares. `redis` is None where it shares nothing but the database, `rates` without a limit,
    `cache` where answers are not to be remembered, `leases` where what callers hold is counted here alone."""

    streams: StreamLog
    rates: Rates | None = None
    cache: Cache | None = None
    leases: RedisLeases | None = None
    redis: Redis | None = None

    @property
    def away(self) -> bool:
        """Whether Redis was configured and did not answer when it was last asked."""
        return self.redis is not None and self.redis.away

    async def look(self) -> bool:
        """Asks Redis; whether all is well."""
        if self.redis is not None:
            with contextlib.suppress(Unavailable):
                await self.redis.ping()
        return not self.away

    async def cancel(self, answer_id: str) -> None:
        """Has an answer stopped by whichever server writes it. Raises `Conflict` where none can be told."""
        try:
            if self.redis is not None:
                await self.redis.publish(_CANCEL, answer_id)
                return
        except Unavailable:
            pass  # said as for a server of its own
        raise Conflict("This answer is not being written here; there is nothing to cancel.")

    async def cancelled(self) -> AsyncIterator[str]:
        """The answers that any server was asked to stop, for ever."""
        if self.redis is not None:
            async for answer_id in self.redis.listen(_CANCEL):
                yield answer_id


@asynccontextmanager
async def open_sharing(settings: Settings, streams: MemoryStreams | None = None) -> AsyncIterator[Sharing]:
    """Redis where it is configured. It need not be there: this server then begins alone."""
    here = streams or MemoryStreams(retention=settings.http.stream_retention)
    limit = settings.http.questions_per_minute
    memory = settings.cache
    if settings.redis_url is None:
        cache = MemoryCache(seconds=memory.seconds, most=memory.max_bytes) if memory.enabled else None
        yield Sharing(streams=here, rates=MemoryRates(limit) if limit else None, cache=cache)
        return
    from app.leases import RedisLeases
    from app.redis import Redis
    from app.redis_streams import MirroredStreams, RedisStreams

    redis = Redis(settings.redis_url.get_secret_value())
    try:
        streams_there = RedisStreams(redis, retention=settings.http.stream_retention)
        async with streams_there.renewed() as copy, RedisLeases(redis).renewed() as leases:
            rates = RedisRates(redis, limit) if limit else None
            kept = RedisCache(redis, seconds=memory.seconds) if memory.enabled else None
            both = MirroredStreams(here, copy)
            sharing = Sharing(streams=both, rates=rates, cache=kept, leases=leases, redis=redis)
            await sharing.look()
            yield sharing
    finally:
        await redis.close()


class SharingSearcher:
    """The `Searcher` port over another: its results say so while Redis is away."""

    def __init__(self, searcher: Searcher, sharing: Sharing) -> None:
        self._searcher = searcher
        self._sharing = sharing

    async def search(self, request: SearchRequest) -> SearchResult:
        """As the searcher behind it."""
        found = await self._searcher.search(request)
        return replace(found, degraded=(*found.degraded, REDIS_UNAVAILABLE)) if self._sharing.away else found


class CancelMessages:
    """Stops the answers of this server that another one was asked to stop."""

    def __init__(self, boot: Boot, runs: AnswerRuns) -> None:
        self._boot = boot
        self._runs = runs
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to listen once the services are open."""
        self._task = asyncio.create_task(self._listen(), name="cancellations")

    async def close(self) -> None:
        """Listens no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        try:
            services = await self._boot.opened()
        except FootnoteError:
            return  # there will be nothing to stop
        async for answer_id in services.sharing.cancelled():
            with contextlib.suppress(Conflict):  # another server writes it, or nobody any more
                self._runs.cancel(answer_id)


__all__ = ["REDIS_UNAVAILABLE", "WORDS", "CancelMessages", "Sharing", "SharingSearcher", "open_sharing"]
