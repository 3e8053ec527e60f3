"""Members of a static segment taken from those who are in another segment now."""

from datetime import datetime

from sqlalchemy import Select, delete, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from distribution.segments import counting, editing, members
from storage import fixed_lists
from storage.database import is_sqlite
from storage.tables import Customer, Segment, SegmentMember


def take(session: Session, segment_id: int, how: str, other_id: int, *, by: str, now: datetime) -> Segment:
    """Add those who are in another segment at `now` to a static one, remove them, or replace its members by them.

    `how`: one of `members.WAYS`. Raises `Refused`, field "segment".
    """
    segment, other = members.static(session, segment_id), editing.get(session, other_id)
    # Written down first: the other segment's rules may ask about this one.
    chosen = select(Customer.id).where(counting.belongs(session, other, now))
    list_id, _ = fixed_lists.write(session, other.name, chosen, by=by, at=now)
    taken = select(SegmentMember.customer_id).where(SegmentMember.segment_id == list_id)
    mine = delete(SegmentMember).where(SegmentMember.segment_id == segment_id)
    if how == "remove":
        session.execute(mine.where(SegmentMember.customer_id.in_(taken)))
    else:
        if how == "replace":
            session.execute(mine)
        _add(session, segment_id, taken)
    fixed_lists.forget(session, list_id)
    segment.counted, segment.counted_at, segment.updated_at = fixed_lists.size(session, segment_id), now, now
    session.flush()
    return segment


def _add(session: Session, segment_id: int, taken: Select[int]) -> None:
    """Put the customers that a query finds on a list; those who are on it stay once."""
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    rows = taken.add_columns(literal(segment_id))
    session.execute(insert(SegmentMember).from_select(["customer_id", "segment_id"], rows).on_conflict_do_nothing())
