"""How answers came about, and the server's figures by time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "answer_traces",
        sa.Column("answer_id", sa.String(length=36), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name="fk_answer_traces_answer_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("answer_id", name="pk_answer_traces"),
    )
    op.create_index("ix_answer_traces_created", "answer_traces", ["created_at"], unique=False)
    op.create_table(
        "figures",
        sa.Column("resolution", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("resolution", "start", name="pk_figures"),
    )
    op.create_index("ix_feedback_updated", "feedback", ["updated_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_feedback_updated", "feedback")
    op.drop_table("figures")
    op.drop_table("answer_traces")
