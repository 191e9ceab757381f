"""Committed writes whose invalidation is not confirmed yet."""

import sqlalchemy as sa
from alembic import op

revision = "0002"

down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "keepwarm_outbox",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("namespace", sa.String(length=64), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keepwarm_outbox")),
    )


def downgrade() -> None:
    op.drop_table("keepwarm_outbox")
