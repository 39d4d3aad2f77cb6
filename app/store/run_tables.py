"""The tables of agents' runs. Like those of `app.store.tables`, whose `metadata` they belong to."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, false, text

from app.store.tables import Moment, metadata

_ID = String(36)
_RUNNING = text("status = 'running'")

threads = Table(
    "threads",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("principal_id", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("metadata", Text, nullable=False),
    # The graph's values when the last run left it, for listings; the graph's own checkpoints lie with LangGraph.
    Column("state", Text, nullable=False),
    Column("interrupts", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    # For how long it is kept after its last use, where its owner said so.
    Column("ttl_minutes", Integer),
    Index("ix_threads_owner", "principal_id", "updated_at", "id"),
    Index("ix_threads_updated", "updated_at"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("thread_id", _ID, ForeignKey("threads.id", ondelete="CASCADE"), nullable=False),
    # The run that began what this one goes on with: itself, unless it resumes an interrupted one.
    Column("task_id", _ID, nullable=False),
    Column("principal_id", Text, nullable=False),
    Column("agent", String(128), nullable=False),
    Column("status", String(16), nullable=False),
    Column("strategy", String(16), nullable=False),
    Column("metadata", Text, nullable=False),
    # What was asked for, as it was sent.
    Column("request", Text, nullable=False),
    # How it ended: answer, sources, budget, and why the answer is incomplete.
    Column("output", Text),
    # How often it was begun; 0 while it waits for its turn.
    Column("attempts", Integer, nullable=False),
    # How it is to be stopped: interrupt or rollback.
    Column("cancel", String(16)),
    # A thread that was made for this run alone goes with it.
    Column("stateless", Boolean, nullable=False, server_default=false()),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("not_before", Moment),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Index("ix_runs_thread", "thread_id", "created_at", "id"),
    Index("ix_runs_status", "status", "created_at"),
    Index("ix_runs_owner", "principal_id", "status"),
    Index("uq_runs_running", "thread_id", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
)
"""Their rows are the outbox: whoever commits a pending one has been promised the work."""

run_steps = Table(
    "run_steps",
    metadata,
    Column("run_id", _ID, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("rating", String(8)),
    Column("comment", Text),
    Column("rated_at", Moment),
    Index("ix_run_steps_rated", "rated_at"),
)
"""Every step as it was told last, by the run that began the task, and what its owner thinks of it."""

step_prompts = Table(
    "step_prompts",
    metadata,
    Column("run_id", _ID, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("ix_step_prompts_created", "created_at"),
)
"""What an agent was sent for a step and what it wrote: compressed JSON, forgotten as traces are."""

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("run_id", _ID, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("thread_id", _ID, nullable=False),
    Column("principal_id", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("request", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("decided_at", Moment),
    Index("ix_approvals_waiting", "status", "expires_at"),
    Index("ix_approvals_thread", "thread_id"),
)
"""What a person was asked, and until when it may be answered."""

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("principal_id", Text, nullable=False),
    Column("decision", String(16), nullable=False),
    # No foreign keys: it outlives what it tells of.
    Column("approval_id", String(64), nullable=False),
    Column("thread_id", _ID, nullable=False),
    Column("run_id", _ID, nullable=False),
    Column("step", Integer, nullable=False),
    Column("agent", Text, nullable=False),
    Column("tool", String(128), nullable=False),
    Column("arguments", Text, nullable=False),
    Column("detail", Text, nullable=False),
    # The arguments that the agent had asked for, where a person changed them.
    Column("asked", Text),
    Index("ix_audit_owner", "principal_id", "id"),
    sqlite_autoincrement=True,
)
"""Who decided what and when, with the exact arguments. Rows are only ever added."""

effects = Table(
    "effects",
    metadata,
    Column("call_id", String(128), primary_key=True),
    Column("run_id", _ID, nullable=False),
    Column("tool", String(128), nullable=False),
    Column("arguments", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("result", Text),
    Column("begun", Integer, nullable=False),
    Column("begun_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Index("ix_effects_run", "run_id"),
)
"""What tools did to the world, so that no effect happens twice."""
