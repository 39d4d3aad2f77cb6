"""Runs: a task for an agent in a thread, waited for, followed, joined, or stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from fastapi import APIRouter, Header, Path, Query
from fastapi import Response as HttpResponse
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator

from app.agent_runs import RunService
from app.api import sse
from app.api.agents_examples import RUN, STREAM, VALUES
from app.api.agents_requests import NewRun, StreamedRun, known_modes
from app.api.agents_shapes import Run, RunStatus, selected, shown_run
from app.api.deps import RATED, AgentsAtWork, AtEnd, Limited, Parts, Wired
from app.api.idempotency import Key, once
from app.api.run_starts import begin
from app.api.run_wire import Leave, stream_response, waiting_response
from app.api.shapes import Response, problems, shown, streamed
from app.api.threads import Select, ThreadId
from app.auth import Caller
from app.run_events import MODES, Mode
from app.run_reading import Reader
from core.errors import NotFound
from core.types import Principal

if TYPE_CHECKING:
    from app.store.run_records import RunRecord

router = APIRouter(prefix="/v1/threads/{id}/runs", tags=["agents"])

RunId = Annotated[str, Path(max_length=64, description="A run's id.")]
_EVENTS = (
    "The events `metadata`, then those of the modes asked for, and last `end`, or `error`. `values` are the thread's "
    "whole values, `updates` what a node changed, `custom` our own: `step`, `sources`, `budget`, `answer` and "
    "`interrupt`, by their `type`; `messages` the answer as a message. `Last-Event-ID` misses nothing."
)
_BEGINNINGS = problems(403, 404, 409, 429)


@router.post(
    "",
    summary="Begin a run",
    operation_id="create_run",
    response_model=Run,
    responses={**shown(RUN), **_BEGINNINGS},
    dependencies=RATED,
)
async def create_run(
    id: ThreadId, body: NewRun, services: Wired, service: AgentsAtWork, caller: Caller, key: Key = None
) -> HttpResponse:
    """It is promised when this returns: no restart loses it. Follow it with `/stream`, or wait for it with `/join`.

    Where a run goes on in the thread, `multitask_strategy` says what becomes of it: `reject` refuses the new one,
    `enqueue` lets it wait, `interrupt` stops the old one, `rollback` undoes it.
    """

    async def create() -> tuple[int, Response, dict[str, str]]:
        record = await begin(services, service, caller, body, id)
        return 200, shown_run(record), {"Content-Location": _place(record)}

    return await once(services.store, f"threads/{id}/runs", key, caller, body.model_dump_json(), create)


@router.get(
    "",
    summary="List a thread's runs",
    operation_id="get_thread_runs",
    response_model=list[Run],
    responses={**shown([{**RUN, "status": "success"}]), **problems(404)},
)
async def get_thread_runs(
    id: ThreadId,
    services: Wired,
    caller: Caller,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    status: Annotated[RunStatus | None, Query(description="Only runs in this state.")] = None,
    select: Select = None,
) -> JSONResponse:
    """The newest first."""
    found = await services.store.runs.list(id, caller, status=status, limit=limit, offset=offset)
    return JSONResponse(selected([shown_run(each) for each in found], select))


@router.post(
    "/stream",
    summary="Begin a run and follow it",
    operation_id="stream_run",
    response_class=HttpResponse,
    responses={**streamed(_EVENTS, STREAM), **_BEGINNINGS},
    dependencies=RATED,
)
async def stream_run(
    id: ThreadId,
    body: StreamedRun,
    services: Wired,
    service: AgentsAtWork,
    limits: Limited,
    at_end: AtEnd,
    caller: Caller,
) -> HttpResponse:
    """Leaving does not stop it, unless `on_disconnect` says so."""
    at_end.callback(await limits.streams.hold(caller, services.sharing.leases))
    record = await begin(services, service, caller, body, id)
    return followed(services, service, record, caller, body)


@router.post(
    "/wait",
    summary="Begin a run and wait for it",
    operation_id="wait_run",
    response_model=dict[str, Any],
    responses={**shown(VALUES), **_BEGINNINGS},
    dependencies=RATED,
)
async def wait_run(
    id: ThreadId,
    body: StreamedRun,
    services: Wired,
    service: AgentsAtWork,
    limits: Limited,
    at_end: AtEnd,
    caller: Caller,
) -> HttpResponse:
    """The thread's values when it is over; `__error__` in their place where it failed, and `__interrupt__` beside them
    where a person is asked."""
    at_end.callback(await limits.streams.hold(caller, services.sharing.leases))
    record = await begin(services, service, caller, body, id)
    return awaited(services, service, record, caller, body)


@router.get("/{run_id}", summary="How a run stands", operation_id="get_run", responses={**shown(RUN), **problems(404)})
async def get_run(id: ThreadId, run_id: RunId, services: Wired, caller: Caller) -> Run:
    """State, and where it is over, how it ended."""
    return shown_run(await services.store.runs.get(run_id, caller, id))


@router.delete(
    "/{run_id}",
    status_code=204,
    summary="Delete a run",
    operation_id="delete_run",
    responses={204: {"description": "It is gone, and the log of the steps that it began."}, **problems(404, 409)},
)
async def delete_run(id: ThreadId, run_id: RunId, services: Wired, caller: Caller) -> None:
    """One that goes on is cancelled first."""
    await services.store.runs.delete(run_id, caller, id)


@router.get(
    "/{run_id}/stream",
    summary="Follow a run, from any point",
    operation_id="join_run_stream",
    response_class=HttpResponse,
    responses={
        **streamed(_EVENTS, STREAM),
        204: {"description": "`Last-Event-ID` was the last event; nothing more will come."},
        **problems(404, 429),
    },
)
async def join_run_stream(
    id: ThreadId,
    run_id: RunId,
    services: Wired,
    service: AgentsAtWork,
    limits: Limited,
    at_end: AtEnd,
    caller: Caller,
    stream_mode: Annotated[list[str] | None, BeforeValidator(known_modes), Query(description="Else all.")] = None,
    cancel_on_disconnect: Annotated[bool, Query(description="Stop the run when you leave.")] = False,
    last_event_id: Annotated[str | None, Header(max_length=32, description="The last event seen.")] = None,
) -> HttpResponse:
    """On any server, at any time: a run that is over is told from the log of its steps."""
    seen = sse.last_event_id(last_event_id)
    record = await services.store.runs.get(run_id, caller, id)
    modes = cast("list[Mode]", stream_mode) or MODES
    reader = Reader(services, service, run_id, caller, modes)
    if record.finished and await reader.has_seen_all(record, seen):
        return sse.nothing_more()
    at_end.callback(await limits.streams.hold(caller, services.sharing.leases))
    left = leaving(services, service, record, caller) if cancel_on_disconnect else None
    return stream_response(reader.events(seen), _headers(record, "stream"), left)


@router.get(
    "/{run_id}/join",
    summary="Wait for a run",
    operation_id="join_run",
    response_model=dict[str, Any],
    responses={**shown(VALUES), **problems(404, 429)},
)
async def join_run(
    id: ThreadId,
    run_id: RunId,
    services: Wired,
    service: AgentsAtWork,
    limits: Limited,
    at_end: AtEnd,
    caller: Caller,
    cancel_on_disconnect: Annotated[bool, Query(description="Stop the run when you leave.")] = False,
) -> HttpResponse:
    """The same as `/wait` for a run that was begun before."""
    record = await services.store.runs.get(run_id, caller, id)
    at_end.callback(await limits.streams.hold(caller, services.sharing.leases))
    left = leaving(services, service, record, caller) if cancel_on_disconnect else None
    values = Reader(services, service, run_id, caller, ["values"]).values()
    return waiting_response(values, _headers(record, "join"), left)


@router.post(
    "/{run_id}/cancel",
    status_code=202,
    summary="Stop a run",
    operation_id="cancel_run",
    response_model=Run,
    responses={**shown({**RUN, "status": "interrupted", "cancel_reason": "interrupt"}, 202), **problems(404, 409)},
)
async def cancel_run(
    id: ThreadId,
    run_id: RunId,
    services: Wired,
    service: AgentsAtWork,
    caller: Caller,
    wait: Annotated[bool, Query(description="Answer only when it has stopped.")] = False,
    action: Annotated[
        Literal["interrupt", "rollback"], Query(description="`rollback` also takes it out of the thread.")
    ] = "interrupt",
) -> Run:
    """It stops where it is, whichever server works on it; one that waits for a person waits no longer."""
    await services.store.runs.get(run_id, caller, id)
    record = await services.store.runs.cancel(run_id, caller, action)
    service.stop(run_id, action)
    if wait and not record.finished:
        with contextlib.suppress(NotFound):  # one that was undone is gone
            await Reader(services, service, run_id, caller, ["values"]).values()
            record = await services.store.runs.get(run_id, caller)
    return shown_run(record)


# ---- for stateless runs too ---------------------------------------------------------------------------------------


def followed(
    services: Parts, service: RunService, record: RunRecord, caller: Principal, body: StreamedRun
) -> HttpResponse:
    """The stream of a run that was just begun."""
    events = Reader(services, service, record.id, caller, body.modes).events()
    left = leaving(services, service, record, caller) if body.on_disconnect == "cancel" else None
    return stream_response(events, _headers(record, "stream"), left)


def awaited(
    services: Parts, service: RunService, record: RunRecord, caller: Principal, body: StreamedRun
) -> HttpResponse:
    """The values of a run that was just begun, once it is over."""
    values = Reader(services, service, record.id, caller, ["values"]).values()
    left = leaving(services, service, record, caller) if body.on_disconnect == "cancel" else None
    return waiting_response(values, _headers(record, "join"), left)


def leaving(services: Parts, service: RunService, record: RunRecord, caller: Principal) -> Leave:
    """Stops a run whose reader left."""

    async def stop() -> None:
        await services.store.runs.cancel(record.id, caller, "interrupt")
        service.stop(record.id, "interrupt")

    return stop


def _place(record: RunRecord) -> str:
    return f"/threads/{record.thread_id}/runs/{record.id}"


def _headers(record: RunRecord, tail: str) -> Mapping[str, str]:
    """Where to come back to, below the API's root, as LangGraph's clients expect it."""
    return {"Content-Location": _place(record), "Location": f"{_place(record)}/{tail}"}
