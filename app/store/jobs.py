"""Jobs: what was promised to be done, how far it got, and why it failed.

A job's row and its version's row change together: a failed or cancelled job's version is not published, a retried one's
may be again.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update

from app.store import codec, corpus, cursors, rows
from app.store.access import readable
from app.store.database import Database
from app.store.job_rows import (
    begun,
    cancel_job,
    change,
    insert_job,
    load,
    queue_again,
    settle_version,
    still_there,
    wanted_still,
    with_duration,
)
from app.store.records import UNFINISHED, JobKind, JobRecord, JobStatus, Page, VersionStatus
from app.store.tables import documents, jobs
from core.errors import Conflict
from core.types import Principal

_LISTING = "jobs"
_IDS_AT_ONCE = 500


class Jobs:
    """The job book. Methods with a principal read on its behalf; those without are the worker's own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, kind: JobKind, *, principal_id: str, document_id: str | None = None, version_id: str | None = None
    ) -> JobRecord:
        """A queued job."""
        async with self._database.write() as connection:
            job_id = await insert_job(
                connection, kind=kind, principal_id=principal_id, document_id=document_id, version_id=version_id
            )
            return await load(connection, job_id)

    async def get(self, job_id: str) -> JobRecord:
        """A job, for the worker. Raises `NotFound`."""
        async with self._database.read() as connection:
            return await load(connection, job_id)

    async def get_for(self, job_id: str, principal: Principal) -> JobRecord:
        """A job for its owner, an administrator, or who may read its document. Raises `NotFound` to all others."""
        async with self._database.read() as connection:
            return await load(connection, job_id, where=_visible(principal))

    async def revisions(self, job_ids: Collection[str]) -> Mapping[str, int]:
        """The revisions of these jobs in one question, for whoever waits for a change; unknown ones are left out."""
        found: dict[str, int] = {}
        ids = sorted(job_ids)
        async with self._database.read() as connection:
            for start in range(0, len(ids), _IDS_AT_ONCE):
                statement = select(jobs.c.id, jobs.c.revision).where(jobs.c.id.in_(ids[start : start + _IDS_AT_ONCE]))
                found |= {row.id: row.revision for row in await connection.execute(statement)}
        return found

    async def list(
        self,
        principal: Principal,
        *,
        status: JobStatus | None = None,
        ids: Collection[str] | None = None,
        document_ids: Collection[str] | None = None,
        kind: JobKind | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[JobRecord]:
        """The jobs this principal may see, newest first. Raises `InvalidCursor`."""
        where = _visible(principal)
        if status is not None:
            where.append(jobs.c.status == status)
        if ids is not None:
            where.append(jobs.c.id.in_(sorted(ids)))
        if document_ids is not None:
            where.append(jobs.c.document_id.in_(sorted(document_ids)))
        if kind is not None:
            where.append(jobs.c.kind == kind)
        where += cursors.before(_LISTING, cursor, jobs.c.created_at, jobs.c.id)
        statement = (
            select(jobs)
            .where(*where)
            .order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
            .limit(cursors.checked_limit(limit) + 1)
        )
        async with self._database.read() as connection:
            found = [rows.job(row) for row in (await connection.execute(statement)).all()]
        return cursors.page(found, limit, lambda j: cursors.encode(_LISTING, cursors.micros(j.created_at), j.id))

    async def queued(self) -> builtins.list[JobRecord]:
        """Jobs that a worker may begin now, oldest first."""
        due = or_(jobs.c.not_before.is_(None), jobs.c.not_before <= codec.now())
        return await self._with_status({"queued"}, due)

    async def running(self) -> builtins.list[JobRecord]:
        """Jobs that a worker has in hand, oldest first."""
        return await self._with_status({"running"})

    async def unfinished(self) -> builtins.list[JobRecord]:
        """Queued and running jobs, oldest first: what a start after a crash looks at."""
        return await self._with_status(UNFINISHED)

    async def finished_since(
        self, moment: datetime, *, after: tuple[datetime, str] | None = None, limit: int = 500
    ) -> builtins.list[JobRecord]:
        """Jobs that ended at `moment` or later, the first to end first; `after` is the last one of the part before."""
        where = [jobs.c.finished_at >= moment]
        if after is not None:
            at, job_id = after
            where.append(or_(jobs.c.finished_at > at, and_(jobs.c.finished_at == at, jobs.c.id > job_id)))
        statement = select(jobs).where(*where).order_by(jobs.c.finished_at, jobs.c.id).limit(limit)
        async with self._database.read() as connection:
            return [rows.job(row) for row in (await connection.execute(statement)).all()]

    async def _with_status(
        self, statuses: Collection[JobStatus], *where: ColumnElement[bool]
    ) -> builtins.list[JobRecord]:
        wanted = select(jobs).where(jobs.c.status.in_(sorted(statuses)), *where)
        statement = wanted.order_by(jobs.c.created_at, jobs.c.id)
        async with self._database.read() as connection:
            return [rows.job(row) for row in (await connection.execute(statement)).all()]

    # ---- a job's life ----------------------------------------------------------------------------------------------

    async def start(self, job_id: str) -> JobRecord:
        """A worker takes the job in hand: an attempt more. Taking up again what was running is the same attempt.

        Raises `Conflict` for a finished job.
        """
        async with self._database.write() as connection:
            job = await load(connection, job_id, lock=True)
            if job.finished:
                raise Conflict(f"The job is {job.status} already.")
            if job.status == "running":
                return job
            return await change(connection, job_id, status="running", attempts=job.attempts + 1, timings=begun(job))

    async def advance(
        self, job_id: str, *, stage: str | None = None, progress: float | None = None, detail: str | None = None
    ) -> JobRecord:
        """Says how far a job is; what is left away stays. Returns it as it now is, with `cancel_requested`.

        A finished job does not change.
        """
        values: dict[str, Any] = {}
        if stage is not None:
            values["stage"] = stage
        if progress is not None:
            values["progress"] = min(max(progress, 0.0), 1.0)
        if detail is not None:
            values["detail"] = detail
        async with self._database.write() as connection:
            job = await load(connection, job_id, lock=True)
            return job if job.finished or not values else await change(connection, job_id, **values)

    async def took(self, job_id: str, stage: str, milliseconds: float) -> JobRecord:
        """Says how long a stage took that is over. A finished job does not change."""
        async with self._database.write() as connection:
            job = await load(connection, job_id, lock=True)
            if job.finished:
                return job
            return await change(connection, job_id, timings=with_duration(job, stage, milliseconds))

    async def spend(self, job_id: str, attempt: int) -> None:
        """The durable queue has taken up an attempt and found nothing to do: a retry needs a later number.

        A job that was cancelled while it waited has an attempt that the queue counts and the job book does not.
        """
        async with self._database.write() as connection:
            await connection.execute(
                update(jobs).where(jobs.c.id == job_id, jobs.c.attempts < attempt).values(attempts=attempt)
            )

    async def succeed(
        self, job_id: str, *, stage: str = "done", detail: str | None = None, took: tuple[str, float] | None = None
    ) -> JobRecord:
        """The job is done; `took` is its last stage with its milliseconds. A job that ended otherwise stays so."""
        values = {} if detail is None else {"detail": detail}
        return await self._finish(job_id, "succeeded", None, stage=stage, progress=1.0, took=took, **values)

    async def fail(self, job_id: str, code: str, message: str) -> JobRecord:
        """The job failed, and says why to a person; its version will not be published unless the job is retried."""
        return await self._finish(job_id, "failed", "failed", error_code=code, error_message=message)

    async def cancelled(self, job_id: str) -> JobRecord:
        """The worker stopped as it was asked to; where that was taken back meanwhile, the job waits to be run again."""
        async with self._database.write() as connection:
            job = await load(connection, job_id, lock=True)
            if job.status == "running" and not job.cancel_requested and await wanted_still(connection, job):
                return await queue_again(connection, job)
        return await self._finish(job_id, "cancelled", "cancelled")

    async def _finish(
        self,
        job_id: str,
        status: JobStatus,
        version_status: VersionStatus | None,
        *,
        took: tuple[str, float] | None = None,
        **values: Any,
    ) -> JobRecord:
        async with self._database.write() as connection:
            job = await load(connection, job_id, lock=True)
            if job.finished:
                return job
            if version_status is not None and job.version_id is not None and job.kind == "ingest":
                await settle_version(connection, job.version_id, ("pending", "failed"), version_status)
            if took is not None:
                values["timings"] = with_duration(job, *took)
            ended = await change(connection, job_id, status=status, ended=True, **values)
            if status == "succeeded" and job.document_id is not None:  # the index has followed the store
                await corpus.changed_around(connection, job.document_id)
            return ended

    async def postpone(self, job_id: str) -> JobRecord:
        """Puts a job back into the queue whose attempt came to nothing through no fault of its own.

        One that was asked to stop is cancelled. A finished job does not change.
        """
        async with self._database.write() as connection:
            job = await load(connection, job_id, lock=True)
            if job.finished:
                return job
            waiting = await change(
                connection, job_id, status="queued", stage="queued", progress=0.0, detail="", timings="{}"
            )
            return await cancel_job(connection, waiting) if job.cancel_requested else waiting

    async def request_cancel(self, job_id: str, principal: Principal) -> JobRecord:
        """Asks a job to stop: a queued one is cancelled at once, a running one at its next batch.

        Raises `Conflict` for a finished job, `NotFound`.
        """
        async with self._database.write() as connection:
            job = await load(connection, job_id, lock=True, where=_visible(principal))
            if job.finished:
                raise Conflict(f"The job is {job.status} already; there is nothing to cancel.")
            if job.kind == "delete":
                raise Conflict(
                    "A deletion cannot be cancelled: the document is gone already, the job only tidies up. "
                    "Restore the document instead, while there is time."
                )
            return await cancel_job(connection, job)

    async def retry(self, job_id: str, principal: Principal) -> JobRecord:
        """Queues a failed or cancelled job again, its attempts kept.

        Raises `NotFound`, and `Conflict` for others and where its document is gone, or is no longer the principal's to
        read and so to change, though the job is still its own.
        """
        async with self._database.write() as connection:
            job = await load(connection, job_id, lock=True, where=_visible(principal))
            if job.status not in ("failed", "cancelled"):
                raise Conflict(f"Only failed and cancelled jobs can be retried; this one is {job.status}.")
            if job.kind == "delete" and job.status == "cancelled":
                raise Conflict("The document was restored; delete it again instead.")
            if job.kind != "delete" and job.document_id is not None:
                await still_there(connection, job, readable(principal))
            return await queue_again(connection, job)


def _visible(principal: Principal) -> list[ColumnElement[bool]]:
    if principal.admin:
        return []
    document = select(documents.c.id).where(documents.c.id == jobs.c.document_id, readable(principal)).exists()
    return [or_(jobs.c.principal_id == principal.id, and_(jobs.c.document_id.is_not(None), document))]
