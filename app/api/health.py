"""For orchestrators and monitors: alive, ready, and the figures."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from app.agent_runs import AGENTS_UNAVAILABLE, AGENTS_WORDS, RunService
from app.api.deps import Insider, Measured
from app.api.shapes import Response as Shape
from app.api.shapes import problems
from app.auth import measuring
from app.boot import Boot
from app.durations import JobDurations
from app.errors import Starting
from app.ready import Ready
from core.errors import FootnoteError, Unavailable

router = APIRouter(tags=["health"])

_LONGEST_DETAIL = 300
_LOGGED = "It does not answer; the server's log says why."
_FAILED = "The settings cannot work; the server's log says why."


class Alive(Shape):
    """The process answers."""

    status: str = Field(examples=["ok"])


class Part(Shape):
    """One part of the server and whether it answers."""

    ok: bool
    detail: str | None = Field(default=None, description="Why it does not; to administrators in the part's own words.")


class Readiness(Shape):
    """Whether questions can be answered. `workers` is for information: questions do not need them."""

    status: str = Field(
        description="ready, starting, stopping, unavailable (for now) or failed (until the settings are mended)",
        examples=["ready"],
    )
    missing: list[str] = Field(examples=[[]])
    parts: dict[str, Part] = Field(
        examples=[{"database": {"ok": True}, "index": {"ok": True}, "generator": {"ok": True}}]
    )
    workers: dict[str, str] = Field(default_factory=dict, examples=[{"worker-0": "running"}])
    returning: int | None = Field(
        default=None,
        description="How many documents are being put back into the index; told to administrators.",
        examples=[None],
    )
    notes: dict[str, str] = Field(
        default_factory=dict,
        description="What is not as it should be although questions are answered, with a sentence each: "
        "`restart_needed`, `index_incomplete`, `documents_left_out`.",
        examples=[{}],
    )


@router.get("/healthz", summary="Is the process alive?", response_model=Alive, operation_id="healthz")
async def healthz() -> dict[str, str]:
    """Answers as soon as the server listens, whatever else is missing."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Can questions be answered?",
    operation_id="readyz",
    responses={503: {"model": Readiness, "description": "Not yet, or not now; `missing` names the parts."}},
)
async def readyz(request: Request, response: Response, insider: Insider) -> Readiness:
    """Asks the database, the index and the generator, shallowly and at most once a second. 503 names what is missing.

    Needs no key.
    """
    boot: Boot = request.app.state.boot
    try:
        services = boot.services
    except FootnoteError as error:
        response.status_code = 503
        response.headers["Retry-After"] = "1"
        state = _state(error)
        told = insider or isinstance(error, Starting)
        detail = _short(error.message) if told else _FAILED if state == "failed" else _LOGGED
        return Readiness(status=state, missing=["services"], parts={"services": Part(ok=False, detail=detail)})
    ready: Ready = request.app.state.ready
    found = await ready.look(services)
    parts = {
        name: Part(ok=reason is None, detail=None if reason is None else _short(reason) if insider else _LOGGED)
        for name, reason in found.parts.items()
    }
    missing = [name for name, part in parts.items() if not part.ok]
    stopping = request.app.state.runs.leaving
    if missing or stopping:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return Readiness(
        status="stopping" if stopping else "unavailable" if missing else "ready",
        missing=missing,
        parts=parts,
        workers=dict(services.workers()),
        returning=services.lacking()[0] if insider else None,
        notes={**found.notes, **_of_agents(request.app.state.agent_runs)},
    )


@router.get(
    "/metrics",
    summary="Figures in Prometheus' text format",
    operation_id="metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"example": "footnote_documents 12.0\n"}}}, **problems()},
)
async def metrics(request: Request, measured: Measured, whole: Annotated[bool, Depends(measuring)]) -> Response:
    """Needs a key where keys are configured, from every address: behind a proxy all of them look like loopback.
    Rollouts are told to administrators and to keys that are for figures alone."""
    boot: Boot = request.app.state.boot
    durations: JobDurations = request.app.state.durations
    try:
        store = boot.services.store
        stats = await store.stats()
        await durations.look(store.jobs)
        if (queue := boot.services.queue) is not None:
            measured.generator(running=queue.running, waiting=queue.waiting)
        if (memory := boot.services.remembered) is not None:
            measured.cache(memory.lookups, memory.cache.evicted)
        if boot.services.rails is not None:
            measured.rails(boot.services.rails.counts)
        measured.training(boot.services.finetune.training.counts, boot.services.finetune.training.take_ended())
        measured.rollouts.say(boot.services.rollout.figures())
        if boot.services.sharing.redis is not None:
            measured.redis(await boot.services.sharing.look())
    except FootnoteError as error:
        measured.error(error.code)  # a scrape without the stock says more than none
    else:
        measured.stock(documents=stats.live_documents, chunks=stats.chunks, jobs=stats.jobs)
    return Response(measured.text(rollouts=whole), media_type=measured.content_type)


def _state(error: FootnoteError) -> str:
    """What keeps the services from opening: their start, a part that is tried again, or what no trying again mends."""
    if isinstance(error, Starting):
        return "starting"
    return "unavailable" if isinstance(error, Unavailable) else "failed"


def _of_agents(service: RunService) -> dict[str, str]:
    """A server whose agents do not start answers questions all the same."""
    return {AGENTS_UNAVAILABLE: AGENTS_WORDS} if service.failed else {}


def _short(reason: str) -> str:
    """A reason on one line; what vendors say can fill pages."""
    line = " ".join(reason.split())
    return line if len(line) <= _LONGEST_DETAIL else line[: _LONGEST_DETAIL - 1] + "…"
