"""An MCP server that is started as a program: a line of JSON in, a line of JSON out, and no line longer than it may be.

The SDK's own way reads a line of any length, and takes the square of its length to do so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

_MOST_LINE = 4 << 20
_MOST_NOISE = 1_000
"""Lines that are no messages: some programs print there what they should not."""
_LEAVE_SECONDS = 2.0

Incoming = MemoryObjectSendStream[SessionMessage | Exception]
Outgoing = MemoryObjectReceiveStream[SessionMessage]


@contextlib.asynccontextmanager
async def stdio(order: Mapping[str, Any], gone: Callable[[], None]) -> AsyncIterator[Any]:
    """The streams to a program that is started here and ended at the end. `gone` is called when it ends by itself."""
    process = await asyncio.create_subprocess_exec(
        order["command"], *order["args"],
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **order["env"]}, start_new_session=True, limit=_MOST_LINE,
    )  # fmt: skip
    to_session, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, from_session = anyio.create_memory_object_stream[SessionMessage](0)
    tasks = [asyncio.create_task(_read(process, to_session, gone)), asyncio.create_task(_write(process, from_session))]
    try:
        yield incoming, outgoing
    finally:
        for stream in (incoming, outgoing, to_session, from_session):
            stream.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _ended(process)


async def _read(process: asyncio.subprocess.Process, session: Incoming, gone: Callable[[], None]) -> None:
    assert process.stdout is not None
    noise = 0
    try:
        while noise < _MOST_NOISE and (line := await process.stdout.readline()):
            try:
                message: SessionMessage | Exception = SessionMessage(
                    jsonrpc_message_adapter.validate_json(line, by_name=False)
                )
            except ValueError as error:
                noise += 1
                message = error
            await session.send(message)
    except (ValueError, anyio.ClosedResourceError, anyio.BrokenResourceError):
        pass  # a line without end, or nobody listens any more
    gone()


async def _write(process: asyncio.subprocess.Process, session: Outgoing) -> None:
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError, anyio.ClosedResourceError):
        async for message in session:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(text.encode() + b"\n")
            await process.stdin.drain()


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Closes what the program reads, which tells it to end; after two seconds it is ended, with all it started."""
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LEAVE_SECONDS):
            await _drained(process)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _drained(process: asyncio.subprocess.Process) -> None:
    while process.stdout is not None and await process.stdout.read(1 << 16):
        pass
    await process.wait()
