"""The server stops without waiting for streams that have no end."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import uvicorn

from app.server import Server


class Endless:
    """Sends a piece, and the next one never; `farewell` ends it."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.begun = 0

    async def farewell(self) -> None:
        self.over.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        self.begun += 1
        await self.over.wait()
        await send({"type": "http.response.body", "body": b"last", "more_body": False})


async def test_streams_are_ended_and_not_cut_off() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    endless = Endless()
    # Without an end it would wait for as long as this test may take.
    config = uvicorn.Config(endless, lifespan="off", log_config=None, timeout_graceful_shutdown=10_000)
    server = Server(config, endless.farewell)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with httpx.AsyncClient(timeout=60) as client:
        readers = [asyncio.create_task(client.get(address)) for _ in range(5)]
        while endless.begun < len(readers):
            await asyncio.sleep(0.01)
        server.should_exit = True
        assert [(await reader).text for reader in readers] == ["first last"] * 5
    await serving


async def test_a_second_signal_cuts_the_farewell_short() -> None:
    async def endless() -> None:
        await asyncio.Event().wait()

    async def application(scope: Any, receive: Any, send: Any) -> None: ...

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = Server(uvicorn.Config(application, lifespan="off", log_config=None), endless)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    server.should_exit = True  # what uvicorn makes of the first signal
    await asyncio.sleep(0.3)
    assert not serving.done()
    server.force_exit = True  # and of the second
    await asyncio.wait_for(serving, 30)
