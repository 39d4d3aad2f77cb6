"""What drifts, for administrators: questions, answers, costs, and the run of training that would be next."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from app.api.deps import LISTING, Administrator, Wired
from app.api.shapes import Response, problems, shown
from app.drift.examples import examples
from app.drift.looks import MOST

router = APIRouter(prefix="/v1/drift", tags=["deployments"])


class DriftShape(Response):
    """The last look."""

    next_at: datetime | None = Field(description="When the server looks again by itself; null before any answer.")
    report: dict[str, Any] | None = Field(
        description="What was compared, found and raised in each scope, figures by day, costs by model and adapter, "
        "and the proposed run; null before the first look. No text of a question or answer is in it."
    )


class NamedDrift(Response):
    """A drift by what it is of."""

    scope: str
    measure: str
    direction: str
    since: datetime


class DriftLook(Response):
    """What one look came to."""

    at: datetime
    alarms: list[dict[str, str]] = Field(description="Scope and measure of each.")
    began: list[NamedDrift] = Field(description="Drifts that were raised at this look.")
    over: list[NamedDrift] = Field(description="Drifts that were over at this look.")
    probe: dict[str, Any] | None = Field(description="The mean over the anchors, and its difference from the first.")
    scopes: dict[str, Any] = Field(
        description="By name: `measures`, the current value or index of each that something could be told of, with its "
        "state; and `costs` by model and adapter."
    )


class DriftHistory(Response):
    """Looks, the oldest first."""

    items: list[DriftLook]


class ExampleShape(Response):
    """A question that shows a drift."""

    id: str = Field(description="Its answer, as the report names it.")
    question: str
    at: datetime


class ExampleList(Response):
    """Questions that the last look names."""

    items: list[ExampleShape]
    hidden: int = Field(description="Those that it names besides: not yours, without a word on them, or gone.")


_LOOK: dict[str, Any] = {
    "at": "2026-11-20T00:05:00Z", "alarms": [{"scope": "*", "measure": "topics"}], "began": [], "over": [],
    "probe": {"version": "handbook@4f5c0f7f0a3b9c21", "mean": 0.81, "anchors": 40, "alarm": False},
    "scopes": {"*": {"measures": {"topics": {"value": 0.31, "state": "alarm"}}, "costs": []}},
}  # fmt: skip
_EXAMPLE = {"id": "0b9c…", "question": "How many days of leave are there?", "at": "2026-11-19T09:30:00Z"}
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


@router.get(
    "/history", summary="What former looks came to", operation_id="list_drift_looks", dependencies=LISTING,
    responses={**shown({"items": [_LOOK]}), **problems(403)},
)  # fmt: skip
async def list_drift_looks(
    services: Wired,
    caller: Administrator,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Looks, the newest of all.")] = 90,
) -> DriftHistory:
    """For drawing: a measure's value, look by look. No text of a question or answer is in it."""
    return DriftHistory(items=[DriftLook.model_validate(each) for each in await services.drift.told(limit)])


@router.get(
    "/examples", summary="Questions that show a drift", operation_id="list_drift_examples", dependencies=LISTING,
    responses={**shown({"items": [_EXAMPLE], "hidden": 3}), **problems(403)},
)  # fmt: skip
async def list_drift_examples(
    services: Wired,
    caller: Administrator,
    scope: Annotated[str, Query(max_length=220, description="A scope of the last look; `*` is everything.")] = "*",
) -> ExampleList:
    """Of the last look: your own questions, and those on whose answers somebody said a word. Personal data is masked as
    it is in datasets; what was deleted or left out since is not shown."""
    found = await examples(services, await services.drift.latest(), scope, caller)
    return ExampleList(items=[ExampleShape.model_validate(each) for each in found.items], hidden=found.hidden)
