"""Who is known to be in the segment that a live distribution watches: who is put here first has entered it."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, delete, insert, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.bulk import among, values
from storage.database import is_sqlite
from storage.tables import TriggerMember


def enter(session: Session, distribution_id: int, customer_ids: Sequence[int]) -> list[int]:
    """Note that customers are in it; returns those who were not known to be: another process may have been quicker."""
    given = values(session, {"customer_id": BigInteger()}, [(each,) for each in sorted(customer_ids)])
    rows = select(literal(distribution_id), given.c.customer_id).where(given.c.customer_id.is_not(None))
    into = (sqlite.insert if is_sqlite(session) else postgresql.insert)(TriggerMember)
    written = into.from_select(["distribution_id", "customer_id"], rows).on_conflict_do_nothing()
    return sorted(session.scalars(written.returning(TriggerMember.customer_id)))


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
