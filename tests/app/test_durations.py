"""Every attempt of a job is observed once, whenever somebody asks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from app.durations import JobDurations
from app.metrics import Metrics
from app.store.records import JobKind, JobRecord
from core.errors import StoreUnavailable

START = datetime(2026, 11, 20, tzinfo=UTC)


def ended(job_id: str, after: float, *, attempt: int = 1, kind: JobKind = "ingest", **timings: float) -> JobRecord:
    at = START + timedelta(seconds=after)
    return JobRecord(
        id=job_id,
        kind=kind,
        status="succeeded",
        stage="done",
        progress=1.0,
        attempts=attempt,
        principal_id="ana",
        created_at=at,
        updated_at=at,
        finished_at=at,
        revision=1,
        timings_ms=timings,
    )


class Book:
    """Jobs that ended, told in the order of their ends, at most `part` at a time."""

    def __init__(self, *jobs: JobRecord, part: int = 500) -> None:
        self.jobs = list(jobs)
        self.part = part
        self.fail_after: int | None = None
        self.asked = 0

    async def finished_since(
        self, moment: datetime, *, after: tuple[datetime, str] | None = None, limit: int = 500
    ) -> Sequence[JobRecord]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.fail_after is not None and self.asked > self.fail_after:
            raise StoreUnavailable("The database is busy.")
        found = [(job.finished_at, job.id, job) for job in self.jobs if job.finished_at and job.finished_at >= moment]
        found.sort(key=lambda each: each[:2])
        return [job for at, key, job in found if after is None or (at, key) > after][:limit]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def observed(metrics: Metrics, stage: str, kind: str = "ingest") -> tuple[float, float]:
    labels = {"kind": kind, "stage": stage}
    name = "footnote_job_stage_duration_seconds"
    return tuple(metrics.registry.get_sample_value(f"{name}_{part}", labels) or 0.0 for part in ("count", "sum"))  # type: ignore[return-value]


async def test_each_job_is_observed_once_however_often_it_is_asked_for(metrics: Metrics) -> None:
    durations, book = JobDurations(metrics, START), Book(ended("a", 1, parse=250.0, embed=2000.0))
    for _ in range(3):
        await durations.look(book)
    book.jobs.append(ended("b", 2, parse=750.0))
    await asyncio.gather(*(durations.look(book) for _ in range(3)))
    assert observed(metrics, "parse") == (2, 1.0)
    assert observed(metrics, "embed") == (1, 2.0)


async def test_what_ended_before_the_start_is_not_observed(metrics: Metrics) -> None:
    await JobDurations(metrics, START).look(Book(ended("old", -1, parse=1.0), ended("new", 0, parse=1.0)))
    assert observed(metrics, "parse")[0] == 1


async def test_a_row_that_appears_late_is_observed_all_the_same(metrics: Metrics) -> None:
    durations, book = JobDurations(metrics, START), Book(ended("a", 100, parse=1.0))
    await durations.look(book)
    book.jobs.append(ended("late", 60, parse=1.0))
    await durations.look(book)
    await durations.look(book)
    assert observed(metrics, "parse")[0] == 2


async def test_each_attempt_counts_and_kinds_are_kept_apart(metrics: Metrics) -> None:
    durations, book = (
        JobDurations(metrics, START),
        Book(ended("a", 1, parse=1.0), ended("d", 1, kind="delete", sweep=5)),
    )
    await durations.look(book)
    book.jobs[0] = ended("a", 2, attempt=2, parse=1.0)
    await durations.look(book)
    assert observed(metrics, "parse")[0] == 2
    assert observed(metrics, "sweep", "delete")[0] == 1


async def test_more_than_one_part_and_a_database_that_fails_in_the_middle(metrics: Metrics) -> None:
    durations = JobDurations(metrics, START)
    book = Book(*(ended(f"{number:04d}", 1, parse=1.0) for number in range(1200)))
    book.fail_after = 2
    with pytest.raises(StoreUnavailable):
        await durations.look(book)
    assert observed(metrics, "parse")[0] == 1000
    book.fail_after = None
    await durations.look(book)
    assert observed(metrics, "parse")[0] == 1200


async def test_what_it_remembers_does_not_grow(metrics: Metrics) -> None:
    durations, book = JobDurations(metrics, START), Book()
    for number in range(50):
        book.jobs = [*book.jobs[-3:], ended(f"{number}", number * 30, parse=1.0)]
        await durations.look(book)
    assert observed(metrics, "parse")[0] == 50
    assert len(durations._seen) <= 3
