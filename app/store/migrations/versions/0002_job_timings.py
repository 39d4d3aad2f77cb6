"""How long each stage of a job took, and when the job ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("timings", sa.Text(), server_default="{}", nullable=False))
    op.add_column("jobs", sa.Column("finished_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_jobs_finished", "jobs", ["finished_at", "id"], unique=False)
    op.execute("UPDATE jobs SET finished_at = updated_at WHERE status NOT IN ('queued', 'running')")


def downgrade() -> None:
    op.drop_index("ix_jobs_finished", "jobs")
    op.drop_column("jobs", "finished_at")
    op.drop_column("jobs", "timings")
