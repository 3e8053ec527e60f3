"""Distributions that cannot go on are known; the steps of which texts wait for codes are looked up."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


DRY = sa.text("state = 1")


def upgrade() -> None:
    op.add_column(
        "distribution", sa.Column("held_up", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    columns = ["distribution_id", "step"]
    op.create_index("ix_planned_dry", "planned", columns, unique=False, sqlite_where=DRY, postgresql_where=DRY)


def downgrade() -> None:
    op.drop_index("ix_planned_dry", table_name="planned")
    op.drop_column("distribution", "held_up")
