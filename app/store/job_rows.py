"""Jobs' rows as steps of a transaction: for the job book, and for what brings jobs about or stops them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import codec, rows
from app.store.records import UNFINISHED, JobKind, JobRecord, JobStatus, VersionStatus
from app.store.tables import documents, jobs, versions
from core.errors import Conflict, NotFound


async def insert_job(
    connection: AsyncConnection,
    *,
    kind: JobKind,
    principal_id: str,
    document_id: str | None = None,
    version_id: str | None = None,
    status: JobStatus = "queued",
    stage: str = "queued",
    not_before: datetime | None = None,
) -> str:
    """A new job; its id."""
    job_id, at = codec.new_id(), codec.now()
    await connection.execute(
        jobs.insert().values(
            id=job_id,
            kind=kind,
            status=status,
            stage=stage,
            progress=1.0 if status == "succeeded" else 0.0,
            attempts=0,
            detail="",
            document_id=document_id,
            version_id=version_id,
            principal_id=principal_id,
            cancel_requested=False,
            revision=1,
            not_before=not_before,
            created_at=at,
            updated_at=at,
            finished_at=at if status == "succeeded" else None,
        )
    )
    return job_id


async def cancel_all(connection: AsyncConnection, document_id: str) -> list[str]:
    """Asks every unfinished job of a document to stop; those that nobody had asked before."""
    statement = select(jobs).where(
        jobs.c.document_id == document_id,
        jobs.c.status.in_(sorted(UNFINISHED)),
        jobs.c.cancel_requested.is_(False),
    )
    found = [rows.job(row) for row in (await connection.execute(statement.with_for_update(key_share=True))).all()]
    for job in found:
        await cancel_job(connection, job)
    return [job.id for job in found]


async def let_go_on(connection: AsyncConnection, deletion: str) -> None:
    """Jobs that a deletion stopped, now that it is taken back: what runs still goes on, what ended is run again."""
    statement = select(jobs).where(jobs.c.stopped_by == deletion).with_for_update(key_share=True)
    for job in [rows.job(row) for row in (await connection.execute(statement)).all()]:
        if job.status == "running":
            await change(connection, job.id, cancel_requested=False, stopped_by=None)
        elif job.status == "cancelled" and await _has_version(connection, job):
            await queue_again(connection, job)


async def hasten(connection: AsyncConnection, document_id: str) -> str | None:
    """Lets the job that sweeps a document begin now, if it waits still; its id."""
    statement = select(jobs.c.id).where(
        jobs.c.document_id == document_id, jobs.c.kind == "delete", jobs.c.status == "queued"
    )
    job_id: str | None = (await connection.execute(statement.with_for_update(key_share=True))).scalar()
    if job_id is not None:
        await change(connection, job_id, not_before=None)
    return job_id


async def cancel_job(connection: AsyncConnection, job: JobRecord) -> JobRecord:
    """Stops a queued job at once and asks a running one to."""
    if job.status == "running":
        return await change(connection, job.id, cancel_requested=True)
    if job.version_id is not None and job.kind == "ingest":
        await settle_version(connection, job.version_id, ("pending",), "cancelled")
    return await change(connection, job.id, status="cancelled", cancel_requested=True, ended=True)


async def queue_again(connection: AsyncConnection, job: JobRecord) -> JobRecord:
    """An ended job waits for a worker as if it had just come, its attempts kept; its version may be published again."""
    if job.version_id is not None and job.kind == "ingest":
        await settle_version(connection, job.version_id, ("failed", "cancelled"), "pending")
    return await change(
        connection,
        job.id,
        status="queued",
        progress=0.0,
        cancel_requested=False,
        stopped_by=None,
        error_code=None,
        error_message=None,
        timings="{}",
        finished_at=None,
    )


async def settle_version(
    connection: AsyncConnection, version_id: str, before: tuple[VersionStatus, ...], after: VersionStatus
) -> None:
    """Gives a version another status, if it has one of those `before`."""
    await connection.execute(
        update(versions).where(versions.c.id == version_id, versions.c.status.in_(before)).values(status=after)
    )


async def still_there(connection: AsyncConnection, job: JobRecord, *where: ColumnElement[bool]) -> None:
    """Raises `Conflict` where what a job is about has gone, or its document is not as `where` demands."""
    statement = select(documents.c.id).where(
        documents.c.id == job.document_id, documents.c.deleted_at.is_(None), *where
    )
    if (await connection.execute(statement)).first() is None:
        raise Conflict("The document was deleted or is no longer yours to change; upload it again instead.")
    if not await _has_version(connection, job):
        raise Conflict("A later version of this document is live already; there is nothing to retry.")


async def wanted_still(connection: AsyncConnection, job: JobRecord) -> bool:
    """Whether what a job is about is there, so that it can be run again."""
    try:
        await still_there(connection, job)
    except Conflict:
        return False
    return True


async def _has_version(connection: AsyncConnection, job: JobRecord) -> bool:
    """Whether the version that a job is about can still be brought about; true of jobs about none."""
    version = select(versions.c.id).where(versions.c.id == job.version_id, versions.c.swept_at.is_(None))
    # Held, so that no sweep comes in between.
    return (
        job.version_id is None
        or (await connection.execute(version.with_for_update(key_share=True))).first() is not None
    )


def with_duration(job: JobRecord, stage: str, milliseconds: float) -> str:
    """The timings of a job with one stage more."""
    return codec.dump({**job.timings_ms, stage: round(milliseconds, 3)})


def begun(job: JobRecord) -> str:
    """The timings of an attempt that begins now: how long it waited for that."""
    waited = codec.now() - max(job.updated_at, job.not_before or job.updated_at)
    return codec.dump({"queued": round(max(waited / timedelta(milliseconds=1), 0.0), 3)})


async def change(connection: AsyncConnection, job_id: str, *, ended: bool = False, **values: Any) -> JobRecord:
    """Changes a job's columns, as one revision more."""
    at = codec.now()
    if ended:
        values["finished_at"] = at
    statement = (
        update(jobs)
        .where(jobs.c.id == job_id)
        .values(revision=jobs.c.revision + 1, updated_at=at, **values)
        .returning(*jobs.c)
    )
    return rows.job((await connection.execute(statement)).one())


async def load(
    connection: AsyncConnection, job_id: str, *, lock: bool = False, where: Sequence[ColumnElement[bool]] = ()
) -> JobRecord:
    """A job; `lock` keeps others from changing it while this transaction lasts. Raises `NotFound`."""
    statement = select(jobs).where(jobs.c.id == job_id, *where)
    row = (await connection.execute(statement.with_for_update(key_share=True) if lock else statement)).first()
    if row is None:
        raise NotFound("There is no such job.")
    return rows.job(row)
