"""The index process: durable against kill -9, owned by one, gone with its parent, restarted behind its clients."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from core.errors import IndexUnavailable, InvalidInput
from retrieval import rpc
from retrieval.ports import Scope
from retrieval.rpc import Frame, Op, Tag
from retrieval.rpc_client import RpcClient

ALL = Scope(groups=None)


async def until(condition: Callable[[], bool]) -> None:
    """Waits for something another process does."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


async def test_what_was_acknowledged_survives_a_kill(serve: Any, points: Any) -> None:
    server = serve()
    client = server.client()
    for start in range(0, 500, 100):
        await client.upsert(points.many(start, start + 100))
        server.kill()
        server.start()
    await client.delete_versions(["none"])
    assert await client.count(ALL) == 500
    await client.upsert(points.many(500, 600, version="w"))
    await client.delete_versions(["v"])
    server.kill()
    server.start()
    assert await client.versions() == {"w": 100}
    assert (await client.search(points.query(550)))[0].id == points.one(550).id
    await client.close()


async def test_a_kill_in_the_middle_of_writing_is_not_noticed_by_the_writer(serve: Any, points: Any) -> None:
    server = serve(write_batch=16, write_timeout=60)
    client, other = server.client(), server.client()
    await client.ready(60)
    writing = asyncio.create_task(client.upsert(points.many(0, 3000)))
    while await other.count(ALL) < 200:
        await asyncio.sleep(0.01)
    assert not writing.done()
    server.kill()
    server.start()
    await writing
    assert await client.versions() == {"v": 3000}
    await client.close()
    await other.close()


async def test_a_killed_engine_ends_the_process_so_that_it_is_started_again(server: Any, points: Any) -> None:
    client = server.client()
    await client.upsert(points.many(0, 50))
    (engine,) = psutil.Process(server.process.pid).children()
    engine.kill()
    assert server.process.wait(30) == 1
    assert "engine" in server.process.stderr.read()
    server.start()
    assert await client.count(ALL) == 50
    await client.close()


async def test_without_a_process_calls_end_in_a_clear_error(serve: Any, points: Any) -> None:
    server = serve(started=False, search_timeout=0.2, write_timeout=0.3)
    client = server.client()
    with pytest.raises(IndexUnavailable, match=r"0\.2 seconds"):
        await client.search(points.query(0))
    with pytest.raises(IndexUnavailable, match=r"0\.3 seconds"):
        await client.upsert(points.many(0, 1))
    with pytest.raises(IndexUnavailable, match="did not start"):
        await client.ready(0.1)
    await client.close()


async def test_calls_after_close_are_refused(server: Any) -> None:
    client = server.client()
    assert await client.count(ALL) == 0
    await client.close()
    with pytest.raises(IndexUnavailable, match="closed"):
        await client.count(ALL)


async def test_a_second_owner_is_refused(server: Any) -> None:
    refused = await asyncio.to_thread(server.run)
    assert refused.returncode == 75
    assert f"belongs to another running process (pid {server.process.pid})" in refused.stderr
    client = server.client()
    assert await client.count(ALL) == 0
    await client.close()


async def test_another_vector_size_is_refused(server: Any) -> None:
    assert server.stop() == 0
    refused = await asyncio.to_thread(server.run, 32)
    assert refused.returncode == 78
    assert "footnote reindex" in refused.stderr
    assert "16 dimensions" in refused.stderr


async def test_a_vanished_shard_is_refused(server: Any) -> None:
    assert server.stop() == 0
    (shard,) = (server.folder / "index").glob("shard-*")
    shard.rename(server.folder / "elsewhere")
    refused = await asyncio.to_thread(server.run)
    assert refused.returncode == 78
    assert "footnote reindex" in refused.stderr


async def test_terminated_it_flushes_and_leaves_nothing_behind(server: Any, points: Any) -> None:
    client = server.client()
    await client.upsert(points.many(0, 100))
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert server.stop() == 0
    assert not server.socket.exists()
    assert not any(child.is_running() for child in children)
    server.start()
    assert await client.count(ALL) == 100
    assert (await client.info()).pending == 100
    await client.close()


async def test_it_ends_with_its_parent_even_when_that_is_killed(serve: Any) -> None:
    server = serve(started=False)
    code = (
        "import subprocess, sys, threading, time\n"
        "from retrieval.edge_process import command; from retrieval.settings import IndexSettings\n"
        "from pathlib import Path\n"
        "argv = command(Path(sys.argv[1]), Path(sys.argv[2]), 16, IndexSettings())\n"
        "# from a thread that ends, as servers start their children\n"
        "thread = threading.Thread(target=lambda: print(subprocess.Popen(argv).pid, flush=True))\n"
        "thread.start(); thread.join(); time.sleep(600)\n"
    )
    argv = [sys.executable, "-c", code, str(server.folder / "index"), str(server.socket)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(await asyncio.to_thread(parent.stdout.readline)))
        client = server.client()
        await client.ready(60)
        assert await client.count(ALL) == 0
        family = [child, *child.children()]
        assert len(family) == 2
        parent.kill()
    await until(lambda: not any(process.is_running() for process in family))
    assert not server.socket.exists()
    await client.close()


async def test_the_socket_is_private_and_a_stale_one_is_replaced(server: Any) -> None:
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o600
    server.kill()
    assert server.socket.exists()
    server.start()
    client = server.client()
    await client.ready(60)
    await client.close()


async def test_nonsense_closes_one_connection_or_is_refused_and_the_others_go_on(server: Any) -> None:
    client = server.client()
    await client.ready(60)
    reader, writer = await asyncio.open_unix_connection(str(server.socket))
    assert (await rpc.read_frame(reader)).tag == Tag.HELLO
    for tag, body in ((99, rpc.pack(None)), (Op.STOP, rpc.pack(None)), (Op.SEARCH, rpc.pack({"mode": "no"}))):
        writer.write(rpc.encode(Frame(5, tag, body)))
        reply = await rpc.read_frame(reader)
        assert (reply.id, reply.tag) == (5, Tag.ERROR)
        assert rpc.unpack(reply.body)[0] == "invalid_input"
    writer.write(b"\xff" * 64)
    assert await reader.read() == b""
    writer.close()
    assert await client.count(ALL) == 0
    raw = RpcClient(server.socket)
    with pytest.raises(InvalidInput, match="32 MiB"):
        await raw.call(Op.UPSERT, b"x" * (rpc.MAX_FRAME + 1), 10)
    with pytest.raises(InvalidInput, match="cannot read"):
        await raw.call(Op.UPSERT, [{"id": "short"}], 10)
    await raw.close()
    await client.close()


async def test_a_client_that_vanishes_does_not_disturb(server: Any, points: Any) -> None:
    vanishing = server.client()
    await vanishing.upsert(points.many(0, 200))
    searches = [asyncio.create_task(vanishing.search(points.query(n))) for n in range(50)]
    await asyncio.sleep(0)
    await vanishing.close()
    ends = await asyncio.gather(*searches, return_exceptions=True)
    assert all(isinstance(end, list | IndexUnavailable) for end in ends)
    client = server.client()
    assert await client.count(ALL) == 200
    await client.close()


async def test_a_stopped_engine_runs_into_the_deadline(serve: Any, points: Any) -> None:
    server = serve(search_timeout=0.5)
    client = server.client()
    await client.ready(60)
    (engine,) = psutil.Process(server.process.pid).children()
    os.kill(engine.pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(IndexUnavailable, match=r"0\.5 seconds"):
        await client.search(points.query(0))
    assert time.monotonic() - began >= 0.5
    os.kill(engine.pid, signal.SIGCONT)
    assert await client.search(points.query(0)) == []
    await client.close()
