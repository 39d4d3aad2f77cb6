"""A worker process: takes queued jobs from the store and runs them durably until it is told to stop.

The job's row is the outbox: whoever commits it has been promised the work. The worker looks for such rows a few times a
second and hands each to the durable queue under an id that makes a second hand-over harmless.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Coroutine
from typing import Any

from app import wiring
from app.build import Workshop
from app.durable import DurableJobs
from app.jobs import STAGES, Jobs
from app.repair import repair
from app.settings import Settings
from core.errors import FootnoteError, IndexMismatch

log = logging.getLogger("footnote.worker")

_POLL = 0.2
_RECONCILE_EVERY = 30.0
_LOOK_AGAIN = 5.0


async def work(settings: Settings, *, name: str = "worker-0") -> None:
    """Runs jobs until SIGTERM or SIGINT. With settings that the index was not built with it waits, and takes none."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    while not stop.is_set():
        try:
            async with wiring.open_workshop(settings) as shop:
                await _serve(shop, name, stop)
        except IndexMismatch as error:
            log.warning("%s takes no jobs: %s", name, error.message)
            await _passed(stop, _LOOK_AGAIN)


async def _serve(shop: Workshop, name: str, stop: asyncio.Event) -> None:
    jobs = Jobs(shop)
    durable = DurableJobs(
        database_url=wiring.jobs_url(shop.settings),
        executor=name,
        concurrency=shop.settings.jobs.concurrency,
        run=jobs.run,
    )
    await durable.open()
    log.info("%s is ready", name)
    try:
        await _until(stop, repair(shop))
        await _dispatch(shop, jobs, durable, stop)
    finally:
        await durable.close()


async def _dispatch(shop: Workshop, jobs: Jobs, durable: DurableJobs, stop: asyncio.Event) -> None:
    reconciled = -_RECONCILE_EVERY
    current = True
    while not stop.is_set():
        began = time.monotonic()
        try:
            queued = await shop.store.jobs.queued()
            current, before = not queued or await jobs.current(), current
            if before and not current:
                log.warning("The index was rebuilt with other settings; uploads wait until the server is restarted.")
            for job in queued:
                if current or job.kind == "delete":
                    await durable.submit(job.id, job.attempts + 1, STAGES[job.kind])
            if time.monotonic() - reconciled > _RECONCILE_EVERY:
                reconciled = time.monotonic()
                await _settle_the_lost(shop, durable)
        except FootnoteError as error:
            log.warning("cannot look for jobs: %s", error.message)
        # Thousands of waiting jobs take a while to list; most of the time is for working on them.
        await _passed(stop, max(_POLL, 5 * (time.monotonic() - began)))


async def _settle_the_lost(shop: Workshop, durable: DurableJobs) -> None:
    """Jobs called running that nobody runs: those of a restored backup are run again, those that killed their worker
    each time are failed."""
    for job in await shop.store.jobs.running():
        state = await durable.state(job.id, job.attempts)
        if state == "unknown":
            await durable.submit(job.id, job.attempts, STAGES[job.kind])
        elif state == "over" and (await shop.store.jobs.get(job.id)).status == "running":
            reason = "The worker died repeatedly while it had this document in hand."
            await shop.store.jobs.fail(job.id, "worker_lost", reason)


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Does the work, or breaks it off where the worker is told to stop."""
    working, told = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (working, told):
            task.cancel()
        await asyncio.gather(working, told, return_exceptions=True)


async def _passed(stop: asyncio.Event, seconds: float) -> None:
    """Waits so long, or until the worker is told to stop."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
