"""A real web server for the tests of `http_request`: says byte for byte what a test tells it to."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

Said = bytes | Iterable[bytes]
SILENCE = b"silence"
"""The answer that never comes."""


@dataclass
class WebServer:
    """`answers` maps a request's first line (`GET /x`) to what is said; `asked` keeps whole requests' heads."""

    port: int = 0
    answers: dict[str, Said | Callable[[], Said]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    served_name: str | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.asked.append(head)
            said = self.answers.get(" ".join(head.split(" ", 2)[:2]), reply(b"", status=404))
            said = said() if callable(said) else said
            if said == SILENCE:
                await self.ended.wait()
            for piece in [said] if isinstance(said, bytes) else said:
                writer.write(piece)
                await writer.drain()
            writer.close()


def reply(body: bytes, *, status: int = 200, kind: str = "text/plain", length: bool = True, **headers: str) -> bytes:
    """A response. Underscores in names of headers are hyphens."""
    lines = [f"HTTP/1.1 {status} Whatever", f"content-type: {kind}", "connection: close"]
    lines += [f"content-length: {len(body)}"] if length else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


@contextlib.asynccontextmanager
async def web_server(context: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> AsyncIterator[WebServer]:
    """A server on a free port of this machine."""
    server = WebServer()
    if context is not None:

        def named(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
            server.served_name = name

        context.sni_callback = named
    listening = await asyncio.start_server(server.handle, address, 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        server.ended.set()
        listening.close()
