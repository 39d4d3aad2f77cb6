"""Runs without a thread of the caller's, for each of which one is made that goes with it; and several runs at once."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query
from fastapi import Response as HttpResponse

from app.api.agents_examples import RUN, STREAM, VALUES
from app.api.agents_requests import BatchedRun, CancelledRuns, StatelessRun
from app.api.agents_shapes import Run, shown_run
from app.api.deps import RATED, AgentsAtWork, AtEnd, Limited, Wired, within_rate
from app.api.idempotency import Key, once
from app.api.run_batches import begin_all
from app.api.run_starts import begin
from app.api.shapes import Response, problems, shown, streamed
from app.api.thread_runs import awaited, followed
from app.auth import Caller
from core.errors import Conflict, InvalidInput, NotFound

router = APIRouter(prefix="/v1/runs", tags=["agents"])


@router.post(
    "",
    summary="Begin a run without a thread",
    operation_id="create_stateless_run",
    response_model=Run,
    responses={**shown(RUN), **problems(403, 404, 409, 429)},
    dependencies=RATED,
)
async def create_stateless_run(
    body: StatelessRun, services: Wired, service: AgentsAtWork, caller: Caller, key: Key = None
) -> HttpResponse:
    """It goes on by itself. Its thread, which the response names, is deleted a minute after it is over, unless
    `on_completion` keeps it."""

    async def create() -> tuple[int, Response, dict[str, str]]:
        record = await begin(services, service, caller, body, None, stateless=body.on_completion == "delete")
        place = f"/threads/{record.thread_id}/runs/{record.id}"
        return 200, shown_run(record), {"Content-Location": place}

    return await once(services.store, "runs", key, caller, body.model_dump_json(), create)


@router.post(
    "/batch",
    summary="Begin several runs",
    operation_id="create_run_batch",
    response_model=list[Run],
    responses={**shown([RUN]), **problems(403, 404, 409, 429)},
    dependencies=RATED,
)
async def create_run_batch(
    body: Annotated[list[BatchedRun], Body(min_length=1, max_length=64)],
    services: Wired,
    service: AgentsAtWork,
    caller: Caller,
) -> list[Run]:
    """Each as if it were sent by itself. All of them are looked at before the first is begun."""
    for _ in body[1:]:
        await within_rate(services, caller)
    return [shown_run(record) for record in await begin_all(services, service, caller, body)]


@router.post(
    "/cancel",
    status_code=204,
    summary="Stop several runs",
    operation_id="cancel_runs",
    responses={204: {"description": "They stop, those that were not over."}, **problems(404)},
)
async def cancel_runs(
    body: CancelledRuns,
    services: Wired,
    service: AgentsAtWork,
    caller: Caller,
    action: Annotated[
        Literal["interrupt", "rollback"], Query(description="`rollback` also takes them out of their threads.")
    ] = "interrupt",
) -> None:
    """The caller's own: those that are named, or all that go on or wait for their turn, in one thread or in all."""
    if (body.run_ids is None) == (body.status is None):
        raise InvalidInput("Send either `run_ids` or `status`.")
    store = services.store
    if body.run_ids is not None:
        wanted = [(await store.runs.get(run_id, caller, body.thread_id)).id for run_id in dict.fromkeys(body.run_ids)]
    else:
        wanted = list(await store.runs.going_on(caller, status=body.status, thread_id=body.thread_id))
    for run_id in wanted:
        with contextlib.suppress(Conflict, NotFound):  # it was over first
            await store.runs.cancel(run_id, caller, action)
            service.stop(run_id, action)


@router.post(
    "/stream",
    summary="Begin a run without a thread and follow it",
    operation_id="stream_stateless_run",
    response_class=HttpResponse,
    responses={**streamed("The events of `/v1/threads/{id}/runs/stream`.", STREAM), **problems(403, 404, 429)},
    dependencies=RATED,
)
async def stream_stateless_run(
    body: StatelessRun, services: Wired, service: AgentsAtWork, limits: Limited, at_end: AtEnd, caller: Caller
) -> HttpResponse:
    """Its thread is deleted when it is over, unless a person is asked something, or `on_completion` keeps it."""
    at_end.callback(await limits.streams.hold(caller, services.sharing.leases))
    record = await begin(services, service, caller, body, None, stateless=body.on_completion == "delete")
    return followed(services, service, record, caller, body)


@router.post(
    "/wait",
    summary="Begin a run without a thread and wait for it",
    operation_id="wait_stateless_run",
    response_model=dict[str, Any],
    responses={**shown(VALUES), **problems(403, 404, 429)},
    dependencies=RATED,
)
async def wait_stateless_run(
    body: StatelessRun, services: Wired, service: AgentsAtWork, limits: Limited, at_end: AtEnd, caller: Caller
) -> HttpResponse:
    """The values of the thread that was made for it."""
    at_end.callback(await limits.streams.hold(caller, services.sharing.leases))
    record = await begin(services, service, caller, body, None, stateless=body.on_completion == "delete")
    return awaited(services, service, record, caller, body)
