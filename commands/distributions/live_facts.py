"""From a live distribution to what its message says."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from commands.distributions.live_views import Live
from commands.distributions.views import Line
from commands.send import words
from distribution import settings
from distribution.sending import retrying
from storage import distributions as rows
from storage.planned_counts import Counts
from storage.tables import Distribution


def live(session: Session, distribution: Distribution, line: Line, planned: Counts, now: datetime) -> Live:
    """What the message of an automatic distribution says, around the numbers of its `line` and what is `planned`."""
    before = rows.get(session, distribution.replaces_id) if distribution.replaces_id else None
    return Live(
        line,
        since=_day(distribution.started_at, settings.get(session, "time_zone"), now) if distribution.started_at else "",
        sets_off=words.sets_off(session, distribution),
        planned=planned,
        reminders=words.reminders(distribution),
        retryable=retrying.count(session, distribution, now) if line.failed else 0,
        replaced_by=rows.replaced_by(session, distribution.id) if line.ending else None,
        replaces=before.subject if before else "",
    )


def _day(at: datetime, zone: str, now: datetime) -> str:
    """ "3 Nov"; with the year where it is not this one."""
    local = at.astimezone(ZoneInfo(zone))
    same_year = local.year == now.astimezone(ZoneInfo(zone)).year
    return f"{local.day} {local:%b}" if same_year else f"{local.day} {local:%b} {local.year}"
