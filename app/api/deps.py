"""What routes depend on: the open services, the metrics and the running answers of the application they belong to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.routing import APIRoute

from app.agent_runs import RunService
from app.auth import Caller, Guard, Identified
from app.boot import Boot
from app.errors import Starting, TooManyRequests, unusable_filter
from app.limits import Limits
from app.metrics import Metrics
from app.runs import AnswerRuns
from app.tracing import Tracing
from app.watch import JobWatch
from core.errors import FootnoteError, Forbidden, InvalidFilter
from core.types import Principal

if TYPE_CHECKING:
    from app.services import Services

    Parts = Services
else:
    # FastAPI evaluates annotations, and the services' modules load a database and an engine.
    Parts = Any


# Coroutines, though they wait for nothing: FastAPI sends plain functions to a thread, one hop for each of them.


async def services(request: Request, caller: Caller) -> Parts:
    """The open services. Raises `Starting` until there are any, or what keeps them from opening.

    Who shows no key is told that and not how the server fares, and who is no administrator not what its parts said.
    """
    boot: Boot = request.app.state.boot
    try:
        return boot.services
    except FootnoteError as error:
        if caller.admin or isinstance(error, Starting):
            raise
        raise type(error)("The server cannot answer now; its log says why. Ask whoever runs it.") from error


async def metrics(request: Request) -> Metrics:
    """The application's metrics."""
    found: Metrics = request.app.state.metrics
    return found


async def runs(request: Request) -> AnswerRuns:
    """The answers being written."""
    found: AnswerRuns = request.app.state.runs
    return found


async def agents_at_work(request: Request) -> RunService:
    """The runs of agents."""
    found: RunService = request.app.state.agent_runs
    return found


async def tracing(request: Request) -> Tracing:
    """Who keeps how answers came about."""
    found: Tracing = request.app.state.tracing
    return found


async def limits(request: Request) -> Limits:
    """What each caller may hold at a time."""
    found: Limits = request.app.state.limits
    return found


async def within_rate(services: Annotated[Parts, Depends(services)], caller: Caller) -> None:
    """For what costs the machine most. Raises `TooManyRequests` where the caller has asked as often as it may."""
    rates = services.sharing.rates
    if rates is not None and (wait := await rates.take(caller.id)):
        most = services.settings.http.questions_per_minute
        raise TooManyRequests(f"You may ask {most} times a minute; ask again in {wait:.1f} seconds.", wait)


async def watch(request: Request) -> JobWatch:
    """Who looks whether jobs have changed."""
    found: JobWatch = request.app.state.watch
    return found


async def insider(request: Request, caller: Identified) -> bool:
    """Whether the server's own affairs may be told: to an administrator who calls it by a name that it knows.

    Without keys that is whoever calls, but for a page whose name was rebound to this address.
    """
    guard: Guard = request.app.state.guard
    return caller is not None and caller.admin and guard.answers_for(request.headers)


async def administrator(caller: Caller) -> Principal:
    """Who calls, for what is not everybody's. Raises `Forbidden` where it is no administrator."""
    if not caller.admin:
        raise Forbidden("This is for administrators. Ask whoever runs the server.")
    return caller


def forbids_cache(cache_control: str | None) -> bool:
    """Whether a request's `Cache-Control` asks for an answer that is written anew (RFC 9111, 5.2.1.4)."""
    said = {part.strip().lower() for part in (cache_control or "").split(",")}
    return bool(said & {"no-cache", "no-store"})


async def ending() -> AsyncIterator[ExitStack]:
    """What is to be done once the response was sent, or broke off, or was never begun."""
    with ExitStack() as stack:
        yield stack


async def known_parameters(request: Request) -> None:
    """For listings: a misspelt filter would otherwise tell of everything. Raises `InvalidFilter`."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    known = [parameter.alias for parameter in route.dependant.query_params]
    for name in request.query_params:
        if name not in known:
            word = name if len(name) <= 64 else f"{name[:63]}…"
            others = f"; there are {', '.join(known)}" if known else ", nor any other"
            raise InvalidFilter(unusable_filter(word, f"It is not known here{others}."))


Wired = Annotated[Parts, Depends(services)]
Measured = Annotated[Metrics, Depends(metrics)]
Running = Annotated[AnswerRuns, Depends(runs)]
AgentsAtWork = Annotated[RunService, Depends(agents_at_work)]
Traced = Annotated[Tracing, Depends(tracing)]
Limited = Annotated[Limits, Depends(limits)]
Watching = Annotated[JobWatch, Depends(watch)]
Insider = Annotated[bool, Depends(insider)]
Administrator = Annotated[Principal, Depends(administrator)]
LISTING = [Depends(known_parameters)]
RATED = [Depends(within_rate)]
CacheControl = Annotated[
    str | None, Header(max_length=256, description="`no-cache`: let the answer be written anew.", examples=["no-cache"])
]
AtEnd = Annotated[ExitStack, Depends(ending)]
