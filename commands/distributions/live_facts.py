"""From a live distribution to what its message says."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from commands.distributions.live_views import Live
from commands.distributions.views import Line
from commands.send import words
from distribution import settings
from distribution.automatic import ceilings
from distribution.sending import retrying
from storage import distributions as rows
from storage import planned_counts
from storage.planned_counts import Counts
from storage.tables import Distribution


def live(session: Session, distribution: Distribution, line: Line, planned: Counts, now: datetime) -> Live:
    """What the message of an automatic distribution says, around the numbers of its `line` and what is `planned`."""
    before = rows.get(session, distribution.replaces_id) if distribution.replaces_id else None
    return Live(
        line,
        since=_day(distribution.started_at, settings.get(session, "time_zone"), now) if distribution.started_at else "",
        sets_off=words.sets_off(session, distribution),
        planned=to_come(planned, now),
        piled=planned_counts.piled(session, distribution.id, now) if distribution.status == "paused" else None,
        full=ceilings.left(session, distribution, now).total == 0,
        reminders=words.reminders(distribution),
        retryable=retrying.count(session, distribution, now) if line.failed else 0,
        replaced_by=rows.replaced_by(session, distribution.id) if line.ending else None,
        replaces=before.subject if before else "",
    )


def to_come(planned: Counts, now: datetime) -> Counts:
    """The same without the time of the next one where that has passed: it waits for something else by now."""
    return replace(planned, next_at=None) if planned.next_at and planned.next_at <= now else planned


def _day(at: datetime, zone: str, now: datetime) -> str:
    """ "3 Nov"; with the year where it is not this one."""
    local = at.astimezone(ZoneInfo(zone))
    same_year = local.year == now.astimezone(ZoneInfo(zone)).year
    return f"{local.day} {local:%b}" if same_year else f"{local.day} {local:%b} {local.year}"
