"""What each collection says of personal data."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("collections", sa.Column("personal", sa.String(length=8), nullable=False, server_default="allow"))


def downgrade() -> None:
    with op.batch_alter_table("collections") as batch:
        batch.drop_column("personal")
