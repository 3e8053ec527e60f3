"""Rows of segments. What their rules compile to: `storage.matching`."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.database import is_sqlite
from storage.tables import Segment, SegmentMember


def live(session: Session) -> list[Segment]:
    """Every segment that has a name and was not deleted, by name."""
    named = select(Segment).where(Segment.name_key.is_not(None), Segment.deleted_at.is_(None))
    return list(session.scalars(named.order_by(Segment.name_key)))


def listed(session: Session, prefix_key: str, limit: int) -> list[Segment]:
    """Up to `limit` named segments whose folded name contains `prefix_key`, by name."""
    position = func.instr if is_sqlite(session) else func.strpos
    named = select(Segment).where(Segment.name_key.is_not(None), Segment.deleted_at.is_(None))
    if prefix_key:
        named = named.where(position(Segment.name_key, prefix_key) > 0)
    return list(session.scalars(named.order_by(Segment.name_key).limit(limit)))


def by_name_key(session: Session, name_key: str) -> Segment | None:
    """The segment of this folded name."""
    return session.scalars(select(Segment).where(Segment.name_key == name_key)).one_or_none()


def static_of(session: Session, customer_id: int) -> set[int]:
    """Ids of the static segments and lists that a customer is on."""
    mine = select(SegmentMember.segment_id).where(SegmentMember.customer_id == customer_id)
    return set(session.scalars(mine))
