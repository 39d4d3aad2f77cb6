"""Which server writes an answer, so that another can tell that nobody does any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("answers", sa.Column("server", sa.String(length=36), nullable=True))


def downgrade() -> None:
    op.drop_column("answers", "server")
