"""Agents at work: a task becomes a run of steps and ends in a cited answer, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any, Literal

from agents.asking import waits_at
from agents.budget import Budget, BudgetState
from agents.checkpoints import Checkpoints
from agents.declared import AgentSpec, Declared
from agents.judging import Judge
from agents.policy import Policy
from agents.ports import Ledger, Screen, StepLog
from agents.settings import AgentSettings
from agents.state import Frame, shown, writable
from agents.tools.base import Tool
from agents.verify import SimilarityVerifier, Verifier
from agents.working import Parts, Work
from core.errors import InvalidInput, NotFound
from core.ports import Embedder, Generator, PromptWindow
from core.types import Filters, Message, Principal

_NODES_A_STEP, _NODES = 8, 64
"""More than a run can visit: its budget ends it long before LangGraph's own limit does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRequest:
    """A task for an agent on behalf of a principal, or a run to be taken up again.

    `run_id` names the task for good: its effects are recorded under it. `task` is the person's message; None takes the
    run up that the thread holds. `history` is the conversation before it, for a thread that has none of its own.
    `adapter` overrides the agent's own. `resume` is a person's decision on what the run waits for: {"decisions": […],
    "decided_by", "step", "interrupt"}; it is passed over unless the run waits at that very step.
    """

    run_id: str
    thread_id: str
    principal: Principal
    agent: str = ""
    task: str | None = None
    history: tuple[Message, ...] = ()
    collections: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    adapter: str | None = None
    resume: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEvent:
    """What happened in a run; all data can be written as JSON.

    `step`: {"step": Step}, whenever one changes; `sources`: {"sources": [Source]}, those that are new; `budget`:
    {"budget": BudgetState}; `interrupt`: {"interrupts": [{"id", "value"}]}; `answer`: {"answer", "incomplete"};
    `state`, the last one: {"status": "success" | "interrupted", "values": `agents.state.Values`, "interrupts": […]}.
    """

    name: Literal["step", "sources", "budget", "interrupt", "answer", "state"]
    data: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadState:
    """A thread at rest: what a person is asked, the nodes that would go on, and when that was (ISO)."""

    values: Mapping[str, Any]
    interrupts: tuple[Mapping[str, Any], ...] = ()
    next: tuple[str, ...] = ()
    checkpoint_id: str | None = None
    parent_checkpoint_id: str | None = None
    at: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Agents:
    """Runs agents. One run a thread at a time: whoever calls this sees to that."""

    def __init__(
        self,
        *,
        generator: Generator,
        embedder: Embedder,
        settings: AgentSettings,
        declared: Declared,
        tools: Callable[[], Mapping[str, Tool[Any]]],
        policy: Policy,
        ledger: Ledger,
        checkpoints: Checkpoints,
        screen: Screen | None = None,
        window: PromptWindow | None = None,
        judge: Judge | None = None,
        verifier: Verifier | None = None,
        log: StepLog | None = None,
    ) -> None:
        self._parts = Parts(
            generator=generator,
            verifier=verifier or SimilarityVerifier(embedder, settings.verify),
            settings=settings,
            declared=declared,
            tools=tools,
            policy=policy,
            ledger=ledger,
            checkpoints=checkpoints,
            screen=screen,
            window=window,
            judge=judge,
            log=log,
        )
        self._graph: Any = None

    def agents(self) -> Mapping[str, AgentSpec]:
        """Every agent that may be asked, by its name."""
        return self._parts.declared.agents

    async def run(self, request: RunRequest) -> AsyncGenerator[RunEvent]:
        """The run as it comes about; the last event is `state`. Close the iterator, or cancel whoever iterates, to
        stop it: it can be taken up again at its last step.

        A request whose run the thread holds already takes it up. Raises `InvalidInput` for an empty or over-long task,
        `NotFound` for an unknown agent or a thread without a run to take up, and what the generator raises,
        `GenerationInvalid` when its second try fails too.
        """
        graph = await self._ready()
        config = self._config(request.thread_id)
        snapshot = await graph.aget_state(config)
        values = snapshot.values
        if values.get("run_id") == request.run_id or request.task is None:
            if not values.get("run_id"):
                raise NotFound("This thread holds no run that could be taken up.")
            work = Work(self._parts, request, Budget.restored(BudgetState.model_validate(values["budget"])))
            given, goes_on = _taken_up(snapshot, request)
        else:
            work = Work(self._parts, request, self._fresh(request))
            given, goes_on = await self._begun(work, values), True
        if goes_on:
            stream = graph.astream(given, config, context=work, stream_mode="custom", durability="sync")
            async with aclosing(stream) as events:
                async for name, data in events:
                    yield RunEvent(name=name, data=data)
            snapshot = await graph.aget_state(config)
        state = _state(snapshot)
        if state.interrupts:
            yield RunEvent(name="interrupt", data={"interrupts": list(state.interrupts)})
        status = "interrupted" if state.interrupts else "success"
        data = {"status": status, "values": dict(state.values), "interrupts": list(state.interrupts)}
        yield RunEvent(name="state", data=data)

    async def state(self, thread_id: str, checkpoint_id: str | None = None) -> ThreadState | None:
        """The thread as a checkpoint has it, the last one if none is named; None where there is none."""
        snapshot = await (await self._ready()).aget_state(self._config(thread_id, checkpoint_id))
        return _state(snapshot) if snapshot.values else None

    async def history(
        self,
        thread_id: str,
        limit: int = 10,
        *,
        before: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Sequence[ThreadState]:
        """Earlier states, the newest first: those `before` a checkpoint, and whose metadata hold all that is named."""
        graph = await self._ready()
        earlier = self._config(thread_id, before) if before else None
        found = graph.aget_state_history(
            self._config(thread_id), filter=dict(metadata or {}) or None, before=earlier, limit=limit
        )
        return [_state(each) async for each in found]

    async def forget(self, thread_id: str) -> None:
        """Removes everything that is kept of a thread, if there is anything."""
        await self._parts.checkpoints.adelete_thread(thread_id)

    # ---- within -------------------------------------------------------------------------------------------------

    async def _ready(self) -> Any:
        """The graph, made at the first use: importing LangGraph takes a second."""
        if self._graph is None:
            module = await asyncio.to_thread(import_module, "agents.graph")
            self._graph = self._graph or module.build_graph(self._parts.checkpoints)
        return self._graph

    def _config(self, thread_id: str, checkpoint_id: str | None = None) -> dict[str, Any]:
        steps = max(each.budget(self._parts.settings.budget).steps for each in self.agents().values())
        place = {"thread_id": thread_id, **({"checkpoint_id": checkpoint_id} if checkpoint_id else {})}
        return {"configurable": place, "recursion_limit": _NODES_A_STEP * steps + _NODES}

    def _spec(self, request: RunRequest) -> AgentSpec:
        spec = self.agents().get(request.agent or self._parts.declared.default)
        if spec is None:
            raise NotFound(f"There is no agent {request.agent!r}. `GET /v1/assistants` lists those there are.")
        return spec

    def _fresh(self, request: RunRequest) -> Budget:
        spec = self._spec(request)
        return Budget(spec.budget(self._parts.settings.budget), agent=spec.name)

    async def _begun(self, work: Work, values: Mapping[str, Any]) -> dict[str, Any]:
        """The state that a new task begins with, over what the thread holds."""
        from langgraph.types import Overwrite

        request, spec = work.request, self._spec(work.request)
        asked = self._checked(request.task or "")
        screened = await work.look(asked, "question")
        messages = [*(values.get("messages") or _seeded(request.history))]
        answered = any(each["type"] == "ai" for each in messages)
        messages.append({"type": "human", "content": screened.text, "id": f"{request.run_id}:task"})
        closing = None
        if screened.blocked:
            closing = {"reason": "blocked", "message": screened.blocked, "agent": spec.name}
        root = Frame(agent=spec.name, path=spec.name, task=screened.text, budget=spec.name, closing=closing)
        return {
            "run_id": request.run_id,
            "agent": spec.name,
            "messages": messages,
            "steps": Overwrite([]),
            "sources": Overwrite([]),
            "frames": [asdict(root)],
            "pending": None,
            "budget": work.budget.state().model_dump(mode="json"),
            "answer": None,
            "incomplete": None,
            # What agents said before may be others' words as well.
            "tainted": bool(values.get("tainted")) or answered,
        }

    def _checked(self, task: str) -> str:
        task, most = writable(task).strip(), self._parts.settings.steps.task_chars
        if not task:
            raise InvalidInput("The task is empty. Write what is to be done.")
        if len(task) > most:
            raise InvalidInput(f"The task has {len(task):,} characters; at most {most:,} are read. Shorten it.")
        return task


def _taken_up(snapshot: Any, request: RunRequest) -> tuple[Any, bool]:
    """What the graph goes on with, and whether there is anything to go on with."""
    from langgraph.types import Command

    if not snapshot.interrupts:
        # Not by what is next: after a crash what the last node did may be known, and its checkpoint not written.
        return None, snapshot.values.get("answer") is None
    resume = request.resume
    if resume is None or not waits_at(snapshot.interrupts[0].value, resume):
        return None, False
    return Command(resume=dict(resume)), True


def _seeded(history: Sequence[Message]) -> list[dict[str, Any]]:
    """A conversation in LangGraph's shape."""
    kinds = {"user": "human", "assistant": "ai"}
    return [
        {"type": kinds[each.role], "content": each.content, "id": f"history:{number}"}
        for number, each in enumerate(history)
        if each.role in kinds
    ]


def _state(snapshot: Any) -> ThreadState:
    parent = snapshot.parent_config or {}
    return ThreadState(
        values=shown(snapshot.values),
        interrupts=tuple({"id": each.id, "value": each.value} for each in snapshot.interrupts),
        next=tuple(snapshot.next),
        checkpoint_id=snapshot.config["configurable"].get("checkpoint_id"),
        parent_checkpoint_id=parent.get("configurable", {}).get("checkpoint_id"),
        at=snapshot.created_at,
        metadata=dict(snapshot.metadata or {}),
    )


__all__ = ["Agents", "RunEvent", "RunRequest", "ThreadState"]
