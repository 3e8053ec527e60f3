"""A lifetime for texts that could not be sent, a hold before they leave, and replies that people see."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


TO_SHOW = sa.text("shown IS NULL AND meaning = 'other' AND distribution_id IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("distribution") as table:
        table.add_column(sa.Column("lifetime_minutes", sa.Integer(), nullable=True))
        table.add_column(sa.Column("launched_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("gives_up_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("batch") as table:
        table.add_column(sa.Column("quiet_until", sa.DateTime(timezone=True), nullable=True))
    # What customers wrote before anybody could see it would all be posted at once: it stays in their profiles.
    op.execute("UPDATE reply SET shown = 'before' WHERE shown IS NULL AND meaning = 'other'")
    op.create_index("ix_reply_to_show", "reply", ["id"], unique=False, sqlite_where=TO_SHOW, postgresql_where=TO_SHOW)


def downgrade() -> None:
    op.drop_index("ix_reply_to_show", table_name="reply")
    with op.batch_alter_table("batch") as table:
        table.drop_column("quiet_until")
    with op.batch_alter_table("distribution") as table:
        table.drop_column("held_until")
        table.drop_column("gives_up_at")
        table.drop_column("launched_at")
        table.drop_column("lifetime_minutes")
