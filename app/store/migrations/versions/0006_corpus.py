"""The version in which each collection stands, for what is remembered of answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "corpus",
        sa.Column("collection", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("collection", name=op.f("pk_corpus")),
    )


def downgrade() -> None:
    op.drop_table("corpus")
