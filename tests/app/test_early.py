"""Dropping what a caller goes on sending takes nothing from the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import PlainTextResponse

from app.early import DROPPED_BYTES, EarlyResponse, linger

PIECE = bytes(2**20)


class Neighbour:
    """Somebody else in the same event loop; `turns` counts how often it was let in."""

    def __init__(self) -> None:
        self.turns = 0

    async def __aenter__(self) -> Neighbour:
        self._task = asyncio.create_task(self._live())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _live(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)


async def test_a_body_that_is_always_there_does_not_hold_the_loop_and_has_an_end() -> None:
    pieces = 0
    sent: list[Any] = []

    async def receive() -> Any:
        nonlocal pieces
        pieces += 1
        return {"type": "http.request", "body": PIECE, "more_body": True}

    async def send(message: Any) -> None:
        sent.append((message, pieces))

    async with Neighbour() as neighbour:
        await EarlyResponse(PlainTextResponse("No."), receive)({"type": "http"}, receive, send)
    assert pieces == DROPPED_BYTES // len(PIECE)
    assert neighbour.turns >= pieces
    _, body, end = sent
    assert (body[0]["body"], body[0]["more_body"], body[1]) == (b"No.", True, 0), "told before anything was dropped"
    assert (end[0]["body"], end[0]["more_body"], end[1]) == (b"", False, pieces)


async def test_lingering_lets_others_in_too() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield PIECE

    async with Neighbour() as neighbour:
        assert not await linger(endless())
    assert neighbour.turns >= 16


async def test_who_ends_in_time_has_been_read() -> None:
    async def short() -> AsyncIterator[bytes]:
        yield PIECE

    assert await linger(short())
