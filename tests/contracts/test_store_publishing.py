"""Publication: exactly one version answers, in every order in which things can happen."""

from __future__ import annotations

import pytest

from core.errors import Conflict, NotFound
from core.types import Chunk


async def test_chunks_are_shown_from_publication_on(kit):
    begun = await kit.begin()
    ids = await kit.index(begun.version_id, ["one", "two"])
    assert await kit.store.chunks.confirm(ids, kit.ada) == []
    await kit.store.documents.set_parsed(begun.version_id, title="The Handbook", media_type="text/plain", pages=3)
    await kit.store.documents.set_language(begun.version_id, "de")
    published = await kit.store.documents.publish(begun.version_id, kit.generation)
    assert (published.outcome, published.replaced_version_ids) == ("live", ())
    assert [found.chunk.text for found in await kit.store.chunks.confirm(ids, kit.ada)] == ["one", "two"]
    document = await kit.store.documents.get(begun.document_id, kit.ada)
    assert (document.version_id, document.version, document.chunks) == (begun.version_id, 1, 2)
    assert (document.title, document.media_type, document.pages) == ("The Handbook", "text/plain", 3)
    assert document.language == "de"


async def test_a_new_version_replaces_the_old_and_its_chunks_go_with_it(kit):
    first = await kit.live(texts=["old"])
    old = (await kit.store.chunks.page(first.document_id, kit.ada)).items[0]
    second = await kit.begin(content="2")
    new = await kit.index(second.version_id, ["new"])
    assert len(await kit.store.chunks.confirm([old.id, *new], kit.ada)) == 1
    published = await kit.store.documents.publish(second.version_id, kit.generation)
    assert published.replaced_version_ids == (first.version_id,)
    assert [c.chunk.text for c in await kit.store.chunks.confirm([old.id, *new], kit.ada)] == ["new"]


async def test_publishing_again_says_the_same(kit):
    await kit.live()
    second = await kit.live(content="2")
    again = await kit.store.documents.publish(second.version_id, kit.generation)
    assert again.live
    assert len(again.replaced_version_ids) == 1
    dead = await kit.store.documents.dead_versions(second.document_id)
    await kit.store.documents.forget_versions([version.id for version in dead])
    assert (await kit.store.documents.publish(second.version_id, kit.generation)).replaced_version_ids == ()


async def test_an_upload_overtaken_by_a_later_one_is_superseded(kit):
    first, second = await kit.begin(content="1"), await kit.begin(content="2")
    await kit.index(first.version_id, ["first"])
    ids = await kit.index(second.version_id, ["second"])
    assert (await kit.store.documents.publish(second.version_id, kit.generation)).live
    assert (await kit.store.documents.publish(first.version_id, kit.generation)).superseded
    assert (await kit.store.documents.get(first.document_id, kit.ada)).version_id == second.version_id
    assert len(await kit.store.chunks.confirm(ids, kit.ada)) == 1
    assert [v.id for v in await kit.store.documents.dead_versions(first.document_id)] == [first.version_id]


async def test_a_deleted_document_is_not_published(kit):
    begun = await kit.begin()
    ids = await kit.index(begun.version_id, ["one"])
    await kit.store.documents.delete(begun.document_id, kit.ada)
    assert (await kit.store.documents.publish(begun.version_id, kit.generation)).outcome == "deleted"
    assert await kit.store.chunks.confirm(ids, kit.admin) == []


async def test_a_cancelled_upload_is_not_published_and_leaves_the_old_version_answering(kit):
    first = await kit.live()
    second = await kit.begin(content="2")
    await kit.store.jobs.start(second.job_id)
    await kit.index(second.version_id, ["two"])
    await kit.store.jobs.request_cancel(second.job_id, kit.ada)
    await kit.store.jobs.cancelled(second.job_id)
    assert (await kit.store.documents.publish(second.version_id, kit.generation)).outcome == "cancelled"
    assert (await kit.store.documents.get(first.document_id, kit.ada)).version_id == first.version_id


async def test_a_version_without_stored_chunks_is_not_published(kit):
    begun = await kit.begin()
    with pytest.raises(Conflict, match="index it"):
        await kit.store.documents.publish(begun.version_id, kit.generation)


async def test_storing_chunks_again_replaces_them_under_the_same_ids(kit):
    begun = await kit.begin()
    first = await kit.index(begun.version_id, ["a", "b", "c"])
    second = await kit.index(begun.version_id, ["A", "B"])
    assert second == first[:2]
    await kit.store.documents.publish(begun.version_id, kit.generation)
    assert [c.chunk.text for c in await kit.store.chunks.confirm(first, kit.ada)] == ["A", "B"]
    assert await kit.store.chunks.count(kit.generation) == 2


async def test_chunks_of_a_version_that_is_gone_or_of_an_unknown_generation_are_refused(kit):
    begun = await kit.begin()
    with pytest.raises(Conflict):
        await kit.index(begun.version_id, ["one"], generation=99)
    await kit.store.documents.delete(begun.document_id, kit.ada)
    with pytest.raises(NotFound):
        await kit.index(begun.version_id, ["one"])


async def test_abandoning_leaves_nothing_of_a_pending_version_and_everything_of_a_live_one(kit):
    live = await kit.live(texts=["one"])
    assert not await kit.store.documents.abandon_version(live.version_id)
    assert await kit.store.chunks.count(kit.generation) == 1
    pending = await kit.begin(content="2")
    await kit.index(pending.version_id, ["two"])
    assert await kit.store.documents.abandon_version(pending.version_id)
    with pytest.raises(Conflict):
        await kit.store.jobs.retry(pending.job_id, kit.ada)  # still queued: nothing failed yet
    assert (await kit.store.documents.publish(pending.version_id, kit.generation)).outcome == "cancelled"
    assert await kit.store.documents.abandon_version("00000000-0000-0000-0000-000000000000")


async def test_delete_is_complete_at_once(kit):
    begun = await kit.live(texts=["one"])
    ids = [c.id for c in (await kit.store.chunks.page(begun.document_id, kit.ada)).items]
    job = await kit.store.jobs.get(await kit.store.documents.delete(begun.document_id, kit.ada))
    assert (job.kind, job.status, job.document_id) == ("delete", "queued", begun.document_id)
    assert await kit.store.chunks.confirm(ids, kit.admin) == []
    assert (await kit.store.documents.list(kit.admin)).items == ()
    assert await kit.store.documents.find(begun.document_id) is None
    for call in (kit.store.documents.get, kit.store.chunks.page, kit.store.documents.delete):
        with pytest.raises(NotFound):
            await call(begun.document_id, kit.admin)


async def test_delete_stops_the_document_s_jobs(kit):
    running, queued = await kit.begin(content="1"), await kit.begin(content="2")
    await kit.store.jobs.start(running.job_id)
    await kit.store.documents.delete(running.document_id, kit.ada)
    assert (await kit.store.jobs.get(running.job_id)).cancel_requested
    assert (await kit.store.jobs.get(queued.job_id)).status == "cancelled"


async def test_sweeping_a_deleted_document_leaves_no_row_of_it(kit):
    begun = await kit.live()
    version = await kit.store.documents.version(begun.version_id)
    assert await kit.store.documents.is_blob_needed(version.sha256)
    await kit.store.documents.delete(begun.document_id, kit.ada)
    assert not await kit.store.documents.is_blob_needed(version.sha256)
    dead = await kit.store.documents.dead_versions(begun.document_id)
    assert [v.id for v in dead] == [begun.version_id]
    await kit.store.documents.forget_versions([v.id for v in dead])
    assert await kit.store.documents.dead_versions() == []
    with pytest.raises(NotFound):
        await kit.store.documents.version(begun.version_id)


async def test_forgetting_spares_versions_that_answer_or_may_yet(kit):
    live = await kit.live()
    pending = await kit.begin(content="2")
    await kit.store.documents.forget_versions([live.version_id, pending.version_id])
    assert (await kit.store.documents.version(live.version_id)).live
    assert (await kit.store.documents.version(pending.version_id)).status == "pending"


async def test_a_blob_is_needed_while_a_failed_upload_may_be_retried_and_no_longer_once_overtaken(kit):
    failed = await kit.begin(content="1")
    await kit.store.jobs.start(failed.job_id)
    await kit.store.jobs.fail(failed.job_id, "no_text", "It has no text.")
    sha = (await kit.store.documents.version(failed.version_id)).sha256
    assert await kit.store.documents.is_blob_needed(sha)
    await kit.live(content="2")
    assert not await kit.store.documents.is_blob_needed(sha)
    assert [v.id for v in await kit.store.documents.dead_versions()] == [failed.version_id]
    await kit.store.documents.forget_versions([failed.version_id])
    with pytest.raises(Conflict, match="later version"):
        await kit.store.jobs.retry(failed.job_id, kit.ada)


async def test_a_failed_version_of_a_deleted_document_is_swept_as_well(kit):
    failed = await kit.begin()
    await kit.store.jobs.start(failed.job_id)
    await kit.store.jobs.fail(failed.job_id, "no_text", "It has no text.")
    await kit.store.documents.delete(failed.document_id, kit.ada)
    assert [v.id for v in await kit.store.documents.dead_versions(failed.document_id)] == [failed.version_id]


async def test_a_chunk_comes_back_exactly_as_it_went_in(kit):
    from core.types import Box

    whole = Chunk(
        ordinal=0,
        text="Zeile – 表\n| a | b |",
        kind="table",
        page=7,
        boxes=(Box(page=7, x0=1.5, y0=2, x1=3.25, y1=4),),
        span=(10, 31),
        heading_path=("Kapitel", "Abschnitt"),
        language="de",
        sentences=((0, 7), (8, 21)),
        tokens=12,
    )
    begun = await kit.begin()
    ids = await kit.store.chunks.put(begun.version_id, kit.generation, [whole])
    await kit.store.documents.publish(begun.version_id, kit.generation)
    found = await kit.store.chunks.get(ids[0], kit.ada)
    assert found.chunk == whole
    assert (found.document_id, found.version_id, found.collection) == (begun.document_id, begun.version_id, "default")


async def test_no_version_is_stranded(kit):
    await kit.live()
    failed = await kit.begin(content="2")
    await kit.store.jobs.start(failed.job_id)
    await kit.store.jobs.fail(failed.job_id, "no_text", "It has no text.")
    await kit.begin(content="3")
    assert await kit.store.documents.stranded() == []
