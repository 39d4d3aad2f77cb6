"""A worker process: takes queued jobs from the store and runs them durably until it is told to stop.

The job's row is the outbox: whoever commits it has been promised the work. The worker looks for such rows a few times a
second and hands each to the durable queue under an id that makes a second hand-over harmless.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time

from app import wiring
from app.build import Workshop
from app.durable import DurableJobs
from app.jobs import STAGES, Jobs
from app.repair import repair
from app.settings import Settings
from core.errors import FootnoteError

log = logging.getLogger("footnote.worker")

_POLL = 0.2
_RECONCILE_EVERY = 30.0


async def work(settings: Settings, *, name: str = "worker-0") -> None:
    """Runs jobs until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with wiring.open_workshop(settings) as shop:
        durable = DurableJobs(
            database_url=wiring.jobs_url(settings),
            executor=name,
            concurrency=settings.jobs.concurrency,
            run=Jobs(shop).run,
        )
        await durable.open()
        log.info("%s is ready", name)
        try:
            await repair(shop)
            await _dispatch(shop, durable, stop)
        finally:
            await durable.close()


async def _dispatch(shop: Workshop, durable: DurableJobs, stop: asyncio.Event) -> None:
    reconciled = -_RECONCILE_EVERY
    while not stop.is_set():
        try:
            for job in await shop.store.jobs.queued():
                await durable.submit(job.id, job.attempts + 1, STAGES[job.kind])
            if time.monotonic() - reconciled > _RECONCILE_EVERY:
                reconciled = time.monotonic()
                await _settle_the_lost(shop, durable)
        except FootnoteError as error:
            log.warning("cannot look for jobs: %s", error.message)
        try:
            await asyncio.wait_for(stop.wait(), _POLL)
        except TimeoutError:
            continue


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
