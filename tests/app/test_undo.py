"""What the worker does about deletions that can be taken back, and what it leaves alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.repair import repair
from core.errors import Conflict, NotFound
from core.types import Principal

ANA = Principal(id="ana")
TEXT = "The limit of the zorblax is 100 units."
LATER = datetime.now(UTC) + timedelta(hours=1)


async def hide(yard: Any, document_id: str, *, seconds: float = 3600) -> str:
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    job_id: str = await yard.store.documents.delete(document_id, ANA, until=until)
    return job_id


def remains(yard: Any, text: str = TEXT) -> tuple[bool, bool, bool]:
    """Whether there are points, the file, and what was computed from it."""
    artefacts = yard.shop.settings.data_dir / "artefacts"
    return bool(yard.index.points), yard.has_file(text), any(path.is_file() for path in artefacts.rglob("*"))


async def test_a_restart_in_between_keeps_everything(yard: Any) -> None:
    begun = await yard.ingest("rule.txt", TEXT)
    before = await yard.store.documents.get(begun.document_id, ANA)
    points = dict(yard.index.points)
    await hide(yard, begun.document_id)
    await repair(yard.shop)
    assert remains(yard) == (True, True, True)
    assert await yard.store.documents.restore(begun.document_id, ANA) == before
    assert yard.index.points == points


async def test_lost_points_of_a_hidden_document_are_put_back_too(yard: Any) -> None:
    begun = await yard.ingest("rule.txt", TEXT)
    await hide(yard, begun.document_id)
    points, yard.index.points = yard.index.points, {}
    await repair(yard.shop)
    assert set(yard.index.points) == set(points)


async def test_after_its_time_the_sweep_leaves_nothing(yard: Any) -> None:
    begun = await yard.ingest("rule.txt", TEXT)
    job_id = await hide(yard, begun.document_id, seconds=-1)
    assert (await yard.work(job_id)).status == "succeeded"
    assert remains(yard) == (False, False, False)
    with pytest.raises(NotFound):
        await yard.store.documents.restore(begun.document_id, ANA)


async def test_a_sweep_that_was_broken_off_goes_on_and_nothing_comes_back(yard: Any) -> None:
    begun = await yard.ingest("rule.txt", TEXT)
    job_id = await hide(yard, begun.document_id, seconds=-1)
    yard.index.error = RuntimeError("killed here")
    assert (await yard.work(job_id)).status == "failed"
    with pytest.raises(Conflict):
        await yard.store.documents.restore(begun.document_id, ANA)
    assert (await yard.store.documents.list(ANA)).items == ()
    await repair(yard.shop)
    assert remains(yard)[:2] == (False, False)
    await yard.store.jobs.retry(job_id, ANA)
    assert (await yard.work(job_id)).status == "succeeded"
    assert await yard.store.documents.dead_versions() == []


async def test_the_same_bytes_elsewhere_stay(yard: Any) -> None:
    begun = await yard.ingest("rule.txt", TEXT)
    other = await yard.ingest("copy.txt", TEXT)
    assert (await yard.work(await hide(yard, begun.document_id, seconds=-1))).status == "succeeded"
    assert yard.has_file(TEXT)
    assert {point.document_id for point in yard.index.points.values()} == {other.document_id}


async def test_a_later_upload_is_not_touched_by_the_sweep_of_the_earlier_document(yard: Any) -> None:
    first = await yard.ingest("rule.txt", TEXT)
    job_id = await hide(yard, first.document_id, seconds=-1)
    second = await yard.ingest("rule.txt", TEXT)
    assert (await yard.work(job_id)).status == "succeeded"
    assert yard.has_file(TEXT)
    assert {point.version_id for point in yard.index.points.values()} == {second.version_id}


async def test_an_upload_that_was_being_read_is_read_on(yard: Any) -> None:
    begun = await yard.upload("rule.txt", TEXT)
    await yard.work(begun.job_id, until="index")
    await hide(yard, begun.document_id)
    stopped = await yard.work(begun.job_id)
    assert (stopped.status, yard.index.points) == ("cancelled", {})
    await yard.store.documents.restore(begun.document_id, ANA)
    done = await yard.work(begun.job_id)
    assert (done.status, done.attempts) == ("succeeded", 2)
    assert (await yard.store.documents.get(begun.document_id, ANA)).chunks == 1
    assert remains(yard) == (True, True, True)


async def test_restored_while_the_worker_stops(yard: Any) -> None:
    """The worker saw the request to stop, and the document is back before it says that it has."""
    begun = await yard.upload("rule.txt", TEXT)
    await yard.work(begun.job_id, until="index")
    await hide(yard, begun.document_id)
    stopping, real = asyncio.Event(), yard.index.delete_versions

    async def slowly(version_ids: Any) -> None:
        stopping.set()
        await asyncio.sleep(0.05)
        await real(version_ids)

    yard.index.delete_versions = slowly
    working = asyncio.create_task(yard.work(begun.job_id))
    await stopping.wait()
    await yard.store.documents.restore(begun.document_id, ANA)
    assert (await working).status == "queued"
    assert (await yard.work(begun.job_id)).status == "succeeded"
    assert (await yard.store.documents.get(begun.document_id, ANA)).chunks == 1


async def test_replaced_versions_are_swept_and_remembered(yard: Any) -> None:
    first = await yard.ingest("rule.txt", TEXT)
    await yard.ingest("rule.txt", "The limit of the zorblax is 250 units.")
    assert not yard.has_file(TEXT)
    found = (await yard.store.documents.versions(first.document_id, ANA)).items
    assert [(each.version.seq, each.version.status, each.version.swept) for each in found] == [
        (2, "live", False),
        (1, "replaced", True),
    ]
    assert (await yard.work(await hide(yard, first.document_id, seconds=-1))).status == "succeeded"
    assert remains(yard) == (False, False, False)
