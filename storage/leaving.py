"""What may keep messages from leaving, asked for a whole batch right before its intent (DESIGN §5.7).

Each question is one statement, built once. None of them counts what is not there: a batch of five hundred that may all
leave answers with no rows, or with a row for each where something is switched on that needs them.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, exists, func, literal, or_, select, text
from sqlalchemy.orm import Session

from storage.bulk import fetch, ids_as, ids_given
from storage.customers import exclusion
from storage.database import is_sqlite
from storage.tables import (
    Batch,
    BatchState,
    CodeState,
    Customer,
    Message,
    MessageState,
    Planned,
    PromoCode,
    PromoCodeChange,
    PromoCodeGroup,
    PromoCodeRepeat,
    Redemption,
)
from storage.tables.base import UtcDateTime

MESSAGE, CUSTOMER, CODE = Message.__table__.c, Customer.__table__.c, PromoCode.__table__.c

# Texts that left, or may have: what a customer's phone may have buzzed for.
LEFT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNDELIVERED, MessageState.UNKNOWN)

# The advisory lock under which texts are counted against the cap; `live_codes.TURNS` is another of two numbers.
CAP_TURN = (0x50524F4E, 0)


def forbidden(session: Session, message_ids: Sequence[int]) -> dict[int, str | None]:
    """Messages that must not go because of their customers, and why; None where the message is settled already."""
    sqlite = is_sqlite(session)
    rows = session.execute(_forbidden(sqlite), ids_as(sqlite, message_ids))
    return {message_id: reason or None for message_id, reason in rows}


@lru_cache(2)
def _forbidden(sqlite: bool) -> Select[int, str | None]:
    """Of messages `ids`, those that must not go, and why ("" when settled)."""
    why: ColumnElement[str | None] = case(
        (MESSAGE.state != int(MessageState.QUEUED), literal("")),
        (CUSTOMER.id.is_(None), literal("deleted")),
        (exclusion().is_not(None), exclusion()),
        (func.coalesce(MESSAGE.phone, "") != func.coalesce(CUSTOMER.phone, ""), literal("number_changed")),
        else_=None,
    )
    return (
        select(MESSAGE.id, why)
        .select_from(Message.__table__.outerjoin(Customer.__table__, CUSTOMER.id == MESSAGE.customer_id))
        .where(ids_given(sqlite, MESSAGE.id), why.is_not(None))
    )


def expired_groups(session: Session, group_ids: Collection[int], now: datetime) -> bool:
    """Whether the codes of any of these groups expired."""
    query = select(PromoCodeGroup.id).where(PromoCodeGroup.id.in_(sorted(group_ids)), PromoCodeGroup.expires_at <= now)
    return session.scalar(query.limit(1)) is not None


def stale_codes(
    session: Session, message_ids: Sequence[int], *, since: datetime, now: datetime, planned: bool = False
) -> dict[int, str]:
    """Messages that carry a code which is worth nothing any more, and why.

    "code_expired", "code_revoked", "code_replaced", or "code_redeemed": since the launch at `since` for one that is
    sent again (the last code of a customer may have been used before), ever for one that the message itself issued.
    `planned`: messages may have been planned; of these it counts since they were made.
    """
    sqlite = is_sqlite(session)
    rows = session.execute(_stale(sqlite, planned), {**ids_as(sqlite, message_ids), "since": since, "now": now})
    return {message_id: str(why) for message_id, why in rows}


@lru_cache(4)
def _stale(sqlite: bool, planned: bool) -> Select[int, str | None]:
    """Of messages `ids`, those with a code that was used (again: since `since`), revoked, or is expired at `now`."""
    since, now = bindparam("since", type_=UtcDateTime), bindparam("now", type_=UtcDateTime)
    again = select(PromoCodeRepeat.message_id, PromoCodeRepeat.code_id, literal(1).label("again"))
    carried = (
        select(CODE.message_id, CODE.id.label("code_id"), literal(0).label("again"))
        .where(ids_given(sqlite, CODE.message_id))
        .union_all(again.where(ids_given(sqlite, PromoCodeRepeat.message_id)))
        .subquery()
    )
    known = func.coalesce(Planned.settled_at, since) if planned else since
    used_since = exists().where(
        Redemption.code_id == PromoCode.id, Redemption.rolled_back_at.is_(None), Redemption.recorded_at >= known
    )
    used = and_(PromoCode.redeemed_at.is_not(None), or_(carried.c.again == 0, used_since))
    replaced = exists().where(PromoCodeChange.code_id == PromoCode.id, PromoCodeChange.kind == "replaced")
    # One that is not issued yet is given out no more once its group's are over, whatever it says itself.
    own = func.coalesce(PromoCode.expires_at, PromoCodeGroup.expires_at) <= now
    over = or_(own, and_(PromoCode.state == CodeState.BLOCKED, PromoCodeGroup.expires_at <= now))
    why: ColumnElement[str | None] = case(
        (and_(PromoCode.state == CodeState.REVOKED, replaced), literal("code_replaced")),
        (PromoCode.state == CodeState.REVOKED, literal("code_revoked")),
        (used, literal("code_redeemed")),
        (or_(PromoCode.state == CodeState.EXPIRED, over), literal("code_expired")),
        else_=None,
    )
    query = (
        select(carried.c.message_id, why)
        .select_from(carried)
        .join(PromoCode, PromoCode.id == carried.c.code_id)
        .join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
        .where(why.is_not(None))
    )
    return query.outerjoin(Planned, Planned.message_id == carried.c.message_id) if planned else query


def zones(session: Session, message_ids: Sequence[int]) -> dict[int, str | None]:
    """The time zone of each message's customer, None where neither they nor their number told one."""
    sqlite = is_sqlite(session)
    return {row[0]: row[1] for row in fetch(session, _zones(sqlite), ids_as(sqlite, message_ids))}


@lru_cache(2)
def _zones(sqlite: bool) -> Select[*tuple[Any, ...]]:
    """The customers' time zones of messages `ids`."""
    return (
        select(MESSAGE.id, CUSTOMER.time_zone)
        .select_from(Message.__table__.join(Customer.__table__, CUSTOMER.id == MESSAGE.customer_id))
        .where(ids_given(sqlite, MESSAGE.id))
    )


def hold_cap_turn(session: Session) -> None:
    """Wait for other transactions that count texts against the cap; on SQLite there is only one writer.

    Two distributions would else each find room for one text to the same customer, and send two. Taken after the locks
    of distributions and batches, before those of codes and stock: nobody who holds it waits for a distribution.
    """
    if not is_sqlite(session):
        session.execute(text("SELECT pg_advisory_xact_lock(:a, :b)"), dict(zip("ab", CAP_TURN, strict=True)))


def recent_texts(session: Session, message_ids: Sequence[int], since: datetime) -> dict[int, tuple[int, int]]:
    """By message: its customer, and how many other texts they had since then.

    A text counts when it left or may have left (`LEFT`), and also when it is dispatched at this moment, by whichever
    worker and distribution; what waits does not. Hold the turn (`hold_cap_turn`) for as long as the answer must stay
    true. Those of `message_ids` are not each other's: who asks decides in which order they go.
    """
    sqlite = is_sqlite(session)
    whose: dict[int, int] = {row[0]: row[1] for row in fetch(session, _whose(sqlite), ids_as(sqlite, message_ids))}
    others = fetch(session, _others(sqlite), {**ids_as(sqlite, set(whose.values())), "since": since})
    flying = _flying(session).difference(message_ids) if any(waits for _, _, waits in others) else set()
    had = Counter(
        customer_id
        for other_id, customer_id, waits in others
        if other_id not in whose and (not waits or other_id in flying)
    )
    return {message_id: (customer_id, had[customer_id]) for message_id, customer_id in whose.items()}


@lru_cache(2)
def _whose(sqlite: bool) -> Select[*tuple[Any, ...]]:
    """The customers of messages `ids`."""
    return select(MESSAGE.id, MESSAGE.customer_id).where(ids_given(sqlite, MESSAGE.id))


@lru_cache(2)
def _others(sqlite: bool) -> Select[*tuple[Any, ...]]:
    """Of customers `ids`: each message that left since `since` or waits (then 1).

    By the customers' ids and not by a join of messages with messages: PostgreSQL read the whole table for that.
    """
    since = bindparam("since", type_=UtcDateTime)
    left = and_(MESSAGE.state.in_([int(state) for state in LEFT]), MESSAGE.settled_at > since)
    waits = MESSAGE.state == int(MessageState.QUEUED)
    return select(MESSAGE.id, MESSAGE.customer_id, case((waits, 1), else_=0).label("waits")).where(
        ids_given(sqlite, MESSAGE.customer_id), or_(left, waits)
    )


def _flying(session: Session) -> set[int]:
    """The messages of every batch that is dispatched and not recorded."""
    held = session.scalars(select(Batch.message_ids).where(Batch.state == BatchState.DISPATCHING))
    return {message_id for ids in held for message_id in ids}


def textable_by_zone(session: Session, members: ColumnElement[bool]) -> dict[str | None, int]:
    """How many customers who can be texted there are in each time zone, of those of whom `members` is true."""
    rows = session.execute(
        select(Customer.time_zone, func.count()).where(members, exclusion().is_(None)).group_by(Customer.time_zone)
    )
    return dict(rows.all())


def count_full(session: Session, members: ColumnElement[bool], texts: int, since: datetime) -> int:
    """How many of those customers had that many texts since then: a look into one index for each."""
    had = (
        select(func.count())
        .where(
            Message.customer_id == Customer.id,
            Message.state.in_([int(state) for state in LEFT]),
            Message.settled_at > since,
        )
        .correlate(Customer)
        .scalar_subquery()
    )
    query = select(func.count()).select_from(Customer).where(members, exclusion().is_(None), had >= texts)
    return session.scalar(query) or 0
