"""Assistants, threads and runs over HTTP, in LangGraph's shape, fields included, so that its clients drive them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from app.api.shapes import ErrorShape, Response
from app.api.trace_shapes import Finding

if TYPE_CHECKING:
    from agents.declared import AgentSpec
    from app.store.run_records import AuditRecord, RunRecord, StepRecord, ThreadRecord

ThreadStatus = Literal["idle", "busy", "interrupted", "error"]
RunStatus = Literal["pending", "running", "interrupted", "success", "error", "timeout"]
Strategy = Literal["reject", "enqueue", "interrupt", "rollback"]
Verdict = Literal["approve", "edit", "reject", "respond", "expired", "withdrawn"]

_NAMES = uuid.UUID("0f1d6b0e-6f0f-5b0a-9f6e-6167656e7473")


def assistant_id(agent: str) -> str:
    """The id of an agent: the same on every server, for as long as it has its name."""
    return str(uuid.uuid5(_NAMES, agent))


class Assistant(Response):
    """An agent as LangGraph's clients know one. `metadata` tells its tools, with what the caller is permitted, and the
    agents it sets to work."""

    assistant_id: str
    graph_id: str = Field(description="The agent's name; it can be given wherever an assistant's id can.")
    name: str
    description: str | None
    config: dict[str, Any]
    context: dict[str, Any]
    metadata: dict[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime


class Interrupt(Response):
    """What a person is asked: `value` has `kind` (approval, question, unknown_outcome), `action_requests`,
    `review_configs`, `step`, `agent`, `effect`, `reasons` and `expires_at`."""

    id: str
    value: dict[str, Any]


class Lasting(Response):
    """For how long a thread is kept after its last use, and when it goes if it is not used until then."""

    strategy: Literal["delete"] = "delete"
    ttl_minutes: int
    expires_at: datetime


class Thread(Response):
    """Tasks one after another with one conversation. `values` are those of its last run; of `metadata` the server sets
    `graph_id`, `assistant_id` and `title` where they are not set."""

    thread_id: str
    created_at: datetime
    updated_at: datetime
    metadata: dict[str, Any]
    status: ThreadStatus
    values: dict[str, Any]
    interrupts: dict[str, list[Interrupt]]
    ttl: Lasting | None = None


class Pruned(Response):
    """How many threads went."""

    pruned_count: int


class Checkpoint(Response):
    """A place in a thread's history."""

    thread_id: str
    checkpoint_ns: str = ""
    checkpoint_id: str | None
    checkpoint_map: dict[str, Any] | None = None


class Task(Response):
    """A node that would go on."""

    id: str
    name: str
    error: str | None = None
    interrupts: list[Interrupt]
    checkpoint: Checkpoint | None = None
    state: dict[str, Any] | None = None
    result: dict[str, Any] | None = None


class ThreadState(Response):
    """A thread as a checkpoint has it."""

    values: dict[str, Any]
    next: list[str]
    checkpoint: Checkpoint
    metadata: dict[str, Any]
    created_at: str | None
    parent_checkpoint: Checkpoint | None
    tasks: list[Task]
    interrupts: list[Interrupt]


class Run(Response):
    """A run. `agent`, `task`, `task_id` (the run that began the task, where this one resumes it), `output` (how it
    ended: answer, sources, budget, incomplete) and `error` are ours; all else is LangGraph's."""

    run_id: str
    thread_id: str
    assistant_id: str
    created_at: datetime
    updated_at: datetime
    status: RunStatus
    metadata: dict[str, Any]
    multitask_strategy: Strategy
    cancel_reason: str | None
    agent: str
    task: str
    task_id: str
    output: dict[str, Any] | None
    error: ErrorShape | None
    started_at: datetime | None
    finished_at: datetime | None


class Step(Response):
    """A step of an agent, and what its owner thinks of it."""

    number: int
    agent: str
    tool: str
    arguments: dict[str, Any]
    thought: str = ""
    status: Literal["running", "waiting", "done"]
    parent: int | None = None
    permission: str = "always"
    reasons: list[str] = Field(default_factory=list)
    decision: str | None = None
    observation: str | None = None
    rest: str | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    failure: str | None = None
    untrusted: bool = False
    sources: list[str] = Field(default_factory=list)
    generator: dict[str, Any] | None = None
    usage: dict[str, Any] = Field(default_factory=dict)
    cost: float = 0.0
    timings_ms: dict[str, float] = Field(default_factory=dict)
    findings: list[Finding] = Field(default_factory=list, description="What rails did to what it said and brought.")
    rating: Literal["up", "down"] | None = None
    comment: str | None = None
    created_at: datetime
    updated_at: datetime


class StepList(Response):
    """The steps of a task."""

    items: list[Step]


class AuditEntry(Response):
    """Who decided what of a call, when, and with which arguments. `asked` are those that the agent had wanted, where a
    person changed them; `principal_id` is whose run it was."""

    id: int
    at: datetime
    decided_by: str
    principal_id: str
    decision: Verdict
    approval_id: str
    thread_id: str
    run_id: str
    step: int
    agent: str
    tool: str
    arguments: dict[str, Any]
    detail: str
    asked: dict[str, Any] | None = None


def shown_assistant(spec: AgentSpec, began: datetime, tools: Mapping[str, str], default: bool) -> Assistant:
    """An agent with the tools that it has for this caller."""
    return Assistant(
        assistant_id=assistant_id(spec.name),
        graph_id=spec.name,
        name=spec.name,
        description=spec.description,
        config={},
        context={},
        metadata={"tools": dict(tools), "agents": list(spec.agents), "critic": spec.critic, "default": default},
        version=1,
        created_at=began,
        updated_at=began,
    )


def shown_thread(record: ThreadRecord) -> Thread:
    """A thread as it is told; its store has blanked what may no longer be read."""
    interrupts = [Interrupt(id=each["id"], value=dict(each["value"])) for each in record.interrupts]
    run_id = str(record.values.get("run_id") or record.id)
    ttl = None
    if record.ttl_minutes is not None:
        until = record.updated_at + timedelta(minutes=record.ttl_minutes)
        ttl = Lasting(ttl_minutes=record.ttl_minutes, expires_at=until)
    return Thread(
        thread_id=record.id,
        created_at=record.created_at,
        updated_at=record.updated_at,
        metadata=dict(record.metadata),
        status=record.status,
        values=dict(record.values),
        interrupts={run_id: interrupts} if interrupts else {},
        ttl=ttl,
    )


def shown_run(record: RunRecord) -> Run:
    """A run as it is told."""
    cancelled = record.cancel or (record.error is not None and record.error.code == "cancelled")
    return Run(
        run_id=record.id,
        thread_id=record.thread_id,
        assistant_id=assistant_id(record.agent),
        created_at=record.created_at,
        updated_at=record.updated_at,
        status=record.status,
        metadata=dict(record.metadata),
        multitask_strategy=record.strategy,
        cancel_reason=(record.cancel or "interrupt") if cancelled else None,
        agent=record.agent,
        task=record.task,
        task_id=record.task_id,
        output=None if record.output is None else dict(record.output),
        error=None if record.error is None else ErrorShape.model_validate(record.error),
        started_at=record.started_at,
        finished_at=record.finished_at,
    )


def shown_step(record: StepRecord) -> Step:
    """A step as it is told."""
    said = {"rating": record.rating, "comment": record.comment}
    return Step.model_validate(
        {**record.body, **said, "created_at": record.created_at, "updated_at": record.updated_at}
    )


def shown_entry(record: AuditRecord) -> AuditEntry:
    """An entry of the audit log as it is told."""
    return AuditEntry.model_validate(record)


def selected(items: Sequence[Response], select: Sequence[str] | None) -> list[dict[str, Any]]:
    """The named fields of each, all without a word; `values.messages` names one of a field's."""
    shown = [each.model_dump(mode="json") for each in items]
    return shown if not select else [_fields(each, select) for each in shown]


def _fields(item: Mapping[str, Any], select: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in select:
        outer, _, inner = name.partition(".")
        if not inner and outer in item:
            found[outer] = item[outer]
        elif isinstance(item.get(outer), Mapping) and inner in item[outer]:
            found.setdefault(outer, {})[inner] = item[outer][inner]
    return found
