"""How long a thread is kept that nobody uses, where its owner says so, and what a decision was asked about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("threads", sa.Column("ttl_minutes", sa.Integer(), nullable=True))
    op.add_column("audit", sa.Column("asked", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("audit") as batch:
        batch.drop_column("asked")
    with op.batch_alter_table("threads") as batch:
        batch.drop_column("ttl_minutes")
