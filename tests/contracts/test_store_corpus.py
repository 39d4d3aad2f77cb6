"""The corpus' version: another one after everything that changes what can be found, and the same after all else."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.store import codec
from app.store.records import Change
from app.store.store import Store
from core.errors import Conflict


class Watched:
    """Whether the version has changed since it was last asked."""

    def __init__(self, store: Store, *collections: str) -> None:
        self._store = store
        self._collections = collections
        self._last: str | None = None

    async def moved(self) -> bool:
        now = await self._store.corpus.version(self._collections)
        moved, self._last = now != self._last, now
        return moved


@pytest.fixture
async def watched(kit: Any) -> Watched:
    watched = Watched(kit.store)
    await watched.moved()
    return watched


def change(kit: Any, **how: Any) -> Change:
    return Change(principal=kit.ada, pipeline="pipeline-1", **how)


async def test_a_version_that_answers_is_a_change_and_one_on_its_way_is_none(kit: Any, watched: Watched) -> None:
    begun = await kit.begin()
    await kit.store.jobs.start(begun.job_id)
    await kit.index(begun.version_id, ["one"])
    await kit.store.jobs.advance(begun.job_id, stage="index", progress=0.5)
    assert not await watched.moved()
    await kit.store.documents.publish(begun.version_id, kit.generation)
    assert await watched.moved()
    await kit.store.documents.publish(begun.version_id, kit.generation)  # done again after a crash
    assert not await watched.moved()
    await kit.store.jobs.succeed(begun.job_id)
    assert await watched.moved(), "the index has followed: what was swept from it makes room for others"


async def test_deleting_and_taking_it_back_are_changes(kit: Any, watched: Watched) -> None:
    begun = await kit.live()
    await watched.moved()
    until = codec.now() + timedelta(hours=1)
    await kit.store.documents.delete(begun.document_id, kit.ada, until=until)
    assert await watched.moved()
    await kit.store.documents.restore(begun.document_id, kit.ada)
    assert await watched.moved()
    await kit.store.documents.restore(begun.document_id, kit.ada)
    assert not await watched.moved()
    await kit.store.documents.delete(begun.document_id, kit.ada)
    assert await watched.moved()


@pytest.mark.parametrize(
    "how", [{"groups": ("staff",)}, {"metadata": {"year": 2026}}, {"retitle": True, "title": "Leave rules"}]
)
async def test_what_is_said_of_a_document_is_a_change(kit: Any, watched: Watched, how: dict[str, Any]) -> None:
    begun = await kit.live(groups=("everyone",))
    await watched.moved()
    (job_id,) = await kit.store.documents.change(begun.document_id, change(kit, **how))
    assert await watched.moved()
    if "title" not in how:
        await kit.store.jobs.start(job_id)
        assert not await watched.moved()
        await kit.store.jobs.succeed(job_id)
        assert await watched.moved(), "searches filter by it in the index, too, and there it holds only now"
        assert await kit.store.documents.change(begun.document_id, change(kit, **how)) == ()
        assert not await watched.moved()


async def test_an_upload_is_a_change_as_far_as_it_holds_at_once(kit: Any, watched: Watched) -> None:
    await kit.live(groups=("everyone", "staff"))
    await watched.moved()
    await kit.begin()  # the same bytes under the same words
    assert not await watched.moved()
    await kit.begin(metadata={"year": 2026})
    assert await watched.moved()
    await kit.begin(content="2", groups=("everyone", "staff"))
    assert not await watched.moved()
    await kit.begin(content="3", groups=("staff",))
    assert await watched.moved(), "what it takes away from readers holds at once"


async def test_collections_stand_each_in_its_own_version(kit: Any) -> None:
    await kit.store.collections.create("other")
    mine, other, both, all_ = (
        Watched(kit.store, *names) for names in (["default"], ["other"], ["default", "other"], [])
    )
    begun = await kit.live(collection="other")
    assert [await each.moved() for each in (mine, other, both, all_)] == [True] * 4
    await kit.store.documents.change(begun.document_id, change(kit, metadata={"year": 2026}))
    assert [await each.moved() for each in (mine, other, both, all_)] == [False, True, True, True]
    await kit.store.collections.delete("other", kit.admin, force=True)
    assert [await each.moved() for each in (mine, other, both, all_)] == [False, True, True, True]
    await kit.store.collections.create("other")
    before = await kit.store.corpus.version(["other"])
    await kit.live("again", collection="other")
    assert before != await kit.store.corpus.version(["other"])


async def test_what_is_undone_is_no_change(kit: Any, watched: Watched) -> None:
    begun = await kit.begin()
    await watched.moved()
    with pytest.raises(Conflict):
        await kit.store.documents.publish(begun.version_id, kit.generation)
    assert not await watched.moved()


async def test_questions_and_answers_are_no_change(kit: Any, watched: Watched) -> None:
    begun = await kit.live()
    await watched.moved()
    await kit.answer(begun.document_id, "c")
    assert not await watched.moved()


async def test_changes_at_once_in_one_collection_wait_for_one_another(kit: Any, watched: Watched) -> None:
    begun = [await kit.live(f"d{n}", content=str(n)) for n in range(6)]
    await watched.moved()
    writers = [
        kit.store.documents.change(begun[0].document_id, change(kit, metadata={"year": 2026})),
        kit.store.documents.delete(begun[1].document_id, kit.ada),
        kit.store.documents.delete(begun[2].document_id, kit.ada, until=codec.now() + timedelta(hours=1)),
        kit.begin("d3", content="3", metadata={"year": 2026}),
        kit.live("d4", content="44"),
        kit.live("d5", content="55"),
        kit.live("d6", content="6"),
    ]
    await asyncio.gather(*writers)
    assert await watched.moved()
