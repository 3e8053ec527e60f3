"""What calls a first text off: an event from when it was fired until it leaves, by its own time.

One that waits for longer than its delay, for the morning, for codes, in a pause or after an outage, is called off until
then: who has paid meanwhile left nothing behind.

Shops tell times in whole seconds: what happened in the same one as what fired calls it off, for a text too few does
less harm than one that is wrong. An event of the very name that fires has to come later: it would call itself off.
"""

import operator
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution import settings
from distribution.automatic.texts import FIRST
from distribution.automatic.trigger import Trigger, parse
from distribution.limits import zone_of
from storage import histories
from storage.bulk import among
from storage.rules import Condition
from storage.tables import Distribution, Event, Planned

CALLED_OFF = "called_off"  # what was to call it off has happened (`distribution.reasons`)


def called_off(session: Session, asked: Trigger, planned: Sequence[Planned], now: datetime) -> list[Planned]:
    """Those of some first texts that what is recorded by now calls off, had they waited until now."""
    if asked.unless is None or not planned:
        return []
    until = {each.id: max(each.fired_at + timedelta(minutes=asked.delay), now) for each in planned}
    condition = Condition("event", "did", None, event=asked.unless.event, where=asked.unless.where)
    today = now.astimezone(zone_of(None, settings.get(session, "time_zone"))).date()
    rows = (
        histories.events(session, condition, now, today)
        .rows.add_columns(Event.at)
        .where(
            among(session, Event.customer_id, sorted({each.customer_id for each in planned})),
            Event.at >= min(each.fired_at for each in planned),
            Event.at <= max(until.values()),
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
        if any(begins(each.fired_at, at) and at <= until[each.id] for at in happened[each.customer_id])
    ]


def at_the_door(session: Session, row: Distribution, message_ids: Sequence[int], now: datetime) -> list[int]:
    """Those of some messages that are about to leave, and that were called off since they were made."""
    asked = parse(row.trigger) if row.trigger.get("unless") else None
    if asked is None or not message_ids:
        return []
    mine = select(Planned).where(among(session, Planned.message_id, message_ids), Planned.step == FIRST)
    off = called_off(session, asked, session.scalars(mine).all(), now)
    return [each.message_id for each in off if each.message_id is not None]
