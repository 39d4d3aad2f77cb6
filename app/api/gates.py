"""The gate, for administrators: a candidate is held against what answers now, by rules written before."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi import Response as HttpResponse
from fastapi.responses import HTMLResponse
from pydantic import Field

from app.api.deps import LISTING, Administrator, Parts, Wired
from app.api.idempotency import Key, once
from app.api.shapes import Request, Response, problems, shown
from app.gate.folders import GateState

router = APIRouter(prefix="/v1/gates", tags=["deployments"])

Id = Annotated[str, Path(max_length=64, description="The id of a run of the gate.")]
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"


class NewGate(Request):
    """What is to be held against what, on which questions, by which rules."""

    candidate: str = Field(max_length=128, examples=["handbook@4f5c0f7f0a3b9c21"])
    dataset: str = Field(
        max_length=128, description="Its test rows and anchors are asked.", examples=["handbook@0b9c21aa4f5c0f7f"]
    )
    champion: str | None = Field(
        default=None, max_length=128, description="Left away: what answers everybody now, which may be the base."
    )
    rules: str = Field(
        default="", max_length=100_000, description="YAML; what it leaves out has defaults.", examples=["min_items: 60"]
    )
    harmful: str | None = Field(
        default=None, max_length=128, description="An imported file of prompts to refuse, and of harmless ones."
    )


class GateShape(Response):
    """A run of the gate."""

    id: str
    candidate: str
    champion: str
    dataset: str
    harmful: str | None
    state: GateState
    stage: str
    done: int = Field(description="Questions answered, by both.")
    of: int
    passed: bool | None = Field(description="null before that is known.")
    said: str = Field(description="Why it was stopped, or what it came to.")
    error: str | None
    by: str
    started_at: datetime
    ended_at: datetime | None


class GateDetail(GateShape):
    """A run of the gate with its report."""

    report: dict[str, Any] | None = Field(description="Every measure, part and reason; null before it is done.")


class GateList(Response):
    """Runs of the gate, the newest first."""

    items: list[GateShape]


_GATE: dict[str, Any] = {
    "id": "5d1c…", "candidate": "handbook@4f5c0f7f0a3b9c21", "champion": "footnote",
    "dataset": "handbook@0b9c21aa4f5c0f7f", "harmful": None, "state": "done", "stage": "", "done": 240, "of": 240,
    "passed": True, "said": "Nothing is shown to be worse than the rules bear.", "error": None, "by": "ada",
    "started_at": "2026-11-20T09:30:00Z", "ended_at": "2026-11-20T09:41:00Z",
}  # fmt: skip
_DETAIL = {**_GATE, "report": {"passed": True, "measures": ["…"], "slices": ["…"], "reasons": []}}


@router.get(
    "", summary="List runs of the gate", operation_id="list_gates", dependencies=LISTING,
    responses={**shown({"items": [_GATE]}), **problems(403)},
)  # fmt: skip
async def list_gates(services: Wired, caller: Administrator) -> GateList:
    """The newest first."""
    return GateList(items=[GateShape.model_validate(each) for each in await services.finetune.gates.list()])


@router.post(
    "", status_code=201, summary="Run the gate", operation_id="create_gate", response_model=GateShape,
    responses={**shown(_GATE, 201), **problems(403, 404, 409)},
)  # fmt: skip
async def create_gate(body: NewGate, services: Wired, caller: Administrator, key: Key = None) -> HttpResponse:
    """One at a time. Both versions are loaded onto every engine while they are asked; people's answers go first as the
    queue has it. A candidate with another base, damaged files or leaked questions is asked nothing."""
    from app.gate.gates import GateOrder

    async def create() -> tuple[int, GateShape, dict[str, str]]:
        made = await services.finetune.gates.begin(services, GateOrder(**body.model_dump()), caller.id)
        return 201, GateShape.model_validate(made), {"Location": f"/v1/gates/{made.id}"}

    return await once(services.store, "gates", key, caller, body.model_dump_json(), create)


@router.get(
    "/{gate_id}", summary="A run of the gate with its report", operation_id="get_gate",
    responses={**shown(_DETAIL), **problems(403, 404)},
)  # fmt: skip
async def get_gate(gate_id: Id, services: Wired, caller: Administrator) -> GateDetail:
    """How it fares, and its report once it is done. No text of a question or answer is in it."""
    return await _detail(services, gate_id)


@router.get(
    "/{gate_id}/page", summary="The report as a page", operation_id="show_gate", response_class=HTMLResponse,
    responses={200: {"content": {"text/html": {"example": "<!doctype html>…"}}}, **problems(403, 404)},
)  # fmt: skip
async def show_gate(gate_id: Id, services: Wired, caller: Administrator) -> HTMLResponse:
    """With plots, without scripts; it can be kept as a file."""
    page = await services.finetune.gates.page(gate_id)
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})


@router.delete(
    "/{gate_id}", status_code=204, summary="Delete a run of the gate", operation_id="delete_gate",
    responses=problems(403, 404, 409),
)  # fmt: skip
async def delete_gate(gate_id: Id, services: Wired, caller: Administrator) -> None:
    """With its report. Not while it is at work, nor while what is in service rests on it. The audit keeps that."""
    await services.finetune.gates.delete(services, gate_id, caller.id)


@router.post(
    "/{gate_id}/cancel", summary="End a run of the gate", operation_id="cancel_gate",
    responses={**shown(_GATE), **problems(403, 404, 409)},
)  # fmt: skip
async def cancel_gate(gate_id: Id, services: Wired, caller: Administrator) -> GateShape:
    """It ends at its next question, and can be gone on with."""
    return GateShape.model_validate(await services.finetune.gates.cancel(gate_id))


@router.post(
    "/{gate_id}/resume", summary="Go on with a run of the gate", operation_id="resume_gate",
    responses={**shown(_GATE), **problems(403, 404, 409)},
)  # fmt: skip
async def resume_gate(gate_id: Id, services: Wired, caller: Administrator) -> GateShape:
    """What was answered is not asked again."""
    return GateShape.model_validate(await services.finetune.gates.resume(services, gate_id, caller.id))


async def _detail(services: Parts, gate_id: str) -> GateDetail:
    gate = await services.finetune.gates.get(gate_id)
    report = await services.finetune.gates.report(gate_id)
    return GateDetail.model_validate({**gate.model_dump(), "report": report})
