"""Append-only event logs that can be read from any point, while they grow and for a while after.

A stream outlives the connection that asked for it: whoever writes appends, whoever reads may leave and come back with
the id of the last event seen. `MemoryStreams` keeps them in this process; `app.redis_streams` shares them.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Protocol

from core.errors import Conflict, NotFound, Unavailable


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamEvent:
    """One event: its id within the stream, counted from 1, its name and its data as JSON text."""

    id: int
    name: str
    data: str


class StreamLog(Protocol):
    """Event logs by stream id."""

    async def open(self, stream_id: str, owner: str) -> None:
        """Begins a stream of the principal `owner`. Raises `Conflict` for a taken id, `Unavailable` when full."""
        ...

    async def append(self, stream_id: str, name: str, data: str) -> int:
        """Adds an event and returns its id. Raises `NotFound`, or `Conflict` when the stream is finished."""
        ...

    async def finish(self, stream_id: str) -> None:
        """Ends a stream: readers leave once they have read all. It stays readable for the retention time."""
        ...

    async def owner(self, stream_id: str) -> str:
        """The principal a stream belongs to. Raises `NotFound`."""
        ...

    async def ended_at(self, stream_id: str) -> int | None:
        """The last event's id of a finished stream, None while it grows. Raises `NotFound`."""
        ...

    def read(self, stream_id: str, after: int = 0) -> AsyncIterator[StreamEvent]:
        """Every event with an id over `after`, as they come, until the stream is finished. Raises `NotFound`."""
        ...


@dataclass(kw_only=True, slots=True)
class _Stream:
    owner: str
    events: list[StreamEvent] = field(default_factory=list)
    finished_at: float | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class MemoryStreams:
    """A `StreamLog` in this process.

    Finished streams are forgotten after `retention` seconds, and earlier, oldest first, where there are more than
    `capacity`; streams that are still written are never forgotten, and beyond `capacity` of them new ones are refused.
    """

    def __init__(
        self, *, retention: float = 600.0, capacity: int = 1000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._retention = retention
        self._capacity = capacity
        self._clock = clock
        self._streams: OrderedDict[str, _Stream] = OrderedDict()

    async def open(self, stream_id: str, owner: str) -> None:
        self._forget(room_for=1)
        if stream_id in self._streams:
            raise Conflict(f"The stream {stream_id} exists already.")
        if len(self._streams) >= self._capacity:
            raise Unavailable("Too many answers are being written at this moment; try again shortly.")
        self._streams[stream_id] = _Stream(owner=owner)

    async def append(self, stream_id: str, name: str, data: str) -> int:
        stream = self._get(stream_id)
        async with stream.changed:
            if stream.finished_at is not None:
                raise Conflict(f"The stream {stream_id} is finished.")
            event = StreamEvent(id=len(stream.events) + 1, name=name, data=data)
            stream.events.append(event)
            stream.changed.notify_all()
        return event.id

    async def finish(self, stream_id: str) -> None:
        stream = self._get(stream_id)
        async with stream.changed:
            stream.finished_at = self._clock()
            stream.changed.notify_all()

    async def owner(self, stream_id: str) -> str:
        return self._get(stream_id).owner

    async def ended_at(self, stream_id: str) -> int | None:
        stream = self._get(stream_id)
        return len(stream.events) if stream.finished_at is not None else None

    async def read(self, stream_id: str, after: int = 0) -> AsyncIterator[StreamEvent]:
        stream = self._get(stream_id)
        position = max(0, after)
        while True:
            while position < len(stream.events):
                yield stream.events[position]
                position += 1
            async with stream.changed:
                await stream.changed.wait_for(
                    lambda: position < len(stream.events) or stream.finished_at is not None  # noqa: B023
                )
            if position >= len(stream.events):
                return

    def _get(self, stream_id: str) -> _Stream:
        """Once an event, so it looks at this stream alone."""
        stream = self._streams.get(stream_id)
        if stream is None or self._past(stream):
            raise NotFound(f"There is no stream {stream_id}; finished ones can be read again only for a while.")
        return stream

    def _past(self, stream: _Stream) -> bool:
        return stream.finished_at is not None and self._clock() - stream.finished_at > self._retention

    def _forget(self, room_for: int = 0) -> None:
        """Drops finished streams that are past their time, then the oldest finished ones over capacity."""
        now = self._clock()
        finished = [(key, s.finished_at) for key, s in self._streams.items() if s.finished_at is not None]
        finished.sort(key=lambda item: item[1])
        excess = len(self._streams) - self._capacity + room_for
        for position, (key, at) in enumerate(finished):
            if position < excess or now - at > self._retention:
                del self._streams[key]
