"""Runs of training, for administrators: looked over, started, followed, cancelled, resumed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from fastapi import Response as HttpResponse
from pydantic_core import to_json

from app.api import sse
from app.api.deps import LISTING, Administrator, AtEnd, Limited, Parts, Watching, Wired
from app.api.finetune_shapes_runs import (
    AUDIT,
    CURVES,
    LINT,
    RUN,
    AuditRows,
    Curves,
    Lint,
    LintFinding,
    Memory,
    NewRun,
    RecipeBody,
    RunList,
    RunLog,
    TrainingRun,
)
from app.api.idempotency import Key, once
from app.api.shapes import Response, problems, shown, streamed
from app.streams import StreamEvent
from app.watch import JobWatch
from core.errors import InvalidInput

router = APIRouter(prefix="/v1/finetune", tags=["finetune"])

Name = Annotated[str, Path(max_length=80, description="A run's name.", examples=["handbook-1"])]
_PAGE = 1000
_EVERY = 0.5
"""Seconds between two looks at a run that is followed."""
_ENDED = ("done", "failed", "cancelled")
_STREAM = (
    'retry: 2000\n\nid: 1\nevent: metrics\ndata: {"step": 1, "loss": 2.4, …}\n\n'
    'event: status\ndata: {"name": "handbook-1", "state": "running", …}\n\n'
    'id: 160\nevent: end\ndata: {"name": "handbook-1", "state": "done", …}\n\n'
)


@router.post(
    "/lint",
    summary="Look a recipe over",
    operation_id="lint_recipe",
    responses={**shown(LINT), **problems(403)},
)
async def lint_recipe(body: RecipeBody, services: Wired, caller: Administrator) -> Lint:
    """What TRL would trip over and what the engine would refuse at the end, each with what to change; the memory it
    will take; the recipe with its defaults. Nothing is started."""
    looked = await asyncio.to_thread(_looked, services, body)
    memory = None
    if looked.needed is not None and looked.free is not None:
        parts = {part: getattr(looked.needed, part) for part in type(looked.needed).__slots__}
        memory = Memory(needed_bytes=looked.needed.total, free_bytes=looked.free, parts=parts)
    findings = [LintFinding.model_validate(each) for each in looked.findings]
    return Lint(ok=looked.ok, findings=findings, memory=memory, resolved=looked.resolved)


@router.post(
    "/runs",
    status_code=201,
    summary="Create a run",
    operation_id="create_training_run",
    response_model=TrainingRun,
    responses={**shown(RUN, 201), **problems(403, 409)},
)
async def create_run(body: NewRun, services: Wired, caller: Administrator, key: Key = None) -> HttpResponse:
    """It begins as soon as there is a place for it, in a process of its own that outlives the server. A recipe with
    errors is refused with what to change."""

    async def make() -> tuple[int, Response, dict[str, str]]:
        looked = await asyncio.to_thread(_looked, services, body)
        if looked.recipe is None or not looked.ok:
            raise InvalidInput(looked.refusal())
        training = services.finetune.training
        folder = await asyncio.to_thread(training.create, looked.recipe, body.name, caller.id, start=body.start)
        name = folder.path.name
        return 201, await _run(services, name), {"Location": f"/v1/finetune/runs/{name}"}

    return await once(services.store, "training", key, caller, body.model_dump_json(), make)


@router.get(
    "/runs",
    summary="List runs, newest first",
    operation_id="list_training_runs",
    dependencies=LISTING,
    responses={**shown({"items": [RUN]}), **problems(403)},
)
async def list_runs(services: Wired, caller: Administrator) -> RunList:
    """All of them, with where they stand."""
    return RunList(items=await asyncio.to_thread(_all, services))


@router.get(
    "/runs/{name}",
    summary="How a run stands",
    operation_id="get_training_run",
    responses={**shown(RUN), **problems(403, 404)},
)
async def get_run(name: Name, services: Wired, caller: Administrator) -> TrainingRun:
    """State, progress, the time that is left, metrics on rows kept back, and signs of cheated rewards."""
    return await _run(services, name)


@router.get(
    "/runs/{name}/curves",
    summary="A run's curves",
    operation_id="get_training_curves",
    dependencies=LISTING,
    responses={**shown(CURVES), **problems(403, 404)},
)
async def get_curves(
    name: Name,
    services: Wired,
    caller: Administrator,
    after: Annotated[int, Query(ge=0, description="Lines that are known already.")] = 0,
) -> Curves:
    """Up to a thousand lines, in the order in which they were measured."""
    items = await asyncio.to_thread(_lines, services, name, after)
    return Curves.model_validate({"items": items, "next": after + len(items)})


@router.get(
    "/runs/{name}/events",
    summary="Follow a run",
    operation_id="follow_training_run",
    response_class=HttpResponse,
    responses={
        **streamed("Events `metrics`, `status`, `ping` and, last, `end`.", _STREAM),
        **problems(403, 404, 429),
    },
)
async def follow_run(
    name: Name,
    services: Wired,
    watch: Watching,
    limits: Limited,
    at_end: AtEnd,
    caller: Administrator,
    last_event_id: Annotated[str | None, Header(max_length=32, description="The last event seen.")] = None,
) -> HttpResponse:
    """A `metrics` event is a line of the curves, its id the line's number; `status` and `end` carry the whole run. A
    run that went on after its process died tells no line a second time."""
    seen = sse.last_event_id(last_event_id)
    await _run(services, name)
    at_end.callback(await limits.streams.hold(caller, services.sharing.leases))
    return sse.sse_response(_follow(services, watch, name, seen))


@router.post(
    "/runs/{name}/cancel",
    summary="End a run",
    operation_id="cancel_training_run",
    responses={**shown({**RUN, "state": "cancelled"}), **problems(403, 404, 409)},
)
async def cancel_run(name: Name, services: Wired, caller: Administrator) -> TrainingRun:
    """It ends at its next step with a checkpoint, from which it can be resumed; one that waits is cancelled at once."""
    await asyncio.to_thread(services.finetune.training.cancel, name, caller.id)
    return await _run(services, name)


@router.post(
    "/runs/{name}/resume",
    summary="Go on with a run",
    operation_id="resume_training_run",
    responses={**shown({**RUN, "state": "queued"}), **problems(403, 404, 409)},
)
async def resume_run(name: Name, services: Wired, caller: Administrator) -> TrainingRun:
    """From its last whole checkpoint, once there is a place for it. A run whose process died goes on by itself."""
    await asyncio.to_thread(services.finetune.training.resume, name, caller.id)
    return await _run(services, name)


@router.delete(
    "/runs/{name}",
    status_code=204,
    summary="Delete a run",
    operation_id="delete_training_run",
    responses={204: {"description": "It is gone; what came of it stays registered."}, **problems(403, 404, 409)},
)
async def delete_run(name: Name, services: Wired, caller: Administrator) -> None:
    """With its checkpoints and curves. One that is at work has to be cancelled first."""
    await asyncio.to_thread(services.finetune.training.remove, name, caller.id)


@router.get(
    "/runs/{name}/log",
    summary="What a run's process said",
    operation_id="get_training_log",
    responses={**shown({"lines": ["2026-11-20 09:30:02 INFO …"]}), **problems(403, 404)},
)
async def get_log(name: Name, services: Wired, caller: Administrator) -> RunLog:
    """The last 200 lines."""
    return await asyncio.to_thread(_log, services, name)


@router.get(
    "/audit",
    summary="Who did what with runs and versions",
    operation_id="list_finetune_audit",
    dependencies=LISTING,
    responses={**shown(AUDIT), **problems(403)},
)
async def list_finetune_audit(
    services: Wired,
    caller: Administrator,
    after: Annotated[int, Query(ge=0, description="Rows that are known already.")] = 0,
) -> AuditRows:
    """Up to a thousand rows, the oldest first: runs created, cancelled, resumed, deleted and published, versions pinned
    and retired. Rows stay when what they tell of is deleted."""
    from app.finetune.audit import rows

    items, known = await asyncio.to_thread(rows, services.finetune.places.root, after)
    return AuditRows.model_validate({"items": items, "next": known})


async def _follow(services: Parts, watch: JobWatch, name: str, seen: int) -> AsyncIterator[StreamEvent]:
    """New lines and the run whenever it is told otherwise, until it has ended or the server stops."""
    told = ""
    while not watch.closed:
        run = await _run(services, name)  # before its lines: what was written before its end is told before it
        for line in await asyncio.to_thread(_lines, services, name, seen):
            seen += 1
            yield StreamEvent(id=seen, name="metrics", data=to_json(line, inf_nan_mode="null").decode())
        data = run.model_dump_json()
        if run.state in _ENDED and (run.state != "done" or run.published or run.error):
            yield StreamEvent(id=seen, name="end", data=data)
            return
        if data != told:
            told = data
            yield StreamEvent(id=seen, name="status", data=data)
        await asyncio.sleep(_EVERY)


def _looked(services: Parts, body: RecipeBody) -> Any:
    from app.finetune.looking import look_over
    from app.finetune.recipes import Recipes

    recipes = Recipes(settings=services.settings, places=services.finetune.places, registry=services.finetune.registry)
    return look_over(services.settings, recipes, body.recipe)


def _all(services: Parts) -> list[TrainingRun]:
    from app.finetune.run_view import view
    from core.errors import NotFound

    runs, found = services.finetune.training.runs, []
    for name in runs.names():
        try:
            found.append(TrainingRun.model_validate(view(runs.folder(name))))
        except (NotFound, ValueError):  # deleted meanwhile, or a file that a power cut tore
            continue
    return sorted(found, key=lambda run: run.created_at, reverse=True)


async def _run(services: Parts, name: str) -> TrainingRun:
    from app.finetune.run_view import view

    runs = services.finetune.training.runs
    return TrainingRun.model_validate(await asyncio.to_thread(lambda: view(runs.folder(name))))


def _lines(services: Parts, name: str, after: int) -> list[dict[str, Any]]:
    found = []
    for line in services.finetune.training.runs.folder(name).metrics(after):
        found.append(line)
        if len(found) == _PAGE:
            break
    return found


def _log(services: Parts, name: str) -> RunLog:
    from app.finetune.run_view import log_lines

    return RunLog(lines=log_lines(services.finetune.training.runs.folder(name)))
