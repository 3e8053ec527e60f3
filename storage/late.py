"""When the clock looked last, and what fell due while nothing ran: it waits for a person's word."""

from array import array
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Text, case, cast, exists, func, literal, select, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.bulk import among
from storage.database import is_sqlite
from storage.plain import rows_changed
from storage.planned_reading import Due
from storage.tables import ClockMark, Distribution, Job, Planned, PlannedState
from storage.tables.base import UtcDateTime

JOB = "late"  # the kind of job that carries out a word on more than fits in a transaction
LISTED = 10_000  # rows that are read at a time where ids are listed
WAITING, LATE = PlannedState.WAITING, PlannedState.LATE


def note(session: Session, name: str, before: ClockMark | None, *, machine_at: datetime, business_at: datetime) -> None:
    """Note that the clock runs, unless somebody has noted it since `before` was read: theirs is newer."""
    into = (sqlite.insert if is_sqlite(session) else postgresql.insert)(ClockMark)
    row = into.values(name=name, machine_at=machine_at, business_at=business_at)
    if before is None:
        session.execute(row.on_conflict_do_nothing())
        return
    session.execute(
        update(ClockMark)
        .where(ClockMark.name == name, ClockMark.machine_at == before.machine_at)
        .values(machine_at=machine_at, business_at=business_at)
        .execution_options(synchronize_session=False)
    )


def with_due(session: Session, now: datetime) -> list[int]:
    """Distributions that are being sent, or have reminders to come, of which something planned is due."""
    waits = (Planned.distribution_id == Distribution.id, Planned.state == WAITING, Planned.due_at <= now)
    going = Distribution.status.in_(("sending", "done"))
    return list(session.scalars(select(Distribution.id).where(going, exists().where(*waits)).order_by(Distribution.id)))


def due(
    session: Session, distribution_id: int, now: datetime, *, reminders: bool, limit: int | None = None
) -> Sequence[int]:
    """The planned texts of a distribution that are due, those first that were due first: first texts, or reminders.

    Their ids, eight bytes each, from the index alone; in its order, or who changes them by the thousand would write all
    of it again for each thousand. Whoever acts on them locks the distribution, and looks again (`still`,
    `hold_overdue`).
    """
    step = Planned.step > 0 if reminders else Planned.step == 0
    mine = (Planned.distribution_id == distribution_id, Planned.state == WAITING, Planned.due_at <= now, step)
    found = select(Planned.id).where(*mine).order_by(Planned.due_at, Planned.step).limit(limit)
    return array("q", session.scalars(found.execution_options(yield_per=LISTED)))


def still(session: Session, planned_ids: Collection[int], now: datetime) -> list[Due]:
    """Those of some planned texts that are due still, in the order of their ids. Their distribution is locked."""
    if not planned_ids:
        return []
    found = select(Planned.id, Planned.customer_id, Planned.step, Planned.occurrence).where(
        among(session, Planned.id, planned_ids), Planned.state == WAITING, Planned.due_at <= now
    )
    return [Due(*row) for row in session.execute(found.order_by(Planned.id))]


def hold_overdue(
    session: Session, planned_ids: Collection[int], since: datetime, until: datetime, now: datetime, delay: timedelta
) -> None:
    """Let those of some first texts wait for a word that are due still, and were between `since` and `until`.

    Or would have been, had anybody looked when what fired them happened: `delay` before they are due.
    """
    overdue = Planned.due_at.between(since, until) | Planned.fired_at.between(since - delay, until - delay)
    _hold(session, planned_ids, (Planned.due_at <= now) & overdue)


def hold(session: Session, planned_ids: Collection[int]) -> None:
    """Let planned texts wait for a word."""
    _hold(session, planned_ids, true())


def _hold(session: Session, planned_ids: Collection[int], which: ColumnElement[bool]) -> None:
    if planned_ids:
        session.execute(
            update(Planned)
            .where(among(session, Planned.id, planned_ids), Planned.state == WAITING, which)
            .values(state=LATE)
            .execution_options(synchronize_session=False)
        )


def hold_scheduled(session: Session, since: datetime, until: datetime, now: datetime) -> None:
    """Let what was scheduled for a time within `since` and `until`, and was not launched, wait for a word.

    Of one that repeats `late_since` is the end of what is late: its times up to then wait, and those after it go. One
    that waits already waits for those of another outage, too.
    """
    at, repeats = func.coalesce(Distribution.put_off_to, Distribution.send_at), cast(Distribution.repeat, Text) != "{}"
    passed = Distribution.late_since.is_(None) & (at >= since) & (at <= until)
    again = repeats & (Distribution.late_since < until)
    session.execute(
        update(Distribution)
        .where(Distribution.status == "scheduled", passed | again)
        .values(late_since=case((repeats, literal(until, UtcDateTime)), else_=literal(now, UtcDateTime)))
        .execution_options(synchronize_session=False)
    )


def count(session: Session, distribution_id: int) -> tuple[int, datetime | None]:
    """How many planned texts of a distribution wait for a word, and since when the first of them was due."""
    n, since = session.execute(
        select(func.count(), func.min(Planned.due_at)).where(
            Planned.distribution_id == distribution_id, Planned.state == LATE
        )
    ).one()
    return n, since


def last_due(session: Session, distribution_id: int) -> datetime | None:
    """When the last of those that wait for a word was due; None where none waits."""
    query = select(Planned.due_at).where(Planned.distribution_id == distribution_id, Planned.state == LATE)
    return session.scalar(query.order_by(Planned.due_at.desc()).limit(1))


def release(session: Session, distribution_id: int, at: datetime, *, until: datetime, limit: int) -> int:
    """Let up to `limit` planned texts of a distribution that wait for a word, and were due by `until`, be due at a
    time, those first that were due first; returns how many."""
    mine = (Planned.distribution_id == distribution_id, Planned.state == LATE, Planned.due_at <= until)
    chosen = select(Planned.id).where(*mine).order_by(Planned.due_at).limit(limit)
    return rows_changed(session, update(Planned).where(Planned.id.in_(chosen)).values(state=WAITING, due_at=at))


def decided(session: Session) -> set[int]:
    """Distributions of which a word was said on what is late, and a job (`kind` JOB) goes on carrying it out."""
    going = select(Job.args).where(Job.state.in_(("queued", "running")), Job.kind == JOB)
    return {int(args["distribution_id"]) for args in session.scalars(going)}
