"""Generations of the index: one answers, another is built beside it and takes over whole."""

from __future__ import annotations

import asyncio

import pytest

from app.store.records import NewGeneration
from core.errors import Conflict, NotFound

NEW = NewGeneration(fingerprint="f2", embedder="bge-m3", size=1024, pipeline="pipeline-2")


async def test_the_first_generation_is_made_once_even_when_asked_for_at_the_same_time(store):
    made = await asyncio.gather(*(store.generations.ensure_active(NEW) for _ in range(5)))
    assert len({generation.id for generation in made}) == 1
    assert made[0].folder == str(made[0].id)
    assert await store.generations.active() == made[0]


async def test_the_new_index_takes_over_once_it_holds_every_live_version(kit):
    old = await kit.live("a", ["a0", "a1"])
    new = await kit.store.generations.create_building(NEW)
    assert await kit.store.generations.building() == new
    assert [v.id for v in await kit.store.generations.missing(new.id)] == [old.version_id]
    with pytest.raises(Conflict, match="every live document"):
        await kit.store.generations.switch(new.id)
    ids = await kit.index(old.version_id, ["A"], generation=new.id)

    page = await kit.store.chunks.page(old.document_id, kit.ada)
    assert [c.chunk.text for c in page.items] == ["a0", "a1"]
    assert await kit.store.generations.missing(new.id) == []
    retired = await kit.store.generations.switch(new.id)
    assert retired is not None
    assert (retired.id, retired.status) == (kit.generation, "active")

    active = await kit.store.generations.active()
    assert active is not None
    assert (active.id, active.embedder) == (new.id, "bge-m3")
    assert [c.chunk.text for c in (await kit.store.chunks.page(old.document_id, kit.ada)).items] == ["A"]
    assert (await kit.store.documents.get(old.document_id, kit.ada)).chunks == 1
    assert len(await kit.store.chunks.confirm([*ids, *(c.id for c in page.items)], kit.ada)) == 3
    assert (await kit.begin("a", pipeline="pipeline-2")).unchanged


async def test_what_cannot_be_built_any_more_can_be_left_out_by_name_only(kit):
    lost, kept = await kit.live("lost"), await kit.live("kept")
    new = await kit.store.generations.create_building(NEW)
    with pytest.raises(Conflict):
        await kit.store.generations.switch(new.id, without=[lost.version_id])
    await kit.index(kept.version_id, ["one"], generation=new.id)
    await kit.store.generations.switch(new.id, without=[lost.version_id])
    assert (await kit.store.documents.get(lost.document_id, kit.ada)).chunks == 0
    assert (await kit.store.chunks.page(lost.document_id, kit.ada)).items == ()
    assert not (await kit.begin("lost", pipeline="pipeline-2")).unchanged
    assert (await kit.begin("kept", pipeline="pipeline-2")).unchanged


async def test_what_was_uploaded_during_the_build_is_missing_until_it_is_built_too(kit):
    new = await kit.store.generations.create_building(NEW)
    late = await kit.live("late")
    assert [v.id for v in await kit.store.generations.missing(new.id)] == [late.version_id]


async def test_a_version_indexed_for_the_old_generation_is_stale_after_the_switch(kit):
    begun = await kit.begin()
    await kit.index(begun.version_id, ["old"])
    new = await kit.store.generations.create_building(NEW)
    await kit.store.generations.switch(new.id)
    assert (await kit.store.documents.publish(begun.version_id, kit.generation)).outcome == "stale"
    await kit.index(begun.version_id, ["new"], generation=new.id)
    assert (await kit.store.documents.publish(begun.version_id, new.id)).live


async def test_a_replaced_version_leaves_both_generations(kit):
    first = await kit.live()
    new = await kit.store.generations.create_building(NEW)
    await kit.index(first.version_id, ["one"], generation=new.id)
    await kit.live(content="2")
    assert await kit.store.chunks.count(new.id) == 0
    assert await kit.store.chunks.count(kit.generation) == 1


async def test_one_build_at_a_time_and_a_dropped_one_makes_room_under_a_new_number(kit):
    new = await kit.store.generations.create_building(NEW)
    with pytest.raises(Conflict):
        await kit.store.generations.create_building(NEW)
    await kit.store.generations.drop(new.id)
    again = await kit.store.generations.create_building(NEW)
    assert again.id > new.id


async def test_the_retired_generation_can_be_dropped_and_the_active_one_cannot(kit):
    begun = await kit.live()
    new = await kit.store.generations.create_building(NEW)
    await kit.index(begun.version_id, ["one"], generation=new.id)
    await kit.store.generations.switch(new.id)
    await kit.store.generations.drop(kit.generation)
    assert [g.id for g in await kit.store.generations.list()] == [new.id]
    assert await kit.store.chunks.count(kit.generation) == 0
    with pytest.raises(Conflict):
        await kit.store.generations.drop(new.id)


async def test_switching_to_what_is_active_changes_nothing_and_to_what_is_unknown_is_an_error(kit):
    assert await kit.store.generations.switch(kit.generation) is None
    with pytest.raises(NotFound):
        await kit.store.generations.switch(99)


async def test_a_generation_is_active_until_another_takes_over(kit):
    new = await kit.store.generations.create_building(NEW)
    assert await kit.store.generations.is_active(kit.generation)
    assert not await kit.store.generations.is_active(new.id)
    await kit.store.generations.switch(new.id)
    assert not await kit.store.generations.is_active(kit.generation)
    assert await kit.store.generations.is_active(new.id)


async def test_what_waited_for_a_switch_is_published_under_the_new_pipeline(kit):
    begun = await kit.begin("late")
    new = await kit.store.generations.create_building(NEW)
    await kit.store.generations.switch(new.id)
    await kit.index(begun.version_id, ["new"], generation=new.id)
    assert (await kit.store.documents.publish(begun.version_id, new.id)).live
    assert (await kit.store.documents.version(begun.version_id)).pipeline == new.pipeline
    assert (await kit.begin("late", pipeline=new.pipeline)).unchanged
