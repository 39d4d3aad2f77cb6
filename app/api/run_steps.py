"""The steps of runs, what people think of them, and the log of what people decided."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from app.api.agents_examples import ENTRY, STEP
from app.api.agents_requests import StepFeedback
from app.api.agents_shapes import AuditEntry, Step, StepList, shown_entry, shown_step
from app.api.deps import LISTING, Measured, Wired
from app.api.shapes import Cursor, Limit, Listing, problems, shown
from app.api.thread_runs import RunId
from app.api.threads import ThreadId
from app.auth import Caller

router = APIRouter(prefix="/v1", tags=["agents"])


@router.get(
    "/threads/{id}/runs/{run_id}/steps",
    summary="The steps of a run",
    operation_id="get_run_steps",
    responses={**shown({"items": [STEP]}), **problems(404)},
)
async def get_run_steps(id: ThreadId, run_id: RunId, services: Wired, caller: Caller) -> StepList:
    """All of its task's, whichever run took them, as they were told last. What rests on documents that were deleted or
    are no longer the caller's to read is withheld."""
    await services.store.runs.get(run_id, caller, id)
    return StepList(items=[shown_step(each) for each in await services.store.run_steps.readable(run_id, caller)])


@router.put(
    "/threads/{id}/runs/{run_id}/steps/{n}/feedback",
    summary="Say what you think of a step",
    operation_id="rate_step",
    responses={**shown({**STEP, "rating": "down", "comment": "It should have read on."}), **problems(404)},
)
async def rate_step(
    id: ThreadId,
    run_id: RunId,
    n: Annotated[int, Path(ge=1, le=100_000, description="The step's number.", examples=[1])],
    body: StepFeedback,
    services: Wired,
    measured: Measured,
    caller: Caller,
) -> Step:
    """A second word replaces the first. The answer is rated as the step that it is."""
    await services.store.runs.get(run_id, caller, id)
    comment = body.comment or None if body.rating else None
    kept = await services.store.run_steps.rate(run_id, n, caller, rating=body.rating, comment=comment)
    if body.rating is not None:
        measured.feedback(body.rating)
    told = {each.number: each for each in await services.store.run_steps.readable(run_id, caller)}
    return shown_step(told.get(n, kept))


@router.get(
    "/audit",
    summary="List what was decided of agents' calls, newest first",
    operation_id="list_audit",
    dependencies=LISTING,
    responses={**shown({"items": [ENTRY], "next_cursor": None}), **problems()},
)
async def list_audit(services: Wired, caller: Caller, limit: Limit = 20, cursor: Cursor = None) -> Listing[AuditEntry]:
    """Who decided what, when, and with which arguments, in your own runs; administrators see everyone's."""
    page = await services.store.approvals.log(caller, cursor=cursor, limit=limit)
    return Listing(items=[shown_entry(each) for each in page.items], next_cursor=page.next_cursor)
