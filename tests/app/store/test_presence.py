"""PostgreSQL that ends its connections, as when it is started again: what was held is lost, and taken again."""

from __future__ import annotations

import asyncio

from app.store.store import Store

END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'footnote'"


async def test_whoever_loses_the_database_learns_of_it(postgres):
    with postgres.database() as url:
        async with await Store.open(url) as store:
            async with store.presence.held("worker") as lost:
                await asyncio.to_thread(postgres.run, END_ALL)
                async with asyncio.timeout(10):
                    await lost.wait()
            assert await store.presence.absent(["worker"]) == {"worker"}


async def test_a_kept_presence_comes_back(postgres):
    with postgres.database() as url:
        async with await Store.open(url) as store, store.presence.kept(store.name):
            await asyncio.to_thread(postgres.run, END_ALL)
            async with asyncio.timeout(20):
                while not await store.presence.absent([store.name]):
                    await asyncio.sleep(0.01)
                while await store.presence.absent([store.name]):
                    await asyncio.sleep(0.05)


async def test_a_store_goes_on_after_postgresql_ended_its_connections(postgres):
    with postgres.database() as url:
        async with await Store.open(url) as store:
            await asyncio.gather(*(store.collections.list() for _ in range(4)))
            await asyncio.to_thread(postgres.run, END_ALL)
            await store.collections.create("more")
            assert {each.name for each in await store.collections.list()} == {"default", "more"}
