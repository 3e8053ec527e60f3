"""What happens by itself: triggers, what is planned, reminders, schedules that repeat."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table('clock_mark',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('machine_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('business_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name='pk_clock_mark')
    )
    op.create_table('planned',
    sa.Column('id', BigId, nullable=False),
    sa.Column('distribution_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', BigId, nullable=False),
    sa.Column('step', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('occurrence', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('state', sa.SmallInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('fired_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('event_id', BigId, nullable=True),
    sa.Column('fallback', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('message_id', BigId, nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name='pk_planned'),
    sa.UniqueConstraint('distribution_id', 'customer_id', 'step', 'occurrence', name='uq_planned_distribution_id_customer_id_step_occurrence')
    )
    with op.batch_alter_table('planned') as table:
        table.create_index('ix_planned_distribution_id_state_due_at_step', ['distribution_id', 'state', 'due_at', 'step'], unique=False)
        table.create_index('ix_planned_due', ['due_at', 'id'], unique=False, sqlite_where=sa.text('state = 0'), postgresql_where=sa.text('state = 0'))
        table.create_index('ix_planned_event', ['event_id', 'distribution_id'], unique=True, sqlite_where=sa.text('event_id IS NOT NULL AND step = 0'), postgresql_where=sa.text('event_id IS NOT NULL AND step = 0'))
        table.create_index('ix_planned_held', ['distribution_id', 'state', 'due_at'], unique=False, sqlite_where=sa.text('state IN (1, 2)'), postgresql_where=sa.text('state IN (1, 2)'))
        table.create_index('ix_planned_message', ['message_id'], unique=True, sqlite_where=sa.text('message_id IS NOT NULL'), postgresql_where=sa.text('message_id IS NOT NULL'))

    op.create_table('touched',
    sa.Column('id', BigId, nullable=False),
    sa.Column('customer_id', BigId, nullable=False),
    sa.Column('event_id', BigId, nullable=True),
    sa.PrimaryKeyConstraint('id', name='pk_touched')
    )
    op.create_table('notice',
    sa.Column('distribution_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('ts', sa.Text(), nullable=True),
    sa.Column('shown', sa.Text(), nullable=True),
    sa.Column('settled', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['distribution_id'], ['distribution.id'], name='fk_notice_distribution_id'),
    sa.PrimaryKeyConstraint('distribution_id', 'kind', name='pk_notice')
    )
    op.create_table('trigger_member',
    sa.Column('distribution_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', BigId, nullable=False),
    sa.PrimaryKeyConstraint('distribution_id', 'customer_id', name='pk_trigger_member'),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('distribution') as table:
        table.add_column(sa.Column('local_at', sa.Text(), nullable=True))
        table.add_column(sa.Column('repeat', Json, server_default=sa.text("'{}'"), nullable=False))
        table.add_column(sa.Column('repeats_id', sa.Integer(), nullable=True))
        table.add_column(sa.Column('repeats_on', sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column('late_since', sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column('put_off_to', sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column('trigger', Json, server_default=sa.text("'{}'"), nullable=False))
        table.add_column(sa.Column('members_at', sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column('when_dry', sa.Text(), server_default=sa.text("'wait'"), nullable=False))
        table.add_column(sa.Column('fallback_body', sa.Text(), server_default=sa.text("''"), nullable=False))
        table.add_column(sa.Column('first_texts', Json, server_default=sa.text("'{}'"), nullable=False))
        table.add_column(sa.Column('replaces_id', sa.Integer(), nullable=True))
        table.add_column(sa.Column('family_id', sa.Integer(), nullable=True))
        table.add_column(sa.Column('reminders', Json, server_default=sa.text("'[]'"), nullable=False))
        table.create_unique_constraint('uq_distribution_repeats_id_repeats_on', ['repeats_id', 'repeats_on'])



def downgrade() -> None:
    with op.batch_alter_table('distribution') as table:
        table.drop_constraint('uq_distribution_repeats_id_repeats_on', type_='unique')
        table.drop_column('reminders')
        table.drop_column('family_id')
        table.drop_column('replaces_id')
        table.drop_column('first_texts')
        table.drop_column('fallback_body')
        table.drop_column('when_dry')
        table.drop_column('ends_at')
        table.drop_column('members_at')
        table.drop_column('trigger')
        table.drop_column('put_off_to')
        table.drop_column('late_since')
        table.drop_column('repeats_on')
        table.drop_column('repeats_id')
        table.drop_column('repeat')
        table.drop_column('local_at')

    op.drop_table('trigger_member')
    op.drop_table('notice')
    op.drop_table('touched')
    with op.batch_alter_table('planned') as table:
        table.drop_index('ix_planned_message', sqlite_where=sa.text('message_id IS NOT NULL'), postgresql_where=sa.text('message_id IS NOT NULL'))
        table.drop_index('ix_planned_held', sqlite_where=sa.text('state IN (1, 2)'), postgresql_where=sa.text('state IN (1, 2)'))
        table.drop_index('ix_planned_event', sqlite_where=sa.text('event_id IS NOT NULL AND step = 0'), postgresql_where=sa.text('event_id IS NOT NULL AND step = 0'))
        table.drop_index('ix_planned_due', sqlite_where=sa.text('state = 0'), postgresql_where=sa.text('state = 0'))
        table.drop_index('ix_planned_distribution_id_state_due_at_step')

    op.drop_table('planned')
    op.drop_table('clock_mark')
