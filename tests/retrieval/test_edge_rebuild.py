"""Rebuilding in the background: searches and writes go on, and a kill at any stage loses nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from retrieval.edge_rebuild import STAGES
from retrieval.index_edge import EdgeIndex, EdgeInfo
from retrieval.ports import Scope

ALL = Scope(groups=None)
SOON = {"optimize_points": 200, "optimize_hard_points": 200, "optimize_quiet": 0.1}
PATIENCE = 180
"""Seconds for what takes one: the process that rebuilds is niced, and waits for everything else on a busy machine."""

pytestmark = pytest.mark.timeout(600)


async def rebuilt(client: EdgeIndex, times: int = 1) -> EdgeInfo:
    """The figures once so many rebuilds are done, none is running and none is due."""
    async with asyncio.timeout(PATIENCE):
        while True:
            info = await client.info()
            if info.rebuilds >= times and info.stage == "idle" and info.pending < SOON["optimize_points"]:
                return info
            await asyncio.sleep(0.05)


async def write_for_a_while(client: EdgeIndex, points: Any, stop: asyncio.Event) -> dict[str, int]:
    """Writes versions and deletes every third again until told to stop; what must be there afterwards."""
    expected: dict[str, int] = {}
    number = 0
    while not stop.is_set() or number < 6:
        version = f"v{number}"
        await client.upsert(points.many(1000 + 10 * number, 1010 + 10 * number, version))
        expected[version] = 10
        if number % 3 == 2:
            await client.delete_versions([f"v{number - 1}"])
            del expected[f"v{number - 1}"]
        number += 1
        await asyncio.sleep(0.01)
    return expected


async def test_searches_and_writes_go_on_during_a_rebuild(serve: Any, points: Any) -> None:
    server = serve(**SOON)
    client, writer = server.client(), server.client()
    await client.upsert(points.many(0, 500, "base"))
    before = (await client.info()).shard
    stop, seen = asyncio.Event(), set()
    writing = asyncio.create_task(write_for_a_while(writer, points, stop))
    async with asyncio.timeout(PATIENCE):
        while (info := await client.info()).rebuilds == 0:
            seen.add(info.stage)
            assert (await client.search(points.query(250)))[0].id == points.one(250).id
            await asyncio.sleep(0.005)
    assert "optimizing" in seen
    stop.set()
    expected = await writing
    assert await client.versions() == {"base": 500} | expected
    assert info.last_error is None
    assert info.shard != before
    done = await rebuilt(client)
    assert [folder.name for folder in (server.folder / "index").glob("shard-*")] == [done.shard]
    server.kill()
    server.start()
    assert await client.versions() == {"base": 500} | expected
    await client.close()
    await writer.close()


async def test_a_rebuild_indexes_and_drops_what_was_deleted(serve: Any, points: Any) -> None:
    server = serve(**SOON)
    client = server.client()
    await client.upsert(points.many(0, 400, "kept"))
    first = await rebuilt(client)
    # Two vectors a point. It may have begun before the last of the writes, which then wait for the next one; of those
    # the engine counts a sparse vector as indexed at once, a dense one not.
    assert abs(first.indexed - 2 * 400) <= 2 * first.pending
    await client.upsert(points.many(400, 2400, "gone"))
    await rebuilt(client, first.rebuilds + 1)
    await client.delete_versions(["gone"])
    last = await rebuilt(client, first.rebuilds + 2)
    assert last.points == 400
    assert abs(last.indexed - 2 * 400) <= 2 * last.pending
    assert await client.versions() == {"kept": 400}
    assert (await client.search(points.query(77)))[0].id == points.one(77).id
    assert server.stop() == 0
    server.start()
    again = await client.info()
    assert (again.points, again.pending, again.shard) == (400, last.pending, last.shard)
    await client.close()


@pytest.mark.parametrize("stage", STAGES)
async def test_a_kill_at_any_stage_loses_nothing(serve: Any, points: Any, stage: str) -> None:
    server = serve(started=False, **SOON)
    server.start(die_at=stage)
    client, stop = server.client(), asyncio.Event()
    await client.upsert(points.many(0, 150, "base"))
    writing = asyncio.create_task(write_for_a_while(client, points, stop))
    assert await asyncio.to_thread(server.process.wait, PATIENCE) == -9
    shards = [folder.name for folder in (server.folder / "index").glob("shard-*")]
    assert len(shards) == (1 if stage == "flushing" else 2) or stage == "copying"
    server.start()
    await client.ready(PATIENCE)
    stop.set()
    expected = await writing
    assert await client.versions() == {"base": 150} | expected
    assert (await client.search(points.query(75)))[0].id == points.one(75).id
    done = await rebuilt(client, times=0)
    assert await client.versions() == {"base": 150} | expected
    assert [folder.name for folder in (server.folder / "index").glob("shard-*")] == [done.shard]
    await client.close()


async def test_too_many_writes_meanwhile_put_a_rebuild_off(serve: Any, points: Any) -> None:
    server = serve(**SOON, optimize_log_bytes=100)
    client, stop = server.client(), asyncio.Event()
    await client.upsert(points.many(0, 300, "base"))
    before = await client.info()
    writing = asyncio.create_task(write_for_a_while(client, points, stop))
    async with asyncio.timeout(PATIENCE):
        while (info := await client.info()).last_error is None:
            await asyncio.sleep(0.02)
    stop.set()
    expected = await writing
    assert "may be remembered" in info.last_error
    after = await client.info()
    assert (after.shard, after.rebuilds) == (before.shard, 0)
    assert await client.versions() == {"base": 300} | expected
    assert server.stop() == 0
    await client.close()


async def test_stopping_during_a_rebuild_leaves_the_old_shard(serve: Any, points: Any) -> None:
    server = serve(**SOON)
    client = server.client()
    await client.upsert(points.many(0, 500))
    async with asyncio.timeout(PATIENCE):
        while (info := await client.info()).stage == "idle" and not info.rebuilds:
            await asyncio.sleep(0.002)
    assert await asyncio.to_thread(server.stop) == 0
    assert len(list((server.folder / "index").glob("shard-*"))) == 1
    server.start()
    assert await client.count(ALL) == 500
    await client.close()
