"""Redis' door: what several servers behind one address share beside the database.

Nothing here is the only copy of anything, so Redis may go away: whoever asks is told so at once (`Unavailable`), goes
on alone and says that it does. After a failure Redis is left in peace for a second; then the next call looks again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from redis.asyncio import Redis as Client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.client import NEVER_DECODE
from redis.exceptions import RedisError, ResponseError

from core.errors import ConfigurationError, Unavailable

log = logging.getLogger("footnote.redis")

T = TypeVar("T")

_KEEPALIVE: Mapping[str, Any] = {
    "socket_keepalive": True,
    "socket_keepalive_options": {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3},
}
"""Who only listens would never learn that the other machine is gone without a word."""

PEACE = 1.0
"""Seconds without a call after one that failed."""


class Redis:
    """A Redis server or what speaks like one, version 6 or newer. For one event loop.

    Every call raises `Unavailable` where it does not answer within `timeout` seconds. Raises `ConfigurationError` for
    what cannot be an address.
    """

    def __init__(self, url: str, *, timeout: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            self._client: Any = Client.from_url(
                url,
                decode_responses=True,
                socket_connect_timeout=timeout,
                socket_timeout=None,  # blocking reads wait longer; ours is exact and covers both
                retry=Retry(NoBackoff(), 1),  # a connection that died while it lay in the pool
                **({} if url.startswith("unix:") else _KEEPALIVE),
            )
        except ValueError:  # its words may be a part of the password
            raise ConfigurationError(
                "FOOTNOTE_REDIS_URL is no address. Write redis://:password@host:6379/0, and what is no letter or digit "
                "in the password as %2F, %23, ….",
            ) from None
        self._timeout = timeout
        self._clock = clock
        self._away_until: float | None = None

    @property
    def away(self) -> bool:
        """Whether the last call failed."""
        return self._away_until is not None

    async def ping(self) -> None:
        """Returns where it answers."""
        await self._ask(lambda: self._client.execute_command("PING"))

    async def script(self, text: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """What a Lua script returns: it runs in one step."""
        run = self._client.register_script(text)
        return await self._ask(lambda: run(keys=list(keys), args=list(arguments)))

    async def fields(self, key: str, *names: str) -> list[str | None]:
        """Fields of a hash, None where there is none."""
        found: list[str | None] = await self._ask(lambda: self._client.execute_command("HMGET", key, *names))
        return found

    async def value(self, key: str) -> bytes | None:
        """What was kept under a key, to the byte; None where there is nothing, or nothing that `keep` has put there."""

        async def get() -> bytes | None:
            with contextlib.suppress(ResponseError):  # another kind of value: Redis itself is well
                found: bytes | None = await self._client.execute_command("GET", key, **{NEVER_DECODE: True})
                return found
            return None

        return await self._ask(get)

    async def keep(self, key: str, value: bytes, seconds: float) -> None:
        """Keeps a value for so long, if Redis has room for it."""

        async def put() -> None:
            with contextlib.suppress(ResponseError):
                await self._client.execute_command("SET", key, value, "PX", max(1, int(seconds * 1000)))

        await self._ask(put)

    async def entries(self, key: str, after: str, wait: float) -> list[tuple[str, dict[str, str]]]:
        """A stream's entries after an id: those there are, else the next that come within `wait` seconds."""
        found = await self._ask(lambda: self._client.xread({key: after}, block=max(1, int(wait * 1000))), wait)
        items = found.values() if isinstance(found, dict) else [entries for _, entries in found or ()]
        return [(str(id), dict(fields)) for entries in items for id, fields in _flat(entries)]

    async def publish(self, channel: str, message: str) -> None:
        """Tells every server that listens now."""
        await self._ask(lambda: self._client.publish(channel, message))

    async def listen(self, channel: str) -> AsyncIterator[str]:
        """Every message from now on, for ever. What is published while Redis is away is lost."""
        while True:
            with contextlib.suppress(RedisError, OSError):
                async with self._client.pubsub() as subscription:
                    await subscription.subscribe(channel)
                    async for message in subscription.listen():
                        if message["type"] == "message":
                            yield str(message["data"])
            await asyncio.sleep(PEACE)

    async def close(self) -> None:
        """Drops the connections."""
        await self._client.aclose()

    async def _ask(self, work: Callable[[], Awaitable[T]], wait: float = 0.0) -> T:
        if self._away_until is not None and self._clock() < self._away_until:
            raise Unavailable("Redis does not answer.")
        try:
            async with asyncio.timeout(self._timeout + wait):
                found = await work()
        except (RedisError, OSError, TimeoutError) as error:
            if self._away_until is None:
                log.warning("Redis does not answer; this server goes on alone: %s", type(error).__name__)
            self._away_until = self._clock() + PEACE
            raise Unavailable("Redis does not answer.") from error
        if self._away_until is not None:
            log.info("Redis answers again")
            self._away_until = None
        return found


def _flat(entries: Any) -> list[tuple[Any, Any]]:
    """Newer protocols put the entries of a stream into one more list."""
    if entries and isinstance(entries[0], list) and entries[0] and isinstance(entries[0][0], tuple | list):
        return [entry for part in entries for entry in part]
    return list(entries)


__all__ = ["PEACE", "Redis"]
