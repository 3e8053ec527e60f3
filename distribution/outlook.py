"""What the door would say if a draft were sent now, or at its time: who sleeps then, and who had texts enough."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from distribution import audience as audiences
from distribution import settings
from distribution.limits import Silence, zone_of
from distribution.schedule import local
from distribution.sending import lifetime
from storage import leaving
from storage.tables import Distribution


class Outlook(NamedTuple):
    """Of the customers who can be texted: how many wait, are given up, or are left out, as far as one can tell now.

    `asleep` are in their quiet hours, until `until` by their own clocks; `resting` have a holiday, the first of which
    is `holiday`. `given_up` of both wait longer than a text is worth sending. `capped` had as many texts as `cap`
    ("3 in 7 days") allows.
    """

    asleep: int = 0
    until: str = ""
    given_up: int = 0
    capped: int = 0
    cap: str = ""
    resting: int = 0
    holiday: str = ""


NOTHING = Outlook()


def outlook(session: Session, draft: Distribution, now: datetime) -> Outlook:
    """Look ahead for a draft; nothing is counted for what is off. Raises `Refused`, field "audience"."""
    silence, cap = settings.sending_limits(session)
    members = audiences.where(session, draft.audience, now)
    at = max(draft.send_at, now) if draft.send_at else now
    waiting = _waiting(session, silence, draft, members, at) if silence else NOTHING
    capped = leaving.count_full(session, members, cap.texts, cap.since(at)) if cap else 0
    until = str(silence.hours).partition("-")[2] if silence and silence.hours else ""
    return waiting._replace(until=until, capped=capped, cap=str(cap) if cap else "")


def _waiting(
    session: Session, silence: Silence, draft: Distribution, members: ColumnElement[bool], at: datetime
) -> Outlook:
    """How many may not be texted at `at`, or when their own clock shows its time, and for how many that is too long."""
    workspace, lasts = settings.get(session, "time_zone"), timedelta(minutes=lifetime.minutes(session, draft))
    wall = local.parse(draft.local_at) if draft.local_at else None
    found = NOTHING
    for name, n in leaving.textable_by_zone(session, members).items():
        zone = zone_of(name, workspace)
        begins = max(at, local.moment(wall, zone)) if wall else at
        end = silence.ends(begins, zone)
        if end is None:
            continue
        holiday = silence.holidays.on(begins.astimezone(zone).date())
        found = found._replace(
            asleep=found.asleep + (0 if holiday else n),
            resting=found.resting + (n if holiday else 0),
            holiday=found.holiday or (str(holiday) if holiday else ""),
            given_up=found.given_up + (n if end >= begins + lasts else 0),
        )
    return found
