"""One run being worked on: the graph's events into its log, its steps into the store, and its end said once."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from app.api.filters import Filters
from app.errors import problem_of
from app.run_events import BEGIN, OVER, dump
from core.errors import FootnoteError, NotFound, StoreUnavailable
from core.types import Message, Principal

if TYPE_CHECKING:
    from agents.runner import RunRequest
    from app.agent_parts import AgentParts
    from app.metrics import Metrics
    from app.services import Services
    from app.store.run_records import Outcome, RunRecord

log = logging.getLogger("footnote.runs")

T = TypeVar("T")

Stop = Literal["interrupt", "rollback", "gone"]
_AGAIN = 1.0
_MOST_DATA = 1_000_000
"""Characters of a step's data that are kept in the log of steps."""


def stream_id(run_id: str, attempt: int) -> str:
    """The id of the event log of one attempt at a run."""
    return f"{run_id}.{attempt}"


class Execution:
    """A run in hand. `stop` ends it for good, `break_off` leaves it to whoever takes it up next."""

    def __init__(
        self, services: Services, parts: AgentParts, metrics: Metrics, run: RunRecord, principal: Principal | None
    ) -> None:
        self._services = services
        self._agents = parts.agents
        self._tried = parts.tried
        self._metrics = metrics
        self._principal = principal
        self.run = run
        self._stream = stream_id(run.id, run.attempts)
        self._task: asyncio.Task[Outcome] | None = None
        self._stop: Stop | None = run.cancel
        self._leaving = False
        self._place = ""
        self._running: dict[int, Mapping[str, Any]] = {}

    def stop(self, how: Stop) -> None:
        """Ends the run where it is."""
        if self._stop is None:
            self._stop = how
            if self._task is not None:
                self._task.cancel()

    def break_off(self) -> None:
        """Leaves the run after the step that it is at."""
        self._leaving = True

    async def work(self) -> None:
        """Does the run and says how it ended; ends in `CancelledError` where it was broken off."""
        began = time.monotonic()
        place = await self._kept(lambda: self._services.store.run_work.checkpoints(self.run.thread_id))
        if place is None:
            return  # its thread was deleted just now
        self._place = place
        streams = self._services.streams
        await streams.open(self._stream, self.run.principal_id)
        try:
            outcome = await self._outcome()
            await self._finish(outcome)
            self._metrics.run(outcome.status, time.monotonic() - began)
        finally:
            await streams.finish(self._stream)

    async def _outcome(self) -> Outcome:
        from app.store.run_records import Outcome

        if self._told_to_stop():
            return self._stopped()
        self._task = asyncio.create_task(self._drive(), name=f"run {self.run.id}")
        seconds = self._services.settings.runs.seconds
        try:
            done, _ = await asyncio.wait({self._task}, timeout=seconds)
        except asyncio.CancelledError:
            await _ended(self._task)
            raise
        if not done:
            await _ended(self._task)
            return Outcome(
                status="timeout", error=_problem("timeout", f"This run took longer than {seconds:g} seconds.")
            )
        if self._task.cancelled():
            if not self._told_to_stop():
                raise asyncio.CancelledError
            return self._stopped()
        error = self._task.exception()
        return self._task.result() if error is None else self._failed(error)

    def _told_to_stop(self) -> bool:
        return self._stop is not None

    def _stopped(self) -> Outcome:
        from app.store.run_records import Outcome

        return Outcome(status="interrupted", error=_problem("cancelled", "This run was cancelled."))

    def _failed(self, error: BaseException) -> Outcome:
        from app.store.run_records import Outcome

        if not isinstance(error, FootnoteError):
            log.error("run %s failed", self.run.id, exc_info=error)
        problem = problem_of(error, None)
        self._metrics.error(problem["code"])
        return Outcome(status="error", error=_problem(problem["code"], problem["detail"]))

    # ---- the graph at work -------------------------------------------------------------------------------------------

    async def _drive(self) -> Outcome:
        from app.store.run_records import Outcome

        await self._tried()
        request = await self._request()
        await self._append(BEGIN, await self._beginning(request))
        async with aclosing(self._agents.run(request)) as events:
            async for event in events:
                if event.name == "state":
                    return await self._at_rest(event.data)
                if event.name == "step":
                    await self._step(event.data["step"])
                if event.name != "interrupt":  # told with the state, which says until when it may be decided
                    await self._append(event.name, event.data)
                if event.name == "step" and self._leaving and event.data["step"]["status"] == "done":
                    raise asyncio.CancelledError
        return Outcome(status="error", error=_problem("internal", "The run ended without a word."))

    async def _request(self) -> RunRequest:
        """What the graph is asked, on behalf of whom the run belongs to as they stand now."""
        from agents.runner import RunRequest

        if self._principal is None:
            raise NotFound("Whoever asked for this run has no key any more.")
        asked = self.run.request
        before = await self._services.store.threads.get(self.run.thread_id, self._principal)
        if before.blanked and not await self._is_begun():
            await self._agents.forget(self._place)  # it would go on with what may no longer be read
        given = [Message(role=each["role"], content=each["content"]) for each in asked.get("history", ())]
        return RunRequest(
            run_id=self.run.task_id,
            thread_id=self._place,
            principal=self._principal,
            agent=self.run.agent,
            task=asked.get("task"),
            history=(*_messages(before.values), *given),
            collections=tuple(asked.get("collections", ())),
            filters=Filters.model_validate(asked.get("filters") or {}).narrowed(),
            adapter=asked.get("adapter"),
            resume=asked.get("resume"),
        )

    async def _is_begun(self) -> bool:
        """Whether the checkpoints are of this very task."""
        state = await self._agents.state(self._place)
        return state is not None and state.values.get("run_id") == self.run.task_id

    async def _beginning(self, request: RunRequest) -> dict[str, Any]:
        """The values that readers begin with: the thread's, and of this task the steps that were taken before."""
        thread = await self._services.store.threads.get(self.run.thread_id, request.principal)
        values = dict(thread.values)
        if not self.run.resumes:
            human = {"type": "human", "content": request.task, "id": self.run.id}
            values |= {"sources": [], "answer": None, "incomplete": None, "steps": []}
            values["messages"] = [*values.get("messages", ()), human]
        logged = await self._services.store.run_steps.list(self.run.task_id)
        values["steps"] = [step.body for step in logged] or values.get("steps", [])
        return {
            "run_id": self.run.id,
            "thread_id": self.run.thread_id,
            "attempt": self.run.attempts,
            "values": values,
        }

    async def _step(self, step: Mapping[str, Any]) -> None:
        number = step["number"]
        if step["status"] == "running":
            self._running[number] = step
            return
        await self._kept(lambda: self._services.store.run_steps.put(self.run.task_id, number, _bounded(step)))
        if step["status"] == "done":
            self._running.pop(number, None)
            self._metrics.step(step["tool"], step.get("failure"))

    async def _at_rest(self, data: Mapping[str, Any]) -> Outcome:
        from app.store.run_records import Outcome

        waits = data["status"] == "interrupted"
        expires = self._expires().isoformat().replace("+00:00", "Z")
        interrupts = [
            {"id": each["id"], "value": {**each["value"], "expires_at": expires}} for each in data["interrupts"]
        ]
        return Outcome(
            status="interrupted" if waits else "success",
            values=data["values"],
            interrupts=interrupts if waits else (),
        )

    # ---- the end -----------------------------------------------------------------------------------------------------

    async def _finish(self, outcome: Outcome) -> None:
        store = self._services.store
        if self._stop == "rollback":
            await self._kept(lambda: store.run_work.roll_back(self.run))
            await self._agents.forget(self._place)  # its next task begins with the messages that the thread kept
        else:
            outcome = await self._with_values(outcome)
            await self._complete_log(outcome)
            await self._close_steps(outcome)
            there = await self._kept(lambda: store.run_work.finish(self.run, outcome, expires=self._expires()))
            if not there:
                await self._agents.forget(self._place)
        if outcome.values is not None:
            state = {"status": outcome.status, "values": outcome.values, "interrupts": list(outcome.interrupts)}
            await self._append("state", state)
        error = outcome.error and {"code": outcome.error.code, "message": outcome.error.message}
        await self._append(OVER, {"status": outcome.status, "error": error})

    async def _complete_log(self, outcome: Outcome) -> None:
        """Logs the steps that a crash came before: the graph had them, and does not tell them again."""
        steps = self._services.store.run_steps
        logged = {each.number: each.body for each in await self._kept(lambda: steps.list(self.run.task_id))}
        for step in (outcome.values or {}).get("steps", ()):
            number, status = step["number"], step["status"]
            if status != "running" and logged.get(number, {}).get("status") != status:
                await self._kept(partial(steps.put, self.run.task_id, number, _bounded(step)))

    async def _close_steps(self, outcome: Outcome) -> None:
        """Steps that were broken off for good do not look as if they went on."""
        if outcome.error is None:
            return
        steps = self._services.store.run_steps
        waiting = {
            each.number: each.body
            for each in await self._kept(lambda: steps.list(self.run.task_id))
            if each.body.get("status") == "waiting"
        }
        for number, step in {**waiting, **self._running}.items():
            ended = {**step, "status": "done", "failure": outcome.error.code}
            await self._kept(partial(steps.put, self.run.task_id, number, _bounded(ended)))
            await self._append("step", {"step": ended})

    async def _with_values(self, outcome: Outcome) -> Outcome:
        """With what the thread holds of the run, also where it was broken off."""
        values = outcome.values
        if values is None:
            state = await self._agents.state(self._place)
            values = state.values if state is not None and state.values.get("run_id") == self.run.task_id else None
        return replace(outcome, values=None if values is None else await self._with_sources(values))

    async def _with_sources(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The thread's values with a note beside each answer of the documents it rests on, so that one who may not read
        them later is not told it either. Those of earlier tasks are carried on."""
        from app.store.thread_withholding import RESTS_ON, rests_on

        before = await self._kept(lambda: self._services.store.run_work.values(self.run.thread_id))
        told = before.get("messages", ())
        noted = {each.get("id"): each.get("additional_kwargs") for each in told}
        known = {each["document_id"] for each in values.get("sources", ()) if each.get("document_id")}
        messages = [dict(each) for each in values.get("messages", ())]
        # Where there were no checkpoints the graph was given the conversation, and numbered it; what was blanked in it
        # has no more words that could rest on anything.
        for place, (kept, now) in enumerate(zip(told, messages, strict=False)):
            if now.get("id") == f"history:{place}" and now.get("content") == kept.get("content"):
                noted[now["id"]] = kept.get("additional_kwargs")
        for place, message in enumerate(messages):
            if noted.get(message.get("id")):
                message["additional_kwargs"] = noted[message.get("id")]
            elif message.get("type") == "ai" and place == len(messages) - 1 and known:
                message["additional_kwargs"] = {**(message.get("additional_kwargs") or {}), RESTS_ON: sorted(known)}
            known |= set(rests_on(message))  # who wrote on had read it
        return {**values, "messages": messages}

    # ---- small things ------------------------------------------------------------------------------------------------

    def _expires(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._services.settings.runs.approval_seconds)

    async def _append(self, name: str, data: Mapping[str, Any]) -> None:
        await self._services.streams.append(self._stream, name, dump(data))

    async def _kept(self, write: Callable[[], Awaitable[T]]) -> T:
        """What must be written is tried until the database is back, or the run is broken off."""
        while True:
            try:
                return await write()
            except StoreUnavailable as error:
                log.warning("run %s waits for the database: %s", self.run.id, error.message)
                await asyncio.sleep(_AGAIN)


def _problem(code: str, message: str) -> Any:
    from app.store.records import Problem

    return Problem(code=code, message=message)


def _messages(values: Mapping[str, Any]) -> tuple[Message, ...]:
    """A thread's conversation as generators are told it."""
    roles: dict[str, Literal["user", "assistant"]] = {"human": "user", "ai": "assistant"}
    told: Sequence[Mapping[str, Any]] = values.get("messages", ())
    return tuple(
        Message(role=roles[each["type"]], content=str(each.get("content") or ""))
        for each in told
        if each["type"] in roles
    )


def _bounded(step: Mapping[str, Any]) -> Mapping[str, Any]:
    """A step as it is logged: data that would fill the log is left out."""
    size = len(json.dumps(step.get("data") or {}, default=str))
    if size <= _MOST_DATA:
        return step
    return {**step, "data": {"left_out": f"{size:,} characters are not kept."}}


async def _ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


__all__ = ["Execution", "Stop", "stream_id"]
