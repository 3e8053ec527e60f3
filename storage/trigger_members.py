"""Who is known to be in the segment that a live distribution watches: who is put here first has entered it."""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Function, and_, delete, func, insert, literal, outerjoin, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage.bulk import among, listed
from storage.database import is_sqlite
from storage.tables import Customer, TriggerMember


def enter(session: Session, distribution_id: int, customer_ids: Sequence[int]) -> list[int]:
    """Note that customers are in it; returns those who were not known to be: another process may have been quicker."""
    written = _noting(session, distribution_id, customer_ids).returning(TriggerMember.customer_id)
    return sorted(session.scalars(written))


def note(session: Session, distribution_id: int, customer_ids: Sequence[int]) -> None:
    """Note that customers are in it who have not entered it: as `enter`, without the answer, which takes longest."""
    session.execute(_noting(session, distribution_id, customer_ids))


def _noting(session: Session, distribution_id: int, customer_ids: Sequence[int]) -> sqlite.Insert | postgresql.Insert:
    given = listed(session, sorted(customer_ids))  # in one order, or two who note could deadlock
    # The WHERE keeps SQLite from reading ON CONFLICT as the ON of a join.
    rows = select(literal(distribution_id), given.c.id).where(given.c.id.is_not(None))
    into = (sqlite.insert if is_sqlite(session) else postgresql.insert)(TriggerMember)
    return into.from_select(["distribution_id", "customer_id"], rows).on_conflict_do_nothing()


def everybody(session: Session, matches: ColumnElement[bool]) -> list[int]:
    """The customers who match, by id."""
    found = session.scalar(select(_all(session, Customer.id)).where(matches))
    return sorted(_ids(session, found))


def known(session: Session, distribution_id: int, customer_ids: Iterable[int]) -> set[int]:
    """Those of some customers who are known to be in it."""
    mine = select(TriggerMember.customer_id).where(TriggerMember.distribution_id == distribution_id)
    return set(session.scalars(mine.where(among(session, TriggerMember.customer_id, customer_ids))))


def changed(session: Session, distribution_id: int, matches: ColumnElement[bool]) -> Sequence[int]:
    """Customers who match and are not known to, and those who are known to and do not match any more, by id.

    `matches` is asked of everybody: in one pass, and in a second one only where somebody has left.
    """
    mine = TriggerMember.distribution_id == distribution_id
    known_or_not = outerjoin(Customer, TriggerMember, and_(mine, TriggerMember.customer_id == Customer.id))
    new = _all(session, Customer.id).filter(TriggerMember.customer_id.is_(None))
    news = select(func.count(TriggerMember.customer_id), new)
    still, entered = session.execute(news.select_from(known_or_not).where(matches)).one()
    came = _ids(session, entered)
    if still == session.scalar(select(func.count()).select_from(TriggerMember).where(mine)):
        return sorted(came)
    now = select(Customer.id).where(matches)
    gone: ColumnElement[bool] = TriggerMember.customer_id.not_in(now)
    if not is_sqlite(session):
        # It compares each with a list that does not fit into its memory: in the words that it joins by.
        found = now.subquery()
        gone = ~select(1).select_from(found).where(found.c.id == TriggerMember.customer_id).exists()
    return sorted([*came, *session.scalars(select(TriggerMember.customer_id).where(mine, gone))])


def _all(session: Session, ids: InstrumentedAttribute[int]) -> Function[Any]:
    """Ids as one value: reading a row for each takes Python longer than finding them."""
    return func.json_group_array(ids) if is_sqlite(session) else func.array_agg(ids)


def _ids(session: Session, found: Any) -> list[int]:
    """What `_all` gave."""
    return list(json.loads(found) if is_sqlite(session) else found or ())


def hold(session: Session, distribution_id: int, customer_ids: Collection[int]) -> set[int]:
    """Those of some customers who are known to be in it, held until the commit; without those whom somebody else holds.

    On SQLite all of them: nobody else writes.
    """
    if not customer_ids or is_sqlite(session):
        return set(customer_ids)
    mine = (TriggerMember.distribution_id == distribution_id, among(session, TriggerMember.customer_id, customer_ids))
    return set(session.scalars(select(TriggerMember.customer_id).where(*mine).with_for_update(skip_locked=True)))


def leave(session: Session, distribution_id: int, customer_ids: Sequence[int]) -> None:
    """Note that customers are not in it any more: they may enter again."""
    if not customer_ids:
        return
    session.execute(
        delete(TriggerMember)
        .where(
            TriggerMember.distribution_id == distribution_id, among(session, TriggerMember.customer_id, customer_ids)
        )
        .execution_options(synchronize_session=False)
    )


def copy(session: Session, of: int, to: int) -> None:
    """Let the distribution `to` know whom `of` knows: it takes over, and who is in the segment has not entered it."""
    known = select(literal(to), TriggerMember.customer_id).where(TriggerMember.distribution_id == of)
    session.execute(insert(TriggerMember).from_select(["distribution_id", "customer_id"], known))
