"""Promo code groups, their codes and their stock.

`promo_code` holds millions of rows, so it carries no foreign keys (a check per row on loading) and few indexes;
`promobot check` looks for orphans instead. The row itself is the record of the *initial* issue (customer, message,
time); a code that is sent again is a row in `promo_code_repeat`.
"""

from datetime import datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, ByteText, Json, SmallEnum, UtcDateTime


class CodeState(IntEnum):
    """Where a promo code stands (DESIGN §2). *Redeemed* is a time on an issued code, not a state."""

    ACTIVE = 0
    BLOCKED = 1
    ISSUED = 2
    REVOKED = 3
    EXPIRED = 4


class PromoCodeGroup(Base):
    """A set of promo codes with one purpose. A deleted group keeps its row, and its issued codes their history."""

    __tablename__ = "promo_code_group"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    # Folded for comparison ("Summer 10%" and "summer 10%" are one); NULL once deleted, so that the name is free.
    name_key: Mapped[str | None] = mapped_column(Text, unique=True)
    # Formats of DESIGN §7; codes made by "generate" take them in turn. Empty: codes only come from outside.
    formats: Mapped[list[str]] = mapped_column(Json, default=list)
    # How many of each hundred or so each format makes, in the order of `formats`; empty: alike.
    shares: Mapped[list[int]] = mapped_column(Json, default=list, server_default=text("'[]'"))
    prefix: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    suffix: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    without_lookalikes: Mapped[bool] = mapped_column(default=False, server_default=false())  # no 0 O 1 I l …
    low_stock_level: Mapped[int] = mapped_column(default=0)
    # Since when fewer codes than `low_stock_level` are active, and whether the card that says so is posted.
    low_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    low_shown: Mapped[str | None] = mapped_column(Text)
    # How many codes are made by format each time that the stock becomes low (0: none), up to so many in all.
    top_up: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    top_up_ceiling: Mapped[int | None]
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # An issued code is good for so many days from its issue, whatever `expires_at` says.
    validity_days: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(Text)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PromoCodeGroupAlias(Base):
    """A name that a group had before: templates that are live go on finding it."""

    __tablename__ = "promo_code_group_alias"

    name_key: Mapped[str] = mapped_column(Text, primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("promo_code_group.id"), index=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime)  # when it was renamed


class PromoCodePace(Base):
    """How many codes of a group were issued in an hour: what a forecast is made of, so that it counts no codes."""

    __tablename__ = "promo_code_pace"

    group_id: Mapped[int] = mapped_column(ForeignKey("promo_code_group.id"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)  # when the hour begins
    issued: Mapped[int] = mapped_column(BigId, default=0)


class PromoCodeStock(Base):
    """How many codes of a group stand where; moved in the transaction of the codes, so that no list counts them."""

    __tablename__ = "promo_code_stock"
    __table_args__ = (
        CheckConstraint("total = active + blocked + issued + revoked + expired", name="adds_up"),
        CheckConstraint(
            "active >= 0 AND blocked >= 0 AND issued >= 0 AND revoked >= 0 AND expired >= 0 AND redeemed >= 0",
            name="not_negative",
        ),
    )

    group_id: Mapped[int] = mapped_column(ForeignKey("promo_code_group.id"), primary_key=True)
    total: Mapped[int] = mapped_column(BigId, default=0)
    active: Mapped[int] = mapped_column(BigId, default=0)
    blocked: Mapped[int] = mapped_column(BigId, default=0)
    issued: Mapped[int] = mapped_column(BigId, default=0)
    revoked: Mapped[int] = mapped_column(BigId, default=0)
    expired: Mapped[int] = mapped_column(BigId, default=0)
    # Of the issued ones (and of revoked or expired ones that were redeemed before).
    redeemed: Mapped[int] = mapped_column(BigId, default=0)


class PromoCodeLot(Base):
    """One addition of codes to a group: how, by whom, and what became of each line."""

    __tablename__ = "promo_code_lot"

    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("promo_code_group.id"), index=True)
    method: Mapped[str] = mapped_column(Text)  # paste, file, generate, api
    detail: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # the file's name, the formats
    inserted: Mapped[int] = mapped_column(BigId, default=0)
    duplicated: Mapped[int] = mapped_column(BigId, default=0)
    # Of the duplicated ones: those that repeat an earlier line of the same addition; the others exist in the database.
    repeated: Mapped[int] = mapped_column(BigId, default=0, server_default=text("0"))
    discarded: Mapped[int] = mapped_column(BigId, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(Text)


class PromoCodeLeftover(Base):
    """A line of a lot that was not taken, and why, in words: the person gets them back as a CSV."""

    __tablename__ = "promo_code_leftover"

    lot_id: Mapped[int] = mapped_column(ForeignKey("promo_code_lot.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


class PromoCode(Base):
    """One unique string that is worth money.

    Ids are taken from `sequence` in chunks, in the order in which codes are stored; they are handed out in that order
    (`distribution.codes.order`).
    """

    __tablename__ = "promo_code"
    __table_args__ = (
        CheckConstraint("state <> 0 OR (customer_id IS NULL AND message_id IS NULL)", name="active_is_nobodys"),
        CheckConstraint("state NOT IN (1, 2) OR customer_id IS NOT NULL", name="held_is_somebodys"),
        Index(
            "ix_promo_code_active", "group_id", "id", sqlite_where=text("state = 0"), postgresql_where=text("state = 0")
        ),
        # Wide enough to count each customer's codes without touching the rows (eight times faster at a million).
        Index(
            "ix_promo_code_customer",
            "customer_id",
            "group_id",
            "issued_at",
            "redeemed_at",
            sqlite_where=text("customer_id IS NOT NULL"),
            postgresql_where=text("customer_id IS NOT NULL"),
        ),
        # Those that came with an expiry of their own, until they are issued or past it.
        Index(
            "ix_promo_code_expiring",
            "expires_at",
            sqlite_where=text("state = 0 AND expires_at IS NOT NULL"),
            postgresql_where=text("state = 0 AND expires_at IS NOT NULL"),
        ),
        Index(
            "ix_promo_code_message",
            "message_id",
            sqlite_where=text("message_id IS NOT NULL"),
            postgresql_where=text("message_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(ByteText, unique=True)
    group_id: Mapped[int]
    lot_id: Mapped[int]
    state: Mapped[CodeState] = mapped_column(SmallEnum(CodeState), default=CodeState.ACTIVE, server_default=text("0"))
    # The customer and the message that it is blocked for or was issued to first.
    customer_id: Mapped[int | None] = mapped_column(BigId)
    message_id: Mapped[int | None] = mapped_column(BigId)
    issued_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    redeemed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Its own: from the file that it came in, or set at its issue from the group's `validity_days`. Else the group's.
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PromoCodeChange(Base):
    """What a person did to one code: a page of its life that no other row tells. Never updated, never deleted."""

    __tablename__ = "promo_code_change"
    __table_args__ = (
        CheckConstraint("kind IN ('revoked', 'replaced', 'replacing', 'given')", name="kind"),
        Index(None, "code_id", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code_id: Mapped[int] = mapped_column(BigId)
    # "replaced": by `other_code_id`; "replacing": it was issued in its place; "given": issued by hand, without a text.
    kind: Mapped[str] = mapped_column(Text)
    other_code_id: Mapped[int | None] = mapped_column(BigId)
    reason: Mapped[str] = mapped_column(Text, default="")
    # What asked for it, where nothing else tells a second click from a second wish (a code given by hand).
    request: Mapped[str | None] = mapped_column(ByteText, unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(Text)


class Redemption(Base):
    """A customer used a code; or had used it, where it was rolled back. A code has one that stands, at most."""

    __tablename__ = "redemption"
    __table_args__ = (
        Index(
            "uq_redemption_standing",
            "code_id",
            unique=True,
            sqlite_where=text("rolled_back_at IS NULL"),
            postgresql_where=text("rolled_back_at IS NULL"),
        ),
        Index(None, "code_id", "id"),
        Index(None, "customer_id", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code_id: Mapped[int] = mapped_column(BigId)
    customer_id: Mapped[int | None] = mapped_column(BigId)  # whose code it was, or who is said to have used it
    # The id of the use in the system that it comes from: said twice, it is one.
    source_id: Mapped[str | None] = mapped_column(ByteText, unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)  # when the code was used
    place: Mapped[str] = mapped_column(Text, default="")  # where: a shop, an order
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_by: Mapped[str] = mapped_column(
        Text
    )  # a person's id, "api:<token's name>", "import of <file> by <person>"
    rolled_back_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rolled_back_by: Mapped[str | None] = mapped_column(Text)
    rolled_back_why: Mapped[str] = mapped_column(Text, default="")


class PromoCodeRepeat(Base):
    """A message that sends, or sent, again the code that its customer already had (`client.last_promocode`)."""

    __tablename__ = "promo_code_repeat"
    __table_args__ = (Index(None, "customer_id"),)

    message_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    code_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    customer_id: Mapped[int] = mapped_column(BigId)
    # Set when the message was accepted; until then the repeat is only planned.
    issued_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
