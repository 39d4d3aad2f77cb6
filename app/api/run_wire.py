"""Runs on the wire: as a stream that can be left and come back to, or as one value that is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from starlette.responses import Response, StreamingResponse

from app.api import sse
from app.run_events import dump
from app.streams import StreamEvent

_BEAT = b": still at work\n\n"
Leave = Callable[[], Awaitable[object]]
"""What is done when the reader leaves before the end."""


def stream_response(
    events: AsyncIterator[StreamEvent], headers: Mapping[str, str], left: Leave | None = None
) -> Response:
    """The events as they come. A quiet time is filled with comments: LangGraph's clients would show a ping as an
    event of the run."""
    return StreamingResponse(_told(events, left), media_type=sse.MEDIA_TYPE, headers={**sse.HEADERS, **headers})


async def _told(events: AsyncIterator[StreamEvent], left: Leave | None) -> AsyncIterator[bytes]:
    whole = False
    try:
        yield b"retry: 2000\n\n"
        async for event in sse.paced(events):
            yield _BEAT if event is None else sse.encode(event.name, event.data, event.id)
        whole = True
    finally:
        if not whole:
            _leave(left)


def waiting_response(value: Awaitable[Any], headers: Mapping[str, str], left: Leave | None = None) -> Response:
    """A JSON value once it is there; until then white space now and then, so that nobody takes the connection for
    dead."""
    return StreamingResponse(
        _waited(value, left), media_type="application/json", headers={"Cache-Control": "no-store", **headers}
    )


async def _waited(value: Awaitable[Any], left: Leave | None) -> AsyncIterator[bytes]:
    waiting = asyncio.ensure_future(value)
    try:
        while not (await asyncio.wait({waiting}, timeout=sse.PING_SECONDS))[0]:
            yield b"\n"
        yield dump(waiting.result()).encode()
    finally:
        if not waiting.done():
            waiting.cancel()
            _leave(left)


_LEAVING: set[asyncio.Task[Any]] = set()
"""What is being done for readers who left; kept so that it is not collected half-way."""


def _leave(left: Leave | None) -> None:
    """In a task of its own: the one that wrote to the reader is being cancelled."""
    if left is None:
        return

    async def leave() -> None:
        await left()

    task = asyncio.create_task(leave(), name="a reader left")
    _LEAVING.add(task)
    task.add_done_callback(_LEAVING.discard)
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


__all__ = ["Leave", "stream_response", "waiting_response"]
