"""What the door would say if a draft were sent now, or at its time: who sleeps then, and who had texts enough."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from distribution import audience as audiences
from distribution import settings
from distribution.limits import Quiet, zone_of
from distribution.sending import lifetime
from storage import leaving
from storage.tables import Distribution


class Outlook(NamedTuple):
    """Of the customers who can be texted: how many wait, are given up, or are left out, as far as one can tell now.

    `asleep` are in their quiet hours, until `until` by their own clocks; `given_up` of them sleep longer than a text is
    worth sending. `capped` had as many texts as `cap` ("3 in 7 days") allows.
    """

    asleep: int = 0
    until: str = ""
    given_up: int = 0
    capped: int = 0
    cap: str = ""


NOTHING = Outlook()


def outlook(session: Session, draft: Distribution, now: datetime) -> Outlook:
    """Look ahead for a draft; nothing is counted for what is off. Raises `Refused`, field "audience"."""
    quiet, cap = settings.sending_limits(session)
    members = audiences.where(session, draft.audience, now)
    at = max(draft.send_at, now) if draft.send_at else now
    asleep, given_up = _asleep(session, quiet, draft, members, at) if quiet else (0, 0)
    capped = leaving.count_full(session, members, cap.texts, cap.since(at)) if cap else 0
    return Outlook(asleep, str(quiet).partition("-")[2] if quiet else "", given_up, capped, str(cap) if cap else "")


def _asleep(
    session: Session, quiet: Quiet, draft: Distribution, members: ColumnElement[bool], at: datetime
) -> tuple[int, int]:
    """How many sleep at `at`, and how many of them until after the text would be given up."""
    workspace, over = settings.get(session, "time_zone"), lifetime.ends(session, draft, at)
    asleep = given_up = 0
    for name, n in leaving.textable_by_zone(session, members).items():
        end = quiet.ends(at, zone_of(name, workspace))
        if end is not None:
            asleep += n
            given_up += n if end >= over else 0
    return asleep, given_up
