"""An answer given while the caller is still sending: told at once, and the connection kept until it was heard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

PATIENCE = 60.0
DROPPED_BYTES = 2**30
"""For how long, and how much, of what the caller goes on sending is read and dropped."""

_LINGER_BYTES, _LINGER_SECONDS = 16 * 2**20, 2.0


async def linger(body: AsyncIterator[bytes]) -> bool:
    """Lets a caller finish what it is sending, within bounds, and drops it. Whether all was read."""
    dropped = 0
    with contextlib.suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(_LINGER_SECONDS):
            async for piece in body:
                dropped += len(piece)
                if dropped > _LINGER_BYTES:
                    return False
                await _breathe()
            return True
    return False


class EarlyResponse(Response):
    """Sends `response` in whole, drops what still arrives, and only then ends.

    Closing at once would make the kernel reset the connection, and the caller would lose the answer it had not read yet
    (RFC 9112, 9.6).
    """

    def __init__(self, response: Response, rest: Receive) -> None:
        super().__init__(status_code=response.status_code)
        self._response = response
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def held_open(message: Message) -> None:
            await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

        await self._response(scope, receive, held_open)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._drop_the_rest()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _drop_the_rest(self) -> None:
        dropped = 0
        while dropped < DROPPED_BYTES:
            message = await self._rest()
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                return
            dropped += len(message.get("body", b""))
            await _breathe()


async def _breathe() -> None:
    """Lets others run: what is always there at once would hold the event loop, and with it the time limits above."""
    await asyncio.sleep(0)


__all__ = ["DROPPED_BYTES", "PATIENCE", "EarlyResponse", "linger"]
