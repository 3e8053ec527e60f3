"""What calls a first text off: an event from when it was fired to the end of its delay, by its own time.

Shops tell times in whole seconds: what happened in the same one as what fired calls it off, for a text too few does
less harm than one that is wrong. An event of the very name that fires has to come later: it would call itself off.
"""

import operator
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from distribution import settings
from distribution.automatic.trigger import Trigger
from distribution.limits import zone_of
from storage import histories
from storage.bulk import among
from storage.rules import Condition
from storage.tables import Event, Planned

CALLED_OFF = "called_off"  # what was to call it off has happened (`distribution.reasons`)


def called_off(session: Session, asked: Trigger, planned: Sequence[Planned], now: datetime) -> list[Planned]:
    """Those of some first texts that what is recorded by now calls off."""
    if asked.unless is None or not planned:
        return []
    delay = timedelta(minutes=asked.delay)
    condition = Condition("event", "did", None, event=asked.unless.event, where=asked.unless.where)
    today = now.astimezone(zone_of(None, settings.get(session, "time_zone"))).date()
    rows = (
        histories.events(session, condition, now, today)
        .rows.add_columns(Event.at)
        .where(
            among(session, Event.customer_id, sorted({each.customer_id for each in planned})),
            Event.at >= min(each.fired_at for each in planned),
            Event.at <= max(each.fired_at for each in planned) + delay,
        )
    )
    happened: dict[int, list[datetime]] = defaultdict(list)
    for customer_id, at in session.execute(rows):
        happened[customer_id].append(at)
    itself = asked.happening is not None and asked.happening.event == asked.unless.event
    begins = operator.lt if itself else operator.le
    return [
        each
        for each in planned
        if any(begins(each.fired_at, at) and at <= each.fired_at + delay for at in happened[each.customer_id])
    ]
