"""What is still to be done at a shop at this time, and what has to wait for a word because nobody was at work."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distribution.automatic import entering, outage, trigger
from distribution.automatic.trigger import SEGMENT
from storage import planned, trigger_members
from storage.tables import (
    Batch,
    BatchState,
    ClockMark,
    Distribution,
    Event,
    Job,
    Message,
    MessageState,
    Planned,
    PlannedState,
    Touched,
)
from tests.faults.shop import DELAY

OPEN = (MessageState.QUEUED, MessageState.UNKNOWN)
GOING = ("sending", "done")
RECENT = timedelta(minutes=2)


def left(session: Session, now: datetime, edited: Collection[int]) -> str | None:
    """What is still to be done; None where nothing is. `edited`: live ones that others have taken over from."""
    if session.scalar(select(Touched.id).limit(1)) is not None:
        return "somebody is to be looked at"
    going = select(Distribution.id).where(Distribution.status.in_(GOING))
    due = (Planned.state == PlannedState.WAITING, Planned.due_at <= now, Planned.distribution_id.in_(going))
    if session.scalar(select(Planned.id).where(*due).limit(1)) is not None:
        return "something is due"
    at = func.coalesce(Distribution.put_off_to, Distribution.send_at)
    scheduled = (Distribution.status == "scheduled") & Distribution.late_since.is_(None) & (at <= now)
    if session.scalar(select(Distribution.id).where((Distribution.status == "blocking") | scheduled).limit(1)):
        return "something is to be launched"
    if session.scalar(select(Job.id).where(Job.state.in_(("queued", "running"))).limit(1)) is not None:
        return "a job is to be done"
    if session.scalar(select(Message.id).where(Message.state.in_(OPEN)).limit(1)) is not None:
        return "a text is to be sent"
    if session.scalar(select(Batch.id).where(Batch.state != BatchState.DONE).limit(1)) is not None:
        return "a batch is open"
    return _left_of_live(session, now, edited)


def _left_of_live(session: Session, now: datetime, edited: Collection[int]) -> str | None:
    for row in session.scalars(select(Distribution).where(Distribution.status == "sending")):
        if row.mode == "automatic" and row.ends_at is not None and row.ends_at <= now:
            open_ = (PlannedState.WAITING, PlannedState.DRY, PlannedState.LATE)
            mine = (Planned.distribution_id == row.id, Planned.state.in_(open_))
            if session.scalar(select(Planned.id).where(*mine).limit(1)) is None:
                return "a live one is to end"
        elif row.id in edited:
            continue  # edited: it fires no more, also where the clock went back
        elif row.mode == "automatic" and trigger.parse(row.trigger).kind == SEGMENT:
            where = entering._belongs(session, row, now)
            changed = trigger_members.changed(session, row.id, where)
            # Who entered at a time to come stays in.
            if row.members_at is None or set(changed) - planned.entered_after(session, [row.id], changed, now):
                return f"somebody came into the segment of {row.id}, or left it"
    return None


def noted(session: Session, ahead: timedelta) -> str | None:
    """None once it is noted that the clock runs, by machines that are so far ahead; else words."""
    mark = session.get(ClockMark, outage.MARK)
    recent = mark is not None and mark.machine_at > datetime.now(UTC) + ahead - RECENT
    return None if recent else "nobody noted that the clock runs"


def state(session: Session) -> object:
    """What changes where anything does."""
    texts = session.execute(select(Planned.state, func.count()).group_by(Planned.state).order_by(Planned.state))
    messages = session.execute(select(Message.state, func.count()).group_by(Message.state).order_by(Message.state))
    jobs = session.execute(select(Job.id, Job.state, Job.done).where(Job.finished_at.is_(None)))
    return tuple(texts), tuple(messages), tuple(jobs), session.scalar(select(func.count()).select_from(Touched))


class Waits:
    """What fell due while nobody was at work, longer ago than what just goes."""

    def __init__(self) -> None:
        self._texts, self._events, self._schedules = set[int](), set[int](), set[int]()

    def note(self, session: Session, before: datetime, until: datetime) -> None:
        """Nobody is at work from `before` on; what falls due up to `until` is to wait."""
        going = select(Distribution.id).where(Distribution.status.in_(GOING))
        falls_due = (Planned.due_at > before, Planned.due_at <= until)
        waiting = select(Planned.id).where(
            Planned.state == PlannedState.WAITING, Planned.distribution_id.in_(going), Planned.step == 0, *falls_due
        )
        self._texts.update(session.scalars(waiting))
        unfired = select(Event.id).join(Touched, Touched.event_id == Event.id)
        for event in session.scalars(select(Event).where(Event.id.in_(unfired), Event.name == "cart_abandoned")):
            if before < event.at + DELAY <= until:
                self._events.add(event.id)
        scheduled = (Distribution.status == "scheduled", func.coalesce(Distribution.put_off_to, Distribution.send_at))
        self._schedules.update(
            session.scalars(select(Distribution.id).where(scheduled[0], scheduled[1] > before, scheduled[1] <= until))
        )

    def told_of(self, session: Session, source_ids: Iterable[str]) -> None:
        """These carts were told of meanwhile."""
        self._events.update(session.scalars(select(Event.id).where(Event.source_id.in_(source_ids))))

    def have_waited(self, session: Session, carts: Collection[int]) -> None:
        """Fail where something did not wait for a word. `carts`: the live ones that carts set off."""
        fired = Planned.event_id.in_(self._events) & Planned.distribution_id.in_(carts) & (Planned.step == 0)
        for row in session.scalars(select(Planned).where(Planned.id.in_(self._texts) | fired)):
            assert row.state in (PlannedState.LATE, PlannedState.DROPPED), (
                f"planned {row.id} of {row.distribution_id}, due {row.due_at:%d %H:%M}, fell due while nobody was at "
                f"work, and did not wait for a word: {row.state.name}"
            )
        for row_id in self._schedules:
            assert session.get_one(Distribution, row_id).late_since is not None, f"{row_id} did not wait for a word"
        for those in (self._texts, self._events, self._schedules):
            those.clear()
