"""Who was in an audience when it was reviewed, written down as a list that nothing changes."""

from datetime import datetime

from sqlalchemy import Select, delete, func, insert, literal, select
from sqlalchemy.orm import Session

from storage.tables import Segment, SegmentMember


def write(session: Session, name: str, members: Select[int], *, by: str, at: datetime) -> tuple[int, int]:
    """Write down the customers that `members` finds now; returns the list's id and how many there are."""
    fixed = Segment(name=name, kind="list", rules={}, created_at=at, created_by=by, counted_at=at)
    session.add(fixed)
    session.flush()
    chosen = members.add_columns(literal(fixed.id))
    session.execute(insert(SegmentMember).from_select(["customer_id", "segment_id"], chosen))
    fixed.counted = size(session, fixed.id)
    session.flush()
    return fixed.id, fixed.counted


def size(session: Session, segment_id: int) -> int:
    """How many customers are on a list."""
    members = select(func.count()).select_from(SegmentMember).where(SegmentMember.segment_id == segment_id)
    return session.scalar(members) or 0


def forget(session: Session, segment_id: int) -> None:
    """Delete a list that only a review needed."""
    session.execute(delete(SegmentMember).where(SegmentMember.segment_id == segment_id))
    session.execute(delete(Segment).where(Segment.id == segment_id, Segment.kind == "list"))
