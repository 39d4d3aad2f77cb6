"""Event logs in Redis, so that a stream begun on one server can be read on another.

A log is a Redis stream whose entries are numbered like our events, beside a hash with its owner and length. While it
grows its server renews its life: the logs of a server that died are gone after `LEASE` seconds, and their readers go.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar

from app.beside import beside
from app.redis import Redis
from app.streams import MemoryStreams, StreamEvent, StreamLog
from core.errors import Conflict, FootnoteError, NotFound, Unavailable

T = TypeVar("T")

LEASE = 30.0
"""Seconds for which a growing log stays without a sign of life of its server."""

_WAIT = 2.0
"""Seconds a reader waits for an event before it looks whether the log is still there."""

_END = "18446744073709551615-0"
"""The id of the entry behind the last event, whatever its number."""

_OPEN = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('HSET', KEYS[2], 'owner', ARGV[1], 'count', 0)
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
"""
_APPEND = """
local state = redis.call('HMGET', KEYS[2], 'count', 'finished')
if not state[1] then return -1 end
if state[2] then return -2 end
local id = redis.call('HINCRBY', KEYS[2], 'count', 1)
redis.call('XADD', KEYS[1], id .. '-0', 'name', ARGV[1], 'data', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return id
"""
_FINISH = """
if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
if redis.call('HSETNX', KEYS[2], 'finished', 1) == 1 then redis.call('XADD', KEYS[1], ARGV[1], 'end', 1) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
"""
_RENEW = """
if redis.call('HEXISTS', KEYS[2], 'finished') == 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  redis.call('PEXPIRE', KEYS[2], ARGV[1])
end
return 1
"""


class RedisStreams:
    """A `StreamLog` in Redis. Every call may also raise `Unavailable`."""

    def __init__(
        self, redis: Redis, *, retention: float = 600.0, prefix: str = "footnote", lease: float = LEASE
    ) -> None:
        self._redis = redis
        self._retention = int(retention * 1000)
        self._prefix = prefix
        self._lease = int(lease * 1000)
        self._growing: set[str] = set()

    async def open(self, stream_id: str, owner: str) -> None:
        if not await self._redis.script(_OPEN, self._keys(stream_id), [owner, self._lease]):
            raise Conflict(f"The stream {stream_id} exists already.")
        self._growing.add(stream_id)

    async def append(self, stream_id: str, name: str, data: str) -> int:
        try:
            number = int(await self._redis.script(_APPEND, self._keys(stream_id), [name, data, self._lease]))
        except Unavailable:
            self._growing.discard(stream_id)  # it may have a hole: it goes, and its readers are told the record
            raise
        if number == -1:
            raise _unknown(stream_id)
        if number == -2:
            raise Conflict(f"The stream {stream_id} is finished.")
        return number

    async def finish(self, stream_id: str) -> None:
        self._growing.discard(stream_id)
        if not await self._redis.script(_FINISH, self._keys(stream_id), [_END, self._retention]):
            raise _unknown(stream_id)

    async def owner(self, stream_id: str) -> str:
        [owner] = await self._redis.fields(self._keys(stream_id)[1], "owner")
        if owner is None:
            raise _unknown(stream_id)
        return owner

    async def ended_at(self, stream_id: str) -> int | None:
        count, finished = await self._redis.fields(self._keys(stream_id)[1], "count", "finished")
        if count is None:
            raise _unknown(stream_id)
        return int(count) if finished is not None else None

    async def read(self, stream_id: str, after: int = 0) -> AsyncIterator[StreamEvent]:
        """As the port says; it also ends where the log's server died."""
        await self.owner(stream_id)
        entries, last = self._keys(stream_id)[0], f"{max(0, after)}-0"
        while True:
            found = await self._redis.entries(entries, last, _WAIT)
            for last, fields in found:
                if last == _END:
                    return
                yield StreamEvent(id=int(last.partition("-")[0]), name=fields["name"], data=fields["data"])
            if not found:
                try:
                    await self.owner(stream_id)
                except NotFound:
                    return

    @asynccontextmanager
    async def renewed(self) -> AsyncIterator[RedisStreams]:
        """Keeps the logs that grow alive."""
        async with beside(self._renew(), "stream leases"):
            yield self

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3000)
            with contextlib.suppress(Unavailable):
                for stream_id in list(self._growing):
                    await self._redis.script(_RENEW, self._keys(stream_id), [self._lease])

    def _keys(self, stream_id: str) -> tuple[str, str]:
        """Both on one node of a cluster."""
        base = f"{self._prefix}:stream:{{{stream_id}}}"
        return base, f"{base}:state"


class MirroredStreams:
    """A `StreamLog` in this process with a copy that other servers read. What is written here is read here; where the
    copy fails it is given up, and readers elsewhere are told the answer's record."""

    def __init__(self, here: MemoryStreams, copy: StreamLog) -> None:
        self._here = here
        self._copy = copy
        self._copied: set[str] = set()

    async def open(self, stream_id: str, owner: str) -> None:
        await self._here.open(stream_id, owner)
        with contextlib.suppress(FootnoteError):
            await self._copy.open(stream_id, owner)
            self._copied.add(stream_id)

    async def append(self, stream_id: str, name: str, data: str) -> int:
        number = await self._here.append(stream_id, name, data)
        if stream_id in self._copied:
            try:
                await self._copy.append(stream_id, name, data)
            except FootnoteError:
                self._copied.discard(stream_id)  # a log with a hole would be worse than none
        return number

    async def finish(self, stream_id: str) -> None:
        await self._here.finish(stream_id)
        if stream_id in self._copied:
            self._copied.discard(stream_id)
            with contextlib.suppress(FootnoteError):
                await self._copy.finish(stream_id)

    async def owner(self, stream_id: str) -> str:
        try:
            return await self._here.owner(stream_id)
        except NotFound:
            return await _there(self._copy.owner(stream_id), stream_id)

    async def ended_at(self, stream_id: str) -> int | None:
        try:
            return await self._here.ended_at(stream_id)
        except NotFound:
            return await _there(self._copy.ended_at(stream_id), stream_id)

    async def read(self, stream_id: str, after: int = 0) -> AsyncIterator[StreamEvent]:
        try:
            await self._here.owner(stream_id)
        except NotFound:
            await self.owner(stream_id)
            with contextlib.suppress(Unavailable):  # readers come back by themselves, and are told the record
                async for event in self._copy.read(stream_id, after):
                    yield event
            return
        async for event in self._here.read(stream_id, after):
            yield event


async def _there(asked: Awaitable[T], stream_id: str) -> T:
    try:
        return await asked
    except Unavailable:
        raise _unknown(stream_id) from None


def _unknown(stream_id: str) -> NotFound:
    return NotFound(f"There is no stream {stream_id}; finished ones can be read again only for a while.")


__all__ = ["LEASE", "MirroredStreams", "RedisStreams"]
