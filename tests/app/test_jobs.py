"""What jobs conclude from what they computed, and what they tell of themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.artefacts import Artefacts, Fingerprints
from app.build import Workshop
from app.jobs import Jobs, main_language
from app.store.records import Change, NewGeneration
from core.types import Chunk, Principal

ANA = Principal(id="ana")


def test_the_language_of_most_of_the_text_is_the_document_s() -> None:
    chunks = [
        Chunk(ordinal=0, text="Short.", language="en"),
        Chunk(ordinal=1, text="Ja.", language="de"),
        Chunk(ordinal=2, text="Ein längerer Absatz auf Deutsch.", language="de"),
        Chunk(ordinal=3, text="Brief.", language="en"),
    ]
    assert main_language(chunks) == "de"
    assert main_language([]) is None


async def test_a_job_s_row_tells_how_long_each_stage_took(yard: Any) -> None:
    begun = await yard.upload("leave.txt", "Everyone has 28 days of leave.")
    half = await yard.work(begun.job_id, until="chunk")
    assert set(half.timings_ms) == {"queued", "parse", "chunk"}
    assert half.finished_at is None
    done = await yard.work(begun.job_id)
    assert set(done.timings_ms) == {"queued", "parse", "chunk", "embed", "index", "publish", "sweep"}
    assert done.timings_ms["parse"] > 0
    assert done.finished_at == done.updated_at


async def test_a_stage_that_failed_has_no_duration_and_a_retry_begins_anew(yard: Any) -> None:
    begun = await yard.upload("empty.txt", "\n")
    failed = await yard.work(begun.job_id)
    assert (failed.status, set(failed.timings_ms)) == ("failed", {"queued"})
    assert failed.finished_at is not None
    retried = await yard.store.jobs.retry(begun.job_id, ANA)
    assert (dict(retried.timings_ms), retried.finished_at) == ({}, None)


async def test_a_job_that_was_cancelled_while_it_waited_can_be_retried(yard: Any) -> None:
    """The durable queue runs each attempt once: what it found cancelled it will not take up again."""
    begun = await yard.upload("leave.txt", "Everyone has 28 days of leave.")
    await yard.store.jobs.request_cancel(begun.job_id, ANA)
    assert not await yard.jobs.run(begun.job_id, "parse", 1)
    retried = await yard.store.jobs.retry(begun.job_id, ANA)
    assert (retried.status, retried.attempts) == ("queued", 1)
    assert (await yard.work(begun.job_id)).status == "succeeded"


async def test_a_retry_before_the_queue_came_to_it_needs_no_other_number(yard: Any) -> None:
    begun = await yard.upload("leave.txt", "Everyone has 28 days of leave.")
    await yard.store.jobs.request_cancel(begun.job_id, ANA)
    retried = await yard.store.jobs.retry(begun.job_id, ANA)
    assert (retried.status, retried.attempts) == ("queued", 0)
    assert (await yard.work(begun.job_id)).attempts == 1


async def switch_index(yard: Any) -> Workshop:
    """Another build of the index takes over; the parts of a worker that was started for it."""
    new = NewGeneration(fingerprint="g", embedder="words", size=yard.shop.embedder.size, pipeline="p.other")
    building = await yard.store.generations.create_building(new)
    artefacts = Artefacts(
        yard.shop.settings.data_dir / "artefacts", Fingerprints(parse="p", chunk="other", embed="words-1")
    )
    shop = replace(yard.shop, generation=building.id, artefacts=artefacts)
    for version in await yard.store.generations.missing(building.id):
        await shop.store.chunks.put(version.id, building.id, [Chunk(ordinal=0, text="Read anew.")])
    await yard.store.generations.switch(building.id)
    return shop


async def test_a_job_that_an_outdated_worker_takes_goes_back_into_the_queue(yard: Any) -> None:
    begun = await yard.upload("late.txt", "The valve was checked.")
    shop = await switch_index(yard)
    waiting = await yard.work(begun.job_id)
    assert (waiting.status, waiting.stage, waiting.attempts) == ("queued", "queued", 1)
    assert yard.index.points == {}
    done = await replace(yard, shop=shop, jobs=Jobs(shop)).work(begun.job_id)
    assert (done.status, done.attempts) == ("succeeded", 2)
    assert {point.version_id for point in yard.index.points.values()} == {begun.version_id}


async def test_a_job_is_put_back_wherever_it_is_when_the_index_is_replaced(yard: Any, subtests: Any) -> None:
    for stage in ("parse", "chunk", "embed", "index"):
        with subtests.test(stage):
            begun = await yard.upload(f"{stage}.txt", f"The {stage} valve was checked.")
            await yard.work(begun.job_id, until=stage)
            shop = await switch_index(yard)
            assert (await yard.work(begun.job_id)).status == "queued"
            yard = replace(yard, shop=shop, jobs=Jobs(shop))
            assert (await yard.work(begun.job_id)).status == "succeeded"


async def test_a_replaced_index_does_not_keep_a_job_from_being_cancelled_nor_a_deletion_from_ending(yard: Any) -> None:
    gone = await yard.ingest("gone.txt", "This goes.")
    begun = await yard.upload("late.txt", "The valve was checked.")
    await yard.work(begun.job_id, until="parse")
    await switch_index(yard)
    await yard.store.jobs.request_cancel(begun.job_id, ANA)
    assert (await yard.work(begun.job_id)).status == "cancelled"
    assert (await yard.work(await yard.store.documents.delete(gone.document_id, ANA))).status == "succeeded"
    assert not yard.has_file("This goes.")


async def test_a_job_that_died_before_publishing_is_indexed_for_the_index_that_took_over(yard: Any) -> None:
    """The worker was killed, the index rebuilt, and the durable queue goes on at the stage that was next."""
    begun = await yard.upload("late.txt", "The valve was checked.")
    await yard.work(begun.job_id, until="index")
    shop = await switch_index(yard)
    jobs = Jobs(shop)
    assert await jobs.run(begun.job_id, "publish", 1)
    assert await jobs.run(begun.job_id, "sweep", 1)
    assert (await yard.store.jobs.get(begun.job_id)).status == "succeeded"
    assert await yard.store.chunks.count(shop.generation) == 1
    version = await yard.store.documents.version(begun.version_id)
    assert (version.live, version.pipeline) == (True, "p.other")


async def test_another_title_is_embedded_anew_and_a_reading_is_not(yard: Any) -> None:
    begun = await yard.ingest("leave.txt", "Everyone has 28 days of leave.")
    wanted = Change(principal=ANA, pipeline="p.c", retitle=True, title="Rules for holidays")
    (job_id,) = await yard.store.documents.change(begun.document_id, wanted)
    embedded = len(yard.shop.embedder.calls)
    assert (await yard.work(job_id)).status == "succeeded"
    assert [text.splitlines()[0] for text in yard.shop.embedder.calls[embedded]] == ["Rules for holidays"]
    document = await yard.store.documents.get(begun.document_id, ANA)
    assert (document.title, document.version, document.chunks) == ("Rules for holidays", 2, 1)
    assert {point.version_id for point in yard.index.points.values()} == {document.version_id}
    assert yard.has_file("Everyone has 28 days of leave.")


async def test_groups_that_change_while_points_are_made_reach_the_index(yard: Any) -> None:
    """The points carry the groups that held when the stage began; what changed since is put right before it ends."""
    begun = await yard.upload("leave.txt", "Everyone has 28 days of leave.", groups=("everyone", "hr"))
    await yard.work(begun.job_id, until="embed")
    upsert = yard.index.upsert

    async def meanwhile(points: Any) -> None:
        await upsert(points)
        await yard.store.documents.change(
            begun.document_id, Change(principal=ANA, pipeline="p.c", groups=("everyone",))
        )

    yard.index.upsert = meanwhile
    assert (await yard.work(begun.job_id)).status == "succeeded"
    assert yard.index.updates == [(begun.document_id, ("everyone",))]


async def test_a_job_whose_document_is_gone_for_good_is_cancelled(yard: Any) -> None:
    begun = await yard.upload("leave.txt", "Everyone has 28 days of leave.")
    await yard.work(begun.job_id, until="parse")
    deletion = await yard.store.documents.delete(begun.document_id, ANA)
    assert (await yard.work(deletion)).status == "succeeded"
    assert (await yard.work(begun.job_id)).status == "cancelled"
    assert yard.index.points == {}
