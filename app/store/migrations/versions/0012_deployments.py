"""Versions in service: deployments, their history, and what was observed of trials."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_CHAMPION = sa.text("stage = 'champion'")
_ON_TRIAL = sa.text("stage IN ('shadow', 'canary')")


def upgrade() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("scope", sa.String(255), nullable=False),
        sa.Column("version", sa.String(128), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("wanted", sa.String(16)),
        sa.Column("leaving", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("gate", sa.String(80)),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
    )
    for name, where in (("champion", _CHAMPION), ("trial", _ON_TRIAL)):
        op.create_index(
            f"uq_deployments_{name}", "deployments", ["scope"], unique=True, sqlite_where=where, postgresql_where=where
        )
    op.create_index("ix_deployments_newest", "deployments", ["changed_at", "id"])
    op.create_table(
        "deployment_changes",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("deployment_id", sa.String(36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("before", sa.String(16)),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployments.id"], name="fk_deployment_changes_deployment_id"),
        sa.PrimaryKeyConstraint("number", name="pk_deployment_changes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deployment_changes_deployment", "deployment_changes", ["deployment_id", "number"])
    op.create_table(
        "rollout_observations",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("deployment_id", sa.String(36), nullable=False),
        sa.Column("answer_id", sa.String(36), nullable=False),
        sa.Column("principal_id", sa.Text(), nullable=False),
        sa.Column("arm", sa.String(16), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployments.id"], name="fk_rollout_observations_deployment_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_rollout_observations"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_rollout_observations_arm", "rollout_observations", ["deployment_id", "answer_id", "arm"], unique=True
    )
    op.create_index("ix_rollout_observations_order", "rollout_observations", ["deployment_id", "number"])
    op.create_index("ix_rollout_observations_at", "rollout_observations", ["at"])


def downgrade() -> None:
    op.drop_table("rollout_observations")
    op.drop_table("deployment_changes")
    op.drop_table("deployments")
