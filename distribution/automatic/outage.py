"""After an outage: what fell due while nothing ran is not blurted out.

Whoever looks what is due notes that the clock runs. A gap in these notes, by the machines' own clock, says that nothing
ran: the process was down, the machine suspended, or its clock was put ahead. What fell due in the gap longer ago than
the setting `clock.late_after` waits for a person's word, on a card in its channel; what is less late just goes. The
sandbox's moved clock leaves no gap: it moves the business time only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from distribution import settings
from distribution.automatic import firing, held_up, reminding, trigger
from distribution.clock import Clock, SystemClock
from distribution.errors import Refused
from distribution.jobs import JobRun
from distribution.runtime import Runtime
from distribution.schedule import local, repeating
from storage import distributions, late, planned, planned_reading, reminded, touched
from storage.batches import lock
from storage.database import is_away
from storage.tables import ClockMark, Distribution, PlannedState

MARK = "clock"
GAP = timedelta(minutes=10)  # without a note: nothing ran
NOTED_EVERY = timedelta(minutes=1)
CHUNK = 2_000  # first texts, and as many reminders, that are set aside in one transaction
AT_ONCE = 5_000  # late texts that a word moves in its own transaction, and a job in each of its
TRIES = 5  # to fire what others have in hand
FURTHEST = timedelta(days=365)
LATE = (PlannedState.LATE,)
CALLED_OFF = "late"  # why a planned text is dropped that a person would not have sent late


@dataclass(frozen=True)
class Late:
    """What of a distribution waits for a word: so many texts, due since then; or all of it, where it was scheduled.

    Of one that repeats: how many times were `missed`, the `last` of them, and the `following` one that goes by itself.
    """

    distribution_id: int
    texts: int
    since: datetime
    scheduled: bool
    missed: int = 1
    last: datetime | None = None
    following: datetime | None = None


def look(runtime: Runtime, machine: Clock | None = None) -> bool:
    """Note that the clock runs; True after an outage, of which everything late waits now.

    Whoever acts on what is due calls this first, and acts on what was due before it called: a machine may be suspended
    between any two lines. Several may, and be killed: what is late is set aside before the gap is closed. `machine`:
    the machine's own clock.
    """
    now = runtime.clock.now()
    at = (machine or SystemClock()).now()
    with runtime.db.read() as session:
        mark = session.get(ClockMark, MARK)
    if mark is not None and abs(at - mark.machine_at) < NOTED_EVERY:
        return False
    gap = mark is not None and at - mark.machine_at > GAP
    if mark is not None and gap:
        # A business clock that was put back since the note was at an earlier time when nothing ran any more.
        _set_aside(runtime, min(mark.business_at, now - (at - mark.machine_at)))
    with runtime.db.write(lasting=False) as session:
        late.note(session, MARK, mark, machine_at=at, business_at=now)
    return gap


def _set_aside(runtime: Runtime, since: datetime) -> None:
    """Let everything wait that fell due since then, and too long ago to be sent without a word; so does what was due a
    little before, and had not gone when nothing ran any more."""
    _fire_all(runtime)
    now = runtime.clock.now()
    with runtime.db.read() as session:
        late_after = timedelta(minutes=settings.get(session, "clock.late_after"))
        of = late.with_due(session, now)
    since, until = since - late_after, now - late_after
    if until <= since:
        return
    with runtime.db.write() as session:
        late.hold_scheduled(session, since, until, now)
        _not_yet_late(session, until, now)
    for distribution_id in of:
        try:
            _set_aside_of(runtime, distribution_id, since, until, now)
        except Exception as error:
            if isinstance(error, DBAPIError) and is_away(error):
                raise
            if not held_up.hold(runtime, distribution_id, error):
                raise  # the gap stays open: what is late of this one would just go


def _set_aside_of(runtime: Runtime, distribution_id: int, since: datetime, until: datetime, now: datetime) -> None:
    """Let what is late of one distribution wait."""
    with runtime.db.read() as session:
        firsts = late.due(session, distribution_id, now, reminders=False)
        reminders = late.due(session, distribution_id, now, reminders=True)
    for start in range(0, max(len(firsts), len(reminders)), CHUNK):
        some = slice(start, start + CHUNK)
        # A power cut that undoes it undoes the note that closes the gap, too.
        with runtime.db.write(lasting=False) as session:
            row = lock(session, distribution_id)
            if row.status not in ("sending", "done"):
                return
            _chunk(session, row, firsts[some], reminders[some], since, until, now)


def _fire_all(runtime: Runtime) -> None:
    """Fire what was noted by now: what happened meanwhile, where others of us took it in, is as late.

    Another process may be firing some of it, as all go on at once when a machine does: it is waited for, and what it
    had in hand is looked at again where it was killed. What cannot be fired is left.
    """
    with runtime.db.read() as session:
        last = touched.last(session)
    for _ in range(TRIES if last else 0):
        while firing.look(runtime):
            pass
        with runtime.db.write() as session:
            planned.hold(session)
            if not touched.any_up_to(session, last):
                return


def _not_yet_late(session: Session, until: datetime, now: datetime) -> None:
    """What goes by each customer's own clock is late once the workspace's showed its time, not the first on earth."""
    held = (Distribution.late_since == now) & Distribution.local_at.is_not(None)
    for row in session.scalars(select(Distribution).where(held)):
        if row.local_at and local.moment(local.parse(row.local_at), repeating.zone_here(session)) > until:
            row.late_since = None
    session.flush()


def _chunk(
    session: Session,
    row: Distribution,
    firsts: Sequence[int],
    reminders: Sequence[int],
    since: datetime,
    until: datetime,
    now: datetime,
) -> None:
    """Set aside what is late of some planned texts (ids): of reminders by their true time."""
    # What fired only now was due when it would have been, had anybody looked.
    delay = timedelta(minutes=trigger.parse(row.trigger).delay) if row.trigger else timedelta()
    late.hold_overdue(session, firsts, since, until, now, delay)
    found = late.still(session, reminders, now)
    if found:
        verdicts = reminding.judge(session, row, found, now)
        planned_reading.put_off(session, verdicts.again)
        for reason, those in sorted(verdicts.dropped.items()):
            planned_reading.drop(session, those, reason, now)
        late.hold(session, [each.id for each in verdicts.make if verdicts.since[each.id] <= until])


def waits(session: Session, row: Distribution) -> Late | None:
    """What of a distribution waits for a person's word; None where nothing does."""
    if row.status == "scheduled" and row.late_since is not None:
        since = row.put_off_to or row.send_at or row.late_since
        if row.repeat:
            times, following = repeating.missed(session, row)
            return Late(row.id, 0, since, True, len(times), times[-1], following)
        return Late(row.id, 0, since, scheduled=True)
    texts, since_ = late.count(session, row.id)
    if since_ is None or row.id in late.decided(session):
        return None
    return Late(row.id, texts, since_, scheduled=False)


def send_now(session: Session, runtime: Runtime, distribution_id: int, *, by: str, now: datetime) -> Late | None:
    """Let what is late go now: it is as if it were due. Returns what it was; None where somebody was quicker.

    Everything that may stop a text is looked at again before it leaves: consent, codes, the cap, quiet hours.
    """
    return _release(session, runtime, distribution_id, now, by)


def reschedule(
    session: Session, runtime: Runtime, distribution_id: int, at: datetime, *, by: str, now: datetime
) -> Late | None:
    """Let what is late go at another time; as `send_now` else. Raises `Refused` as `check_time` does.

    Of one that repeats one text goes then, for all times that were missed.

    The approval stands: the time is the one thing that an outage has changed already, and a person decides on it.
    """
    check_time(at, now, waits(session, lock(session, distribution_id)))
    return _release(session, runtime, distribution_id, at, by)


def check_time(at: datetime, now: datetime, found: Late | None = None) -> None:
    """Raise `Refused`, field "at", for a time that has passed, or is too far to come; for what is `found` late and
    repeats, also where its next time comes before."""
    if at <= now:
        raise Refused("This time has passed. Choose one to come, or Send now.", field="at")
    if at > now + FURTHEST:
        raise Refused(f"Choose a time within {FURTHEST.days} days.", field="at")
    if found is not None and found.following is not None and at >= found.following:
        raise Refused("It goes out again before that, as planned. Choose an earlier time, or Cancel.", field="at")


def cancel(session: Session, runtime: Runtime, distribution_id: int, *, by: str, now: datetime) -> Late | None:
    """Give up what is late: the planned texts are dropped; what was scheduled is stopped, one that repeats goes on
    with its next time. Returns what it was; None where somebody was quicker. `by`: a name, shown as the reason."""
    row = lock(session, distribution_id)
    found = waits(session, row)
    if found is None:
        return None
    if not found.scheduled:
        _carry_out(session, runtime, row.id, None, by)
    elif row.repeat:
        repeating.skip(session, row, now)
    else:
        row.late_since, row.finished_at = None, now
        session.flush()
        reason = f"It fell due while promobot was not running, and {by} cancelled it."
        distributions.move(session, row.id, was=("scheduled",), to="stopped", reason=reason, at=now)
    session.flush()
    return found


def _release(session: Session, runtime: Runtime, distribution_id: int, at: datetime, by: str) -> Late | None:
    row = lock(session, distribution_id)
    found = waits(session, row)
    if found is None:
        return None
    if found.scheduled:
        row.late_since, row.put_off_to = None, at
        session.flush()
    else:
        _carry_out(session, runtime, row.id, at, by)
    return found


def _carry_out(session: Session, runtime: Runtime, distribution_id: int, at: datetime | None, by: str) -> None:
    """Do what was said about the late texts of a distribution: they are due at a time, or dropped (None). Where they
    are many, a job does the rest."""
    until = late.last_due(session, distribution_id)
    if until is not None and _move(session, distribution_id, at, until, runtime.clock.now()) == AT_ONCE:
        times = {"at": at.isoformat() if at else None, "until": until.isoformat()}
        runtime.jobs.enqueue(session, late.JOB, {"distribution_id": distribution_id, **times}, by=by)


def run_late(runtime: Runtime, run: JobRun) -> dict[str, Any]:
    """The job: carry a word out on the rest of what was late when it was said, and on nothing that is late since."""
    distribution_id, until = int(run.args["distribution_id"]), datetime.fromisoformat(run.args["until"])
    at = datetime.fromisoformat(run.args["at"]) if run.args["at"] else None
    while not run.progress.get("over"):
        with run.chunk(runtime) as session:
            lock(session, distribution_id)
            # A little later each time: they stay in the order in which they fell due.
            then = at + timedelta(microseconds=1 + run.done // AT_ONCE) if at else None
            moved = _move(session, distribution_id, then, until, runtime.clock.now())
            run.done += moved
            run.progress = {"over": moved < AT_ONCE}
    return {}


def _move(session: Session, distribution_id: int, at: datetime | None, until: datetime, now: datetime) -> int:
    """Let some late texts be due at a time, or drop them; how many."""
    if at is not None:
        return late.release(session, distribution_id, at, until=until, limit=AT_ONCE)
    return reminded.drop(session, distribution_id, LATE, CALLED_OFF, now, limit=AT_ONCE, due=until)
