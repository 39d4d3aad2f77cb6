"""Reading a run from any server, at any time: its log while there is one, else what the store knows of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.run_events import BEGIN, OVER, Event, Mode, Told, attempt_of, dump, event_id, number_of
from app.run_execution import stream_id
from app.streams import StreamEvent
from core.errors import NotFound
from core.types import Principal

if TYPE_CHECKING:
    from app.agent_runs import RunService
    from app.services import Services
    from app.store.run_records import RunRecord, ThreadRecord

_LOOK = 0.5
"""Seconds between two looks at a run that another server works on, where no log of it can be read here."""


class Reader:
    """One reader of one run."""

    def __init__(
        self, services: Services, service: RunService, run_id: str, principal: Principal, modes: Sequence[Mode]
    ) -> None:
        self._services = services
        self._service = service
        self._run_id = run_id
        self._principal = principal
        self._new: Callable[[], Told] = lambda: Told(modes)
        self.told = self._new()

    async def events(self, seen: int = 0) -> AsyncIterator[StreamEvent]:
        """Everything after the event `seen`, until the run is over or its server stops. An attempt that was begun anew
        is told from its beginning."""
        looked = False
        while True:
            run = await self._services.store.runs.get(self._run_id, self._principal)
            logged = run.attempts > 0 and await self._is_logged(run)
            if not run.finished and not logged and not (looked and run.attempts):
                looked = run.attempts > 0  # its log is begun just after it is taken up; only the log tells all of it
                if not await self._service.changed(self._run_id, _LOOK):
                    return
                continue
            source = await self._source(run, seen, logged=logged)
            async for event in source:
                seen = event.id
                yield event
            if run.finished or await self._over():
                return
            if not await self._service.changed(self._run_id, _LOOK):
                return

    async def values(self) -> Mapping[str, Any]:
        """The thread's values when the run is over, `__error__` in place of them where it failed."""
        error: Mapping[str, Any] | None = None
        async for event in self.events():
            if event.name == "error":
                error = json.loads(event.data)
        return {"__error__": error} if error is not None else self.told.values

    async def has_seen_all(self, run: RunRecord, seen: int) -> bool:
        """Whether `seen` is the last event of a run that is over."""
        if attempt_of(seen) != run.attempts:
            return False
        try:
            end = await self._services.streams.ended_at(stream_id(run.id, run.attempts))
        except NotFound:
            return number_of(seen) > 0  # only the end is told with a number where there is no log
        return end is not None and number_of(seen) >= end

    async def _over(self) -> bool:
        """Whether the run is over; one that was told to its end is, also where it has gone with its thread."""
        try:
            run = await self._services.store.runs.get(self._run_id, self._principal)
        except NotFound:
            return True
        return run.finished and self._told_over

    async def _source(self, run: RunRecord, seen: int, *, logged: bool) -> AsyncIterator[StreamEvent]:
        self.told, self._told_over = self._new(), False
        from app.store.thread_withholding import is_withheld

        if not logged:
            return self._from_store(run)
        if run.finished and (is_withheld(run.output) or (await self._thread(run)).blanked):
            return self._from_store(run)
        stream = stream_id(run.id, run.attempts)
        return self._from_log(run, stream, number_of(seen) if attempt_of(seen) == run.attempts else 0)

    async def _is_logged(self, run: RunRecord) -> bool:
        """Whether a log of this attempt can be read here."""
        try:
            await self._services.streams.ended_at(stream_id(run.id, run.attempts))
        except NotFound:
            return False
        return True

    # ---- where it comes from -----------------------------------------------------------------------------------------

    async def _from_log(self, run: RunRecord, logged: str, after: int) -> AsyncIterator[StreamEvent]:
        async for event in self._services.streams.read(logged):  # from its first event on: values are put together
            told = self._as_told(run, event.id, event.name, json.loads(event.data))
            for each in told if event.id > after else ():
                yield each

    async def _from_store(self, run: RunRecord) -> AsyncIterator[StreamEvent]:
        """Step by step as they come into the log of steps; all at once where the run is over."""
        thread = await self._thread(run)
        values = dict(thread.values) if thread.values.get("run_id") == run.task_id else {}
        begin = {
            "run_id": run.id,
            "thread_id": run.thread_id,
            "attempt": run.attempts,
            "values": {**values, "steps": []},
        }
        for event in self._as_told(run, 0, BEGIN, begin):
            yield event
        known: dict[int, Mapping[str, Any]] = {}
        while True:
            for number, step in (await self._steps()).items():
                if known.get(number) != step:
                    known[number] = step
                    for event in self._as_told(run, 0, "step", {"step": step}):
                        yield event
            if run.finished:
                break
            if not await self._service.changed(self._run_id, _LOOK):
                return
            now = await self._services.store.runs.get(self._run_id, self._principal)
            if now.attempts != run.attempts:
                return
            run = now
        for event in await self._ending(run):
            yield event

    async def _ending(self, run: RunRecord) -> list[StreamEvent]:
        thread = await self._thread(run)
        told: list[StreamEvent] = []
        if run.output is not None:
            waiting = {
                each.id for each in await self._services.store.approvals.waiting(run.thread_id) if each.run_id == run.id
            }
            asked = [each for each in thread.interrupts if each["id"] in waiting]
            steps = list((await self._steps()).values())
            messages = thread.values.get("messages", [])
            values = {"run_id": run.task_id, "agent": run.agent, "messages": messages, "steps": steps, **run.output}
            told += self._told_at_last(run, values)
            told += self._as_told(run, 0, "state", {"status": run.status, "values": values, "interrupts": asked})
        error = run.error and {"code": run.error.code, "message": run.error.message}
        return [*told, *self._as_told(run, 1, OVER, {"status": run.status, "error": error})]

    def _told_at_last(self, run: RunRecord, values: Mapping[str, Any]) -> list[StreamEvent]:
        """What the graph tells once, from what is kept of it."""
        kept = [(name, {name: values[name]}) for name in ("sources", "budget") if values.get(name)]
        if values.get("answer"):
            kept.append(("answer", {"answer": values["answer"], "incomplete": values.get("incomplete")}))
        return [event for name, data in kept for event in self._as_told(run, 0, name, data)]

    # ---- how it is told ----------------------------------------------------------------------------------------------

    def _as_told(self, run: RunRecord, number: int, name: str, data: Mapping[str, Any]) -> list[StreamEvent]:
        """What one event of the log becomes. Only the last carries its id: whoever was cut off before it is told the
        others again."""
        self._told_over = self._told_over or name == OVER
        found: list[Event] = list(self.told.take(name, data))
        own, before = event_id(run.attempts, number), event_id(run.attempts, max(0, number - 1))
        return [
            StreamEvent(id=own if place == len(found) else before, name=told, data=dump(each))
            for place, (told, each) in enumerate(found, start=1)
        ]

    async def _thread(self, run: RunRecord) -> ThreadRecord:
        return await self._services.store.threads.get(run.thread_id, self._principal)

    async def _steps(self) -> dict[int, Mapping[str, Any]]:
        """The steps as the store has them, without what may no longer be read."""
        logged = await self._services.store.run_steps.readable(self._run_id, self._principal)
        return {each.number: each.body for each in logged}


__all__ = ["Reader"]
