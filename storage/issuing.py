"""Codes of messages: blocked, issued, given back; their group's stock moves in the same transaction."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Table, Update, bindparam, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from storage import stock
from storage.bulk import among, ids_as, ids_given, values
from storage.database import is_sqlite
from storage.tables import CodeState, Distribution, PromoCode, PromoCodeRepeat, PromoCodeStock
from storage.tables.base import BigId, UtcDateTime

CODE: Table = PromoCode.__table__  # type: ignore[assignment]
REPEAT: Table = PromoCodeRepeat.__table__  # type: ignore[assignment]


def block(session: Session, group_id: int, recipients: Sequence[tuple[int, int]], *, after: int) -> tuple[int, int]:
    """Bind an active code of the group to each recipient (message id, customer id), in order.

    `after` is the id of the last code looked at before (0 at first): active codes are searched from there on.
    Returns how many were bound, and the id to go on after. Fewer bound than asked: there are no more active codes.
    """
    if not is_sqlite(session):  # launches that take from one group take turns, and none of them skips a code
        session.execute(select(PromoCodeStock.total).where(PromoCodeStock.group_id == group_id).with_for_update())
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


def issue(session: Session, message_ids: Iterable[int], at: datetime, *, repeats: bool = True) -> None:
    """The blocked codes of these messages, and the repeats planned for them, were sent."""
    ids = list(message_ids)
    if not ids:
        return
    sqlite = is_sqlite(session)
    given = {**ids_as(sqlite, ids), "at": at}
    groups = session.scalars(_issuing(sqlite), given)
    for group_id, n in sorted(Counter(groups).items()):
        stock.move(session, group_id, blocked=-n, issued=n)
    if repeats:
        session.execute(_repeating(sqlite), given)


@lru_cache(2)
def _issuing(sqlite: bool) -> ReturningUpdate[int]:
    """Issue the blocked codes of messages `ids` at `at`; the group of each."""
    return (
        update(CODE)
        .where(ids_given(sqlite, CODE.c.message_id), CODE.c.state == int(CodeState.BLOCKED))
        .values(state=int(CodeState.ISSUED), issued_at=bindparam("at", type_=UtcDateTime))
        .returning(CODE.c.group_id)
    )


@lru_cache(2)
def _repeating(sqlite: bool) -> Update:
    """The same for the repeats planned for them."""
    return (
        update(REPEAT)
        .where(ids_given(sqlite, REPEAT.c.message_id), REPEAT.c.issued_at.is_(None))
        .values(issued_at=bindparam("at", type_=UtcDateTime))
    )


def give_back(session: Session, message_ids: Iterable[int]) -> int:
    """The blocked codes of messages that certainly did not leave are nobody's again; returns how many.

    A code that was issued stays its customer's whatever happens later: it left the house.
    """
    ids = list(message_ids)
    if not ids:
        return 0
    groups = session.scalars(
        update(CODE)
        .where(among(session, CODE.c.message_id, ids), CODE.c.state == int(CodeState.BLOCKED))
        .values(state=int(CodeState.ACTIVE), message_id=None, customer_id=None)
        .returning(CODE.c.group_id)
    ).all()
    for group_id, n in sorted(Counter(groups).items()):
        stock.move(session, group_id, blocked=-n, active=n)
    return len(groups)
