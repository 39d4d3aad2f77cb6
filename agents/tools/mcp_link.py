"""A line to one MCP server, held by a process of its own (`mcp_child`) that may die and come again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Mapping
from typing import Any

import psutil

from agents.settings import McpServer
from agents.tools.child import command
from core.errors import Unavailable

_CHILD = "agents.tools.mcp_child"
_MOST_LINE = 16 << 20
_CLOSING_SECONDS = 6.0
"""For the child to end its server: the SDK gives that two seconds, and two more."""
_LATE = "The server of this tool did not answer in time. Ask for less, or go on without it."
_REST_SECONDS = 5.0
"""Between two attempts to start a server that does not."""


class Link:
    """The line. It is opened by the first call and opened anew by the first one after the server died."""

    def __init__(self, server: McpServer, start_seconds: float, memory_bytes: int) -> None:
        self._server = server
        self._start_seconds = start_seconds
        self._memory_bytes = memory_bytes
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._count = 0
        self._tired_until = 0.0
        self._listed: list[dict[str, Any]] = []

    async def tools(self) -> list[dict[str, Any]]:
        """What the server offers: name, description and schema of each tool, as it says. Raises `Unavailable`."""
        await self._open()
        return self._listed

    async def call(self, tool: str, arguments: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Calls a tool: {"text", "cut", "is_error"}. Being cancelled is told to the server. Raises `Unavailable`."""
        process = await self._open()
        self._count += 1
        number = self._count
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            await self._send(process, {"id": number, "tool": tool, "arguments": arguments, "seconds": seconds})
            async with asyncio.timeout(seconds + 1.0):
                reply: dict[str, Any] = await waiting
        except (TimeoutError, asyncio.CancelledError) as ended:
            with contextlib.suppress(Unavailable):
                await self._send(process, {"cancel": number})
            if isinstance(ended, asyncio.CancelledError):
                raise
            raise Unavailable(_LATE) from None
        finally:
            self._waiting.pop(number, None)
        if reply.get("failed") == "gone" and process is self._process:
            await self.close()  # so that the next call finds no half-dead process
        if reply.get("failed") == "refused":  # in the server's own words, which are a stranger's
            return {"text": f"The server of this tool refuses: {str(reply.get('says'))[:500]}", "is_error": True}
        if "failed" in reply:
            raise Unavailable(_reason(reply))
        return reply

    async def close(self) -> None:
        """Ends the process, and with it the server if it was started."""
        process, reading = self._process, self._reading
        self._process = self._reading = None
        if process is not None and reading is not None:
            await asyncio.shield(_ended(process, reading))

    # ---- within ----------------------------------------------------------------------------------------------------

    async def _open(self) -> asyncio.subprocess.Process:
        async with self._opening:
            if self._process is not None and self._process.returncode is None:
                return self._process
            if time.monotonic() < self._tired_until:
                raise Unavailable("The server of this tool could not be started. Go on without it.")
            await self.close()
            try:
                async with asyncio.timeout(self._start_seconds):
                    return await self._begin()
            except (TimeoutError, OSError, Unavailable):
                self._tired_until = time.monotonic() + _REST_SECONDS
                raise Unavailable("The server of this tool could not be started. Go on without it.") from None

    async def _begin(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *command(_CHILD),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"},
            start_new_session=True, cwd="/", limit=_MOST_LINE,
        )  # fmt: skip
        try:
            await self._send(process, self._order())
            first = await _line(process)
            listed = first.get("tools")
            if not isinstance(listed, list):
                raise Unavailable(_reason(first))
        except BaseException:
            await asyncio.shield(_ended(process, asyncio.create_task(_drained(process))))
            raise
        self._listed = [each for each in listed if isinstance(each, dict)]
        self._process = process
        self._reading = asyncio.create_task(self._read(process))
        return process

    def _order(self) -> dict[str, Any]:
        server = self._server
        return {
            "command": server.command,
            "args": list(server.args),
            "env": {name: value.get_secret_value() for name, value in server.env.items()},
            "url": server.url,
            "headers": {name: value.get_secret_value() for name, value in server.headers.items()},
            "seconds": max(self._start_seconds, server.seconds),
            "memory_bytes": self._memory_bytes,
        }

    async def _send(self, process: asyncio.subprocess.Process, order: Mapping[str, Any]) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(order).encode() + b"\n")
            await process.stdin.drain()
        except (ConnectionError, RuntimeError):
            raise Unavailable("The server of this tool is gone. Try again or go on without it.") from None

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Hands replies to those who wait for them, until the process ends or says what it must not."""
        try:
            while True:
                reply = await _line(process)
                waiting = self._waiting.get(reply.get("id", 0))
                if waiting is not None and not waiting.done():
                    waiting.set_result(reply)
        except Unavailable:
            _kill(process, [])
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result({"failed": "gone"})
        await _drained(process)


async def _line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """The next reply. Raises `Unavailable` at the end, and for what is none."""
    assert process.stdout is not None
    try:
        reply = json.loads(await process.stdout.readline())
    except (ValueError, RecursionError):
        raise Unavailable("The server of this tool is gone.") from None
    if not isinstance(reply, dict):
        raise Unavailable("The server of this tool is gone.")
    return reply


async def _ended(process: asyncio.subprocess.Process, reading: asyncio.Task[None]) -> None:
    """Lets the child end its server, and ends both where that takes too long. `reading` ends with the child."""
    assert process.stdin is not None
    family = _family(process.pid)
    process.stdin.close()
    await asyncio.wait({reading}, timeout=_CLOSING_SECONDS)
    _kill(process, family)
    await reading


def _kill(process: asyncio.subprocess.Process, family: list[psutil.Process]) -> None:
    for each in [*family, *_family(process.pid)]:
        with contextlib.suppress(psutil.Error):
            each.kill()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Waits for the end, which asyncio sees only when the pipe, too, was read to its own."""
    while process.stdout is not None and await process.stdout.read(1 << 16):
        pass
    await process.wait()


def _family(pid: int) -> list[psutil.Process]:
    """The processes that a process started, and theirs."""
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []


def _reason(reply: Mapping[str, Any]) -> str:
    match reply.get("failed"):
        case "gone":
            return "The server of this tool ended during the call: nobody knows whether it was done."
        case "late":
            return _LATE
    return "The server of this tool did not answer as one should. Go on without it."
