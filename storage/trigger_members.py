"""Who is known to be in the segment that a live distribution watches: who is put here first has entered it."""

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import BigInteger, ColumnElement, and_, delete, func, insert, literal, outerjoin, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.bulk import among, values
from storage.database import is_sqlite
from storage.tables import Customer, TriggerMember


def enter(session: Session, distribution_id: int, customer_ids: Sequence[int]) -> list[int]:
    """Note that customers are in it; returns those who were not known to be: another process may have been quicker."""
    given = values(session, {"customer_id": BigInteger()}, [(each,) for each in sorted(customer_ids)])
    rows = select(literal(distribution_id), given.c.customer_id).where(given.c.customer_id.is_not(None))
    into = (sqlite.insert if is_sqlite(session) else postgresql.insert)(TriggerMember)
    written = into.from_select(["distribution_id", "customer_id"], rows).on_conflict_do_nothing()
    return sorted(session.scalars(written.returning(TriggerMember.customer_id)))


def known(session: Session, distribution_id: int, customer_ids: Iterable[int]) -> set[int]:
    """Those of some customers who are known to be in it."""
    mine = select(TriggerMember.customer_id).where(TriggerMember.distribution_id == distribution_id)
    return set(session.scalars(mine.where(among(session, TriggerMember.customer_id, customer_ids))))


def changed(session: Session, distribution_id: int, matches: ColumnElement[bool]) -> Sequence[int]:
    """Customers who match and are not known to, and those who are known to and do not match any more, by id.

    `matches` is asked of everybody: in one pass, and in a second one only where somebody has left.
    """
    lite, mine = is_sqlite(session), TriggerMember.distribution_id == distribution_id
    everybody = outerjoin(Customer, TriggerMember, and_(mine, TriggerMember.customer_id == Customer.id))
    listed = func.json_group_array(Customer.id) if lite else func.array_agg(Customer.id)
    news = select(func.count(TriggerMember.customer_id), listed.filter(TriggerMember.customer_id.is_(None)))
    still, entered = session.execute(news.select_from(everybody).where(matches)).one()
    came: list[int] = json.loads(entered) if lite else entered or []
    if still == session.scalar(select(func.count()).select_from(TriggerMember).where(mine)):
        return sorted(came)
    now = select(Customer.id).where(matches)
    gone: ColumnElement[bool] = TriggerMember.customer_id.not_in(now)
    if not lite:  # compares each with a list that does not fit into its memory: in the words that it joins by
        found = now.subquery()
        gone = ~select(1).select_from(found).where(found.c.id == TriggerMember.customer_id).exists()
    return sorted([*came, *session.scalars(select(TriggerMember.customer_id).where(mine, gone))])


def leave(session: Session, distribution_id: int, customer_ids: Sequence[int]) -> None:
    """Note that customers are not in it any more: they may enter again."""
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
