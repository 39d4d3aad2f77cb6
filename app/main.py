"""Puts the HTTP server together: `create_app(settings, services_factory)`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata
from typing import TYPE_CHECKING

from fastapi import FastAPI

from app import errors, openapi, site
from app.agent_runs import RunService
from app.api.content import PageCache
from app.api.routes import routers
from app.auth import Guard, Keys
from app.boot import Boot
from app.durations import JobDurations
from app.keeper import Keeper
from app.limits import Limits
from app.metrics import Metrics
from app.middleware import UPLOADS, BodyLimit, Gate, RequestContext
from app.ready import Ready
from app.runs import AnswerRuns
from app.sharing import CancelMessages
from app.tracing import Tracing
from app.watch import JobWatch

if TYPE_CHECKING:
    from app.boot import ServicesFactory
    from app.settings import Settings


def create_app(settings: Settings, services_factory: ServicesFactory) -> FastAPI:
    """The application. It answers `/healthz` at once; the services open beside it and close when it stops.

    Raises `ConfigurationError` for keys that cannot work. Whoever listens calls `app.auth.check_bind` before.
    """
    metrics = Metrics()
    boot = Boot(settings, services_factory)
    limits = Limits(settings.http)
    tracing = Tracing()
    runs = AnswerRuns(metrics, limits.answers, tracing)
    cancels = CancelMessages(boot, runs)
    watch = JobWatch()
    guard = Guard(settings)
    durations = JobDurations(metrics)
    keys = Keys(settings.auth)
    agent_runs = RunService(boot, metrics, keys)
    kept = settings.history
    keeper = Keeper(
        boot, metrics.history, durations, trace_days=kept.trace_days, learnt_days=kept.feedback_trace_days,
        purge=kept.purge_datasets,
    )  # fmt: skip

    async def farewell() -> None:
        """Lets answers be finished for a while, then ends every stream: whoever listens calls it before it waits for
        callers to leave."""
        await asyncio.gather(runs.drain(settings.http.drain_seconds), agent_runs.drain(settings.http.drain_seconds))
        await runs.close()
        await agent_runs.close()
        await watch.close()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        boot.start()
        keeper.start()
        cancels.start()
        agent_runs.start()
        try:
            yield
        finally:
            await runs.close()
            await agent_runs.close()
            await watch.close()
            await cancels.close()
            await keeper.close()
            await boot.stop()

    app = FastAPI(
        title="Footnote",
        version=_version(),
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        lifespan=lifespan,
        docs_url=None,  # Swagger's page loads its code from elsewhere; the document itself is at /openapi.json
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.settings = settings
    app.state.keys = keys
    app.state.metrics = metrics
    app.state.boot = boot
    app.state.limits = limits
    app.state.guard = guard
    app.state.ready = Ready()
    app.state.durations = durations
    app.state.runs = runs
    app.state.agent_runs = agent_runs
    app.state.tracing = tracing
    app.state.watch = watch
    app.state.farewell = farewell
    app.state.pages = PageCache()
    errors.install(app)
    openapi.install(app)
    for router in routers():
        app.include_router(router)
    site.install(app)
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, limit=settings.http.max_body_bytes, streamed=UPLOADS)
    app.add_middleware(Gate, guard=guard)
    app.add_middleware(RequestContext, metrics=metrics)
    return app


def _version() -> str:
    try:
        return metadata.version("footnote")
    except metadata.PackageNotFoundError:
        return "0"
