"""A job's life: queued, running, and one of three ends; what may follow what."""

from __future__ import annotations

import pytest

from core.errors import Conflict, NotFound


async def test_every_change_is_a_revision_more(kit):
    begun = await kit.begin()
    jobs = kit.store.jobs
    seen = [
        await jobs.get(begun.job_id),
        await jobs.start(begun.job_id),
        await jobs.advance(begun.job_id, stage="parse", progress=0.1),
        await jobs.advance(begun.job_id, progress=0.5, detail="page 3 of 9"),
        await jobs.succeed(begun.job_id),
    ]
    assert [job.revision for job in seen] == [1, 2, 3, 4, 5]
    assert [job.status for job in seen] == ["queued", "running", "running", "running", "succeeded"]
    assert (seen[3].stage, seen[3].progress, seen[3].detail) == ("parse", 0.5, "page 3 of 9")
    assert (seen[4].progress, seen[4].attempts, seen[4].finished) == (1.0, 1, True)
    assert seen[4].updated_at >= seen[0].created_at


async def test_revisions_of_many_jobs_in_one_question(kit):
    first, second = await kit.begin("a"), await kit.begin("b")
    await kit.store.jobs.start(second.job_id)
    jobs = kit.store.jobs
    assert await jobs.revisions([first.job_id, second.job_id, "unknown"]) == {first.job_id: 1, second.job_id: 2}
    assert await jobs.revisions([]) == {}
    many = [f"unknown-{n}" for n in range(1_200)]
    assert await jobs.revisions([*many, first.job_id]) == {first.job_id: 1}


async def test_taking_up_what_was_running_is_the_same_attempt(kit):
    begun = await kit.begin()
    await kit.store.jobs.start(begun.job_id)
    assert (await kit.store.jobs.start(begun.job_id)).attempts == 1


async def test_a_failed_job_says_why_and_can_be_retried(kit):
    begun = await kit.begin()
    await kit.store.jobs.start(begun.job_id)
    failed = await kit.store.jobs.fail(begun.job_id, "password_protected", "The file needs a password.")
    assert failed.error is not None
    assert (failed.status, failed.error.code) == ("failed", "password_protected")
    assert (await kit.store.documents.version(begun.version_id)).status == "failed"
    retried = await kit.store.jobs.retry(begun.job_id, kit.ada)
    assert (retried.status, retried.error, retried.attempts, retried.progress) == ("queued", None, 1, 0.0)
    assert (await kit.store.documents.version(begun.version_id)).status == "pending"
    assert (await kit.store.jobs.start(begun.job_id)).attempts == 2


async def test_durations_are_kept_by_stage_until_a_retry(kit):
    begun = await kit.begin()
    jobs = kit.store.jobs
    started = await jobs.start(begun.job_id)
    assert started.timings_ms["queued"] >= 0
    await jobs.took(begun.job_id, "parse", 12.34567)
    await jobs.took(begun.job_id, "parse", 20.0)
    seen = await jobs.took(begun.job_id, "chunk", 3.0)
    assert seen.timings_ms == {"queued": started.timings_ms["queued"], "parse": 20.0, "chunk": 3.0}
    failed = await jobs.fail(begun.job_id, "broken_file", "It is broken.")
    assert (failed.timings_ms, failed.finished_at) == (seen.timings_ms, failed.updated_at)
    assert (await jobs.took(begun.job_id, "embed", 1.0)).timings_ms == seen.timings_ms
    retried = await jobs.retry(begun.job_id, kit.ada)
    assert (dict(retried.timings_ms), retried.finished_at) == ({}, None)
    await jobs.start(begun.job_id)
    done = await jobs.succeed(begun.job_id, took=("sweep", 7.0))
    assert done.timings_ms["sweep"] == 7.0


async def test_jobs_that_ended_are_told_in_the_order_of_their_ends(kit):
    before = (await kit.live("before")).job_id
    since = (await kit.store.jobs.get(before)).finished_at
    assert since is not None
    second, first = await kit.begin("b"), await kit.begin("a")
    await kit.store.jobs.request_cancel(first.job_id, kit.ada)
    await kit.store.jobs.start(second.job_id)
    await kit.store.jobs.fail(second.job_id, "broken_file", "It is broken.")
    await kit.begin("waiting")
    wanted = [before, first.job_id, second.job_id]
    assert [job.id for job in await kit.store.jobs.finished_since(since)] == wanted
    told, after = [], None
    while found := await kit.store.jobs.finished_since(since, after=after, limit=1):
        told += [job.id for job in found]
        after = (found[-1].finished_at, found[-1].id)
    assert told == wanted
    later = (await kit.store.jobs.get(second.job_id)).finished_at
    assert [job.id for job in await kit.store.jobs.finished_since(later)] == [second.job_id]


async def test_a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked(kit):
    queued, running = await kit.begin("a"), await kit.begin("b")
    assert (await kit.store.jobs.request_cancel(queued.job_id, kit.ada)).status == "cancelled"
    assert (await kit.store.documents.version(queued.version_id)).status == "cancelled"
    await kit.store.jobs.start(running.job_id)
    asked = await kit.store.jobs.request_cancel(running.job_id, kit.ada)
    assert (asked.status, asked.cancel_requested) == ("running", True)
    assert (await kit.store.jobs.advance(running.job_id, progress=0.5)).cancel_requested
    assert (await kit.store.jobs.cancelled(running.job_id)).status == "cancelled"
    retried = await kit.store.jobs.retry(running.job_id, kit.ada)
    assert (retried.status, retried.cancel_requested) == ("queued", False)


async def test_a_job_is_put_back_into_the_queue(kit):
    begun = await kit.begin()
    await kit.store.jobs.start(begun.job_id)
    await kit.store.jobs.advance(begun.job_id, stage="embed", progress=0.5, detail="page 3 of 9")
    await kit.store.jobs.took(begun.job_id, "parse", 12.0)
    back = await kit.store.jobs.postpone(begun.job_id)
    assert (back.status, back.stage, back.progress, back.detail, back.attempts) == ("queued", "queued", 0.0, "", 1)
    assert dict(back.timings_ms) == {}
    assert (await kit.store.documents.version(begun.version_id)).status == "pending"
    assert (await kit.store.jobs.start(begun.job_id)).attempts == 2


async def test_what_was_asked_to_stop_is_cancelled_when_it_is_put_back(kit):
    begun = await kit.begin()
    await kit.store.jobs.start(begun.job_id)
    await kit.store.jobs.request_cancel(begun.job_id, kit.ada)
    assert (await kit.store.jobs.postpone(begun.job_id)).status == "cancelled"
    assert (await kit.store.documents.version(begun.version_id)).status == "cancelled"


async def test_a_finished_job_stays_as_it_ended(kit):
    begun = await kit.live()
    jobs = kit.store.jobs
    for late in (
        jobs.fail(begun.job_id, "late", "Too late."),
        jobs.cancelled(begun.job_id),
        jobs.postpone(begun.job_id),
        jobs.advance(begun.job_id, stage="parse", progress=0.1),
    ):
        assert (await late).status == "succeeded"
    assert (await kit.store.documents.version(begun.version_id)).status == "live"
    for refused in (jobs.request_cancel(begun.job_id, kit.ada), jobs.retry(begun.job_id, kit.ada)):
        with pytest.raises(Conflict):
            await refused
    with pytest.raises(Conflict):
        await jobs.start(begun.job_id)


async def test_a_job_that_fails_after_publication_leaves_its_version_live(kit):
    begun = await kit.begin()
    await kit.store.jobs.start(begun.job_id)
    await kit.index(begun.version_id, ["one"])
    await kit.store.documents.publish(begun.version_id, kit.generation)
    await kit.store.jobs.fail(begun.job_id, "index_unavailable", "The sweep failed.")
    assert (await kit.store.documents.get(begun.document_id, kit.ada)).version_id == begun.version_id
    await kit.store.jobs.retry(begun.job_id, kit.ada)
    assert (await kit.store.documents.publish(begun.version_id, kit.generation)).live


async def test_a_deletion_cannot_be_cancelled(kit):
    begun = await kit.live()
    job_id = await kit.store.documents.delete(begun.document_id, kit.ada)
    with pytest.raises(Conflict, match="gone already"):
        await kit.store.jobs.request_cancel(job_id, kit.ada)


async def test_a_failed_deletion_can_be_retried_after_its_document_s_row_is_gone(kit):
    begun = await kit.live()
    job_id = await kit.store.documents.delete(begun.document_id, kit.ada)
    await kit.store.documents.forget_versions([begun.version_id])
    await kit.store.jobs.fail(job_id, "index_unavailable", "The index did not answer.")
    assert (await kit.store.jobs.retry(job_id, kit.ada)).status == "queued"


async def test_unfinished_jobs_are_told_oldest_first(kit):
    first, second, done = await kit.begin("a"), await kit.begin("b"), await kit.live("c")
    await kit.store.jobs.start(first.job_id)
    assert [job.id for job in await kit.store.jobs.unfinished()] == [first.job_id, second.job_id]
    assert [job.id for job in await kit.store.jobs.running()] == [first.job_id]
    assert [job.id for job in await kit.store.jobs.queued()] == [second.job_id]
    assert done.job_id not in {job.id for job in await kit.store.jobs.unfinished()}


async def test_a_job_without_a_document(kit):
    job = await kit.store.jobs.create("reindex", principal_id="root")
    assert (job.kind, job.document_id) == ("reindex", None)
    assert (await kit.store.jobs.list(kit.ada)).items == ()
    assert len((await kit.store.jobs.list(kit.admin)).items) == 1


async def test_an_unknown_job(kit):
    for call in (kit.store.jobs.get("x"), kit.store.jobs.start("x"), kit.store.jobs.get_for("x", kit.admin)):
        with pytest.raises(NotFound):
            await call


async def test_a_spent_attempt_is_not_counted_twice_nor_told_as_a_change(kit):
    begun = await kit.begin()
    await kit.store.jobs.request_cancel(begun.job_id, kit.ada)
    before = await kit.store.jobs.get(begun.job_id)
    for _ in range(2):
        await kit.store.jobs.spend(begun.job_id, 1)
    after = await kit.store.jobs.get(begun.job_id)
    assert (after.attempts, after.revision, after.updated_at) == (1, before.revision, before.updated_at)
    await kit.store.jobs.retry(begun.job_id, kit.ada)
    assert (await kit.store.jobs.start(begun.job_id)).attempts == 2
    await kit.store.jobs.spend(begun.job_id, 1)
    assert (await kit.store.jobs.get(begun.job_id)).attempts == 2
