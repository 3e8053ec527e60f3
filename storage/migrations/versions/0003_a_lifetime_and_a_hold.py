"""A lifetime for texts that could not be sent, and a hold before they leave."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("distribution") as table:
        table.add_column(sa.Column("lifetime_minutes", sa.Integer(), nullable=True))
        table.add_column(sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("distribution") as table:
        table.drop_column("held_until")
        table.drop_column("lifetime_minutes")
