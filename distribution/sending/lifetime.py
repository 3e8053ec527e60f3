"""How long texts are worth sending: when what has not left is given up, and the sweep that does it.

The time runs from when sending begins, through pauses, quiet hours and outages: an offer of today must not arrive
tomorrow because somebody paused it. Where a person has texts sent again, it begins anew. A text by its customer's own
clock has its time from when that showed the one chosen; what was planned (the texts of an automatic distribution, and
reminders) from when its message was made.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution import settings
from distribution.limits import zone_of
from distribution.runtime import Runtime
from distribution.schedule import local
from distribution.sending.status import finish_if_over
from storage import batches, issuing, leaving, messages, reminded
from storage.belonging import has_planned
from storage.issuing import Codes
from storage.messages import Settled
from storage.tables import Distribution, MessageState

GOING = ("sending", "paused")
CHUNK = 5_000  # messages that one transaction gives up, of those that no batch has
BATCHES = 10  # and batches


def minutes(session: Session, distribution: Distribution) -> int:
    """How many minutes a text of a distribution is worth sending: its own, else the workspace's."""
    return distribution.lifetime_minutes or settings.get(session, "sending.lifetime") * 60


def begin(session: Session, distribution: Distribution, at: datetime) -> None:
    """Texts of a distribution are sent, or sent again: their time is counted from `at` (of planned ones,
    `reminding.again`).

    Of one that is sent by each customer's own clock, the last are given up that long after the last clocks on earth
    show the time.
    """
    if distribution.mode != "manual":
        return
    distribution.time_counts_from = at
    distribution.gives_up_at = _last(distribution.local_at, at) + timedelta(minutes=minutes(session, distribution))


def _last(local_at: str | None, begun: datetime) -> datetime:
    """Since when the last text of a distribution that was `begun` has its time."""
    return max(begun, local.last(local.parse(local_at))) if local_at else begun


def is_over(distribution: Distribution, now: datetime) -> bool:
    """Whether what has not left of a distribution is given up, but for what was planned."""
    return distribution.gives_up_at is not None and distribution.gives_up_at <= now


def own_ends(session: Session, distribution: Distribution, message_ids: Sequence[int]) -> dict[int, datetime]:
    """By id: when texts by their customers' own clocks are given up; empty where all of a distribution go at once."""
    begun, local_at = distribution.time_counts_from, distribution.local_at
    if not local_at or begun is None or distribution.gives_up_at is None:
        return {}
    lasts = distribution.gives_up_at - _last(local_at, begun)  # as it was when it began, whatever the settings say now
    wall, workspace = local.parse(local_at), settings.get(session, "time_zone")
    zones = leaving.zones(session, message_ids)
    ends = {name: max(begun, local.moment(wall, zone_of(name, workspace))) + lasts for name in set(zones.values())}
    return {each: ends[name] for each, name in zones.items()}


def over(session: Session, distribution: Distribution, message_ids: Sequence[int], now: datetime) -> list[int]:
    """Those of a distribution's messages whose time is over."""
    made = reminded.made_at(session, message_ids) if has_planned(distribution) else {}
    last = now - timedelta(minutes=minutes(session, distribution)) if made else now
    gone = {each for each, at in made.items() if at <= last}
    rest = [each for each in message_ids if each not in made]
    if is_over(distribution, now):
        gone.update(rest)
    elif rest:
        gone.update(each for each, ends in own_ends(session, distribution, rest).items() if ends <= now)
    return [each for each in message_ids if each in gone]


def sweep(runtime: Runtime) -> int:
    """Give up what is over, of distributions that are paused or that nobody sends too; returns how many texts.

    Those dispatched are not touched: they are gone, or come back to a batch that the next sweep finds. A distribution
    of which nothing is left is done.
    """
    now = runtime.clock.now()
    due = select(Distribution.id).where(Distribution.status.in_(GOING), Distribution.gives_up_at <= now)
    with runtime.db.read() as session:
        ids = set(session.scalars(due)) | set(_with_planned_over(session, now))
    given_up = 0
    for distribution_id in sorted(ids):
        more = True
        while more:
            with runtime.db.write() as session:
                row = batches.lock(session, distribution_id)
                found = _next(session, row, now)
                more = bool(found)
                given_up += _give_up(session, row, found, now)
                if not more:
                    finish_if_over(session, row, now)
    return given_up


def _with_planned_over(session: Session, now: datetime) -> list[int]:
    """Distributions that have planned messages in open batches whose time is over; a look into each that may."""
    going = session.scalars(select(Distribution).where(Distribution.status.in_(GOING)).order_by(Distribution.id))
    return [row.id for row in going if has_planned(row) and _planned_over(session, row, now)]


def _planned_over(session: Session, row: Distribution, now: datetime) -> list[int]:
    """Open batches of planned messages whose time is over."""
    last = now - timedelta(minutes=minutes(session, row))
    return reminded.batches_made_by(session, row.id, last, limit=BATCHES)


def _next(session: Session, row: Distribution, now: datetime) -> Sequence[int]:
    """The next messages to give up: of batches that have not left, then of the range; none where it is not over."""
    if row.status not in GOING:
        return []
    planned = _planned_over(session, row, now) if has_planned(row) else []
    if planned:
        return _of_these(session, row, planned, now)
    if not is_over(row, now):
        return []
    if row.reminders:  # they have their own time
        firsts = reminded.batches_of_range(session, row, limit=BATCHES)
        found = _of_these(session, row, firsts, now) if firsts else []
    else:
        found = batches.close_unsent(session, row.id, limit=BATCHES)
    return found or batches.rest_of_range(session, row, limit=CHUNK)


def _of_these(session: Session, row: Distribution, batch_ids: Sequence[int], now: datetime) -> Sequence[int]:
    """The messages of some batches whose time is over; the others, which a sender took together with them, wait on."""
    found = batches.close_unsent(session, row.id, limit=BATCHES, only=batch_ids)
    gone = over(session, row, found, now)
    kept = sorted(set(found).difference(gone))
    batches.send_back(session, row.id, kept, not_before=None, tries=0)
    return gone


def _give_up(session: Session, row: Distribution, ids: Sequence[int], now: datetime) -> int:
    """Leave queued messages out for good, and give their codes back (`issuing.move`); returns how many."""
    rows = [Settled(message_id, MessageState.EXCLUDED, "lifetime") for message_id in ids]
    moved = messages.settle(session, row.id, rows, now)
    issuing.move(session, Codes(returned=sorted(moved)), now)
    return len(moved)
