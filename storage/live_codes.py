"""Live codes: those a customer has, or is about to get, of a group, and can still use.

Where a distribution sends "the same code until it is redeemed", the code of a customer may be carried by several
messages at once: the one that it is blocked for or was issued with, and those that repeat it (`promo_code_repeat`). So
two rules go beyond one message: a blocked code is issued as soon as any message that carries it was sent, and goes back
to active only when none of them can leave any more. See docs/decisions/the-same-code-until-redeemed.md.

Locks, on PostgreSQL: `turn` first, then codes that are somebody's in the order of their ids, then stock, then active
codes. What is read about messages is read in a statement after the codes are held, and so sees what others committed.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, func, or_, select, text, update
from sqlalchemy.orm import Session

from storage.bulk import among, fetch, ids_as, ids_given
from storage.database import is_sqlite
from storage.plain import table_of
from storage.tables import CodeState, Message, MessageState, PromoCode, PromoCodeGroup, PromoCodeRepeat

MESSAGE = table_of(Message)
CODE = table_of(PromoCode)
REPEAT = table_of(PromoCodeRepeat)

# Nothing else takes advisory locks of two numbers with this first one.
TURNS = 0x50524F4D

WAITING = (MessageState.QUEUED, MessageState.UNKNOWN)


class LiveCode(NamedTuple):
    """A code that a customer can still use. `state`: blocked or issued."""

    code_id: int
    code: str
    state: CodeState


def turn(session: Session, group_id: int) -> None:
    """Wait for other transactions that decide who already has a code of a group; on SQLite there is only one writer."""
    if not is_sqlite(session):
        session.execute(text("SELECT pg_advisory_xact_lock(:turns, :group)"), {"turns": TURNS, "group": group_id})


def is_live(now: datetime) -> ColumnElement[bool]:
    """Whether a code (joined with its group) is somebody's who can still use it."""
    expiry = func.coalesce(PromoCode.expires_at, PromoCodeGroup.expires_at)
    return and_(
        PromoCode.state.in_((CodeState.BLOCKED, CodeState.ISSUED)),
        PromoCode.redeemed_at.is_(None),
        or_(expiry.is_(None), expiry > now),
    )


def of_customers(
    session: Session, group_id: int, customer_ids: Collection[int], now: datetime, *, hold: bool = False
) -> dict[int, LiveCode]:
    """The code of the group that each of these customers can still use: the one issued last, else one that is blocked.

    `hold`: they are held until the transaction ends, and are as they are now.
    """
    query = (
        select(PromoCode.customer_id, PromoCode.id, PromoCode.code, PromoCode.state, PromoCode.issued_at)
        .join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
        .where(among(session, PromoCode.customer_id, customer_ids), PromoCode.group_id == group_id, is_live(now))
        .order_by(PromoCode.id)
    )
    if hold and not is_sqlite(session):
        query = query.with_for_update(of=PromoCode)
    best: dict[int, Row[int | None, int, str, CodeState, datetime | None]] = {}
    for row in session.execute(query):
        other = best.get(row[0] or 0)
        if other is None or _later(row, other):
            best[row[0] or 0] = row
    return {customer_id: LiveCode(row[1], row[2], row[3]) for customer_id, row in best.items()}


def _later(
    row: Row[int | None, int, str, CodeState, datetime | None],
    other: Row[int | None, int, str, CodeState, datetime | None],
) -> bool:
    """Whether one code was issued after another; one that was not issued yet comes before all."""
    if row[4] is None or other[4] is None:
        return row[4] is not None
    return (row[4], row[1]) > (other[4], other[1])


def all_of(session: Session, group_id: int, customer_id: int, now: datetime) -> list[str]:
    """Every code of the group that a customer can still use, the latest first."""
    query = select(PromoCode.code).join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
    query = query.where(PromoCode.customer_id == customer_id, PromoCode.group_id == group_id, is_live(now))
    return list(session.scalars(query.order_by(PromoCode.issued_at.desc(), PromoCode.id.desc())))


def lacking(group_id: int, now: datetime) -> ColumnElement[bool]:
    """Whether the customer of a `Message` has no live code of the group."""
    return ~exists(
        select(PromoCode.id)
        .join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
        .where(PromoCode.customer_id == Message.customer_id, PromoCode.group_id == group_id, is_live(now))
    )


def validity(session: Session, group_ids: Collection[int]) -> dict[int, timedelta]:
    """How long codes of these groups are good for once they are issued; groups that set no limit are left out."""
    rows = session.execute(
        select(PromoCodeGroup.id, PromoCodeGroup.validity_days).where(
            PromoCodeGroup.id.in_(sorted(group_ids)), PromoCodeGroup.validity_days.is_not(None)
        )
    )
    return {group_id: timedelta(days=days or 0) for group_id, days in rows}


def issue_repeated(session: Session, message_ids: Sequence[int], at: datetime) -> dict[int, int]:
    """Issue codes that messages which were sent repeat, and that are still blocked for another; how many by group.

    Such a code is on the record as issued first with the message that it is blocked for, whichever left first.
    """
    sqlite = is_sqlite(session)
    planned = fetch(session, _planned(sqlite), ids_as(sqlite, message_ids))
    if not planned:
        return {}
    blocked = _held(session, [row[0] for row in planned])
    by_group: dict[int, list[int]] = {}
    for code in blocked:
        by_group.setdefault(code.group_id, []).append(code.id)
    limits = validity(session, by_group) if by_group else {}
    for group_id, ids in by_group.items():
        until = at + limits[group_id] if group_id in limits else None
        session.execute(
            update(CODE)
            .where(among(session, CODE.c.id, ids))
            .values(state=int(CodeState.ISSUED), issued_at=at, expires_at=func.coalesce(CODE.c.expires_at, until))
        )
    return {group_id: len(ids) for group_id, ids in by_group.items()}


def give_back(session: Session, message_ids: Sequence[int]) -> dict[int, int]:
    """Make active again the blocked codes of messages that will not leave; how many by group.

    A code that another message carries which may still leave stays blocked, until that one is settled too. What was
    planned to be sent again of a code that is free now is forgotten.
    """
    sqlite, off = is_sqlite(session), set(message_ids)
    given = ids_as(sqlite, message_ids)
    carried = {row[0] for query in (_bound(sqlite), _planned(sqlite)) for row in fetch(session, query, given)}
    held = _held(session, carried) if carried else []
    if not held:
        return {}
    customers = {code.customer_id for code in held}
    plans = fetch(session, _plans(sqlite), ids_as(sqlite, customers))
    elsewhere = {code.message_id for code in held} - off
    waiting = {row[0] for row in fetch(session, _waiting(sqlite), ids_as(sqlite, elsewhere))} if elsewhere else set()
    still = {code_id for code_id, message_id in plans if message_id not in off}
    free = [code for code in held if code.id not in still and code.message_id not in waiting]
    ids = [code.id for code in free]
    session.execute(
        update(CODE)
        .where(among(session, CODE.c.id, ids))
        .values(state=int(CodeState.ACTIVE), message_id=None, customer_id=None)
    )
    if {code_id for code_id, _ in fetch(session, _open_plans(sqlite), ids_as(sqlite, customers))} & set(ids):
        session.execute(
            delete(REPEAT).where(
                among(session, REPEAT.c.customer_id, customers),
                among(session, REPEAT.c.code_id, ids),
                REPEAT.c.issued_at.is_(None),
            )
        )
    return Counter(code.group_id for code in free)


def hand_over(session: Session, message_ids: Sequence[int]) -> dict[tuple[int, int], int]:
    """Bind codes of messages that are about to be deleted to others that repeat them; the rest of `give_back`.

    Returns how many by (distribution id, group id) of those that carry them from now on: they count them as taken.
    """
    rows = session.execute(
        select(PromoCode.id, PromoCode.group_id, PromoCodeRepeat.message_id, Message.distribution_id)
        .join(
            PromoCodeRepeat,
            and_(PromoCodeRepeat.customer_id == PromoCode.customer_id, PromoCodeRepeat.code_id == PromoCode.id),
        )
        .join(Message, Message.id == PromoCodeRepeat.message_id)
        .where(
            among(session, PromoCode.message_id, message_ids), ~among(session, PromoCodeRepeat.message_id, message_ids)
        )
        # The first that was sent, else the first that will be.
        .order_by(PromoCode.id, PromoCodeRepeat.issued_at.is_(None), PromoCodeRepeat.issued_at, Message.id)
    )
    first: dict[int, tuple[int, int, int]] = {}
    for code_id, group_id, message_id, distribution_id in rows:
        first.setdefault(code_id, (group_id, message_id, distribution_id))
    for code_id, (_, message_id, _) in first.items():
        session.execute(update(CODE).where(CODE.c.id == code_id).values(message_id=message_id))
        session.execute(delete(REPEAT).where(REPEAT.c.message_id == message_id, REPEAT.c.code_id == code_id))
    return Counter((distribution_id, group_id) for group_id, _, distribution_id in first.values())


def carriers(session: Session, message_ids: Sequence[int]) -> list[int]:
    """The distributions whose messages repeat codes that are bound to these messages."""
    return list(
        session.scalars(
            select(Message.distribution_id)
            .join(PromoCodeRepeat, PromoCodeRepeat.message_id == Message.id)
            .join(PromoCode, PromoCode.id == PromoCodeRepeat.code_id)
            .where(among(session, PromoCode.message_id, message_ids))
            .distinct()
            .order_by(Message.distribution_id)
        )
    )


class _Held(NamedTuple):
    id: int
    group_id: int
    message_id: int
    customer_id: int


def _held(session: Session, code_ids: Collection[int]) -> list[_Held]:
    """Those of the codes that are blocked, held in the order of their ids until the transaction ends."""
    sqlite = is_sqlite(session)
    return [_Held(*row) for row in fetch(session, _blocked(sqlite), ids_as(sqlite, sorted(code_ids)))]


@lru_cache(2)
def _blocked(sqlite: bool) -> Select[Any]:
    query = (
        select(CODE.c.id, CODE.c.group_id, CODE.c.message_id, CODE.c.customer_id)
        .where(ids_given(sqlite, CODE.c.id), CODE.c.state == int(CodeState.BLOCKED))
        .order_by(CODE.c.id)
    )
    return query if sqlite else query.with_for_update()


@lru_cache(2)
def _bound(sqlite: bool) -> Select[Any]:
    """The codes that are blocked for messages `ids`."""
    return select(CODE.c.id).where(ids_given(sqlite, CODE.c.message_id), CODE.c.state == int(CodeState.BLOCKED))


@lru_cache(2)
def _planned(sqlite: bool) -> Select[Any]:
    """The codes that messages `ids` are to repeat."""
    return select(REPEAT.c.code_id).where(ids_given(sqlite, REPEAT.c.message_id), REPEAT.c.issued_at.is_(None))


@lru_cache(2)
def _open_plans(sqlite: bool) -> Select[Any]:
    """What is planned to be sent again to customers `ids`: code, message."""
    return select(REPEAT.c.code_id, REPEAT.c.message_id).where(
        ids_given(sqlite, REPEAT.c.customer_id), REPEAT.c.issued_at.is_(None)
    )


@lru_cache(2)
def _plans(sqlite: bool) -> Select[Any]:
    """What will, or may, be sent again to customers `ids`: code, message."""
    waits = and_(MESSAGE.c.id == REPEAT.c.message_id, MESSAGE.c.state.in_([int(state) for state in WAITING]))
    return _open_plans(sqlite).join(MESSAGE, waits)


@lru_cache(2)
def _waiting(sqlite: bool) -> Select[Any]:
    """Those of the messages `ids` that may still leave."""
    return select(MESSAGE.c.id).where(
        ids_given(sqlite, MESSAGE.c.id), MESSAGE.c.state.in_([int(state) for state in WAITING])
    )
