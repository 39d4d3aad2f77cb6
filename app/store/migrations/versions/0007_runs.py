"""Agents' runs: threads, runs, the log of their steps, approvals with their audit log, and the ledger of effects."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_RUNNING = sa.text("status = 'running'")


def _id(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=36), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _word(name: str, length: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def upgrade() -> None:
    _threads()
    _runs()
    _steps()
    _approvals()
    _audit()
    _effects()


def _threads() -> None:
    op.create_table(
        "threads",
        _id("id"),
        _text("principal_id"),
        _word("status", 16),
        _text("metadata"),
        _text("state"),
        _text("interrupts"),
        _moment("created_at"),
        _moment("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_threads"),
    )
    op.create_index("ix_threads_owner", "threads", ["principal_id", "updated_at", "id"], unique=False)
    op.create_index("ix_threads_updated", "threads", ["updated_at"], unique=False)


def _runs() -> None:
    op.create_table(
        "runs",
        _id("id"),
        _id("thread_id"),
        _id("task_id"),
        _text("principal_id"),
        _word("agent", 128),
        _word("status", 16),
        _word("strategy", 16),
        _text("metadata"),
        _text("request"),
        _text("output", nullable=True),
        _number("attempts"),
        _word("cancel", 16, nullable=True),
        sa.Column("stateless", sa.Boolean(), server_default=sa.false(), nullable=False),
        _word("error_code", 64, nullable=True),
        _text("error_message", nullable=True),
        _moment("not_before", nullable=True),
        _moment("created_at"),
        _moment("updated_at"),
        _moment("started_at", nullable=True),
        _moment("finished_at", nullable=True),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name="fk_runs_thread_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_thread", "runs", ["thread_id", "created_at", "id"], unique=False)
    op.create_index("ix_runs_status", "runs", ["status", "created_at"], unique=False)
    op.create_index("ix_runs_owner", "runs", ["principal_id", "status"], unique=False)
    op.create_index(
        "uq_runs_running", "runs", ["thread_id"], unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING
    )


def _steps() -> None:
    op.create_table(
        "run_steps",
        _id("run_id"),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        _text("body"),
        _moment("created_at"),
        _moment("updated_at"),
        _word("rating", 8, nullable=True),
        _text("comment", nullable=True),
        _moment("rated_at", nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_steps_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "number", name="pk_run_steps"),
    )
    op.create_index("ix_run_steps_rated", "run_steps", ["rated_at"], unique=False)


def _approvals() -> None:
    op.create_table(
        "approvals",
        _word("id", 64),
        _id("run_id"),
        _id("thread_id"),
        _text("principal_id"),
        _number("step"),
        _word("status", 16),
        _text("request"),
        _moment("created_at"),
        _moment("expires_at"),
        _moment("decided_at", nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_approvals_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
    )
    op.create_index("ix_approvals_waiting", "approvals", ["status", "expires_at"], unique=False)
    op.create_index("ix_approvals_thread", "approvals", ["thread_id"], unique=False)


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        _moment("at"),
        _text("decided_by"),
        _text("principal_id"),
        _word("decision", 16),
        _word("approval_id", 64),
        _id("thread_id"),
        _id("run_id"),
        _number("step"),
        _text("agent"),
        _word("tool", 128),
        _text("arguments"),
        _text("detail"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_owner", "audit", ["principal_id", "id"], unique=False)


def _effects() -> None:
    op.create_table(
        "effects",
        _word("call_id", 128),
        _id("run_id"),
        _word("tool", 128),
        _text("arguments"),
        _word("status", 16),
        _text("result", nullable=True),
        _number("begun"),
        _moment("begun_at"),
        _moment("finished_at", nullable=True),
        sa.PrimaryKeyConstraint("call_id", name="pk_effects"),
    )
    op.create_index("ix_effects_run", "effects", ["run_id"], unique=False)


def downgrade() -> None:
    for table in ("effects", "audit", "approvals", "run_steps", "runs", "threads"):
        op.drop_table(table)
