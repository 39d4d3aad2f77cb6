"""What goes into the store and comes out of it of agents' runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from app.store.records import Problem

ThreadStatus = Literal["idle", "busy", "interrupted", "error"]
RunStatus = Literal["pending", "running", "interrupted", "success", "error", "timeout"]
Strategy = Literal["reject", "enqueue", "interrupt", "rollback"]
CancelAction = Literal["interrupt", "rollback"]
Verdict = Literal["approve", "edit", "reject", "respond", "expired", "withdrawn"]

ACTIVE: frozenset[RunStatus] = frozenset({"pending", "running"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadRecord:
    """A thread of tasks. `values` are the graph's as the last run left them, `interrupts` what a person is asked now:
    each `{"id": …, "value": …}`. `withheld` are the ids of sources that its reader may no longer see; `blanked` says
    that anything at all was left out for that reason. `ttl_minutes` is for how long it is kept after its last use,
    where its owner said so."""

    id: str
    principal_id: str
    status: ThreadStatus
    metadata: Mapping[str, Any]
    values: Mapping[str, Any]
    interrupts: Sequence[Mapping[str, Any]]
    created_at: datetime
    updated_at: datetime
    withheld: tuple[str, ...] = ()
    blanked: bool = False
    ttl_minutes: int | None = None

    @property
    def checkpoints(self) -> str:
        """The name that its checkpoints are kept under. Nobody can choose it, as a thread's id can be chosen: a thread
        that takes the id of one that was deleted finds nothing of it."""
        return checkpoints_of(self.id, self.created_at)


def checkpoints_of(thread_id: str, created_at: datetime) -> str:
    """The name that a thread's checkpoints are kept under."""
    return f"{thread_id}.{created_at:%Y%m%d%H%M%S%f}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """A run. `task_id` is the run that began the task: itself, unless it resumes an interrupted one; steps are logged
    under it. `request` is what was asked for; `attempts` how often it was begun, after crashes again; `cancel` how it
    is to be stopped; `stateless` that its thread goes with it. `output` is {"answer", "sources", "budget",
    "incomplete"} as it ended."""

    id: str
    thread_id: str
    task_id: str
    principal_id: str
    agent: str
    status: RunStatus
    strategy: Strategy
    metadata: Mapping[str, Any]
    request: Mapping[str, Any]
    attempts: int
    created_at: datetime
    updated_at: datetime
    cancel: CancelAction | None = None
    stateless: bool = False
    output: Mapping[str, Any] | None = None
    error: Problem | None = None
    not_before: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def finished(self) -> bool:
        """Whether it will not go on; one that waits for a person goes on as another run."""
        return self.status not in ACTIVE

    @property
    def task(self) -> str:
        """The person's words; none where it goes on with a task."""
        return str(self.request.get("task") or "")

    @property
    def resumes(self) -> bool:
        """Whether it goes on with a task that another run began."""
        return self.task_id != self.id


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What was decided of what a thread waits for. `resume` is what the graph is given; `verdict`, `arguments` and
    `detail` are for the audit log, and `by` is who decided."""

    approval_id: str
    verdict: Verdict
    by: str
    resume: Mapping[str, Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRun:
    """A run to be. `title` names a thread that has no name yet."""

    thread_id: str
    agent: str
    request: Mapping[str, Any]
    strategy: Strategy = "enqueue"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    stateless: bool = False
    not_before: datetime | None = None
    decision: Decision | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a run ended. `values` of None leave the thread's as they were; `interrupts` have their ids and values."""

    status: RunStatus
    values: Mapping[str, Any] | None = None
    interrupts: Sequence[Mapping[str, Any]] = ()
    error: Problem | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StepRecord:
    """A step as it was told last (JSON), and what its owner thinks of it."""

    run_id: str
    number: int
    body: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    rating: Literal["up", "down"] | None = None
    comment: str | None = None
    rated_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalRecord:
    """What a person is asked: `request` is the interrupt's value."""

    id: str
    run_id: str
    thread_id: str
    principal_id: str
    step: int
    status: Literal["waiting", "decided", "expired", "withdrawn"]
    request: Mapping[str, Any]
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditRecord:
    """Who decided what and when. `arguments` are exactly those that the call was allowed or refused with, `asked` those
    that the agent had wanted, where a person changed them; `principal_id` is whose run it was."""

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
    arguments: Mapping[str, Any]
    detail: str = ""
    asked: Mapping[str, Any] | None = None
