"""Reminders as rows: planned with the first text, and what is looked at when one comes up."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.bulk import among, moments, rows_as, rows_given
from storage.customers import exclusion
from storage.database import is_sqlite
from storage.plain import rows_changed, table_of
from storage.tables import (
    Batch,
    BatchState,
    CodeState,
    Customer,
    Distribution,
    Message,
    MessageState,
    Planned,
    PlannedState,
    PromoCode,
    PromoCodeChange,
    PromoCodeGroup,
    PromoCodeRepeat,
    Redemption,
)
from storage.tables.base import BigId

PLANNED = table_of(Planned)

OPEN = (PlannedState.WAITING, PlannedState.DRY, PlannedState.LATE)
REPLACEMENTS = 5  # codes put in the place of one another that are followed


class New(NamedTuple):
    """A reminder to be planned."""

    customer_id: int
    step: int
    occurrence: int
    due_at: datetime
    fired_at: datetime
    event_id: int | None


class First(NamedTuple):
    """A first text and whether its customer may be texted now. `why_not`: the reason; "deleted" where they are gone."""

    message_id: int
    customer_id: int
    occurrence: int
    state: MessageState
    settled_at: datetime | None
    why_not: str | None


@dataclass(frozen=True)
class Carried:
    """A code that a first text carried, new or sent again, or what was put in its place.

    `used`: redeemed; of one that was sent again only where that became known since. `validity_days`: those that its
    group gives a code that is not issued yet.
    """

    code_id: int
    state: CodeState
    used: bool
    expires_at: datetime | None
    validity_days: int | None


def add(session: Session, distribution_id: int, rows: Sequence[New]) -> None:
    """Plan reminders; those that are planned already are left as they are."""
    if not rows:
        return
    lite, at = is_sqlite(session), moments(session)
    given = [(*row[:3], at(row.due_at), at(row.fired_at), row.event_id) if lite else tuple(row) for row in rows]
    session.execute(_adding(lite), rows_as(lite, given) | {"distribution_id": distribution_id})


@lru_cache(2)
def _adding(lite: bool) -> Any:
    """Insert the reminders given, but for those that are there."""
    moment = Text() if lite else DateTime(timezone=True)
    columns = {"customer_id": BigInteger(), "step": Integer(), "occurrence": Integer(), "due_at": moment}
    given = rows_given(lite, columns | {"fired_at": moment, "event_id": BigInteger()})
    row = {"distribution_id": bindparam("distribution_id", type_=Integer()), "state": literal(0)} | dict(given.c)
    # The WHERE keeps SQLite from reading ON CONFLICT as the ON of a join.
    rows = select(*row.values()).where(given.c.customer_id.is_not(None))
    into = (sqlite.insert if lite else postgresql.insert)(PLANNED)
    return into.from_select(list(row), rows, include_defaults=False).on_conflict_do_nothing()


def queued(session: Session, message_ids: Collection[int]) -> set[int]:
    """Those of the messages that are to be sent: not left out."""
    query = select(Message.id).where(among(session, Message.id, message_ids), Message.state == MessageState.QUEUED)
    return set(session.scalars(query))


def firsts(
    session: Session, distribution_id: int, customer_ids: Collection[int]
) -> tuple[dict[tuple[int, int], First], set[tuple[int, int]]]:
    """The first texts of customers by customer and occurrence, and those of them of which a reminder is on its way."""
    rows = session.execute(
        select(
            Message.id,
            Message.customer_id,
            Message.step,
            Message.occurrence,
            Message.state,
            Message.settled_at,
            Customer.id,
            exclusion(),
        )
        .outerjoin(Customer, Customer.id == Message.customer_id)
        .where(Message.distribution_id == distribution_id, among(session, Message.customer_id, customer_ids))
    )
    found: dict[tuple[int, int], First] = {}
    on_its_way: set[tuple[int, int]] = set()
    for message_id, customer_id, step, occurrence, state, settled_at, there, why_not in rows:
        key = (customer_id, occurrence)
        if step == 0:
            gone = "deleted" if there is None else why_not
            found[key] = First(message_id, customer_id, occurrence, state, settled_at, gone)
        elif state == MessageState.QUEUED:
            on_its_way.add(key)
    return found, on_its_way


def among_messages(session: Session, message_ids: Collection[int]) -> list[tuple[int, int, int, int]]:
    """Those of the messages that are reminders: id, customer, step, occurrence."""
    query = select(Message.id, Message.customer_id, Message.step, Message.occurrence)
    found = session.execute(query.where(among(session, Message.id, message_ids), Message.step > 0))
    return [(message_id, customer_id, step, occurrence) for message_id, customer_id, step, occurrence in found]


def codes(session: Session, message_ids: Collection[int], *, since: datetime) -> dict[int, list[Carried]]:
    """By first text: the codes that it carries. Whatever was replaced is told as what stands in its place.

    `since`: from when on a redemption of a code that was sent again counts, where the text was not made later (its
    customer may have been thanked for having used it).
    """
    new = select(PromoCode.message_id, PromoCode.id.label("code_id"), literal(0).label("again"))
    again = select(PromoCodeRepeat.message_id, PromoCodeRepeat.code_id, literal(1).label("again"))
    carried = (
        new.where(among(session, PromoCode.message_id, message_ids))
        .union_all(again.where(among(session, PromoCodeRepeat.message_id, message_ids)))
        .subquery()
    )
    made = func.coalesce(Planned.settled_at, since)
    used_since = exists().where(
        Redemption.code_id == PromoCode.id, Redemption.rolled_back_at.is_(None), Redemption.recorded_at >= made
    )
    used = and_(PromoCode.redeemed_at.is_not(None), or_(carried.c.again == 0, used_since))
    rows = session.execute(
        select(carried.c.message_id, *_columns(used))
        .select_from(carried)
        .join(PromoCode, PromoCode.id == carried.c.code_id)
        .join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
        .outerjoin(Planned, Planned.message_id == carried.c.message_id)
    )
    found: dict[int, list[Carried]] = defaultdict(list)
    for message_id, *cells in rows:
        found[message_id].append(Carried(*cells))
    _follow(session, found)
    return dict(found)


def _columns(used: Any) -> tuple[Any, ...]:
    expires_at = func.coalesce(PromoCode.expires_at, PromoCodeGroup.expires_at)
    limited = case(
        (PromoCode.expires_at.is_(None) & (PromoCode.state == CodeState.BLOCKED), PromoCodeGroup.validity_days)
    )
    return PromoCode.id, PromoCode.state, used, expires_at, limited


def _follow(session: Session, found: dict[int, list[Carried]]) -> None:
    """Put what was issued in the place of revoked codes there instead of them."""
    for _ in range(REPLACEMENTS):
        revoked = {each.code_id for of in found.values() for each in of if each.state is CodeState.REVOKED}
        if not revoked:
            return
        rows = session.execute(
            select(PromoCodeChange.code_id, *_columns(PromoCode.redeemed_at.is_not(None)))
            .join(PromoCode, PromoCode.id == PromoCodeChange.other_code_id)
            .join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
            .where(among(session, PromoCodeChange.code_id, revoked), PromoCodeChange.kind == "replaced")
        )
        instead = {code_id: Carried(*cells) for code_id, *cells in rows}
        if not instead:
            return
        for of in found.values():
            of[:] = [instead.get(each.code_id, each) for each in of]


def drop(
    session: Session,
    distribution_id: int,
    states: Collection[PlannedState],
    reason: str,
    at: datetime,
    *,
    limit: int,
    due: datetime | None = None,
    first: bool = False,
) -> int:
    """Drop up to `limit` planned texts of a distribution that are in `states`; returns how many.

    `due`: only those due by then; `first`: only first texts, no reminders. The distribution is locked.
    """
    # In the index's order: by their ids all that are left would be sorted for each chunk.
    query = select(Planned.id).where(Planned.distribution_id == distribution_id, Planned.state.in_(sorted(states)))
    query = query.order_by(Planned.state, Planned.due_at)
    if due is not None:
        query = query.where(Planned.due_at <= due)
    if first:
        query = query.where(Planned.step == 0)
    chosen = Planned.id.in_(query.limit(limit))
    dropped = update(Planned).where(chosen).values(state=PlannedState.DROPPED, reason=reason, settled_at=at)
    return rows_changed(session, dropped)


def to_come() -> ColumnElement[bool]:
    """Whether a distribution is done but for reminders: what they are sent through, and with, must stay."""
    waits = (exists().where(Planned.distribution_id == Distribution.id, Planned.state == state) for state in OPEN)
    return and_(Distribution.status == "done", cast(Distribution.reminders, Text) != "[]", or_(*waits))


def any_open(session: Session, distribution_id: int) -> bool:
    """Whether any text of a distribution is planned and neither made nor dropped."""
    mine = select(Planned.id).where(Planned.distribution_id == distribution_id)
    # A state at a time and in the index's order, or PostgreSQL guesses that one is found soon, and reads the table.
    firsts = (mine.where(Planned.state == state).order_by(Planned.due_at).limit(1) for state in OPEN)
    return session.scalar(select(func.coalesce(*(each.scalar_subquery() for each in firsts)))) is not None


def again(session: Session, distribution_id: int, message_ids: Collection[int], *, because: str, at: datetime) -> None:
    """Messages are sent again: their time begins anew, and reminders that were dropped `because` of them are looked at
    again."""
    session.execute(
        update(Planned)
        .where(among(session, Planned.message_id, message_ids), Planned.state == PlannedState.MADE)
        .values(settled_at=at)
        .execution_options(synchronize_session=False)
    )
    first = Message.__table__.alias("first")
    mine = exists().where(
        among(session, first.c.id, message_ids),
        first.c.step == 0,
        first.c.distribution_id == Planned.distribution_id,
        first.c.customer_id == Planned.customer_id,
        first.c.occurrence == Planned.occurrence,
    )
    session.execute(
        update(Planned)
        .where(
            Planned.distribution_id == distribution_id,
            Planned.state == PlannedState.DROPPED,
            Planned.step > 0,
            Planned.reason == because,
            mine,
        )
        .values(state=PlannedState.WAITING, reason=None, settled_at=None, due_at=at)
        .execution_options(synchronize_session=False)
    )


def forget(session: Session, distribution_id: int, limit: int) -> int:
    """Take planned texts away again, as if they had never been planned (a launch that is undone); returns how many."""
    chosen = select(Planned.id).where(Planned.distribution_id == distribution_id).order_by(Planned.id).limit(limit)
    return rows_changed(session, delete(Planned).where(Planned.id.in_(chosen)))


def wake(session: Session, at: datetime) -> None:
    """Have all reminders that go before a code expires looked at anew: when one expires has changed."""
    dated = cast(Distribution.reminders, Text).like('%"before_expiry"%')
    going = Distribution.status.in_(("sending", "paused", "done"))
    session.execute(
        update(Planned)
        .where(
            Planned.distribution_id.in_(select(Distribution.id).where(going, dated)),
            Planned.state == PlannedState.WAITING,
            Planned.step > 0,
            Planned.due_at > at,
        )
        .values(due_at=at)
        .execution_options(synchronize_session=False)
    )


def made_at(session: Session, message_ids: Collection[int]) -> dict[int, datetime]:
    """When planned messages were made, or last sent again; the others are not in it."""
    query = select(Planned.message_id, Planned.settled_at).where(
        among(session, Planned.message_id, message_ids), Planned.settled_at.is_not(None)
    )
    return {message_id: at for message_id, at in session.execute(query) if message_id and at}


def batches_made_by(session: Session, distribution_id: int, by: datetime, *, limit: int) -> list[int]:
    """Up to `limit` batches that have not left, of planned messages that were made by a time.

    Those of one batch were made together, and leave it together or for another: the first one tells of all.
    """
    query = (
        _unsent(distribution_id)
        .join(Planned, Planned.message_id == _first_of(session))
        .where(Planned.settled_at <= by)
        .limit(limit)
    )
    return list(session.scalars(query))


def batches_of_range(session: Session, row: Distribution, *, limit: int) -> list[int]:
    """Up to `limit` batches of a manual distribution that have not left, of first texts."""
    first = _first_of(session)
    mine = first.between(row.first_message_id or 0, row.last_message_id or -1)
    return list(session.scalars(_unsent(row.id).where(mine).limit(limit)))


def _unsent(distribution_id: int) -> Select[int]:
    unsent = Batch.state.in_((BatchState.LEASED, BatchState.WAITING))
    return select(Batch.id).where(Batch.distribution_id == distribution_id, unsent).order_by(Batch.id)


def _first_of(session: Session) -> ColumnElement[int]:
    """The first message of a batch."""
    if is_sqlite(session):
        return cast(func.json_extract(Batch.message_ids, "$[0]"), BigId)
    return cast(type_coerce(Batch.message_ids, postgresql.JSONB)[0].astext, BigId)
