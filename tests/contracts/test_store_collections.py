"""Collections, repeated requests, and the store's figures."""

from __future__ import annotations

import pytest

from app.store.records import StoredResponse
from core.errors import Conflict, InvalidInput, NotFound


async def test_the_default_collection_is_there_from_the_start_and_stays(kit):
    assert [c.name for c in await kit.store.collections.list()] == ["default"]
    with pytest.raises(Conflict):
        await kit.store.collections.delete("default", kit.admin, force=True)


async def test_collections_with_their_counts(kit):
    await kit.store.collections.create("legal", "Contracts")
    await kit.live("a", ["1", "2"], collection="legal")
    gone = await kit.live("b", ["3"], collection="legal")
    await kit.begin("c", collection="legal")
    await kit.store.documents.delete(gone.document_id, kit.ada)
    legal = await kit.store.collections.get("legal")
    assert (legal.description, legal.documents, legal.chunks) == ("Contracts", 2, 2)
    with pytest.raises(Conflict):
        await kit.store.collections.create("legal")
    await kit.store.collections.require("legal")
    for call in (kit.store.collections.get, kit.store.collections.require):
        with pytest.raises(NotFound):
            await call("nowhere")


@pytest.mark.parametrize("name", ["", "Legal", "-a", "_a", "a b", "a/b", "ä", "a" * 65, "a\n"])
async def test_bad_names(kit, name):
    with pytest.raises(InvalidInput):
        await kit.store.collections.create(name)


async def test_a_collection_with_documents_is_deleted_by_force_only(kit):
    await kit.store.collections.create("legal")
    begun = await kit.live(collection="legal")
    with pytest.raises(Conflict, match="1 document"):
        await kit.store.collections.delete("legal", kit.admin)
    (job_id,) = await kit.store.collections.delete("legal", kit.admin, force=True)
    assert (await kit.store.jobs.get(job_id)).document_id == begun.document_id
    assert [c.name for c in await kit.store.collections.list()] == ["default"]
    assert (await kit.store.documents.list(kit.admin)).items == ()
    with pytest.raises(NotFound):
        await kit.begin(collection="legal")
    with pytest.raises(NotFound):
        await kit.store.collections.delete("legal", kit.admin)


async def test_two_collections_with_the_same_external_id_can_both_be_deleted(kit):
    await kit.live()
    for name in ("one", "two"):
        await kit.store.collections.create(name)
        await kit.live(collection=name)
        await kit.store.collections.delete(name, kit.admin, force=True)
    assert len((await kit.store.documents.list(kit.ada)).items) == 1


async def test_the_same_key_gets_the_same_response(kit):
    keys = kit.store.idempotency
    assert await keys.begin("k", "ada", "POST /v1/documents", "hash") is None
    with pytest.raises(Conflict, match="still"):
        await keys.begin("k", "ada", "POST /v1/documents", "hash")
    response = StoredResponse(status=202, body='{"ok":true}', headers={"Location": "/v1/jobs/1"})
    await keys.complete("k", "ada", "POST /v1/documents", response)
    assert await keys.begin("k", "ada", "POST /v1/documents", "hash") == response
    with pytest.raises(Conflict, match="different"):
        await keys.begin("k", "ada", "POST /v1/documents", "other")
    assert await keys.begin("k", "bob", "POST /v1/documents", "other") is None
    assert await keys.begin("k", "ada", "POST /v1/feedback", "other") is None


async def test_a_released_key_can_be_used_again_and_a_completed_one_is_not_released(kit):
    keys = kit.store.idempotency
    await keys.begin("k", "ada", "r", "hash")
    await keys.release("k", "ada", "r")
    assert await keys.begin("k", "ada", "r", "hash") is None
    await keys.complete("k", "ada", "r", StoredResponse(status=201, body=""))
    await keys.release("k", "ada", "r")
    assert await keys.begin("k", "ada", "r", "hash") is not None
    with pytest.raises(InvalidInput):
        await keys.begin("", "ada", "r", "hash")


async def test_figures(kit):
    begun = await kit.live("a", ["1", "2"])
    await kit.begin("b")
    chunk = (await kit.store.chunks.page(begun.document_id, kit.ada)).items[0]
    _, answer_id = await kit.answer(begun.document_id, chunk.id)
    await kit.store.feedback.put(kit.ada, answer_id, rating="up")
    stats = await kit.store.stats()
    assert (stats.documents, stats.live_documents, stats.chunks) == (2, 1, 2)
    assert stats.jobs == {"succeeded": 1, "queued": 1}
    assert [(answerable, count) for (_, answerable), count in stats.answers.items()] == [(True, 1)]
    assert stats.feedback == {"up": 1}
    await kit.store.ping()
