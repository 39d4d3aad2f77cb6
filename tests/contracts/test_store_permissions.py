"""Who may read what: by group, on every read path, failing closed."""

from __future__ import annotations

import pytest

from core.errors import NotFound
from core.types import Principal

NOBODY = Principal(id="nobody", groups=frozenset())


async def test_a_document_is_visible_to_its_groups_and_to_administrators_only(kit):
    begun = await kit.live(groups=("staff",), texts=["secret"])
    ids = [c.id for c in (await kit.store.chunks.page(begun.document_id, kit.ada)).items]
    for reader in (kit.ada, kit.admin):
        assert (await kit.store.documents.get(begun.document_id, reader)).id == begun.document_id
        assert len((await kit.store.documents.list(reader)).items) == 1
        assert len(await kit.store.chunks.confirm(ids, reader)) == 1
    for stranger in (kit.bob, NOBODY):
        assert (await kit.store.documents.list(stranger)).items == ()
        assert await kit.store.chunks.confirm(ids, stranger) == []
        for call in (kit.store.documents.get, kit.store.documents.delete, kit.store.chunks.page):
            with pytest.raises(NotFound):
                await call(begun.document_id, stranger)
        with pytest.raises(NotFound):
            await kit.store.chunks.get(ids[0], stranger)


async def test_who_is_in_no_group_reads_not_even_what_is_everyone_s(kit):
    begun = await kit.live()
    ids = [c.id for c in (await kit.store.chunks.page(begun.document_id, kit.ada)).items]
    assert (await kit.store.documents.list(NOBODY)).items == ()
    assert await kit.store.chunks.confirm(ids, NOBODY) == []


async def test_any_shared_group_suffices_and_a_document_in_many_is_listed_once(kit):
    await kit.live(groups=("everyone", "staff", "board"))
    assert len((await kit.store.documents.list(kit.ada)).items) == 1


async def test_a_group_s_name_is_compared_whole_and_as_data(kit):
    begun = await kit.live(groups=("staff",))
    for group in ("sta", "staff2", "STAFF", "%", "' OR 1=1 --", '["staff"]'):
        sly = Principal(id="sly", groups=frozenset({group}))
        assert (await kit.store.documents.list(sly)).items == ()
        with pytest.raises(NotFound):
            await kit.store.documents.get(begun.document_id, sly)


async def test_a_job_is_visible_to_its_owner_readers_of_its_document_and_administrators(kit):
    begun = await kit.live(groups=("staff",), by=kit.admin)
    for reader in (kit.ada, kit.admin):
        assert (await kit.store.jobs.get_for(begun.job_id, reader)).id == begun.job_id
        assert len((await kit.store.jobs.list(reader)).items) == 1
    assert (await kit.store.jobs.list(kit.bob)).items == ()
    with pytest.raises(NotFound):
        await kit.store.jobs.get_for(begun.job_id, kit.bob)


async def test_jobs_of_a_deleted_document_are_their_owner_s_alone(kit):
    begun = await kit.live(by=kit.ada)
    await kit.store.documents.delete(begun.document_id, kit.ada)
    assert (await kit.store.jobs.list(kit.bob)).items == ()
    assert len((await kit.store.jobs.list(kit.ada)).items) == 2


async def test_strangers_can_neither_cancel_nor_retry(kit):
    begun = await kit.begin(groups=("staff",))
    for call in (kit.store.jobs.request_cancel, kit.store.jobs.retry):
        with pytest.raises(NotFound):
            await call(begun.job_id, kit.bob)
    assert (await kit.store.jobs.get(begun.job_id)).status == "queued"


async def test_confirm_keeps_the_order_asked_and_says_each_chunk_once(kit):
    await kit.live("a", ["a0", "a1"])
    await kit.live("b", ["b0"], groups=("staff",))
    pages = [await kit.store.chunks.page(d.id, kit.ada) for d in (await kit.store.documents.list(kit.ada)).items]
    by_text = {c.chunk.text: c.id for page in pages for c in page.items}
    asked = [by_text["a1"], "00000000-0000-0000-0000-000000000000", by_text["b0"], by_text["a0"], by_text["a1"]]
    assert [c.chunk.text for c in await kit.store.chunks.confirm(asked, kit.ada)] == ["a1", "b0", "a0"]
    assert [c.chunk.text for c in await kit.store.chunks.confirm(asked, kit.bob)] == ["a1", "a0"]
    assert await kit.store.chunks.confirm([], kit.ada) == []
