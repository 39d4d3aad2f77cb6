"""The process that speaks with one MCP server: `python -m agents.tools.mcp_child`, started by `mcp_link`.

The SDK takes in whatever a server sends, of any length. So it does that here, in a process of its own with limited
memory, and the server that answers people only ever reads short lines of plain JSON. A line in is an order: first the
server to speak with, then calls and their cancellation. A line out is a reply.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.types import CONNECTION_CLOSED, REQUEST_TIMEOUT, CallToolResult, TextContent, Tool

from agents.tools.mcp_stdio import stdio

MOST_TOOLS = 128
MOST_SCHEMA = 20_000
MOST_TEXT = 1_000_000
"""Characters of a result that are passed on."""
MOST_DESCRIPTION = 1_000
_MOST_PAGES = 20


def main() -> None:
    """Serves until the standard input ends or the server is gone."""
    logging.disable(logging.CRITICAL)  # the SDK logs what servers say
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG
    order = json.loads(sys.stdin.buffer.readline())
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever prints, prints into nothing
    asyncio.run(_Speaker(order, out).speak())


class _Speaker:
    _speaking: asyncio.Task[Any] | None = None

    def __init__(self, order: dict[str, Any], out: Any) -> None:
        self._order = order
        self._out = out
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._gone = False

    async def speak(self) -> None:
        reading = asyncio.StreamReader(limit=1 << 24)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reading), sys.stdin)
        self._speaking = asyncio.current_task()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._end)
        with contextlib.suppress(asyncio.CancelledError):
            try:
                async with Client(self._transport(), read_timeout_seconds=self._order["seconds"]) as client:
                    async with asyncio.timeout(self._order["seconds"]):
                        self._say({"tools": [_told(tool) for tool in await _listed(client)]})
                    await self._serve(client, reading)
            except Exception as error:  # whatever a server does; its words are not passed on, they may hold secrets
                self._say(_failed(_first(error), self._gone))

    async def _serve(self, client: Client, reading: asyncio.StreamReader) -> None:
        while line := await reading.readline():
            order = json.loads(line)
            if "cancel" in order:
                if task := self._calls.get(order["cancel"]):
                    task.cancel()
                continue
            self._calls[order["id"]] = asyncio.create_task(self._call(client, order))

    async def _call(self, client: Client, order: dict[str, Any]) -> None:
        try:
            result = await client.call_tool(order["tool"], order["arguments"], order["seconds"])
            self._say({"id": order["id"], **_read(result)})
        except Exception as error:
            self._say({"id": order["id"], **_failed(_first(error), self._gone)})
        finally:
            self._calls.pop(order["id"], None)

    @contextlib.asynccontextmanager
    async def _transport(self) -> AsyncIterator[Any]:
        """The way to the server. Memory is limited once the server was started, which may need more of its own."""
        async with contextlib.AsyncExitStack() as stack:
            if self._order["command"] is not None:
                streams = await stack.enter_async_context(stdio(self._order, self._end))
            else:
                http = await stack.enter_async_context(create_mcp_http_client(headers=self._order["headers"]))
                streams = await stack.enter_async_context(streamable_http_client(self._order["url"], http_client=http))
            most = self._order["memory_bytes"]
            resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
            yield streams

    def _end(self) -> None:
        """The server is gone, or the process shall go: calls in hand fail, and everything is tidied up."""
        self._gone = True
        assert self._speaking is not None
        self._speaking.cancel()

    def _say(self, reply: dict[str, Any]) -> None:
        data = json.dumps(reply).encode() + b"\n"
        while data:
            data = data[self._out.write(data) :]


async def _listed(client: Client) -> list[Tool]:
    found: list[Tool] = []
    cursor = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        found += page.tools
        cursor = page.next_cursor
        if cursor is None or len(found) >= MOST_TOOLS:
            break
    return found[:MOST_TOOLS]


def _told(tool: Tool) -> dict[str, Any]:
    schema = tool.input_schema
    size = len(json.dumps(schema))
    return {
        "name": tool.name[:200],
        "description": (tool.description or tool.title or "")[:MOST_DESCRIPTION],
        "schema": schema if size <= MOST_SCHEMA else None,
    }


def _read(result: CallToolResult) -> dict[str, Any]:
    """A result as text: what is no text is named, not passed on."""
    parts: list[str] = []
    room = MOST_TEXT
    for each in result.content:
        text = each.text if isinstance(each, TextContent) else f"[{each.type}]"
        resource_text = getattr(getattr(each, "resource", None), "text", None)
        text = resource_text if isinstance(resource_text, str) else text
        parts.append(text[: max(0, room)])
        room -= len(text)
        if room <= 0:
            break
    if not parts and result.structured_content is not None:
        parts = [json.dumps(result.structured_content, ensure_ascii=False)[:MOST_TEXT]]
    return {"text": "\n".join(parts), "cut": room <= 0, "is_error": bool(result.is_error)}


def _failed(error: BaseException, gone: bool) -> dict[str, Any]:
    """Why a call failed. Only what a server says on purpose is passed on."""
    if gone or (isinstance(error, MCPError) and error.code == CONNECTION_CLOSED):
        return {"failed": "gone"}
    if isinstance(error, TimeoutError) or (isinstance(error, MCPError) and error.code == REQUEST_TIMEOUT):
        return {"failed": "late"}
    if isinstance(error, MCPError):
        return {"failed": "refused", "says": str(error)[:500]}
    return {"failed": "broken"}


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    main()
