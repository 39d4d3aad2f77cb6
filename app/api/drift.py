"""What drifts, for administrators: questions, answers, costs, and the run of training that would be next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from app.api.deps import LISTING, Administrator, Wired
from app.api.shapes import Response, problems, shown

router = APIRouter(prefix="/v1/drift", tags=["deployments"])


class DriftShape(Response):
    """The last look."""

    next_at: datetime | None = Field(description="When the server looks again by itself; null before any answer.")
    report: dict[str, Any] | None = Field(
        description="What was compared, found and raised in each scope, figures by day, costs by model and adapter, "
        "and the proposed run; null before the first look. No text of a question or answer is in it."
    )


_DRIFT: dict[str, Any] = {
    "next_at": "2026-11-21T00:00:00Z",
    "report": {"at": "2026-11-20T00:05:00+00:00", "said": "Nothing drifts by more than is borne.", "alarms": []},
}


@router.get(
    "", summary="What drifts", operation_id="get_drift", dependencies=LISTING,
    responses={**shown(_DRIFT), **problems(403)},
)  # fmt: skip
async def get_drift(services: Wired, caller: Administrator) -> DriftShape:
    """The last look that was kept."""
    return DriftShape(next_at=await services.drift.next_at(services), report=await services.drift.latest())


@router.post(
    "/look", summary="Look now", operation_id="look_for_drift",
    responses={**shown(_DRIFT), **problems(403, 409)},
)  # fmt: skip
async def look_for_drift(services: Wired, caller: Administrator) -> DriftShape:
    """Compares the last days with what was before; takes seconds for tens of thousands of answers."""
    report = await services.drift.look(services)
    return DriftShape(next_at=await services.drift.next_at(services), report=report)
