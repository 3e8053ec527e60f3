"""What codes live through, what customers do, and who may use the API."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ByteText = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=True),
        sa.Column("hash", ByteText, nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_token"),
        sa.UniqueConstraint("hash", name="uq_api_token_hash"),
        sa.UniqueConstraint("name_key", name="uq_api_token_name_key"),
    )
    op.create_table(
        "event",
        sa.Column("id", BigId, autoincrement=False, nullable=False),
        sa.Column("customer_id", BigId, nullable=False),
        sa.Column("name", ByteText, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("properties", Json, nullable=False),
        sa.Column("source_id", ByteText, nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
        sa.UniqueConstraint("source_id", name="uq_event_source_id"),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("ix_event_customer_id_name_at", ["customer_id", "name", "at"], unique=False)
        batch_op.create_index("ix_event_name_at_customer_id", ["name", "at", "customer_id"], unique=False)

    op.create_table(
        "event_name",
        sa.Column("name", ByteText, nullable=False),
        sa.Column("properties", Json, nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_event_name"),
    )
    op.create_table(
        "promo_code_change",
        sa.Column("id", BigId, nullable=False),
        sa.Column("code_id", BigId, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("other_code_id", BigId, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("request", ByteText, nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('revoked', 'replaced', 'replacing', 'given')", name=op.f("ck_promo_code_change_kind")),
        sa.PrimaryKeyConstraint("id", name="pk_promo_code_change"),
        sa.UniqueConstraint("request", name="uq_promo_code_change_request"),
    )
    with op.batch_alter_table("promo_code_change", schema=None) as batch_op:
        batch_op.create_index("ix_promo_code_change_code_id_at", ["code_id", "at"], unique=False)

    op.create_table(
        "redemption",
        sa.Column("id", BigId, nullable=False),
        sa.Column("code_id", BigId, nullable=False),
        sa.Column("customer_id", BigId, nullable=True),
        sa.Column("source_id", ByteText, nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("rolled_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rolled_back_by", sa.Text(), nullable=True),
        sa.Column("rolled_back_why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_redemption"),
        sa.UniqueConstraint("source_id", name="uq_redemption_source_id"),
    )
    with op.batch_alter_table("redemption", schema=None) as batch_op:
        batch_op.create_index("ix_redemption_code_id_id", ["code_id", "id"], unique=False)
        batch_op.create_index("ix_redemption_customer_id_at", ["customer_id", "at"], unique=False)
        batch_op.create_index(
            "uq_redemption_standing",
            ["code_id"],
            unique=True,
            sqlite_where=sa.text("rolled_back_at IS NULL"),
            postgresql_where=sa.text("rolled_back_at IS NULL"),
        )

    op.create_table(
        "idempotency_key",
        sa.Column("token_id", sa.Integer(), nullable=False),
        sa.Column("key", ByteText, nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["api_token.id"], name="fk_idempotency_key_token_id"),
        sa.PrimaryKeyConstraint("token_id", "key", name="pk_idempotency_key"),
    )
    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.create_index("ix_idempotency_key_created_at", ["created_at"], unique=False)

    op.create_table(
        "promo_code_group_alias",
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["promo_code_group.id"], name="fk_promo_code_group_alias_group_id"),
        sa.PrimaryKeyConstraint("name_key", name="pk_promo_code_group_alias"),
    )
    with op.batch_alter_table("promo_code_group_alias", schema=None) as batch_op:
        batch_op.create_index("ix_promo_code_group_alias_group_id", ["group_id"], unique=False)

    op.create_table(
        "promo_code_pace",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued", BigId, nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["promo_code_group.id"], name="fk_promo_code_pace_group_id"),
        sa.PrimaryKeyConstraint("group_id", "hour", name="pk_promo_code_pace"),
    )
    op.create_table(
        "suppression",
        sa.Column("hash", ByteText, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_suppression"),
    )
    with op.batch_alter_table("reply", schema=None) as batch_op:
        batch_op.create_index("ix_reply_customer_id_id", ["customer_id", "id"], unique=False)
        batch_op.create_index("ix_reply_phone", ["phone"], unique=False)

    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.add_column(sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            "ix_customer_erased",
            ["id"],
            unique=False,
            sqlite_where=sa.text("erased_at IS NOT NULL"),
            postgresql_where=sa.text("erased_at IS NOT NULL"),
        )

    with op.batch_alter_table("distribution", schema=None) as batch_op:
        batch_op.add_column(sa.Column("code_policy", sa.Text(), server_default=sa.text("'new'"), nullable=False))

    with op.batch_alter_table("promo_code", schema=None) as batch_op:
        batch_op.create_index(
            "ix_promo_code_expiring",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("state = 0 AND expires_at IS NOT NULL"),
            postgresql_where=sa.text("state = 0 AND expires_at IS NOT NULL"),
        )

    with op.batch_alter_table("promo_code_group", schema=None) as batch_op:
        batch_op.add_column(sa.Column("shares", Json, server_default=sa.text("'[]'"), nullable=False))
        batch_op.add_column(sa.Column("prefix", sa.Text(), server_default=sa.text("''"), nullable=False))
        batch_op.add_column(sa.Column("suffix", sa.Text(), server_default=sa.text("''"), nullable=False))
        batch_op.add_column(sa.Column("without_lookalikes", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("low_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("low_shown", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("top_up", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("top_up_ceiling", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("validity_days", sa.Integer(), nullable=True))

    with op.batch_alter_table("provider", schema=None) as batch_op:
        batch_op.add_column(sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("last_failure_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("last_failure", sa.Text(), nullable=True))

    with op.batch_alter_table("promo_code_lot", schema=None) as batch_op:
        batch_op.add_column(sa.Column("repeated", BigId, server_default=sa.text("0"), nullable=False))

    with op.batch_alter_table("segment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("segment", schema=None) as batch_op:
        batch_op.drop_column("updated_at")

    with op.batch_alter_table("provider", schema=None) as batch_op:
        batch_op.drop_column("last_failure")
        batch_op.drop_column("last_failure_at")
        batch_op.drop_column("last_success_at")

    with op.batch_alter_table("promo_code_lot", schema=None) as batch_op:
        batch_op.drop_column("repeated")

    with op.batch_alter_table("promo_code_group", schema=None) as batch_op:
        batch_op.drop_column("validity_days")
        batch_op.drop_column("top_up_ceiling")
        batch_op.drop_column("top_up")
        batch_op.drop_column("low_shown")
        batch_op.drop_column("low_since")
        batch_op.drop_column("without_lookalikes")
        batch_op.drop_column("suffix")
        batch_op.drop_column("prefix")
        batch_op.drop_column("shares")

    with op.batch_alter_table("promo_code", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_promo_code_expiring",
            sqlite_where=sa.text("state = 0 AND expires_at IS NOT NULL"),
            postgresql_where=sa.text("state = 0 AND expires_at IS NOT NULL"),
        )

    with op.batch_alter_table("distribution", schema=None) as batch_op:
        batch_op.drop_column("code_policy")

    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_customer_erased",
            sqlite_where=sa.text("erased_at IS NOT NULL"),
            postgresql_where=sa.text("erased_at IS NOT NULL"),
        )
        batch_op.drop_column("erased_at")

    with op.batch_alter_table("reply", schema=None) as batch_op:
        batch_op.drop_index("ix_reply_phone")
        batch_op.drop_index("ix_reply_customer_id_id")

    op.drop_table("suppression")

    op.drop_table("promo_code_pace")
    with op.batch_alter_table("promo_code_group_alias", schema=None) as batch_op:
        batch_op.drop_index("ix_promo_code_group_alias_group_id")

    op.drop_table("promo_code_group_alias")
    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.drop_index("ix_idempotency_key_created_at")

    op.drop_table("idempotency_key")
    with op.batch_alter_table("redemption", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_redemption_standing",
            sqlite_where=sa.text("rolled_back_at IS NULL"),
            postgresql_where=sa.text("rolled_back_at IS NULL"),
        )
        batch_op.drop_index("ix_redemption_customer_id_at")
        batch_op.drop_index("ix_redemption_code_id_id")

    op.drop_table("redemption")
    with op.batch_alter_table("promo_code_change", schema=None) as batch_op:
        batch_op.drop_index("ix_promo_code_change_code_id_at")

    op.drop_table("promo_code_change")
    op.drop_table("event_name")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index("ix_event_name_at_customer_id")
        batch_op.drop_index("ix_event_customer_id_name_at")

    op.drop_table("event")
    op.drop_table("api_token")
