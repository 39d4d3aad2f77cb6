"""What jobs conclude from what they computed, and what they tell of themselves."""

from __future__ import annotations

from typing import Any

from app.jobs import main_language
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
