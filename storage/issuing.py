"""Codes of messages: blocked, issued, given back; their group's stock moves in the same transaction."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, Table, Update, bindparam, func, select, update
from sqlalchemy.orm import Session

from storage import stock
from storage.bulk import fetch, ids_as, ids_given, values
from storage.database import is_sqlite
from storage.tables import CodeState, Distribution, PromoCode, PromoCodeRepeat
from storage.tables.base import BigId, UtcDateTime

CODE: Table = PromoCode.__table__  # type: ignore[assignment]
REPEAT: Table = PromoCodeRepeat.__table__  # type: ignore[assignment]


def block(session: Session, group_id: int, recipients: Sequence[tuple[int, int]], *, after: int) -> tuple[int, int]:
    """Bind an active code of the group to each recipient (message id, customer id), in order.

    `after` is the id of the last code looked at before (0 at first): active codes are searched from there on.
    Returns how many were bound, and the id to go on after. Fewer bound than asked: there are no more active codes.
    """
    stock.hold(session, group_id)  # launches that take from one group take turns, and none of them skips a code
    active = (
        select(CODE.c.id)
        .where(CODE.c.group_id == group_id, CODE.c.state == int(CodeState.ACTIVE), CODE.c.id > after)
        .order_by(CODE.c.id)
        .limit(len(recipients))
    )
    code_ids = session.scalars(active if is_sqlite(session) else active.with_for_update()).all()
    bound = values(
        session,
        {"id": BigId, "message_id": BigId, "customer_id": BigId},
        [(code_id, *recipient) for code_id, recipient in zip(code_ids, recipients, strict=False)],
    )
    if code_ids:
        session.execute(
            update(CODE)
            .where(CODE.c.id == bound.c.id)
            .values(state=int(CodeState.BLOCKED), message_id=bound.c.message_id, customer_id=bound.c.customer_id)
        )
        stock.move(session, group_id, active=-len(code_ids), blocked=len(code_ids))
    return len(code_ids), (code_ids[-1] if code_ids else after)


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
    later: it left the house.
    """
    sqlite = is_sqlite(session)
    deltas: dict[int, Counter[str]] = defaultdict(Counter)
    if moved.issued:
        given = {**ids_as(sqlite, moved.issued), "at": at}
        for group_id, n in _change(session, _issuing(sqlite), given):
            deltas[group_id].update(blocked=-n, issued=n)
        if moved.repeats:
            session.execute(_repeating(sqlite), given)
    if moved.returned:
        for group_id, n in _change(session, _returning(sqlite), ids_as(sqlite, moved.returned)):
            deltas[group_id].update(blocked=-n, active=n)
    for group_id in sorted(deltas):
        stock.move(session, group_id, **deltas[group_id])


def _change(session: Session, change: Update, given: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Change the blocked codes of messages `ids`; of which groups, and how many of each."""
    if is_sqlite(session):  # its lock is ours: what is counted is what changes
        counts = [(group_id, n) for group_id, n in fetch(session, _counting(), {"ids": given["ids"]})]
        if counts:
            session.execute(change, given)
        return counts
    return list(Counter(session.scalars(change.returning(CODE.c.group_id), given)).items())


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


@lru_cache(2)
def _returning(sqlite: bool) -> Update:
    """Give the blocked codes of messages `ids` back."""
    return (
        update(CODE)
        .where(ids_given(sqlite, CODE.c.message_id), CODE.c.state == int(CodeState.BLOCKED))
        .values(state=int(CodeState.ACTIVE), message_id=None, customer_id=None)
    )
