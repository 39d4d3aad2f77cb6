"""Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from app.streams import StreamEvent
from core.errors import InvalidInput

MEDIA_TYPE = "text/event-stream"
PING_SECONDS = 15.0

HEADERS = {
    "Cache-Control": "no-store, no-transform",  # a proxy that compresses would also buffer
    "X-Accel-Buffering": "no",
}


async def paced(events: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent | None]:
    """The events as they come, and None whenever there was none for a while."""
    following: asyncio.Future[StreamEvent] | None = None
    try:
        while True:
            following = following or asyncio.ensure_future(_next(events))
            done, _ = await asyncio.wait({following}, timeout=PING_SECONDS)
            if not done:
                yield None
                continue
            try:
                event = following.result()
            except StopAsyncIteration:
                return
            following = None
            yield event
    finally:
        if following is not None and not following.done():
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await following


async def _next(events: AsyncIterator[StreamEvent]) -> StreamEvent:
    return await anext(events)


async def wire(events: AsyncIterator[StreamEvent]) -> AsyncIterator[bytes]:
    """The events as bytes; a quiet time is filled with `ping` events, which carry no id."""
    yield b"retry: 2000\n\n"
    async for event in paced(events):
        yield encode("ping", "{}") if event is None else encode(event.name, event.data, event.id)


def encode(name: str, data: str, event_id: int | None = None) -> bytes:
    """One event on the wire. `data` is one line of JSON."""
    lines = [f"id: {event_id}"] if event_id is not None else []
    return "\n".join([*lines, f"event: {name}", f"data: {data}", "", ""]).encode()


def sse_response(events: AsyncIterator[StreamEvent], headers: dict[str, str] | None = None) -> Response:
    """A response that sends the events as they come."""
    return StreamingResponse(wire(events), media_type=MEDIA_TYPE, headers={**HEADERS, **(headers or {})})


def nothing_more() -> Response:
    """What a reader gets who has seen the last event: 204 tells an EventSource to stop reconnecting."""
    return Response(status_code=204)


def last_event_id(value: str | None) -> int:
    """The number in a Last-Event-ID header, 0 without one. Raises `InvalidInput`."""
    if not value:
        return 0
    if not (value.isascii() and value.isdecimal() and len(value) <= 12):
        raise InvalidInput("Last-Event-ID must be the id of an event of this stream.")
    return int(value)
