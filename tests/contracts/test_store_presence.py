"""Who is there: known at once of the living and of the dead, and lost with the database."""

from __future__ import annotations

import asyncio
import uuid

from app.store.store import Store


async def test_a_name_is_held_by_one_at_a_time(store, store_url):
    async with await Store.open(store_url) as other:
        async with store.presence.held("repair") as first:
            assert first is not None
            async with other.presence.held("repair") as second:
                assert second is None
            assert await other.presence.absent(["repair", "nobody"]) == {"nobody"}
        async with asyncio.timeout(10):  # PostgreSQL lets go when it sees that the connection was closed
            while await other.presence.absent(["repair"]) != {"repair"}:
                await asyncio.sleep(0.01)
        async with other.presence.held("repair") as again:
            assert again is not None


async def test_a_process_that_is_killed_is_gone_at_once(store, store_url, holder):
    name = str(uuid.uuid4())
    process = await holder(store_url, name)
    assert await store.presence.absent([name]) == set()
    process.kill()
    await process.wait()
    async with asyncio.timeout(10):
        while not await store.presence.absent([name]):
            await asyncio.sleep(0.01)


async def test_answers_of_a_server_that_is_there_go_on(kit, store_url):
    async with await Store.open(store_url) as other, other.presence.kept(other.name):
        theirs = await other.answers.begin(str(uuid.uuid4()), None, kit.ada, "How long is leave?")
        ours = await kit.store.answers.begin(str(uuid.uuid4()), None, kit.ada, "How long is leave?")
        assert await other.answers.interrupt() == 1
        assert (await other.answers.get(theirs.id, kit.ada)).status == "running"
        assert (await other.answers.get(ours.id, kit.ada)).status == "failed"
    assert await kit.store.answers.interrupt() == 1


async def test_a_shared_name_is_there_until_its_last_holder_leaves(store, store_url):
    async with await Store.open(store_url) as other:
        async with store.presence.held("generation-1", shared=True) as first:
            async with other.presence.held("generation-1", shared=True) as second:
                assert first is not None
                assert second is not None
                async with other.presence.held("generation-1") as alone:
                    assert alone is None
            assert await other.presence.absent(["generation-1"]) == set()
        assert await other.presence.absent(["generation-1"]) == {"generation-1"}
