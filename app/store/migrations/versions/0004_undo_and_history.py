"""Deletions that can be taken back for a while, and versions that are remembered after they were swept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COLUMNS = {
    "documents": ("restorable_until",),
    "versions": ("swept_at",),
    "jobs": ("not_before",),
}


def upgrade() -> None:
    for table, names in _COLUMNS.items():
        for name in names:
            op.add_column(table, sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("jobs", sa.Column("stopped_by", sa.String(length=36), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "stopped_by")
    for table, names in _COLUMNS.items():
        for name in names:
            op.drop_column(table, name)
