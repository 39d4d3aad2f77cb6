"""uvicorn's server, stopped at once although streams are read: they are ended before it waits for callers to leave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import uvicorn

_LOOK = 0.1


class Server(uvicorn.Server):
    """Calls `farewell` first when it stops. Requests that are under way are still answered, for as long as the
    configuration's `timeout_graceful_shutdown` says."""

    def __init__(self, config: uvicorn.Config, farewell: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._farewell = farewell

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, after the farewell, which a second signal cuts short."""
        farewell = asyncio.ensure_future(self._farewell())
        while not farewell.done() and not self.force_exit:
            await asyncio.wait({farewell}, timeout=_LOOK)
        if not farewell.cancel():
            farewell.result()
        await super().shutdown(sockets)
