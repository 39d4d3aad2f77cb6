"""The calling side of the local RPC: one connection, many requests in flight, reconnecting by itself.

The server may be killed and restarted at any time. Every request is idempotent, so those in flight when a connection
breaks are sent again on the next one, until their deadline passes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError, FootnoteError, IndexUnavailable, InvalidInput
from retrieval import rpc
from retrieval.rpc import Frame, Op, Tag

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.25
"""Seconds between two tries to connect."""

_Reply = tuple[int, bytes]
_ERRORS: dict[str, type[FootnoteError]] = {
    error.code: error for error in (InvalidInput, ConfigurationError, IndexUnavailable)
}


class _Lost(Exception):
    """The connection broke; what was in flight may be sent again."""


class _Connection:
    """One open connection and the requests waiting on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hello: dict[str, Any]) -> None:
        self.hello = hello
        self.lost = False
        self._writer = writer
        self._waiting: dict[int, asyncio.Queue[_Reply | None]] = {}
        self._next = 0
        self._task = asyncio.create_task(self._read(reader))

    async def request(self, op: Op, body: bytes, patience: float, deadline: float) -> _Reply:
        """The reply. Each sign of life renews `deadline` to `patience` from then. Raises `_Lost`, `TimeoutError`."""
        if self.lost:
            raise _Lost
        self._next += 1
        request, replies = self._next, asyncio.Queue[_Reply | None]()
        self._waiting[request] = replies
        try:
            self._writer.write(rpc.encode(Frame(request, op, body)))
            async with asyncio.timeout_at(_loop_time(deadline)):
                await self._writer.drain()
            while True:
                async with asyncio.timeout_at(_loop_time(deadline)):
                    reply = await replies.get()
                if reply is None:
                    raise _Lost
                if reply[0] != Tag.WAIT:
                    return reply
                deadline = time.monotonic() + patience
        except ConnectionError:
            self.lost = True  # noticed before the reading task had its turn
            raise _Lost from None
        finally:
            self._waiting.pop(request, None)

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                frame = await rpc.read_frame(reader)
                if frame.id in self._waiting:
                    self._waiting[frame.id].put_nowait((frame.tag, frame.body))
        except (ConnectionError, asyncio.IncompleteReadError, rpc.FrameTooLarge):
            pass  # said to every waiter below
        finally:
            self.lost = True
            for replies in self._waiting.values():
                replies.put_nowait(None)
            self._writer.close()


class RpcClient:
    """Calls the server behind `socket`. Belongs to the event loop it is first used on."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()
        self._closed = False

    async def call(self, op: Op, value: Any, patience: float) -> Any:
        """What the server answers, within `patience` seconds of its last sign of life.

        Raises `IndexUnavailable` when none came, and the server's own `InvalidInput` or `ConfigurationError`.
        """
        body = rpc.pack(value)
        deadline = time.monotonic() + patience
        try:
            while True:
                connection = await self._connect(deadline)
                try:
                    tag, answer = await connection.request(op, body, patience, deadline)
                    break
                except _Lost:
                    if time.monotonic() >= deadline:
                        raise TimeoutError from None
        except TimeoutError:
            raise IndexUnavailable(
                f"The index did not answer within {patience:g} seconds. Try again; `footnote doctor` tells more."
            ) from None
        except rpc.FrameTooLarge:
            raise InvalidInput(
                f"More than {rpc.MAX_FRAME // 2**20} MiB in one request to the index; send less."
            ) from None
        if tag == Tag.OK:
            return rpc.unpack(answer)
        code, message = rpc.unpack(answer)
        raise _ERRORS.get(code, IndexUnavailable)(message)

    async def hello(self, patience: float) -> dict[str, Any]:
        """What the server says of itself, once it can be reached. Raises `IndexUnavailable`, `ConfigurationError`."""
        try:
            return (await self._connect(time.monotonic() + patience)).hello
        except TimeoutError:
            raise IndexUnavailable(f"The index process did not start within {patience:g} seconds.") from None

    async def close(self) -> None:
        """Drops the connection; calls in flight end in `IndexUnavailable`, later ones too."""
        self._closed = True
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _connect(self, deadline: float) -> _Connection:
        async with asyncio.timeout_at(_loop_time(deadline)), self._connecting:
            pause = FIRST_PAUSE
            while True:
                if self._closed:
                    raise IndexUnavailable("The connection to the index was closed.")
                if self._connection is not None and not self._connection.lost:
                    return self._connection
                try:
                    self._connection = await self._open()
                except (OSError, asyncio.IncompleteReadError, rpc.FrameTooLarge):
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)

    async def _open(self) -> _Connection:
        reader, writer = await asyncio.open_unix_connection(str(self._socket), limit=2**20)
        try:
            frame = await rpc.read_frame(reader)
            hello = rpc.unpack(frame.body) if frame.tag == Tag.HELLO else {}
        except BaseException:
            writer.close()
            raise
        if hello.get("protocol") != rpc.PROTOCOL:
            writer.close()
            raise ConfigurationError(
                f"The index process speaks protocol {hello.get('protocol')}, this program {rpc.PROTOCOL}; "
                "restart the server so that both are of one version."
            )
        return _Connection(reader, writer, hello)


def _loop_time(monotonic: float) -> float:
    return asyncio.get_running_loop().time() + (monotonic - time.monotonic())


__all__ = ["RpcClient"]
