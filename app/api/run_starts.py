"""Beginning a run over HTTP: what was sent becomes a promise in the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.agent_runs import RunService
from app.api.agents_requests import Configurable, NewRun
from app.api.agents_shapes import assistant_id
from app.api.deps import Parts
from app.errors import TooManyRequests
from app.run_requests import decision_of, task_of
from core.errors import Forbidden, InvalidInput, NotFound, Unavailable
from core.types import Principal

if TYPE_CHECKING:
    from agents.declared import AgentSpec
    from app.store.run_records import RunRecord

_TITLE = 120


async def begin(
    services: Parts,
    service: RunService,
    caller: Principal,
    body: NewRun,
    thread_id: str | None,
    *,
    stateless: bool = False,
) -> RunRecord:
    """Promises the run; without a thread it is given one of its own.

    Raises `NotFound` for a thread, collection or assistant that is not the caller's to use, `Conflict`,
    `InvalidInput`, `Forbidden` for an adapter that only administrators choose, `TooManyRequests` where as many of the
    caller's wait as may, and `Unavailable` while the server stops.
    """
    if service.leaving:
        raise Unavailable("The server is stopping; ask again in a moment.")
    parts = service.parts
    spec = parts.require(lambda name: body.assistant_id in (name, assistant_id(name)), caller)
    most = services.settings.runs.waiting_per_caller
    if await services.store.runs.waiting(caller) >= most:
        raise TooManyRequests(f"{most} of your runs wait for their turn already. Wait for one to end, or cancel some.")
    _place(body, thread_id)
    request = await _request(services, caller, body, thread_id)
    if request and request["adapter"] is None:
        await _served(services, parts.reached(spec))
    thread_id = await _thread(services, caller, body, thread_id)
    record = await _promised(services, caller, body, spec, thread_id, request, stateless)
    service.nudge()
    return record


async def check(services: Parts, service: RunService, caller: Principal, body: NewRun, thread_id: str | None) -> None:
    """Raises what `begin` would of the request itself; nothing is promised."""
    parts = service.parts
    spec = parts.require(lambda name: body.assistant_id in (name, assistant_id(name)), caller)
    _place(body, thread_id)
    request = await _request(services, caller, body, thread_id)
    if request and request["adapter"] is None:
        await _served(services, parts.reached(spec))
    if thread_id is not None and body.if_not_exists != "create":
        await services.store.threads.get(thread_id, caller)


def _place(body: NewRun, thread_id: str | None) -> None:
    """Raises `InvalidInput` where the configuration names another thread than the request is for."""
    named = body.config.configurable.thread_id
    if named is None or named == thread_id:
        return
    if thread_id is None:
        raise InvalidInput("`config.configurable.thread_id` names a thread: POST the run to /v1/threads/{id}/runs.")
    raise InvalidInput("`config.configurable.thread_id` is not the thread that this was sent to; leave it away.")


async def _served(services: Parts, agents: Sequence[AgentSpec]) -> None:
    """Raises `Unavailable` where one of these agents is declared with an adapter or a model that no engine serves."""
    for spec in agents:
        if spec.adapter is None:
            continue
        try:
            await services.adapters.require(spec.adapter)
        except NotFound:
            raise Unavailable(
                f"The agent {spec.name} is declared with {spec.adapter}, which is not served here. Load it, or change "
                "the agents' file."
            ) from None


async def _promised(
    services: Parts,
    caller: Principal,
    body: NewRun,
    spec: AgentSpec,
    thread_id: str,
    request: dict[str, Any],
    stateless: bool,
) -> RunRecord:
    from app.store.run_records import NewRun as Promise

    decision = None
    if body.command is not None:
        waiting = await services.store.approvals.waiting(thread_id)
        decision = decision_of(waiting, body.command.resume, caller.id)
        request["resume"] = dict(decision.resume)
    title = " ".join(request.get("task", "").split())[:_TITLE]
    about = {"graph_id": spec.name, "assistant_id": assistant_id(spec.name), **({"title": title} if title else {})}
    later = datetime.now(UTC) + timedelta(seconds=body.after_seconds) if body.after_seconds else None
    promise = Promise(
        thread_id=thread_id,
        agent=spec.name,
        request=request,
        strategy=body.multitask_strategy,
        metadata=body.metadata,
        about=about,
        stateless=stateless,
        not_before=later,
        decision=decision,
    )
    record: RunRecord = await services.store.runs.create(caller, promise)
    return record


async def _request(services: Parts, caller: Principal, body: NewRun, thread_id: str | None) -> dict[str, Any]:
    """What is kept of the request, checked."""
    if (body.input is None) == (body.command is None):
        raise InvalidInput("Send either `input`, a task, or `command.resume`, a decision on what the thread waits for.")
    if body.input is None and thread_id is None:
        raise InvalidInput("A decision goes to the thread that waits for it: POST it to that thread's runs.")
    if body.input is None:
        return {}  # who goes on with a task goes on with what it was narrowed to
    narrowed: Configurable = body.context or body.config.configurable
    if narrowed.adapter is not None:
        if not caller.admin:
            raise Forbidden("Only administrators choose the adapter that answers. Ask without one.")
        await services.adapters.require(narrowed.adapter)
    for name in narrowed.collections:
        await services.store.collections.require(name)
    narrowed.filters.narrowed()
    task, before = task_of(body.input)
    most = services.settings.agents.steps.task_chars
    if len(task) > most:
        raise InvalidInput(f"The task has {len(task):,} characters; at most {most:,} are read. Shorten it.")
    return {
        "task": task,
        "history": before,
        "collections": list(narrowed.collections),
        "filters": narrowed.filters.model_dump(mode="json"),
        "adapter": narrowed.adapter,
    }


async def _thread(services: Parts, caller: Principal, body: NewRun, thread_id: str | None) -> str:
    if thread_id is None:
        return str((await services.store.threads.create(caller)).id)
    try:
        await services.store.threads.get(thread_id, caller)
    except NotFound:
        if body.if_not_exists != "create":
            raise
        await services.store.threads.create(caller, thread_id=thread_id)
    return thread_id


__all__ = ["begin"]
