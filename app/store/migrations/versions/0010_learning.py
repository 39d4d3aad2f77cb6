"""Which answer another one was asked for in place of, and what shall not be learnt from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("answers", sa.Column("regenerates", sa.String(36), nullable=True))
    op.create_table(
        "exclusions",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("principal_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name="pk_exclusions"),
    )


def downgrade() -> None:
    op.drop_table("exclusions")
    with op.batch_alter_table("answers") as batch:
        batch.drop_column("regenerates")
