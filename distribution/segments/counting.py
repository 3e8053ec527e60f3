"""Who is in a segment: as an expression, and as a number; `looking` tells who they are."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.orm import Session

from distribution import settings
from distribution.segments.including import include
from distribution.segments.rules import parse
from storage import matching as compiled
from storage import segments as rows
from storage.customers import here
from storage.matching import Asked
from storage.rules import Rules
from storage.tables import Customer, Segment, SegmentMember

# People choose by the size of a segment, not by its last digit: counting stops here, and says "100,000+".
BOUND = 100_000


@dataclass(frozen=True)
class Count:
    """How many; `more`: at least so many, counting stopped there."""

    number: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.more else ''}"


def matching(session: Session, rules: Rules, now: datetime, *, few: bool = False) -> ColumnElement[bool]:
    """Whether a `Customer` matches at `now`, for WHERE; days begin at midnight in the workspace's time zone.

    Nobody who was erased does, whatever the rules say of what is not set. `few`: the statement asks about one customer,
    or some hundreds, whom it names: their rows alone are looked at.
    Raises `Refused`, field "rules", where a segment that the rules ask about is gone.
    """
    asked = Asked(now, settings.get(session, "time_zone"), include(session, rules), few)
    return and_(compiled.matching(session, rules, asked), here(session))


def belongs(session: Session, segment: Segment, now: datetime, *, few: bool = False) -> ColumnElement[bool]:
    """Whether a `Customer` is in `segment` at `now`, for WHERE: by its rules (`few`: see `matching`) or its list."""
    if segment.kind == "dynamic":
        return matching(session, parse(segment.rules), now, few=few)
    return Customer.id.in_(select(SegmentMember.customer_id).where(SegmentMember.segment_id == segment.id))


def count(session: Session, where: ColumnElement[bool], bound: int = BOUND) -> Count:
    """How many customers there are `where`, looking no further than `bound`."""
    found = select(Customer.id).where(where).limit(bound + 1).subquery()
    number = session.scalar(select(func.count()).select_from(found)) or 0
    return Count(min(number, bound), number > bound)


def remember(session: Session, segment_id: int, counted: Count, now: datetime) -> None:
    """Keep a count on the segment's row, for lists that must answer at once."""
    row = update(Segment).where(Segment.id == segment_id)
    session.execute(row.values(counted=counted.number, counted_at=now))


def of_customer(session: Session, customer_id: int, now: datetime) -> list[Segment]:
    """The named segments that a customer is in at `now`, by name."""
    on_lists = rows.static_of(session, customer_id)
    return [
        segment
        for segment in rows.live(session)
        if (segment.id in on_lists if segment.kind != "dynamic" else _is_in(session, segment, customer_id, now))
    ]


def _is_in(session: Session, segment: Segment, customer_id: int, now: datetime) -> bool:
    """Whether one customer matches a dynamic segment: a look at their row alone."""
    where = belongs(session, segment, now, few=True)
    return session.scalar(select(Customer.id).where(Customer.id == customer_id, where)) is not None
