"""How an answer came about: what to read when it is wrong."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from fastapi import Response as HttpResponse

from app.api.answers import AnswerId
from app.api.deps import Running, Traced, Wired
from app.api.shapes import problems, shown
from app.api.trace_shapes import TRACE, AnswerTrace, answer_trace
from app.auth import Caller
from core.errors import Conflict

router = APIRouter(prefix="/v1/answers", tags=["answers"])


@router.get(
    "/{id}/trace",
    summary="How one of your answers came about",
    operation_id="get_answer_trace",
    response_model=AnswerTrace,
    responses={**shown(TRACE), **problems(404, 409)},
)
async def get_answer_trace(
    id: AnswerId, services: Wired, runs: Running, tracing: Traced, caller: Caller
) -> HttpResponse:
    """From the question to the raw output. What may no longer be read is left out; kept for a while, not for ever."""
    record = await services.store.answers.get(id, caller)
    if record.status == "running":
        raise Conflict("This answer is still being written; how it came about is told once it is there.")
    if (run := runs.get(id)) is not None:  # it has been told, and hands over its trace in this moment
        await asyncio.wait([run.task])
    await tracing.settled()
    told = answer_trace(id, await services.store.traces.get(id, caller))
    return HttpResponse(told.model_dump_json(), media_type="application/json")
