"""The tables of deployments. Like those of `app.store.tables`, whose `metadata` they belong to."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text, false, text

from app.store.tables import Moment, metadata

_ID = String(36)
_CHAMPION = text("stage = 'champion'")
_ON_TRIAL = text("stage IN ('shadow', 'canary')")

deployments = Table(
    "deployments",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("scope", String(255), nullable=False),
    Column("version", String(128), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("wanted", String(16)),
    Column("leaving", Boolean, nullable=False, server_default=false()),
    Column("share", Float, nullable=False),
    Column("rules", Text, nullable=False),
    Column("gate", String(80)),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("problem", Text),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index("uq_deployments_champion", "scope", unique=True, sqlite_where=_CHAMPION, postgresql_where=_CHAMPION),
    Index("uq_deployments_trial", "scope", unique=True, sqlite_where=_ON_TRIAL, postgresql_where=_ON_TRIAL),
    Index("ix_deployments_newest", "changed_at", "id"),
)

deployment_changes = Table(
    "deployment_changes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("deployment_id", _ID, ForeignKey("deployments.id"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("before", String(16)),
    Column("after", String(16), nullable=False),
    Column("why", Text, nullable=False),
    Column("figures", Text, nullable=False),
    Index("ix_deployment_changes_deployment", "deployment_id", "number"),
    sqlite_autoincrement=True,
)
"""Who moved what, added to and never changed."""

rollout_observations = Table(
    "rollout_observations",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("deployment_id", _ID, ForeignKey("deployments.id", ondelete="CASCADE"), nullable=False),
    # No foreign key: it is measured before its answer is kept, and holds no text of it.
    Column("answer_id", _ID, nullable=False),
    Column("principal_id", Text, nullable=False),
    Column("arm", String(16), nullable=False),
    Column("shown", Boolean, nullable=False),
    Column("figures", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index("uq_rollout_observations_arm", "deployment_id", "answer_id", "arm", unique=True),
    Index("ix_rollout_observations_order", "deployment_id", "number"),
    Index("ix_rollout_observations_at", "at"),
    sqlite_autoincrement=True,
)
