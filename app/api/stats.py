"""The figures behind the status page: an administrator's look at the whole server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi import Response as HttpResponse

from app.api.deps import Measured, Parts, Wired
from app.api.shapes import problems, shown
from app.api.stats_shapes import STATS, Index, Latency, Process, Series, Server, Stage, Stats, Totals
from app.auth import Caller
from app.durations import JobDurations
from app.figures import Figures, total
from app.history import History
from app.overview import DAY, SCALES, Scale, Span, by_step, counted, latency, steps
from app.processes import memory_of
from core.errors import FootnoteError, Forbidden

router = APIRouter(prefix="/v1/stats", tags=["health"])


@router.get(
    "",
    summary="The server's figures over a span",
    operation_id="get_stats",
    response_model=Stats,
    responses={**shown(STATS), **problems(403)},
)
async def get_stats(
    request: Request,
    services: Wired,
    measured: Measured,
    caller: Caller,
    span: Annotated[Span, Query(description="How far to look back.")] = "24h",
    utc_offset: Annotated[
        int,
        Query(ge=-840, le=840, description="Minutes by which the reader's clock is ahead of UTC: days begin there."),
    ] = 0,
) -> HttpResponse:
    """For administrators: they count what everybody asked. Nobody's words are in them, but this minute is."""
    if not caller.admin:
        raise Forbidden("The server's figures are for administrators. Ask whoever runs it for a key that is one.")
    durations: JobDurations = request.app.state.durations
    await durations.look(services.store.jobs)
    told = await _told(services, measured.history, span, utc_offset * 60)
    return HttpResponse(told.model_dump_json(), media_type="application/json")


async def _told(services: Parts, history: History, span: Span, offset: int) -> Stats:
    scale, now = SCALES[span], history.now()
    times = steps(now, scale.seconds, scale.step)
    parts = by_step(await _figures(services, history, scale, times[0]), times, scale.step)
    days = steps(now, scale.seconds, scale.count_step, offset)
    midnight = steps(now, DAY, DAY, offset)[0]
    tally = await services.store.figures.tally(days[0], scale.count_step, offset)
    today = await services.store.figures.tally(midnight, DAY, offset)
    answers, feedback = counted(tally.answers, days), counted(tally.feedback, days)
    return Stats(
        span=span,
        at=datetime.fromtimestamp(now, UTC),
        totals=await _totals(services, total(parts), _sums(today.answers), _sums(tally.answers), _sums(tally.feedback)),
        latency=Latency(times=times, step=scale.step, stages=[Stage.model_validate(one) for one in latency(parts)]),
        answers=Series(times=days, step=scale.count_step, series=answers),
        feedback=Series(times=days, step=scale.count_step, series=feedback),
        queue=Series(
            times=times,
            step=scale.step,
            series={"queued": [part.queued for part in parts], "running": [part.running for part in parts]},
        ),
        errors=Series(times=times, step=scale.step, series={"errors": [sum(part.errors.values()) for part in parts]}),
        server=await _server(services, history),
    )


async def _figures(services: Parts, history: History, scale: Scale, since: int) -> dict[int, Figures]:
    """What was kept since then, and what is still to be kept."""
    found: dict[int, Figures] = await services.store.figures.read(scale.resolution, since)
    for start, minute in history.minutes.items():
        if start >= since:
            found.setdefault(start - start % scale.resolution, Figures()).add(minute)
    return found


async def _totals(
    services: Parts, whole: Figures, today: dict[str, int], answers: dict[str, int], feedback: dict[str, int]
) -> Totals:
    stock = await services.store.stats()
    return Totals(
        documents=stock.documents,
        live_documents=stock.live_documents,
        chunks=stock.chunks,
        collections=await services.store.figures.collections(),
        jobs={name: stock.jobs.get(name, 0) for name in ("queued", "running", "succeeded", "failed", "cancelled")},
        answers_today=today,
        answers=answers,
        feedback=feedback,
        errors=whole.errors,
        degraded=whole.degraded,
    )


def _sums(tally: Mapping[str, Mapping[int, int]]) -> dict[str, int]:
    return {name: sum(counts.values()) for name, counts in tally.items()}


async def _server(services: Parts, history: History) -> Server:
    memory = await asyncio.to_thread(memory_of, services.processes())
    return Server(
        version=metadata.version("footnote"),
        started_at=datetime.fromtimestamp(history.started, UTC),
        uptime_seconds=round(history.now() - history.started, 1),
        processes=[Process(name=name, memory_bytes=resident) for name, resident in memory.items()],
        workers=dict(services.workers()),
        index=await _index(services),
        generator=services.generator.info.name,
    )


async def _index(services: Parts) -> Index:
    """The index as it says of itself; one that does not answer leaves the rest to be told."""
    known = Index(generation=services.generation, embedder=services.settings.retrieval.embedder.model)
    try:
        state = await services.index_state()
    except FootnoteError:
        return known.model_copy(update={"stage": "unavailable"})
    return known.model_copy(update=asdict(state))
