"""Since when the time of a distribution's texts counts: those by each customer's own clock are given up by it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("distribution", sa.Column("time_counts_from", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("distribution", "time_counts_from")
