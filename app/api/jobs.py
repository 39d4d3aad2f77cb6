"""Jobs: what becomes of uploads and deletions, as a state to ask for and as a stream to follow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query
from fastapi import Response as HttpResponse
from pydantic import Field

from app.api import sse
from app.api.deps import LISTING, AtEnd, Limited, Parts, Watching, Wired
from app.api.shapes import Cursor, ErrorShape, Limit, Listing, Response, problems, shown, streamed
from app.auth import Caller
from app.streams import StreamEvent
from app.turnover import JOB_WORDS, WAITING, restart_needed
from app.watch import JobWatch
from core.types import Principal

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Kind = Literal["ingest", "update", "delete", "reindex"]
JobId = Annotated[
    str, Path(max_length=64, description="A job's id.", examples=["0d9f1f0e-2f8b-4c6c-9a5e-0b1f6f1f7a11"])
]


class Job(Response):
    """A piece of work and how far it got; `progress` is in [0, 1]. `detail` is a sentence for people, where there is
    something to say; with the stage `waiting_for_restart` it says that the server must be restarted first.

    `timings_ms` tells how long each stage took that is over; `queued` is the wait before the first. A retry begins
    them anew.
    """

    id: str
    kind: Kind
    status: Status
    stage: str
    progress: float
    attempts: int
    error: ErrorShape | None = None
    detail: str = ""
    cancel_requested: bool = False
    document_id: str | None = None
    version_id: str | None = None
    not_before: datetime | None = Field(default=None, description="Queued until then at least.")
    timings_ms: dict[str, float]
    created_at: datetime
    updated_at: datetime


_JOB: dict[str, Any] = {
    "id": "0d9f1f0e-2f8b-4c6c-9a5e-0b1f6f1f7a11",
    "kind": "ingest",
    "status": "running",
    "stage": "embed",
    "progress": 0.62,
    "attempts": 1,
    "error": None,
    "detail": "",
    "cancel_requested": False,
    "document_id": "5f3c4b9a-8e0d-4e57-8c43-2b1b7f2f3a10",
    "version_id": "c1b9c5a2-6d9c-4a4e-9a7e-0f4f3e9d2b77",
    "not_before": None,
    "timings_ms": {"queued": 112.4, "parse": 840.2, "chunk": 61.7},
    "created_at": "2026-11-20T09:30:00Z",
    "updated_at": "2026-11-20T09:30:04Z",
}
_EXAMPLE = shown(_JOB)
_STREAM = (
    'retry: 2000\n\nid: 3\nevent: job\ndata: {"id": "0d9f…", "status": "running", "stage": "parse", …}\n\n'
    'id: 9\nevent: done\ndata: {"id": "0d9f…", "status": "succeeded", …}\n\n'
)


@router.get(
    "",
    summary="List jobs, newest first",
    operation_id="list_jobs",
    dependencies=LISTING,
    responses={**shown({"items": [_JOB], "next_cursor": None}), **problems()},
)
async def list_jobs(
    services: Wired,
    caller: Caller,
    status: Annotated[Status | None, Query(description="Only jobs in this state.")] = None,
    kind: Annotated[Kind | None, Query(description="Only jobs of this kind.")] = None,
    id: Annotated[
        list[str] | None, Query(max_length=100, description="Only these jobs; may be repeated, up to 100 times.")
    ] = None,
    document_id: Annotated[
        list[str] | None,
        Query(max_length=100, description="Only jobs of this document; may be repeated, up to 100 times."),
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[Job]:
    """The jobs that the caller began or whose documents it may read."""
    page = await services.store.jobs.list(
        caller, status=status, kind=kind, ids=id, document_ids=document_id, cursor=cursor, limit=limit
    )
    return Listing(items=await _shown(services, page.items), next_cursor=page.next_cursor)


@router.get("/{id}", summary="How a job stands", operation_id="get_job", responses={**_EXAMPLE, **problems(404)})
async def get_job(id: JobId, services: Wired, caller: Caller) -> Job:
    """State, stage, progress and, where it failed, the reason."""
    return (await _shown(services, [await services.store.jobs.get_for(id, caller)]))[0]


@router.post(
    "/{id}/cancel",
    summary="Stop a job",
    operation_id="cancel_job",
    responses={**_EXAMPLE, **problems(404, 409)},
)
async def cancel_job(id: JobId, services: Wired, caller: Caller) -> Job:
    """A queued job is cancelled at once, a running one at its next batch."""
    return (await _shown(services, [await services.store.jobs.request_cancel(id, caller)]))[0]


@router.post(
    "/{id}/retry",
    summary="Run a failed or cancelled job again",
    operation_id="retry_job",
    responses={**_EXAMPLE, **problems(404, 409)},
)
async def retry_job(id: JobId, services: Wired, caller: Caller) -> Job:
    """It goes on with what earlier attempts have computed already."""
    return (await _shown(services, [await services.store.jobs.retry(id, caller)]))[0]


@router.get(
    "/{id}/events",
    summary="Follow a job",
    operation_id="follow_job",
    response_class=HttpResponse,
    responses={
        **streamed("Events `job`, `ping` and, last, `done`.", _STREAM),
        204: {"description": "`Last-Event-ID` was the last event; nothing more will come."},
        **problems(404, 429),
    },
)
async def follow_job(
    id: JobId,
    services: Wired,
    watch: Watching,
    limits: Limited,
    at_end: AtEnd,
    caller: Caller,
    last_event_id: Annotated[str | None, Header(max_length=32, description="The last event seen.")] = None,
) -> HttpResponse:
    """Each event carries the whole job. An event's id is the job's revision; states in between may be passed over."""
    seen = sse.last_event_id(last_event_id)
    job = await services.store.jobs.get_for(id, caller)
    if job.finished and job.revision <= seen:
        return sse.nothing_more()
    at_end.callback(await limits.streams.hold(caller, services.sharing.leases))
    return sse.sse_response(_follow(services, watch, id, caller, seen))


async def _follow(
    services: Parts, watch: JobWatch, job_id: str, caller: Principal, seen: int
) -> AsyncIterator[StreamEvent]:
    """The job whenever it is no longer as it was told last; each time it is read as the caller may read it then."""
    while True:
        record = await services.store.jobs.get_for(job_id, caller)
        if record.revision > seen:
            seen = record.revision
            data = (await _shown(services, [record]))[0].model_dump_json()
            yield StreamEvent(id=record.revision, name="done" if record.finished else "job", data=data)
        if record.finished:
            return
        if not await watch.changed(services.store.jobs.revisions, job_id, record.revision):
            return  # the server stops; the reader comes back with the id of the last event


async def _shown(services: Parts, records: Sequence[Any]) -> list[Job]:
    """Jobs as they are told. One that no worker can take before a restart says so in place of "queued"."""
    waiting = [record for record in records if record.status == "queued" and record.kind != "delete"]
    held = bool(waiting) and await restart_needed(services)
    told = {"stage": WAITING, "detail": JOB_WORDS} if held else {}
    return [Job.model_validate(record).model_copy(update=told if record in waiting else None) for record in records]
