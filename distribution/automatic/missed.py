"""What a distribution missed, where it is resumed with only what comes from then on.

Held up, it fired nothing. An event whose text would have been due by then is planned and dropped at once, as what falls
due in a pause is: it fires once, so it may stay noted for those that fire by it, too. Who is in the segment by then has
not entered it.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from distribution.automatic import entering, firing, watching
from distribution.automatic.trigger import SEGMENT
from distribution.automatic.watching import Watch
from distribution.errors import Refused
from storage import planned, planned_reading, touched
from storage.planned import Entry
from storage.tables import Distribution

MOST = 10_000  # events that are counted
CHUNK = 5_000  # noted events that are passed over in one transaction


class Missed(NamedTuple):
    """What a distribution that is held up did not look at: events that may set it off, counted up to one more than
    `MOST`, and who entered its segment."""

    events: int = 0
    members: bool = False


def missed(session: Session, row: Distribution) -> Missed:
    """What a distribution missed so far; nothing where it is not held up."""
    event = row.trigger.get("event") if row.held_up and row.mode == "automatic" else None
    return Missed(touched.count_of_event(session, event, MOST + 1) if event else 0, _missed_members(row))


def pass_over(session: Session, row: Distribution, now: datetime) -> bool:
    """Pass over what a distribution missed until `now`, when it is resumed; False where that is too much for one
    transaction. Its row is locked."""
    if events(session, row, now) is not None:
        return False
    try:
        return not _missed_members(row) or entering.remember(session, row, now, everybody=True)
    except Refused:  # the segment is gone: it is held up again
        return True


def events(session: Session, row: Distribution, now: datetime, *, after: int = 0) -> int | None:
    """Pass over some of the events that were noted, after a mark; returns after which to go on, None once that was all.
    `now`: when the distribution was resumed; what came in later is not missed. Its row is locked."""
    watch = watching.of(session, row) if row.mode == "automatic" else None
    if watch is None or watch.trigger.happening is None:
        return None
    marks = touched.of_event(session, watch.trigger.happening.event, after=after, limit=CHUNK)
    told = firing.told(session, [event_id for _, event_id in marks])
    happened = firing.setting_off(session, watch, [each for each in told if _was_due(watch, each, now)], now)
    entries = [Entry(each.customer_id, each.at, now, each.id) for each in happened]
    fired = planned.fire(session, row.id, entries, apart=watch.apart, family=watch.family.ids)
    # What is dropped counts for nobody's next entry: the others of the same customers would fire once it is resumed.
    whose, done = {each.customer_id for each in fired}, {each.event_id for each in fired}
    others = [each for each in entries if each.customer_id in whose and each.event_id not in done]
    fired += planned.fire(session, row.id, others, apart=planned.ALWAYS, family=watch.family.ids)
    event_ids = [each.event_id for each in fired if each.event_id is not None]
    planned_reading.drop(session, planned_reading.of_events(session, row.id, event_ids), "paused", now)
    return marks[-1][0] if len(marks) == CHUNK else None


def members(session: Session, row: Distribution, now: datetime) -> list[int]:
    """Who is in the segment by now of a distribution that was held up: they are to be noted. Nobody where it watches
    none, or one that is gone."""
    try:
        return entering.everybody_in(session, row, now) if _missed_members(row) else []
    except Refused:
        return []


def _missed_members(row: Distribution) -> bool:
    """Whether a distribution did not see who entered its segment."""
    return row.held_up and row.mode == "automatic" and row.trigger.get("kind") == SEGMENT


def _was_due(watch: Watch, event: firing.Happened, now: datetime) -> bool:
    """Whether a text by an event would have fallen due by `now`."""
    return max(event.at + timedelta(minutes=watch.trigger.delay), event.received_at) <= now
