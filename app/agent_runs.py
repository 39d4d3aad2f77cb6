"""The runs of agents in this server: taken from the store in turn, handed to DBOS, worked on, and taken over.

A run's row is the outbox: whoever commits it has been promised the work. Every server looks for such rows and hands
them to a queue that only servers listen to, under an id that makes a second hand-over harmless; what a server had in
hand that died is taken over by another one, or by the next on this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.durable import RUNS, DurableJobs
from app.errors import Starting
from app.run_execution import Execution
from app.run_expiry import forget_old, forget_outlived, forget_stateless, reject_expired
from core.errors import Conflict, FootnoteError, Unavailable

if TYPE_CHECKING:
    from agents.runner import Agents
    from app.agent_parts import AgentParts
    from app.auth import Keys
    from app.boot import Boot
    from app.metrics import Metrics
    from app.services import Services
    from app.store.run_records import RunRecord

log = logging.getLogger("footnote.runs")

AGENTS_UNAVAILABLE = "agents_unavailable"
AGENTS_WORDS = "Agents do not run: they could not be started. The server's log says why, and it tries again."

_LOOK = 0.5
_LOOK_FOR_THE_GONE = 1.0
_SWEEP_EVERY = 2.0
_SETTLE_EVERY = 15.0
_OUTLIVED_EVERY = 30.0
_FORGET_EVERY = 3_600.0
_TRY_AGAIN = 5.0
_STAGE = "run"
_ATTEMPT = 1
"""A run is one workflow: what is done again after a crash is that one."""


class RunService:
    """This server's part in the runs of all. For one event loop."""

    def __init__(
        self, boot: Boot, metrics: Metrics, keys: Keys, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._boot = boot
        self._metrics = metrics
        self._keys = keys
        self._now = now
        self._task: asyncio.Task[None] | None = None
        self._parts: AgentParts | None = None
        self._parts_error: FootnoteError | None = None
        self._active: dict[str, Execution] = {}
        self._nudge = asyncio.Event()
        self._changed: dict[str, asyncio.Event] = {}
        self._stop = asyncio.Event()
        self._leaving = False
        self._tried = False
        self.began = now()
        """When this server began."""

    # ---- for routes --------------------------------------------------------------------------------------------------

    @property
    def parts(self) -> AgentParts:
        """The agents. Raises `Starting` until they are there, or what keeps them from being there."""
        if self._parts is not None:
            return self._parts
        raise self._parts_error or Starting("The agents are starting; try again in a moment.")

    @property
    def agents(self) -> Agents:
        """Who runs them. Raises as `parts` does."""
        return self.parts.agents

    @property
    def failed(self) -> bool:
        """Whether there are to be agents, and they could not be started."""
        return self._parts is None and self._tried

    @property
    def leaving(self) -> bool:
        """Whether the server is stopping and begins no more runs."""
        return self._leaving

    def nudge(self) -> None:
        """Says that a run was promised, or is to be stopped."""
        self._nudge.set()

    def stop(self, run_id: str, how: str) -> None:
        """Stops a run if it is worked on here; other servers find the word in the store."""
        if run_id in self._active:
            self._active[run_id].stop(how)  # type: ignore[arg-type]
        self.nudge()
        self._tell(run_id)

    async def changed(self, run_id: str, seconds: float) -> bool:
        """Waits until a run has changed here, at most so long. False where the server stops."""
        if self._stop.is_set():
            return False
        event = self._changed.setdefault(run_id, asyncio.Event())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)
        if self._changed.get(run_id) is event:
            del self._changed[run_id]  # other readers of it look again when their own time is over
        return not self._stop.is_set()

    def _tell(self, run_id: str) -> None:
        if event := self._changed.pop(run_id, None):
            event.set()

    # ---- its life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins once the services are open; returns at once."""
        self._task = asyncio.create_task(self._run(), name="agents' runs")

    async def drain(self, seconds: float) -> None:
        """Begins no more runs, and gives those in hand so long to come to the end of their step."""
        self._leaving = True
        for execution in self._active.values():
            execution.break_off()
        deadline = time.monotonic() + seconds
        while self._active and time.monotonic() < deadline:  # noqa: ASYNC110  # few, and only while the server stops
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Breaks off what is in hand: it is taken up by another server, or by the next one."""
        self._leaving = True
        self._stop.set()
        for run_id in list(self._changed):
            self._tell(run_id)
        self.nudge()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        try:
            services = await self._until_stopped(self._boot.opened())
        except FootnoteError:
            return  # nothing will be asked of it
        if services is not None and services.open_agents is None:
            self._parts_error = Unavailable("This server has no agents.")
            return
        while services is not None and not self._stop.is_set():
            try:
                await self._hold(services)
            except FootnoteError as error:
                self._parts_error = Unavailable(AGENTS_WORDS)  # the reason may name files; it is the log's to tell
                self._tried = True
                log.warning("agents do not run: %s", error.message)
            except Exception:
                self._parts_error, self._tried = Unavailable(AGENTS_WORDS), True
                log.exception("agents do not run")
            if not self._stop.is_set():
                await self._until_stopped(asyncio.sleep(_TRY_AGAIN))

    async def _hold(self, services: Services) -> None:
        """Works under a name that nobody had before, as long as the others can see that it is held."""
        assert services.open_agents is not None
        executor = f"server-{uuid.uuid4().hex[:12]}"
        async with AsyncExitStack() as stack:
            lost = await stack.enter_async_context(services.store.presence.held(executor))
            assert lost is not None
            self._parts = await stack.enter_async_context(services.open_agents(services))
            self._parts_error = None
            stack.callback(self._forget_agents)
            durable = DurableJobs(
                database_url=services.jobs_url,
                executor=executor,
                concurrency=services.settings.runs.concurrency,
                run=self._work(services),
                kind=RUNS,
            )
            stack.push_async_callback(durable.close)
            await durable.open()
            watch = asyncio.create_task(self._nudge_when(lost), name="the runs' name")
            stack.callback(watch.cancel)
            await self._dispatch(services, durable, lost)
        if lost.is_set():
            log.warning("%s lost the database and left its runs to others; it begins anew.", executor)

    def _forget_agents(self) -> None:
        self._parts = None

    async def _nudge_when(self, lost: asyncio.Event) -> None:
        await lost.wait()
        self.nudge()

    async def _until_stopped(self, work: Awaitable[Services | None]) -> Services | None:
        """What the work brings, None where the server stops first."""
        working = asyncio.ensure_future(work)
        told = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            for task in (working, told):
                task.cancel()
            await asyncio.gather(working, told, return_exceptions=True)

    # ---- its rounds --------------------------------------------------------------------------------------------------

    async def _dispatch(self, services: Services, durable: DurableJobs, lost: asyncio.Event) -> None:
        done: dict[str, float] = {}
        gone: set[str] = set()

        def due(name: str, every: float) -> bool:
            if time.monotonic() - done.get(name, -every) < every:
                return False
            done[name] = time.monotonic()
            return True

        while not self._stop.is_set() and not lost.is_set():
            self._nudge.clear()
            try:
                await self._stop_the_unwanted(services)
                if not self._leaving:
                    await self._hand_over(services, durable)
                if due("gone", _LOOK_FOR_THE_GONE):
                    gone = await durable.succeed(services.store.presence, gone)
                if due("expired", _SWEEP_EVERY):
                    await reject_expired(services.store, self._now())
                    await forget_stateless(services.store, self.agents, self._now())
                if due("outlived", _OUTLIVED_EVERY):
                    await forget_outlived(services.store, self.agents, self._now())
                if due("settle", _SETTLE_EVERY):
                    await self._settle_the_lost(services, durable)
                if due("forget", _FORGET_EVERY):
                    days = services.settings.runs.keep_days
                    await forget_old(services.store, self.agents, self._now(), days)
                    await durable.prune(self._now() - timedelta(days=services.settings.jobs.workflow_days))
            except FootnoteError as error:
                log.warning("cannot look for runs: %s", error.message)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudge.wait(), _LOOK)

    async def _hand_over(self, services: Services, durable: DurableJobs) -> None:
        settings = services.settings.runs
        room = settings.concurrency - len(self._active)
        if room <= 0:
            return
        ready = await services.store.run_work.ready(limit=room, per_caller=settings.per_caller, now=self._now())
        for run in ready:
            await durable.submit(run.id, _ATTEMPT, [_STAGE])

    async def _stop_the_unwanted(self, services: Services) -> None:
        for run_id, how in (await services.store.run_work.stopping(self._active)).items():
            if run_id in self._active:
                self._active[run_id].stop(how)  # type: ignore[arg-type]

    async def _settle_the_lost(self, services: Services, durable: DurableJobs) -> None:
        """Runs that count as going on and that nobody works on: those of a restored backup are worked on again, those
        that killed their server each time are failed."""
        from app.store.records import Problem
        from app.store.run_records import Outcome

        for run in await services.store.run_work.begun():
            if run.id in self._active:
                continue
            state = await durable.state(run.id, _ATTEMPT)
            if state == "unknown":
                await durable.submit(run.id, _ATTEMPT, [_STAGE])
            now = await services.store.run_work.look(run.id) if state == "over" else None
            if now is not None and now.status == "running" and now.attempts == run.attempts:
                reason = "The server died repeatedly while it had this run in hand."
                outcome = Outcome(status="error", error=Problem(code="server_lost", message=reason))
                await services.store.run_work.finish(run, outcome, expires=self._now())

    # ---- one run -----------------------------------------------------------------------------------------------------

    def _work(self, services: Services) -> Callable[[str, str, int], Coroutine[Any, Any, bool]]:
        async def work(run_id: str, _stage: str, _attempt: int) -> bool:
            run = await self._begin(services, run_id)
            if run is None:
                return False
            principal = self._keys.named(run.principal_id)
            execution = Execution(services, self.parts, self._metrics, run, principal)
            self._active[run_id] = execution
            self._metrics.runs_in_hand(len(self._active))
            self._tell(run_id)
            try:
                await execution.work()
            finally:
                del self._active[run_id]
                self._metrics.runs_in_hand(len(self._active))
                self._tell(run_id)
                self.nudge()
            return False

        return work

    async def _begin(self, services: Services, run_id: str) -> RunRecord | None:
        """The run, as soon as no other one of its thread goes on. None where it is over."""
        while True:
            if self._leaving:
                raise asyncio.CancelledError
            try:
                return await services.store.run_work.begin(run_id)
            except Conflict:
                await asyncio.sleep(_LOOK)


__all__ = ["RunService"]
