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
import uuid
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from app import wiring
from app.build import Workshop
from app.durable import DurableJobs
from app.jobs import STAGES, Jobs
from app.repair import repair
from app.settings import Settings
from app.store.records import JobRecord
from core.errors import FootnoteError, IndexMismatch, Unavailable

log = logging.getLogger("footnote.worker")

_POLL = 0.2
_RECONCILE_EVERY = 30.0
_LOOK_AGAIN = 5.0
_LOOK_FOR_THE_GONE = 1.0
_PRUNE_EVERY = 3_600.0


async def work(settings: Settings, *, name: str = "worker-0") -> bool:
    """Runs jobs until SIGTERM or SIGINT; any number of these may work on one database.

    With settings that the index was not built with, or without database or index, it waits, and takes none. True where
    it lost the database among its jobs and is to begin anew in a fresh process: threads may still be about old work.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    while not stop.is_set():
        begun = False
        try:
            async with wiring.open_workshop(settings) as shop:
                begun = True
                await _present(shop, name, stop)
        except IndexMismatch as error:
            log.warning("%s takes no jobs: %s", name, error.message)
            await _passed(stop, _LOOK_AGAIN)
        except Unavailable as error:
            log.warning("%s cannot work: %s", name, error.message)
            await _passed(stop, _LOOK_AGAIN)
        if begun and not stop.is_set():
            return True
    return False


async def _present(shop: Workshop, name: str, stop: asyncio.Event) -> None:
    """Works under a name that nobody had before, as long as the others can see that it is held."""
    executor = f"{name}-{uuid.uuid4().hex[:12]}"
    async with shop.store.presence.held(executor) as lost:
        assert lost is not None
        over = asyncio.Event()
        watches = [asyncio.create_task(_either(event, over)) for event in (stop, lost)]
        try:
            await _serve(shop, executor, over)
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
        if lost.is_set():
            log.warning("%s lost the database and left its jobs to others; it begins anew.", name)


async def _serve(shop: Workshop, executor: str, stop: asyncio.Event) -> None:
    jobs = Jobs(shop)
    durable = DurableJobs(
        database_url=wiring.jobs_url(shop.settings),
        executor=executor,
        concurrency=shop.settings.jobs.concurrency,
        run=jobs.run,
    )
    await durable.open()
    log.info("%s is ready", executor)
    mended = asyncio.Event()
    try:
        await _until(stop, _mend(shop, mended))
        await _dispatch(shop, jobs, durable, stop, mended)
    finally:
        await durable.close()


async def _mend(shop: Workshop, mended: asyncio.Event) -> None:
    """Repairs the index once for this worker, unless another is at it just now: then it is tried again later."""
    async with shop.store.presence.held("repair") as alone:
        if alone is not None:
            await repair(shop)
            mended.set()


async def _dispatch(
    shop: Workshop, jobs: Jobs, durable: DurableJobs, stop: asyncio.Event, mended: asyncio.Event
) -> None:
    reconciled = looked = -_RECONCILE_EVERY
    pruned = -_PRUNE_EVERY
    current = True
    gone: set[str] = set()
    while not stop.is_set():
        began = time.monotonic()
        try:
            if began - looked > _LOOK_FOR_THE_GONE:
                looked, gone = began, await durable.succeed(shop.store.presence, gone)
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
                if not mended.is_set():
                    await _until(stop, _mend(shop, mended))
            if time.monotonic() - pruned > _PRUNE_EVERY:
                pruned = time.monotonic()
                await durable.prune(datetime.now(UTC) - timedelta(days=shop.settings.jobs.workflow_days))
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
        elif state == "over" and await _still_running(shop, job):
            reason = "The worker died repeatedly while it had this document in hand."
            await shop.store.jobs.fail(job.id, "worker_lost", reason)


async def _still_running(shop: Workshop, job: JobRecord) -> bool:
    """Whether this very attempt counts as running: it may have ended, and the next begun, since it was listed."""
    now = await shop.store.jobs.get(job.id)
    return now.status == "running" and now.attempts == job.attempts


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


async def _either(event: asyncio.Event, over: asyncio.Event) -> None:
    await event.wait()
    over.set()


async def _passed(stop: asyncio.Event, seconds: float) -> None:
    """Waits so long, or until the worker is told to stop."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
