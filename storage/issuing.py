"""Codes of messages: blocked, issued, given back; their group's stock moves in the same transaction."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, Table, Update, bindparam, func, select, text, update
from sqlalchemy.orm import Session

from storage import live_codes, pace, stock
from storage.bulk import fetch, ids_as, ids_given, rows_as, rows_given
from storage.database import is_sqlite
from storage.tables import CodeState, Distribution, PromoCode, PromoCodeRepeat
from storage.tables.base import BigId, UtcDateTime

CODE: Table = PromoCode.__table__  # type: ignore[assignment]
REPEAT: Table = PromoCodeRepeat.__table__  # type: ignore[assignment]


def block(
    session: Session, group_id: int, recipients: Sequence[tuple[int, int]], *, after: int, now: datetime
) -> tuple[int, int]:
    """Bind an active code of the group to each recipient (message id, customer id), in order.

    A code that is past an expiry of its own at `now` is never bound. `after` is the id of the last code looked at
    before (0 at first): active codes are searched from there on. Returns how many were bound, and the id to go on
    after. Fewer bound than asked: there are no more active codes.
    """
    # Whoever takes active codes holds the stock first: they take turns, none skips a code, and none need be locked.
    stock.hold(session, group_id)
    sqlite = is_sqlite(session)
    some_expired = _some_expired(session, now)  # seldom: the sweep runs every two seconds
    given = {"group_id": group_id, "after": after, "limit": len(recipients), **({"now": now} if some_expired else {})}
    code_ids = sorted(code_id for (code_id,) in fetch(session, _active(some_expired), given))
    if code_ids:
        bound = [(code_id, *recipient) for code_id, recipient in zip(code_ids, recipients, strict=False)]
        session.execute(_blocking(sqlite), rows_as(sqlite, bound))
        stock.move(session, group_id, active=-len(code_ids), blocked=len(code_ids))
    return len(code_ids), (code_ids[-1] if code_ids else after)


@lru_cache(2)
def _active(some_expired: bool) -> Select[int]:
    """Ids of the first `limit` active codes of `group_id` above `after`; none that is past its own expiry at `now`."""
    query = (
        select(CODE.c.id)
        .where(
            CODE.c.group_id == bindparam("group_id"),
            CODE.c.state == text("0"),  # written out, or the partial index would not be used
            CODE.c.id > bindparam("after"),
        )
        .order_by(CODE.c.id)
        .limit(bindparam("limit", type_=BigId))
    )
    if some_expired:
        query = query.where(CODE.c.expires_at.is_(None) | (CODE.c.expires_at > bindparam("now", type_=UtcDateTime)))
    return query


@lru_cache(2)
def _blocking(sqlite: bool) -> Update:
    """Bind the codes of the rows given (code, message, customer)."""
    bound = rows_given(sqlite, {"id": BigId, "message_id": BigId, "customer_id": BigId})
    return (
        update(CODE)
        .where(CODE.c.id == bound.c.id)
        .values(state=int(CodeState.BLOCKED), message_id=bound.c.message_id, customer_id=bound.c.customer_id)
    )


def _some_expired(session: Session, now: datetime) -> bool:
    """Whether any group has active codes past an expiry of their own: the index of those (`ix_promo_code_expiring`).

    Asked of one group, SQLite would go through all active codes of that group instead.
    """
    past = (CODE.c.state == text("0")) & CODE.c.expires_at.is_not(None) & (CODE.c.expires_at <= now)
    return session.scalar(select(CODE.c.id).where(past).limit(1)) is not None


def count_taken(distribution: Distribution, group_id: int, n: int) -> None:
    """Remember that `n` more codes of a group were blocked for a distribution."""
    taken = distribution.codes_taken
    distribution.codes_taken = {**taken, str(group_id): taken.get(str(group_id), 0) + n}


@dataclass
class Codes:
    """Messages whose codes are to be moved: issued with them, or nobody's again. `repeats`: they may repeat codes."""

    issued: list[int] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    repeats: bool = True


def move(session: Session, moved: Codes, at: datetime | None = None) -> None:
    """Issue the blocked codes of messages that were sent, and the repeats planned for them; free those of the unsent.

    Once in a transaction, after its messages: groups are shared by distributions, so their counts are moved last and in
    the order of their ids. `at`: when they were issued. A code that was issued stays its customer's whatever happens
    later: it left the house. So does one that another message, still to leave, repeats (`storage.live_codes`).
    """
    sqlite = is_sqlite(session)
    deltas: dict[int, Counter[str]] = defaultdict(Counter)
    issued: Counter[int] = Counter()
    if moved.issued and at is not None:
        given = {**ids_as(sqlite, moved.issued), "at": at}
        issued.update(_change(session, _issuing(sqlite), given))
        if moved.repeats:
            issued.update(live_codes.issue_repeated(session, moved.issued, at))
            session.execute(_repeating(sqlite), given)
    if moved.returned:
        for group_id, n in live_codes.give_back(session, moved.returned).items():
            deltas[group_id].update(blocked=-n, active=n)
    for group_id, n in issued.items():
        deltas[group_id].update(blocked=-n, issued=n)
    for group_id in sorted(deltas):
        stock.move(session, group_id, **deltas[group_id])
    if issued and at is not None:
        _limit(session, moved.issued, issued, at)
        pace.add(session, issued, at)


def issue_one(session: Session, group_id: int, customer_id: int, at: datetime) -> PromoCode | None:
    """Issue the next active code of a group to a customer, without any message; None when there is none."""
    stock.hold(session, group_id)
    code = session.scalars(
        select(PromoCode)
        .where(
            PromoCode.group_id == group_id,
            PromoCode.state == CodeState.ACTIVE,
            PromoCode.expires_at.is_(None) | (PromoCode.expires_at > at),
        )
        .order_by(PromoCode.id)
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if code is None:
        return None
    days = live_codes.validity(session, [group_id]).get(group_id)
    code.state, code.customer_id, code.issued_at = CodeState.ISSUED, customer_id, at
    if days is not None and code.expires_at is None:
        code.expires_at = at + days
    session.flush()
    stock.move(session, group_id, active=-1, issued=1)
    pace.add(session, {group_id: 1}, at)
    return code


def _limit(session: Session, message_ids: Sequence[int], group_ids: Collection[int], at: datetime) -> None:
    """Codes that were just issued with these messages expire after the days that their group gives them."""
    sqlite = is_sqlite(session)
    for group_id, days in live_codes.validity(session, group_ids).items():
        given = {**ids_as(sqlite, message_ids), "of": group_id, "when": at, "until": at + days}
        session.execute(_limiting(sqlite), given)


@lru_cache(2)
def _limiting(sqlite: bool) -> Update:
    """Codes of group `of` issued at `when` with messages `ids` expire at `until`, but for those with an own expiry."""
    return (
        update(CODE)
        .where(
            ids_given(sqlite, CODE.c.message_id),
            CODE.c.group_id == bindparam("of"),
            CODE.c.issued_at == bindparam("when", type_=UtcDateTime),
            CODE.c.expires_at.is_(None),
        )
        .values(expires_at=bindparam("until", type_=UtcDateTime))
    )


def _change(session: Session, change: Update, given: Mapping[str, Any]) -> dict[int, int]:
    """Change the blocked codes of messages `ids`; how many of each group."""
    if is_sqlite(session):  # its lock is ours: what is counted is what changes
        counts: dict[int, int] = {row[0]: row[1] for row in fetch(session, _counting(), {"ids": given["ids"]})}
        if counts:
            session.execute(change, given)
        return counts
    return Counter(session.scalars(change.returning(CODE.c.group_id), given))


@lru_cache(1)
def _counting() -> Select[int, int]:
    """How many codes are blocked for messages `ids`, by group."""
    return (
        select(CODE.c.group_id, func.count().label("n"))
        .where(ids_given(True, CODE.c.message_id), CODE.c.state == int(CodeState.BLOCKED))
        .group_by(CODE.c.group_id)
    )


@lru_cache(2)
def _issuing(sqlite: bool) -> Update:
    """Issue the blocked codes of messages `ids` at `at`."""
    return (
        update(CODE)
        .where(ids_given(sqlite, CODE.c.message_id), CODE.c.state == int(CodeState.BLOCKED))
        .values(state=int(CodeState.ISSUED), issued_at=bindparam("at", type_=UtcDateTime))
    )


@lru_cache(2)
def _repeating(sqlite: bool) -> Update:
    """Issue the repeats planned for messages `ids` at `at`."""
    return (
        update(REPEAT)
        .where(ids_given(sqlite, REPEAT.c.message_id), REPEAT.c.issued_at.is_(None))
        .values(issued_at=bindparam("at", type_=UtcDateTime))
    )
