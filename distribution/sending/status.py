"""A distribution's status while it is sent: paused by the machine, and over."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import messages, reminded, tally, touched
from storage.tables import Batch, BatchState, Distribution, MessageState

# How the reason begins where a person paused it; every other pause was its own.
PAUSED_BY = "Paused by "


def paused_by_itself(distribution: Distribution) -> bool:
    """Whether it stopped sending without anybody's word, because going on would have been wrong."""
    return distribution.status == "paused" and not (distribution.status_reason or "").startswith(PAUSED_BY)


def pause(session: Session, distribution: Distribution, reason: str, at: datetime) -> bool:
    """Pause a distribution that is being sent; False when it is not. Its row is locked."""
    if distribution.status != "sending":
        return False
    distribution.status, distribution.status_reason, distribution.updated_at = "paused", reason, at
    session.flush()
    return True


def finish_if_over(session: Session, distribution: Distribution, at: datetime) -> bool:
    """Close a distribution of which nothing is left to send or to ask; True when this did it. Its row is locked.

    A paused one too, where all that was left was given up. Unknown messages whose provider cannot be asked do not keep
    it open: a person settles them when they like. A stopped one stays stopped, and gets its time of finish. A live one
    is over only once it fires no more and nothing is planned.
    """
    if distribution.status not in ("sending", "paused", "stopped") or distribution.finished_at is not None:
        return False
    if distribution.mode == "automatic" and distribution.status != "stopped":
        ending = distribution.ends_at is not None and distribution.ends_at <= at
        if not ending or reminded.any_open(session, distribution.id) or _told_in_time(session, distribution):
            return False
    if distribution.status == "paused" and distribution.reminders and reminded.any_open(session, distribution.id):
        return False
    if (distribution.claimed_to or 0) < (distribution.last_message_id or 0):
        return False
    if tally.read(session, distribution.id)[MessageState.QUEUED] or messages.open_unknown(session, distribution.id):
        return False
    still_open = select(Batch.id).where(Batch.distribution_id == distribution.id, Batch.state != BatchState.DONE)
    if session.scalar(still_open.limit(1)) is not None:
        return False
    if distribution.status != "stopped":
        distribution.status, distribution.status_reason = "done", None
    distribution.finished_at = distribution.updated_at = at
    session.flush()
    return True


def _told_in_time(session: Session, distribution: Distribution) -> bool:
    """Whether something that may set it off came in before its end, and waits to be looked at."""
    event, end = distribution.trigger.get("event"), distribution.ends_at
    return isinstance(event, str) and end is not None and touched.any_told_before(session, event, end)
