"""What routes depend on: the open services, the metrics and the running answers of the application they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

from app.boot import Boot
from app.metrics import Metrics
from app.runs import AnswerRuns

if TYPE_CHECKING:
    from app.services import Services

    Parts = Services
else:
    # FastAPI evaluates annotations, and the services' modules load a database and an engine.
    Parts = Any


# Coroutines, though they wait for nothing: FastAPI sends plain functions to a thread, one hop for each of them.


async def services(request: Request) -> Parts:
    """The open services. Raises `Starting` until there are any, or what keeps them from opening."""
    boot: Boot = request.app.state.boot
    return boot.services


async def metrics(request: Request) -> Metrics:
    """The application's metrics."""
    found: Metrics = request.app.state.metrics
    return found


async def runs(request: Request) -> AnswerRuns:
    """The answers being written."""
    found: AnswerRuns = request.app.state.runs
    return found


Wired = Annotated[Parts, Depends(services)]
Measured = Annotated[Metrics, Depends(metrics)]
Running = Annotated[AnswerRuns, Depends(runs)]
