"""A live distribution that cannot fire, or whose due texts cannot be made: it pauses, and its channel learns why.

Tried again every second, it would fail for ever and only the log would know. So whatever is not the database's own
doing (that is tried again) pauses it with the reason. Nobody is forgotten: what is noted stays noted, what is planned
stays planned, and whoever resumes it has all of it tried again.
"""

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution.errors import Refused, mark
from distribution.runtime import Runtime
from storage import distributions, reminded
from storage.batches import lock
from storage.database import is_passing
from storage.tables import Distribution

log = structlog.get_logger(__name__)

HELD_UP = "It could not go on: "
OURS = "something went wrong on our side. Resume it to try again; if it pauses again, give an admin this number: "


def all_of(session: Session) -> list[Distribution]:
    """The distributions that are held up: nothing of them is tried."""
    return list(session.scalars(select(Distribution).where(Distribution.held_up).order_by(Distribution.id)))


def hold(runtime: Runtime, distribution_id: int, error: Exception) -> bool:
    """Pause a distribution that `error` keeps from going on, one that others paused too; whether this did it.

    Not where the database undid what was tried. One that is done but for its reminders is paused like one that is sent,
    and so is one that repeats and waits for its next time.
    """
    if is_passing(error):
        log.warning("the database undid it; it is tried again", distribution=distribution_id, error=str(error))
        return False
    with runtime.db.write() as session:
        row = lock(session, distribution_id)
        if row.status not in ("sending", "paused") and not (_waits_for_reminders(session, row) or _repeats(row)):
            return False
        row.finished_at = None
        session.flush()
        reason, now = f"{HELD_UP}{_words(error, distribution_id)}", runtime.clock.now()
        return distributions.move(session, row.id, was=(row.status,), to="paused", reason=reason, at=now, held_up=True)


def _waits_for_reminders(session: Session, row: Distribution) -> bool:
    return row.status == "done" and bool(row.reminders) and reminded.any_open(session, row.id)


def _repeats(row: Distribution) -> bool:
    return row.status == "scheduled" and bool(row.repeat)


def _words(error: Exception, distribution_id: int) -> str:
    """Why, in words for people: a refusal's own, or a mark that is in the log beside the stack trace."""
    if isinstance(error, Refused):
        log.warning("a distribution could not go on", distribution=distribution_id, why=str(error))
        return str(error)
    number = mark()
    log.error("a distribution could not go on", distribution=distribution_id, mark=number, exc_info=error)
    return f"{OURS}{number}."
