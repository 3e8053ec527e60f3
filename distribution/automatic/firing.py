"""Firing: what was noted as it changed (`watching`) sets live distributions off, in small transactions.

`look(runtime)` is called every second, by any number of processes. An event counts by its own time, however late or out
of order it was told, up to the setting `trigger.oldest`; one that is still to come waits for its time. Whatever was
noted is forgotten in the transaction that plans what comes of it, so nothing is lost and nothing fires twice.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from distribution import settings
from distribution.automatic import entering, held_up, watching
from distribution.automatic.calling_off import CALLED_OFF, called_off
from distribution.automatic.trigger import EVENT, SEGMENT, Happening
from distribution.automatic.watching import Watch
from distribution.limits import zone_of
from distribution.runtime import Runtime
from storage import histories, planned, planned_reading, touched
from storage.bulk import among
from storage.database import Database, is_away
from storage.planned import Entry
from storage.rules import Condition
from storage.tables import Distribution, Event
from storage.touched import Mark

CHUNK = 500  # noted changes in one transaction
# Seconds after which what waits for a distribution that is held up is looked at again: others may wait for it, too, and
# what was noted by a transaction that took long lies below what was looked at.
AGAIN = 60.0
ROUNDS = 100  # transactions in one look: a process that ends is not waited for any longer


class Happened(NamedTuple):
    """An event that may set a distribution off."""

    id: int
    customer_id: int
    name: str
    at: datetime
    received_at: datetime


@dataclass(frozen=True)
class _Seen:
    """Up to where what is noted waits for distributions that are held up, and until when (monotonic) that is so."""

    held: frozenset[int] = frozenset()
    to: int = 0
    until: float = 0.0


_seen: WeakKeyDictionary[Database, _Seen] = WeakKeyDictionary()


def look(runtime: Runtime) -> int:
    """Fire what was noted; returns how many first texts were planned. What cannot be fired does not keep the rest back:
    its distribution is paused (`held_up`), and it stays noted until somebody resumes that."""
    entering.begin(runtime)
    with runtime.db.read() as session:
        unreadable = watching.unreadable(session)
    for distribution_id, refusal in unreadable.items():
        held_up.hold(runtime, distribution_id, refusal)
    with runtime.db.read() as session:
        held = frozenset(row.id for row in _held(session, runtime.clock.now()))
    seen = _seen.get(runtime.db, _Seen())
    if seen.held != held or time.monotonic() >= seen.until:
        seen = _Seen(held, until=time.monotonic() + AGAIN)
    fired, after = 0, seen.to
    for _ in range(ROUNDS):
        with runtime.db.read() as session:
            if not touched.any_after(session, after):
                break
        with runtime.db.write() as session:
            planned.share(session)  # before they are in our hands: who waits for those who fire waits for these
            marks = touched.take(session, CHUNK, after=after)
            if not marks:  # another process has them
                break
            failed: dict[int, Exception] = {}
            fired += _fire(session, marks, runtime.clock.now(), failed)
            after = marks[-1].id
        for distribution_id, error in failed.items():
            held_up.hold(runtime, distribution_id, error)
    _seen[runtime.db] = replace(seen, to=after if held else 0)
    return fired


def _fire(session: Session, marks: Sequence[Mark], now: datetime, failed: dict[int, Exception]) -> int:
    """Fire what some noted changes set off, and forget them; returns how many texts were planned. Distributions that
    could not be fired are put into `failed`."""
    stuck: set[int] = set()
    fired = _events(session, [each.event_id for each in marks if each.event_id is not None], now, stuck, failed)
    customers = sorted({each.customer_id for each in marks if each.event_id is None})
    for watch in watching.watches(session, now, kind=SEGMENT) if customers else []:
        try:
            with session.begin_nested():
                fired += entering.settle(session, watch, customers, now)
        except Exception as error:
            failed[watch.row.id] = _passed_over(error)  # the sweep looks at everybody again
    touched.drop(session, [each.id for each in marks if each.event_id not in stuck])
    return fired


def _held(session: Session, now: datetime) -> list[Distribution]:
    """The distributions for which what is noted stays noted: they are held up, and fire once they are resumed."""
    return [row for row in held_up.all_of(session) if row.ends_at is None or row.ends_at > now]


def _events(
    session: Session, event_ids: Sequence[int], now: datetime, stuck: set[int], failed: dict[int, Exception]
) -> int:
    """Fire what events set off; those that could not be fired are put into `stuck`, and why into `failed`."""
    waiting = watching.watches(session, now, kind=EVENT) if event_ids else []
    held = [row.trigger.get("event") for row in _held(session, now)] if event_ids else []
    if not waiting and not held:
        return 0
    by_name: dict[str, list[Happened]] = defaultdict(list)
    for each in told(session, event_ids):
        by_name[each.name].append(each)
    stuck.update(each.id for name in held for each in by_name[str(name)])
    today, fired = _today(session, now), 0
    for watch in waiting:
        if watch.trigger.happening is None:
            continue
        happened = [each for each in by_name[watch.trigger.happening.event] if _in_its_time(watch, each)]
        try:
            with session.begin_nested():
                fired += _of_one(session, watch, watch.trigger.happening, happened, now, today) if happened else 0
        except Exception as error:
            failed[watch.row.id] = _passed_over(error)
            stuck.update(each.id for each in happened)
    return fired


def told(session: Session, event_ids: Sequence[int]) -> list[Happened]:
    """These events, without those that were told too late to set anything off (the setting `trigger.oldest`)."""
    oldest = timedelta(hours=settings.get(session, "trigger.oldest"))
    rows = select(Event.id, Event.customer_id, Event.name, Event.at, Event.received_at)
    found = [Happened(*row) for row in session.execute(rows.where(among(session, Event.id, sorted(event_ids))))]
    return [each for each in found if each.at >= each.received_at - oldest]


def _of_one(
    session: Session, watch: Watch, happening: Happening, happened: Sequence[Happened], now: datetime, today: date
) -> int:
    """Fire one distribution for those of some events whose properties are as it asks. `today`: in the workspace."""
    such = _such(session, happening, happened, now, today)
    entries = [Entry(each.customer_id, each.at, watch.due(each.at, now), each.id) for each in such]
    fired = 0
    while entries:
        now_these, entries = _one_each(entries) if watch.may_be_called_off else (entries, [])
        if watch.may_be_called_off:
            _call_off(session, watch, [each.customer_id for each in now_these], now)
        fired += len(planned.fire(session, watch.row.id, now_these, apart=watch.apart, family=watch.family.ids))
    return fired


def setting_off(session: Session, watch: Watch, happened: Sequence[Happened], now: datetime) -> list[Happened]:
    """Those of some events that set a distribution off."""
    happening, today = watch.trigger.happening, _today(session, now)
    if happening is None:
        return []
    in_time = [each for each in happened if each.name == happening.event and _in_its_time(watch, each)]
    return _such(session, happening, in_time, now, today)


def _such(
    session: Session, happening: Happening, happened: Sequence[Happened], now: datetime, today: date
) -> list[Happened]:
    """Those of some events whose properties are as it asks. `today`: in the workspace."""
    if not happening.where:
        return list(happened)
    asked = Condition("event", "did", None, event=happening.event, where=happening.where)
    such = histories.events(session, asked, now, today).rows.with_only_columns(Event.id)
    found = set(session.scalars(such.where(among(session, Event.id, [each.id for each in happened]))))
    return [each for each in happened if each.id in found]


def _today(session: Session, now: datetime) -> date:
    """The day in the workspace."""
    return now.astimezone(zone_of(None, settings.get(session, "time_zone"))).date()


def _one_each(entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """The first entry of each customer by its own time, and the rest."""
    first: dict[int, Entry] = {}
    rest = [
        each
        for each in sorted(entries, key=lambda each: each.fired_at)
        if first.setdefault(each.customer_id, each) is not each
    ]
    return list(first.values()), rest


def _call_off(session: Session, watch: Watch, customer_ids: Sequence[int], now: datetime) -> None:
    """Drop what still waits for these customers and is called off already: who paid may abandon another cart before
    the first text would have been due, and nobody told them of that one."""
    waiting = planned_reading.waiting(session, watch.row.id, customer_ids, now)
    planned_reading.drop(session, called_off(session, watch.trigger, waiting, now), CALLED_OFF, now)


def _in_its_time(watch: Watch, event: Happened) -> bool:
    """Whether something happened while a distribution, or one that it took over from, was live; and came in before its
    end, whenever it is looked at."""
    since, until = watch.family.since, watch.row.ends_at
    return (since is None or event.at >= since) and (until is None or max(event.at, event.received_at) < until)


def _passed_over(error: Exception) -> Exception:
    """Why one distribution could not be fired. Raises `error` where nothing can be: the database is away."""
    if isinstance(error, DBAPIError) and is_away(error):
        raise error
    return error
