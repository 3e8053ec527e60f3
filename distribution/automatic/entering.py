"""Who enters the segment that a live distribution watches: told from who is known to be in it (`trigger_member`).

Those of whom something changed are looked at with what else fires (`firing`); `sweep(runtime)` looks at everybody, for
what only time changes ("30 days since…"). Both end in `settle`: a few customers, the rule asked anew in the transaction
that writes, and whoever is noted as a member first has entered. On PostgreSQL the rule is asked once more of whoever
came or went, with their place among the members held. So nobody enters twice, however many look.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from distribution.automatic import held_up
from distribution.automatic.trigger import NEW, SEGMENT, parse
from distribution.automatic.watching import Watch, watches
from distribution.runtime import Runtime
from distribution.segments import counting, editing
from storage import planned, trigger_members
from storage.batches import lock
from storage.bulk import among
from storage.database import is_away, is_sqlite
from storage.planned import Entry
from storage.tables import Customer, Distribution

CHUNK = 1_000  # customers who enter or leave in one transaction
MEMBERS = 20_000  # who are noted in one transaction when a distribution is set live


def settle(session: Session, watch: Watch, customer_ids: Sequence[int], now: datetime, *, by_time: bool = False) -> int:
    """See which of some customers entered the segment or left it; returns for how many a first text was planned.

    `by_time`: nobody was told of a change of theirs. Then who entered at a time that is still to come has not left: the
    clock was put back since, and time will bring them in once more. Does nothing until today's members are known.
    Raises `Refused` where the segment is gone.
    """
    if watch.row.members_at is None:
        return 0
    where = _belongs(session, watch.row, now, few=True)
    known = trigger_members.known(session, watch.row.id, customer_ids)
    matched = _matching(session, where, customer_ids)
    gone = known - matched
    if by_time and now < watch.row.members_at:
        gone = set()
    elif by_time:
        gone -= planned.entered_after(session, watch.family.ids, gone, now)
    came = set(trigger_members.enter(session, watch.row.id, sorted(matched - known)))
    gone = trigger_members.hold(session, watch.row.id, gone)
    if not is_sqlite(session) and (came or gone):
        # Another process may have seen them come or go since they were looked at. From here on it waits for this one.
        still = _matching(session, where, came | gone)
        came, gone = came & still, (came | gone) - still
    trigger_members.leave(session, watch.row.id, sorted(gone))
    entered = sorted(came)
    entries = [Entry(each, now, watch.due(now, now)) for each in entered]
    return len(planned.fire(session, watch.row.id, entries, apart=watch.apart, family=watch.family.ids))


def _matching(session: Session, where: ColumnElement[bool], customer_ids: Collection[int]) -> set[int]:
    """Those of some customers who are in the segment now."""
    return set(session.scalars(select(Customer.id).where(among(session, Customer.id, customer_ids), where)))


def sweep(runtime: Runtime) -> int:
    """Look at everybody, for each live distribution that watches a segment; returns how many texts were planned.

    One that cannot be asked about (its segment is gone) is paused (`held_up`), and does not keep the others back.
    """
    begin(runtime)
    with runtime.db.read() as session:
        ids = [each.row.id for each in watches(session, runtime.clock.now(), kind=SEGMENT)]
    fired = 0
    for distribution_id in ids:
        try:
            fired += _sweep(runtime, distribution_id)
        except Exception as error:
            if isinstance(error, DBAPIError) and is_away(error):
                raise
            held_up.hold(runtime, distribution_id, error)
    return fired


def remember(session: Session, row: Distribution, now: datetime, *, everybody: bool = False) -> bool:
    """Note who is in the segment that `row` watches now, as it is set live: they have not entered it ("new"); or that
    nobody is known to be, so that they all enter ("all", unless `everybody` is noted).

    For `MEMBERS` customers at most: False where there are more. Then `begin` goes on, and until it is done nobody
    enters. Raises `Refused` where the segment is gone.
    """
    asked = parse(row.trigger)
    if asked.kind == SEGMENT and (everybody or asked.members == NEW):
        found = select(Customer.id).where(_belongs(session, row, now)).limit(MEMBERS + 1)
        members = session.scalars(found).all()
        if len(members) > MEMBERS:
            return False
        trigger_members.note(session, row.id, members)
    row.members_at = now
    session.flush()
    return True


def everybody_in(session: Session, row: Distribution, now: datetime) -> list[int]:
    """The customers in the segment that a distribution watches. Raises `Refused` where it is gone."""
    return trigger_members.everybody(session, _belongs(session, row, now))


def hand_over(session: Session, old: Distribution, new: Distribution, now: datetime) -> None:
    """Let `new` go on where the edited `old` one was, in the transaction in which it takes over: nobody enters both,
    and who is in the segment has not entered it again. Another segment's members are noted anew."""
    planned.hold(session)
    before, after = parse(old.trigger), parse(new.trigger)
    if after.kind != SEGMENT or (before.segment_id == after.segment_id and old.members_at is not None):
        trigger_members.copy(session, old.id, new.id)
        new.members_at = now
        session.flush()
        return
    remember(session, new, now)


def begin(runtime: Runtime) -> None:
    """Note who is in the segments of distributions that were set live and do not know it yet, in chunks."""
    now = runtime.clock.now()
    with runtime.db.read() as session:
        ids = [each.row.id for each in watches(session, now, kind=SEGMENT) if each.row.members_at is None]
    for distribution_id in ids:
        try:
            _begin(runtime, distribution_id, now)
        except Exception as error:
            if isinstance(error, DBAPIError) and is_away(error):
                raise
            held_up.hold(runtime, distribution_id, error)


def _begin(runtime: Runtime, distribution_id: int, now: datetime) -> None:
    """Note the members of one segment, unless somebody else has."""
    with runtime.db.write() as session:
        if remember(session, lock(session, distribution_id), now):
            return
    with runtime.db.read() as session:
        members = everybody_in(session, session.get_one(Distribution, distribution_id), now)
    for some in _chunks(members, MEMBERS):
        with runtime.db.write(lasting=False) as session:  # lost, they are noted anew: the last commit waits for all
            if lock(session, distribution_id).members_at is not None:
                return  # another process was quicker, and may have seen somebody leave since
            trigger_members.note(session, distribution_id, some)
    with runtime.db.write() as session:
        row = lock(session, distribution_id)
        row.members_at = row.members_at or now


def _sweep(runtime: Runtime, distribution_id: int) -> int:
    """Find whose membership is not as it is known, and settle them in chunks."""
    with runtime.db.read() as session:
        row = session.get_one(Distribution, distribution_id)
        changed = trigger_members.changed(session, row.id, _belongs(session, row, runtime.clock.now()))
    fired = 0
    for some in _chunks(changed, CHUNK):
        with runtime.db.write() as session:
            planned.share(session)
            now = runtime.clock.now()
            for watch in watches(session, now, kind=SEGMENT, distribution_id=distribution_id):
                fired += settle(session, watch, some, now, by_time=True)
    return fired


def _chunks(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """`ids` in pieces of `size`."""
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _belongs(session: Session, row: Distribution, now: datetime, **few: Any) -> ColumnElement[bool]:
    """Whether a customer is in the segment that a distribution watches. Raises `Refused` where it is gone."""
    return counting.belongs(session, editing.get(session, parse(row.trigger).segment_id or 0), now, **few)
