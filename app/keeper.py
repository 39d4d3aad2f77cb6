"""What the server does each minute for whoever looks at it later: figures are kept, old traces forgotten, and answers
whose server has died are said to be interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from app.durations import JobDurations
from app.history import MINUTE, History
from core.errors import FootnoteError

if TYPE_CHECKING:
    from app.boot import Boot
    from app.services import Services

logger = logging.getLogger("footnote.keeper")

_FORGET_EVERY = 3600.0


class Keeper:
    """Writes the figures of each minute to the store. For one event loop."""

    def __init__(
        self,
        boot: Boot,
        history: History,
        durations: JobDurations,
        *,
        trace_days: int,
        learnt_days: int,
        purge: bool = False,
    ) -> None:
        self._boot = boot
        self._history = history
        self._durations = durations
        self._traces = timedelta(days=trace_days)
        self._learnt = timedelta(days=max(learnt_days, trace_days))
        self._purge = purge
        self._forgotten = -_FORGET_EVERY
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins; returns at once."""
        self._task = asyncio.create_task(self._run(), name="keep figures")

    async def close(self) -> None:
        """Keeps what was counted since the last minute, and stops. To be called while the store is open."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._keep_or_say()

    async def keep(self) -> None:
        """Looks at the queue and writes what was counted. Without a store it waits for the next time."""
        try:
            services = self._boot.services
            await self._durations.look(services.store.jobs)
            jobs = await services.store.figures.queue()
            await services.store.answers.interrupt()
        except FootnoteError:
            return
        self._history.queue(jobs.get("queued", 0), jobs.get("running", 0))
        taken = self._history.take()
        try:
            await services.store.figures.add(taken)
            await self._forget(services)
        except FootnoteError as error:
            self._history.give_back(taken)
            logger.warning("the figures of the last minute wait to be kept: %s", error)

    async def _forget(self, services: Services) -> None:
        if time.monotonic() - self._forgotten > _FORGET_EVERY:
            now = datetime.now(UTC)
            await services.store.traces.forget(now - self._traces, now - self._learnt)
            await services.store.step_prompts.forget(now - self._traces, now - self._learnt)
            observed = timedelta(days=services.settings.finetune.rollout.days)
            await services.store.deployments.forget(now - observed)
            self._forgotten = time.monotonic()
            if self._purge:
                from app.finetune.purge import BY_ITSELF, purge

                try:
                    await purge(services, BY_ITSELF)
                except FootnoteError as error:
                    logger.warning("datasets cannot be looked through for what was deleted: %s", error)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(MINUTE - self._history.now() % MINUTE)
            await self._keep_or_say()

    async def _keep_or_say(self) -> None:
        """Whatever goes wrong with figures, the server goes on, and stops as it should."""
        try:
            await self.keep()
        except Exception:
            logger.exception("the figures of the last minute could not be kept")


__all__ = ["Keeper"]
