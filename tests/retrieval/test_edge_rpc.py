"""Frames, the socket's path, and a client before servers that misbehave."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigurationError, IndexUnavailable
from retrieval import rpc
from retrieval.rpc import Frame, FrameTooLarge, Op, Tag, socket_path
from retrieval.rpc_client import RpcClient

HELLO = rpc.encode(Frame(0, Tag.HELLO, rpc.pack({"protocol": rpc.PROTOCOL, "size": 4, "pid": 1})))
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def read(data: bytes) -> Frame:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return await rpc.read_frame(reader)


async def test_a_frame_comes_back_as_it_was() -> None:
    frame = Frame(2**63, Op.SEARCH, rpc.pack({"dense": b"\x00\x01", "limit": 3}))
    assert await read(rpc.encode(frame)) == frame
    assert rpc.unpack(frame.body) == {"dense": b"\x00\x01", "limit": 3}


@pytest.mark.parametrize("data", [b"", b"\0\0", b"\0\0\0\x0c1234"])
async def test_half_a_frame_is_an_end(data: bytes) -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        await read(data)


@pytest.mark.parametrize("length", [0, 8, rpc.MAX_FRAME + 1, 2**32 - 1])
async def test_impossible_lengths_are_refused_unread(length: int) -> None:
    with pytest.raises(FrameTooLarge):
        await read(length.to_bytes(4, "big") + b"x" * 16)
    with pytest.raises(FrameTooLarge):
        rpc.encode(Frame(1, Op.UPSERT, bytes(rpc.MAX_FRAME)))


def test_a_socket_lies_in_the_data_folder_where_the_path_is_short_enough(tmp_path: Path) -> None:
    short = Path("/x")
    assert socket_path(short, "index") == Path("/x/index.sock")
    deep = tmp_path / ("d" * 120)
    found = socket_path(deep, "index")
    assert len(os.fsencode(found)) <= 100
    assert socket_path(deep, "index") == found
    assert socket_path(tmp_path / ("e" * 120), "index").parent != found.parent
    assert stat.S_IMODE(found.parent.stat().st_mode) == 0o700
    found.parent.chmod(0o755)
    with pytest.raises(PermissionError, match="remove it"):
        socket_path(deep, "index")
    found.parent.rmdir()
    socket_path(tmp_path / ("e" * 120), "index").parent.rmdir()


async def serve(path: Path, handler: Handler) -> asyncio.AbstractServer:
    return await asyncio.start_unix_server(handler, path)


async def test_another_protocol_is_named(tmp_path: Path) -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(rpc.encode(Frame(0, Tag.HELLO, rpc.pack({"protocol": 99}))))

    path = tmp_path / "s"
    async with await serve(path, old):
        client = RpcClient(path)
        with pytest.raises(ConfigurationError, match="protocol 99"):
            await client.call(Op.COUNT, None, 5)
        await client.close()


async def test_requests_are_sent_again_on_the_next_connection(tmp_path: Path) -> None:
    connections: list[list[Any]] = []

    async def moody(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes one request and hangs up, twice; then answers."""
        got: list[Any] = []
        connections.append(got)
        writer.write(HELLO)
        while True:
            frame = await rpc.read_frame(reader)
            got.append(rpc.unpack(frame.body))
            if len(connections) < 3:
                break
            writer.write(rpc.encode(Frame(frame.id, Tag.OK, rpc.pack("done"))))
        writer.close()

    path = tmp_path / "s"
    async with await serve(path, moody):
        client = RpcClient(path)
        assert await client.call(Op.UPSERT, "x", 10) == "done"
        assert connections == [["x"], ["x"], ["x"]]
        await client.close()


async def test_signs_of_life_renew_the_deadline_and_silence_ends_it(tmp_path: Path) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HELLO)
        frame = await rpc.read_frame(reader)
        for _ in range(4):
            await asyncio.sleep(0.3)
            writer.write(rpc.encode(Frame(frame.id, Tag.WAIT, b"")))
        writer.write(rpc.encode(Frame(frame.id, Tag.OK, rpc.pack(1))))
        await reader.read()
        writer.close()

    path = tmp_path / "s"
    async with await serve(path, slow):
        client = RpcClient(path)
        assert await client.call(Op.UPSERT, None, 1.0) == 1
        with pytest.raises(IndexUnavailable, match=r"0\.2 seconds"):
            await client.call(Op.UPSERT, None, 0.2)
        await client.close()


async def test_replies_find_their_requests_in_any_order(tmp_path: Path) -> None:
    async def reversing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HELLO)
        frames = [await rpc.read_frame(reader) for _ in range(3)]
        for frame in reversed(frames):
            writer.write(rpc.encode(Frame(frame.id, Tag.OK, frame.body)))
        writer.write(rpc.encode(Frame(777, Tag.OK, rpc.pack("nobody asked"))))
        await reader.read()
        writer.close()

    path = tmp_path / "s"
    async with await serve(path, reversing):
        client = RpcClient(path)
        assert await asyncio.gather(*(client.call(Op.COUNT, n, 10) for n in range(3))) == [0, 1, 2]
        await client.close()


async def test_a_server_that_is_no_index_is_not_waited_for_longer_than_told(tmp_path: Path) -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    path = tmp_path / "s"
    async with await serve(path, mute):
        client = RpcClient(path)
        with pytest.raises(IndexUnavailable):
            await client.call(Op.COUNT, None, 0.2)
        await client.close()
