"""Deletions that can be taken back: gone at once on every path, whole again when restored, never back by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.store.records import NewGeneration
from core.errors import Conflict, NotFound

LATER = datetime.now(UTC) + timedelta(hours=1)
PAST = datetime.now(UTC) - timedelta(seconds=1)


async def hide(kit, begun, *, until=LATER):
    return await kit.store.documents.delete(begun.document_id, kit.ada, until=until)


async def everything(kit, begun):
    """What readers and the worker can see of a document."""
    documents, chunks = kit.store.documents, kit.store.chunks
    part = (await chunks.page(begun.document_id, kit.ada)).items
    return (
        await documents.get(begun.document_id, kit.ada),
        part,
        await chunks.confirm([chunk.id for chunk in part], kit.ada),
        (await documents.versions(begun.document_id, kit.ada)).items,
        await documents.version(begun.version_id),
        await documents.live_counts(kit.generation),
        await kit.store.collections.list(),
    )


async def test_it_is_gone_at_once_and_comes_back_exactly_as_it_was(kit):
    begun = await kit.live(texts=["one", "two"], groups=("everyone", "staff"), metadata={"year": 2026}, title="Leave")
    _, answer_id = await kit.answer(begun.document_id, "c")
    before = await everything(kit, begun)
    ids = [chunk.id for chunk in before[1]]

    job = await kit.store.jobs.get(await hide(kit, begun))
    assert (job.kind, job.status, job.not_before) == ("delete", "queued", LATER)
    for call in (kit.store.documents.get, kit.store.chunks.page, kit.store.documents.versions):
        with pytest.raises(NotFound):
            await call(begun.document_id, kit.admin)
    with pytest.raises(NotFound):
        await kit.store.documents.delete(begun.document_id, kit.admin, until=LATER)
    assert await kit.store.chunks.confirm(ids, kit.admin) == []
    assert await kit.store.chunks.count(kit.generation) == 0
    assert (await kit.store.documents.list(kit.admin)).items == ()
    assert (await kit.store.documents.live_versions()).items == ()
    assert (await kit.store.collections.get("default")).documents == 0
    assert (await kit.store.stats()).live_documents == 0
    assert (await kit.store.answers.get(answer_id, kit.ada)).withheld == ("1",)

    restored = await kit.store.documents.restore(begun.document_id, kit.ada)
    assert restored == before[0]
    assert await everything(kit, begun) == before
    assert (await kit.store.answers.get(answer_id, kit.ada)).withheld == ()
    undone = await kit.store.jobs.get(job.id)
    assert (undone.status, undone.detail) == ("cancelled", "The document was restored.")


async def test_nothing_is_swept_before_its_time(kit):
    begun = await kit.live(texts=["one"])
    version = await kit.store.documents.version(begun.version_id)
    job_id = await hide(kit, begun)
    assert job_id not in {job.id for job in await kit.store.jobs.queued()}
    assert job_id in {job.id for job in await kit.store.jobs.unfinished()}
    assert await kit.store.documents.dead_versions() == []
    assert await kit.store.documents.is_blob_needed(version.sha256)
    assert await kit.store.documents.live_counts(kit.generation) == {begun.version_id: 1}
    await kit.store.documents.forget_versions([begun.version_id])
    assert (await kit.store.documents.restore(begun.document_id, kit.ada)).chunks == 1


async def test_once_its_time_is_over_it_is_swept_and_cannot_be_restored(kit):
    begun = await kit.live()
    version = await kit.store.documents.version(begun.version_id)
    job_id = await hide(kit, begun, until=PAST)
    assert [job.id for job in await kit.store.jobs.queued()] == [job_id]
    with pytest.raises(Conflict, match="is over"):
        await kit.store.documents.restore(begun.document_id, kit.ada)
    await kit.store.jobs.start(job_id)
    await kit.store.documents.condemn(begun.document_id)
    assert not await kit.store.documents.is_blob_needed(version.sha256)
    dead = await kit.store.documents.dead_versions(begun.document_id)
    assert [(each.id, each.status) for each in dead] == [(begun.version_id, "deleted")]
    await kit.store.documents.forget_versions([begun.version_id])
    with pytest.raises(NotFound):
        await kit.store.documents.restore(begun.document_id, kit.ada)


async def test_a_sweep_that_has_begun_cannot_be_taken_back(kit):
    """The worker's clock may be ahead: then its word counts."""
    begun = await kit.live()
    job_id = await hide(kit, begun)
    await kit.store.jobs.start(job_id)
    with pytest.raises(Conflict, match="is over"):
        await kit.store.documents.restore(begun.document_id, kit.ada)


async def test_what_was_restored_is_not_swept_by_a_late_worker(kit):
    begun = await kit.live()
    job_id = await hide(kit, begun)
    await kit.store.documents.restore(begun.document_id, kit.ada)
    with pytest.raises(Conflict):
        await kit.store.jobs.start(job_id)
    await kit.store.documents.condemn(begun.document_id)
    assert (await kit.store.documents.get(begun.document_id, kit.ada)).version_id == begun.version_id
    with pytest.raises(Conflict, match="was restored"):
        await kit.store.jobs.retry(job_id, kit.ada)


async def test_a_deletion_without_undo_holds_where_one_with_undo_came_before(kit):
    begun = await kit.live()
    job_id = await hide(kit, begun)
    assert await kit.store.documents.delete(begun.document_id, kit.ada) == job_id
    assert [job.id for job in await kit.store.jobs.queued()] == [job_id]
    assert [version.id for version in await kit.store.documents.dead_versions()] == [begun.version_id]
    with pytest.raises(Conflict, match="is over"):
        await kit.store.documents.restore(begun.document_id, kit.ada)
    with pytest.raises(NotFound):
        await kit.store.documents.delete(begun.document_id, kit.ada)


async def test_a_later_upload_wins_unless_it_is_deleted_itself(kit):
    first = await kit.live(texts=["first"])
    await hide(kit, first)
    second = await kit.live(texts=["second"])
    assert second.document_id != first.document_id
    with pytest.raises(Conflict, match="external id"):
        await kit.store.documents.restore(first.document_id, kit.ada)
    assert (await kit.store.documents.get(second.document_id, kit.ada)).version_id == second.version_id
    await hide(kit, second)
    await kit.store.documents.restore(first.document_id, kit.ada)
    with pytest.raises(Conflict, match="external id"):
        await kit.store.documents.restore(second.document_id, kit.ada)


async def test_only_who_may_read_it_restores_it(kit):
    begun = await kit.live(groups=("staff",))
    await hide(kit, begun)
    for stranger in (kit.bob,):
        with pytest.raises(NotFound):
            await kit.store.documents.restore(begun.document_id, stranger)
        with pytest.raises(NotFound):
            await kit.store.documents.delete(begun.document_id, stranger)
    await kit.store.documents.restore(begun.document_id, kit.admin)
    with pytest.raises(NotFound):
        await kit.store.documents.restore("no-such-id", kit.admin)


async def test_what_is_not_deleted_stays_as_it_is(kit):
    begun = await kit.live()
    before = await everything(kit, begun)
    await kit.store.documents.restore(begun.document_id, kit.ada)
    assert await everything(kit, begun) == before
    await hide(kit, begun)
    for _ in range(2):
        await kit.store.documents.restore(begun.document_id, kit.ada)
    assert await everything(kit, begun) == before


async def test_it_can_be_deleted_and_restored_again_and_again(kit):
    begun = await kit.live()
    seen = set()
    for _ in range(3):
        seen.add(await hide(kit, begun))
        await kit.store.documents.restore(begun.document_id, kit.ada)
    assert len(seen) == 3
    last = await hide(kit, begun, until=PAST)
    assert [job.id for job in await kit.store.jobs.queued()] == [last]


# ---- jobs that a deletion stops ------------------------------------------------------------------------------------


async def test_an_upload_that_waited_is_read_after_all(kit):
    begun = await kit.begin()
    await hide(kit, begun)
    assert (await kit.store.jobs.get(begun.job_id)).status == "cancelled"
    with pytest.raises(Conflict, match="deleted"):
        await kit.store.jobs.retry(begun.job_id, kit.ada)
    await kit.store.documents.restore(begun.document_id, kit.ada)
    job = await kit.store.jobs.get(begun.job_id)
    assert (job.status, job.cancel_requested, job.finished_at) == ("queued", False, None)
    await kit.store.jobs.start(begun.job_id)
    await kit.index(begun.version_id, ["one"])
    assert (await kit.store.documents.publish(begun.version_id, kit.generation)).live


async def test_one_in_hand_goes_on_where_the_worker_had_not_looked_yet(kit):
    begun = await kit.begin()
    await kit.store.jobs.start(begun.job_id)
    await hide(kit, begun)
    await kit.index(begun.version_id, ["one"])
    assert (await kit.store.documents.publish(begun.version_id, kit.generation)).outcome == "deleted"
    await kit.store.documents.restore(begun.document_id, kit.ada)
    assert not (await kit.store.jobs.get(begun.job_id)).cancel_requested
    assert (await kit.store.documents.publish(begun.version_id, kit.generation)).live


@pytest.mark.parametrize("first", ["worker", "reader"])
async def test_one_in_hand_is_run_again_where_the_worker_has_stopped(kit, first):
    """Whichever comes first: the worker's word that it stopped, or the restoring."""
    begun = await kit.begin()
    await kit.store.jobs.start(begun.job_id)
    await hide(kit, begun)
    await kit.store.documents.abandon_version(begun.version_id)
    if first == "worker":
        assert (await kit.store.jobs.cancelled(begun.job_id)).status == "cancelled"
        await kit.store.documents.restore(begun.document_id, kit.ada)
    else:
        await kit.store.documents.restore(begun.document_id, kit.ada)
        await kit.store.jobs.cancelled(begun.job_id)
    job = await kit.store.jobs.get(begun.job_id)
    assert (job.status, job.attempts, job.cancel_requested) == ("queued", 1, False)
    assert (await kit.store.documents.version(begun.version_id)).status == "pending"
    assert (await kit.store.jobs.start(begun.job_id)).attempts == 2
    await kit.index(begun.version_id, ["one"])
    assert (await kit.store.documents.publish(begun.version_id, kit.generation)).live


async def test_a_changed_permission_still_reaches_the_index(kit):
    begun = await kit.live()
    update = await kit.begin(groups=("staff",))
    await hide(kit, begun)
    assert (await kit.store.jobs.get(update.job_id)).status == "cancelled"
    found = await kit.store.documents.find(begun.document_id)
    assert found is not None
    assert found.groups == ("staff",)
    await kit.store.documents.restore(begun.document_id, kit.ada)
    assert [job.id for job in await kit.store.jobs.queued()] == [update.job_id]


async def test_what_had_ended_by_itself_stays_ended(kit):
    failed, cancelled, asked = await kit.begin(content="1"), await kit.begin(content="2"), await kit.begin(content="3")
    await kit.store.jobs.start(failed.job_id)
    await kit.store.jobs.fail(failed.job_id, "broken_file", "It is broken.")
    await kit.store.jobs.request_cancel(cancelled.job_id, kit.ada)
    await kit.store.jobs.start(asked.job_id)
    await kit.store.jobs.request_cancel(asked.job_id, kit.ada)
    await hide(kit, failed)
    await kit.store.documents.restore(failed.document_id, kit.ada)
    states = [(await kit.store.jobs.get(each.job_id)).status for each in (failed, cancelled, asked)]
    assert states == ["failed", "cancelled", "running"]
    assert (await kit.store.jobs.cancelled(asked.job_id)).status == "cancelled"


async def test_no_version_is_stranded_by_deleting_and_restoring(kit):
    await kit.live(content="1")
    begun = await kit.begin(content="2")
    await kit.begin(content="3")
    for _ in range(2):
        await hide(kit, begun)
        assert await kit.store.documents.stranded() == []
        await kit.store.documents.restore(begun.document_id, kit.ada)
        assert await kit.store.documents.stranded() == []
    assert len(await kit.store.jobs.queued()) == 2


# ---- what else can happen meanwhile --------------------------------------------------------------------------------


async def test_the_index_may_be_rebuilt_meanwhile(kit):
    begun = await kit.live(texts=["one"])
    await hide(kit, begun)
    new = await kit.store.generations.create_building(
        NewGeneration(fingerprint="f2", embedder="e", size=4, pipeline="p2")
    )
    assert [version.id for version in await kit.store.generations.missing(new.id)] == [begun.version_id]
    with pytest.raises(Conflict):
        await kit.store.generations.switch(new.id)
    await kit.index(begun.version_id, ["one"], generation=new.id)
    await kit.store.generations.switch(new.id)
    await kit.store.generations.drop(kit.generation)
    await kit.store.documents.restore(begun.document_id, kit.ada)
    assert [c.chunk.text for c in (await kit.store.chunks.page(begun.document_id, kit.ada)).items] == ["one"]


async def test_deleting_its_collection_ends_the_time(kit):
    await kit.store.collections.create("legal")
    begun = await kit.live(collection="legal")
    job_id = await hide(kit, begun)
    assert await kit.store.collections.delete("legal", kit.admin) == ()
    with pytest.raises(Conflict, match="is over"):
        await kit.store.documents.restore(begun.document_id, kit.ada)
    assert [job.id for job in await kit.store.jobs.queued()] == [job_id]
    assert [version.id for version in await kit.store.documents.dead_versions()] == [begun.version_id]


async def test_all_windows_can_be_closed_at_once(kit):
    hidden, there = [await kit.live(f"d{number}") for number in range(3)], await kit.live("there")
    for begun in hidden:
        await hide(kit, begun)
    await kit.store.documents.condemn()
    assert {each.id for each in await kit.store.documents.dead_versions()} == {begun.version_id for begun in hidden}
    assert (await kit.store.documents.get(there.document_id, kit.ada)).version_id == there.version_id


async def test_a_failed_sweep_can_be_retried(kit):
    begun = await kit.live()
    job_id = await hide(kit, begun, until=PAST)
    await kit.store.jobs.start(job_id)
    await kit.store.documents.condemn(begun.document_id)
    await kit.store.jobs.fail(job_id, "index_unavailable", "The index did not answer.")
    assert (await kit.store.jobs.retry(job_id, kit.ada)).status == "queued"


async def test_a_deletion_is_not_cancelled_but_restored(kit):
    begun = await kit.live()
    job_id = await hide(kit, begun)
    with pytest.raises(Conflict, match="Restore"):
        await kit.store.jobs.request_cancel(job_id, kit.ada)


async def test_waiting_for_its_time_is_no_waiting_in_the_queue(kit):
    begun = await kit.live()
    until = datetime.now(UTC) + timedelta(milliseconds=1)
    job_id = await hide(kit, begun, until=until - timedelta(hours=2))
    assert (await kit.store.jobs.start(job_id)).timings_ms["queued"] < 3_600_000
