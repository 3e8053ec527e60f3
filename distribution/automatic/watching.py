"""Which distributions are live, and who is noted for them: in the transaction of whatever changed, if one may care.

A hook costs one look at the live distributions. It may note too many, who are looked at and found unchanged, and too
few: the sweep finds who entered a segment by what no hook sees.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution.automatic import family
from distribution.automatic.family import Family
from distribution.automatic.trigger import DAYS, EVENT, ONCE, SEGMENT, Trigger, parse
from distribution.errors import Refused
from distribution.segments import rules
from distribution.segments.including import include
from storage import distributions, planned, touched
from storage.rules import COUNTS, Condition
from storage.tables import Distribution, Segment

# A paused one fires too: what piled up is sent or dropped when it is resumed.
LIVE = ("sending", "paused")

# More customers than these are not noted one by one: the sweep finds them sooner.
MANY = 500

# What somebody changed of customers.
Cause = Literal["profile", "codes", "lists"]

_TRIGGERS = select(Distribution.trigger).where(Distribution.mode == "automatic", Distribution.status.in_(LIVE))


@dataclass(frozen=True)
class Watch:
    """A live distribution, what sets it off, and its family."""

    row: Distribution
    trigger: Trigger
    family: Family

    @property
    def apart(self) -> timedelta:
        """How far apart two entries of one customer must be."""
        if self.trigger.reentry == DAYS:
            return timedelta(days=self.trigger.days or 0)
        return planned.ONCE if self.trigger.reentry == ONCE else planned.ALWAYS

    @property
    def may_be_called_off(self) -> bool:
        """Whether a text that was called off may have to make room for the customer's next one."""
        return self.trigger.unless is not None and self.apart > planned.ALWAYS

    def due(self, fired_at: datetime, now: datetime) -> datetime:
        """When the first text is due that something at `fired_at` sets off."""
        return max(fired_at + timedelta(minutes=self.trigger.delay), now)


@dataclass(frozen=True)
class Interest:
    """What live distributions ask about: the events that set one off, and what moves customers in and out of the
    segments that others watch. `all_events`: any event may."""

    events: frozenset[str] = frozenset()
    moving_events: frozenset[str] = frozenset()
    causes: frozenset[str] = frozenset()
    all_events: bool = False


NOTHING = Interest()
ANYTHING = Interest(causes=frozenset(("profile", "codes", "lists")), all_events=True)


def watches(session: Session, now: datetime, *, kind: str, distribution_id: int | None = None) -> list[Watch]:
    """The distributions that fire at `now`, by id: those whose trigger is of `kind`, all or that one. What came in
    before its end sets one off that has ended, too: of each event that is asked where it is fired.

    One that is held up is left out, and one whose trigger cannot be read (`unreadable`).
    """
    live = select(Distribution).where(Distribution.mode == "automatic", Distribution.status.in_(LIVE))
    if distribution_id is not None:
        live = live.where(Distribution.id == distribution_id)
    rows = session.scalars(live.order_by(Distribution.id)).all()
    going = [row for row in rows if row.started_at and (kind == EVENT or row.ends_at is None or row.ends_at > now)]
    going = [row for row in going if row.trigger.get("kind") == kind and not row.held_up]
    # An edited one is over, also where the clock goes back to before it was.
    over = distributions.replaced(session, [row.id for row in going if row.ends_at is not None])
    going = [row for row in going if row.id not in over]
    families = family.of_each(session, going)
    read = ((row, _read(row)) for row in going)
    return [Watch(row, trigger, families[row.id]) for row, trigger in read if isinstance(trigger, Trigger)]


def of(session: Session, row: Distribution) -> Watch | None:
    """One distribution as `watches` gives it, fire it or not; None where its trigger cannot be read."""
    trigger = _read(row)
    return Watch(row, trigger, family.of(session, row)) if isinstance(trigger, Trigger) else None


def unreadable(session: Session) -> dict[int, Refused]:
    """Live distributions that are not held up and whose trigger cannot be read, and why: written by hand, or by a
    later version, for it was checked when they were set live."""
    live = select(Distribution).where(Distribution.mode == "automatic", Distribution.status.in_(LIVE))
    read = {row.id: _read(row) for row in session.scalars(live) if not row.held_up}
    return {distribution_id: why for distribution_id, why in read.items() if isinstance(why, Refused)}


def _read(row: Distribution) -> Trigger | Refused:
    """What sets a distribution off, or why that cannot be read."""
    try:
        return parse(row.trigger)
    except Refused as refusal:
        return refusal


def interest(session: Session) -> Interest:
    """What live distributions ask about; one query where none is live, or where none watches a segment."""
    triggers = session.scalars(_TRIGGERS).all()
    if not triggers:
        return NOTHING
    events = {str(each.get("event")) for each in triggers if each.get("kind") == EVENT}
    segments = {each.get("segment_id") for each in triggers if each.get("kind") == SEGMENT}
    try:
        asked = _asked(session, segments) if segments else []
    except Refused:  # a segment that cannot be read: whatever it asks about
        return Interest(frozenset(events), causes=ANYTHING.causes, all_events=True)
    causes = {cause for each in asked if (cause := _cause(each)) is not None} | ({"lists"} if segments else set())
    moving = {each.event or "" for each in asked if each.field == "event"}
    return Interest(frozenset(events), frozenset(moving), frozenset(causes))


def touch(session: Session, cause: Cause, customer_ids: Collection[int]) -> None:
    """Note customers of whom something changed, where a live distribution watches a segment that may ask about it."""
    if 0 < len(customer_ids) <= MANY and cause in interest(session).causes:
        touched.add(session, [(each, None) for each in customer_ids])


def happened(session: Session, events: Sequence[tuple[int, str, int]]) -> None:
    """Note new events (customer, name, id) that may set a live distribution off, or move somebody in or out of the
    segment that it watches."""
    cares = interest(session) if events else NOTHING
    if cares == NOTHING:
        return
    noted: list[tuple[int, int | None]] = [
        (customer_id, event_id) for customer_id, name, event_id in events if name in cares.events
    ]
    moved = {customer_id for customer_id, name, _ in events if cares.all_events or name in cares.moving_events}
    if len(moved) <= MANY:
        noted.extend((each, None) for each in moved)
    touched.add(session, noted)


def _asked(session: Session, segment_ids: Iterable[Any]) -> list[Condition]:
    """Every condition of segments, and of those that they ask about. Raises `Refused` where one is gone."""
    asked: list[Condition] = []
    for segment in session.scalars(select(Segment).where(Segment.id.in_(segment_ids), Segment.kind == "dynamic")):
        own = rules.parse(segment.rules)
        asked += rules.conditions(own)
        for inner in include(session, own).values():
            asked += rules.conditions(inner) if inner is not None else []
    return asked


def _cause(condition: Condition) -> Cause | None:
    """Which change of a customer a condition hears of; None: an event, or one that only the sweep sees (texts)."""
    if condition.field in COUNTS:
        return "codes"
    if condition.field == "segment":
        return "lists"
    return None if condition.field in ("event", "received", "texted", "last_text") else "profile"
