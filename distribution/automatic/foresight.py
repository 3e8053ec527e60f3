"""The review of an automatic distribution: for whom it would have gone off lately, and what they would have been sent.

Nobody knows who will do what, so it looks back: at the customers who did the event with those very properties in the
last `DAYS` days, or who are in the segment. Where there is nobody, one customer is made up, and said to be.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, false, func, or_, select
from sqlalchemy.orm import Session

from distribution import audience as audiences
from distribution import settings
from distribution.automatic import trigger as triggers
from distribution.automatic.trigger import ALL, ALWAYS, ONCE, Happening, Trigger
from distribution.findings import Foreseen
from distribution.limits import zone_of
from distribution.links import Links
from distribution.recipients import Line
from distribution.rehearsal import Rehearsal, Rehearser
from distribution.segments import counting, editing
from distribution.sms import measure
from distribution.templates.render import Recipient
from distribution.templates.values import as_text
from storage import histories
from storage.customers import exclusion
from storage.patience import TooSlow, at_most
from storage.rules import Condition
from storage.tables import Customer, Distribution, Event, EventName

DAYS = 30
MOST = 100_000  # events that are looked at
SAMPLE = 500  # customers whose texts are rendered
PATIENCE = 0.6  # seconds for each of at most three questions, where Slack waits three

Happened = Sequence[tuple[int, datetime]]  # customer, when


def foresee(
    session: Session, draft: Distribution, links: Links, now: datetime
) -> tuple[Foreseen, Rehearsal, Mapping[int, Mapping[str, str]]]:
    """What it would have done, its texts rendered and measured, and the event that each customer's text tells of.

    Raises `Refused` where its trigger or a text is wrong.
    """
    trigger = triggers.parse(draft.trigger)
    if trigger.happening is not None:
        found = _events_foreseen(session, draft, trigger, now)
        events = _lately(session, trigger.happening, now)
        chosen: Iterable[int] = events
    else:
        found, chosen, events = _members_foreseen(session, draft, trigger, now), _members(session, trigger, now), {}
    rehearser = _Lately(session, draft, links, now, sorted(chosen), events)
    rehearsal = Rehearsal(total=min(SAMPLE, len(rehearser.chosen)))
    while rehearser.chunk(rehearsal, SAMPLE):
        pass
    if rehearsal.texts:
        return found, rehearsal, events
    made_up = made_up_event(session, trigger, now)
    return replace(found, made_up=True), rehearser.made_up(made_up), {0: made_up}


def would_fire(trigger: Trigger, happened: Happened, against: Happened, zone: ZoneInfo) -> tuple[int, int, int]:
    """Of what `happened`, in any order: how many texts would have been made, called off, and held back.

    `against`: what calls a text off. Held back are those whom the re-entry rule or a ceiling leaves out.
    """
    delay = timedelta(minutes=trigger.delay)
    # As `calling_off` has it: what happened in the same second calls a text off, but no event itself.
    itself = trigger.happening and trigger.unless and trigger.happening.event == trigger.unless.event
    begins = bisect_right if itself else bisect_left
    stops: dict[int, list[datetime]] = defaultdict(list)
    for customer_id, at in against:
        stops[customer_id].append(at)
    for each in stops.values():
        each.sort()
    last: dict[int, datetime] = {}
    by_day: Counter[Any] = Counter()
    made = called_off = 0
    for customer_id, at in sorted(happened, key=lambda each: each[1]):
        before = last.get(customer_id)
        if before is not None and not _again(trigger, before, at):
            continue
        mine = stops.get(customer_id, [])
        following = begins(mine, at)
        if following < len(mine) and mine[following] <= at + delay:
            called_off += 1
            continue
        day = (at + delay).astimezone(zone).date()
        if made == trigger.most or by_day[day] == trigger.most_daily:
            continue
        last[customer_id] = at
        by_day[day] += 1
        made += 1
    return made, called_off, len(happened) - made - called_off


def _again(trigger: Trigger, before: datetime, at: datetime) -> bool:
    """Whether a customer may get it again."""
    if trigger.reentry == ONCE:
        return False
    return trigger.reentry == ALWAYS or at - before >= timedelta(days=trigger.days or 0)


def _events_foreseen(session: Session, draft: Distribution, trigger: Trigger, now: datetime) -> Foreseen:
    """What the events of the last days would have set off."""
    zone = zone_of(None, settings.get(session, "time_zone"))
    try:
        with at_most(session, PATIENCE):
            happened = _happened(session, trigger.happening, now)
            against = _happened(session, trigger.unless, now)
    except TooSlow:
        return Foreseen(DAYS, None, when_dry=draft.when_dry)
    made, called_off, held_back = would_fire(trigger, happened, against, zone)
    return Foreseen(
        DAYS, made, called_off, held_back, more=max(len(happened), len(against)) == MOST, when_dry=draft.when_dry
    )


def _happened(session: Session, happening: Happening | None, now: datetime) -> Happened:
    """The newest events of a kind in the last days, at most `MOST`; none of no kind."""
    if happening is None:
        return []
    rows = _of(session, happening, now).order_by(Event.at.desc()).limit(MOST)
    return [(row[0], row[1]) for row in session.execute(rows.with_only_columns(Event.customer_id, Event.at))]


def _lately(session: Session, happening: Happening, now: datetime) -> dict[int, Mapping[str, str]]:
    """Customers who did it last, by id, each with what their newest event says."""
    rows = _of(session, happening, now).order_by(Event.at.desc(), Event.id.desc()).limit(SAMPLE)
    found: dict[int, Mapping[str, str]] = {}
    try:
        with at_most(session, PATIENCE):
            for customer_id, said in session.execute(rows.with_only_columns(Event.customer_id, Event.properties)):
                found.setdefault(customer_id, {key: as_text(value) for key, value in said.items()})
    except TooSlow:
        return {}
    return found


def _of(session: Session, happening: Happening, now: datetime) -> Select[Any]:
    """The events of a kind in the last days."""
    today = now.astimezone(zone_of(None, settings.get(session, "time_zone"))).date()
    asked = Condition("event", "did", None, event=happening.event, where=happening.where, days=DAYS)
    return histories.events(session, asked, now, today).rows.where(Event.at <= now)


def _members_foreseen(session: Session, draft: Distribution, trigger: Trigger, now: datetime) -> Foreseen:
    """How many are in the segment, and how many entered it lately, by what is known today."""
    found = Foreseen(DAYS, None, when_dry=draft.when_dry, at_once=trigger.members == ALL)
    segment, then = editing.get(session, trigger.segment_id or 0), now - timedelta(days=DAYS)
    try:
        with at_most(session, PATIENCE):
            audience = {"kind": "segment", "segment_id": segment.id}
            members = audiences.count(session, audience, now).textable
        found = replace(found, members=members, begins=_within(trigger, members) if found.at_once else None)
        if segment.kind == "dynamic":
            with at_most(session, PATIENCE):
                was = func.coalesce(counting.belongs(session, segment, then), false())
                entered = counting.belongs(session, segment, now) & or_(~was, Customer.created_at > then)
                size = _size(session, entered)
            made = _within(trigger, size, DAYS)
            found = replace(found, made=made, held_back=size - made)
    except TooSlow:
        pass
    return found


def _within(trigger: Trigger, texts: int, days: int = 1) -> int:
    """How many of so many first texts, in so many days, the ceilings let through."""
    daily = texts if trigger.most_daily is None else trigger.most_daily * days
    return min(texts, daily, texts if trigger.most is None else trigger.most)


def _size(session: Session, where: ColumnElement[bool]) -> int:
    """How many customers who can be texted there are `where`."""
    return session.scalar(select(func.count()).select_from(Customer).where(where, exclusion().is_(None))) or 0


def _members(session: Session, trigger: Trigger, now: datetime) -> list[int]:
    """Some of the segment's members."""
    segment = editing.get(session, trigger.segment_id or 0)
    try:
        with at_most(session, PATIENCE):
            members = select(Customer.id).where(counting.belongs(session, segment, now)).limit(SAMPLE)
            return list(session.scalars(members))
    except TooSlow:
        return []


def made_up_event(session: Session, trigger: Trigger, now: datetime) -> dict[str, str]:
    """What an event could say that sets it off: what the conditions ask for, and something of the right type."""
    if trigger.happening is None:
        return {}
    row = session.get(EventName, trigger.happening.event)
    usual = {"number": "100", "boolean": "true", "date": f"{now:%Y-%m-%d}"}
    found = {name: usual.get(kind, name.replace("_", " ")) for name, kind in (row.properties if row else {}).items()}
    for each in trigger.happening.where:
        if each.attribute and each.value is not None:
            value = each.value[0] if isinstance(each.value, tuple) else each.value
            found[each.attribute] = as_text(value)
    return found


class _Lately(Rehearser):
    """A rehearsal with customers who were chosen one by one, each with an event to tell of."""

    def __init__(
        self,
        session: Session,
        draft: Distribution,
        links: Links,
        now: datetime,
        chosen: Sequence[int],
        events: Mapping[int, Mapping[str, str]],
    ) -> None:
        super().__init__(session, draft, links, now)
        self.chosen, self.events = chosen, events

    def _next(self, after: int, size: int) -> Sequence[Line]:
        """The next of the chosen."""
        ids = [each for each in self.chosen if each > after][:size]
        query = self.loader.customers(exclusion().label("why")).where(Customer.id.in_(ids)).order_by(Customer.id)
        return self.session.execute(query).all()

    def made_up(self, event: Mapping[str, str]) -> Rehearsal:
        """A rehearsal with somebody whom there is not."""
        found = Rehearsal(total=1, texts=1)
        codes = {key: self._codes(key, group_id, found, 1)[0] for group_id, key in self.loader.group_keys.items()}
        attributes = {name: name.replace("_", " ") for name in self.template.attributes}
        nobody = Recipient("Anna Kowalska", "", attributes, codes, codes, self.loader.promotion, event)
        text = self.template.masked(nobody, self.mask)
        size = measure(text)
        found.segments, found.by_segments = size.segments, {str(size.segments): 1}
        found.empty = int(not text)
        found.typical = [
            {
                "customer_id": 0,
                "customer": nobody.name,
                "text": text,
                "encoding": size.encoding,
                "characters": size.characters,
                "segments": size.segments,
                "note": "made_up",
            }
        ]
        return found
