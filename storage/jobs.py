"""Rows of long work: enqueue, claim, keep, finish."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from storage.database import is_sqlite
from storage.tables import Job


def claim(
    session: Session,
    job_id: int | None = None,
    *,
    owner: str,
    now: datetime,
    until: datetime,
    kinds: Sequence[str],
    but: Sequence[int] = (),
) -> Job | None:
    """Take the oldest job of these kinds, or just `job_id`, that is queued or whose runner let its lease expire; None
    when there is none. `but`: jobs that the caller runs itself, however old their leases are."""
    free = or_(Job.state == "queued", (Job.state == "running") & (Job.lease_until < now))
    due = select(Job).where(free, Job.kind.in_(kinds), Job.id.not_in(but)).order_by(Job.id).limit(1)
    if job_id is not None:
        due = due.where(Job.id == job_id)
    job = session.scalars(due if is_sqlite(session) else due.with_for_update(skip_locked=True)).first()
    if job:
        job.state, job.owner, job.lease_until = "running", owner, until
        session.flush()
    return job


def hold(session: Session, owners: Sequence[str], *, until: datetime) -> None:
    """Hold the jobs of these owners until then."""
    session.execute(update(Job).where(Job.owner.in_(owners), Job.state == "running").values(lease_until=until))


def keep(
    session: Session,
    job_id: int,
    *,
    owner: str,
    until: datetime,
    done: int,
    total: int | None,
    progress: dict[str, Any],
) -> bool:
    """Record how far a job is and hold it longer. False when it is not `owner`'s now or was cancelled."""
    kept = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.owner == owner, Job.state == "running")
        .values(lease_until=until, done=done, total=total, progress=progress)
        .returning(Job.id)
    ).first()
    return kept is not None


def finish(
    session: Session,
    job_id: int,
    *,
    owner: str,
    state: str,
    at: datetime,
    result: dict[str, Any] | None = None,
    error: str | None = None,
) -> None:
    """Close a job that `owner` still holds as done or failed."""
    session.execute(
        update(Job)
        .where(Job.id == job_id, Job.owner == owner, Job.state == "running")
        .values(state=state, result=result or {}, error=error, finished_at=at, lease_until=None)
    )


def give_back(session: Session, job_id: int, *, owner: str) -> str | None:
    """Let anyone claim a job that `owner` holds and stops working on. Its kind; None when it is not `owner`'s."""
    return session.scalar(
        update(Job)
        .where(Job.id == job_id, Job.owner == owner, Job.state == "running")
        .values(state="queued", owner=None, lease_until=None)
        .returning(Job.kind)
    )


def give_back_all(session: Session) -> None:
    """Let anyone claim every running job. Only for a process that is the only one, at its start."""
    session.execute(update(Job).where(Job.state == "running").values(state="queued", owner=None, lease_until=None))


def cancel(session: Session, job_id: int, *, at: datetime) -> bool:
    """Cancel a job that is not over; its running chunk will find out and be undone. False when it was over already."""
    cancelled = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state.in_(("queued", "running")))
        .values(state="cancelled", finished_at=at)
        .returning(Job.id)
    ).first()
    return cancelled is not None


def unshown(session: Session) -> Sequence[Job]:
    """Jobs with a channel whose last word is not shown there yet, oldest first."""
    return session.scalars(
        select(Job)
        .where(Job.channel.is_not(None), or_(Job.shown.is_(None), Job.shown != "final"))
        .order_by(Job.id)
        .limit(100)
    ).all()


def note_shown(session: Session, job_id: int, *, channel: str | None, message_ts: str | None, shown: str) -> None:
    """Record where a job is shown, and what; "final" when nothing will change any more."""
    session.execute(update(Job).where(Job.id == job_id).values(channel=channel, message_ts=message_ts, shown=shown))
