"""From a distribution to what its message, its report and the list say of it."""

from datetime import datetime

from sqlalchemy.orm import Session

from commands.approvals.facts import what
from commands.distributions.lists import Opened
from commands.distributions.views import Line, Report
from commands.people import Person
from commands.send import show
from commands.ui.text import escape, moment
from storage import tally
from storage.tables import Distribution, MessageState, Provider

SENT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNDELIVERED)


def line(session: Session, distribution: Distribution, *, now: datetime) -> Line:
    """A distribution's numbers, as its tally says."""
    n = tally.read(session, distribution.id)
    total = sum(n.values()) - n[MessageState.EXCLUDED]
    return Line(
        id=distribution.id,
        subject=distribution.subject or show.title(distribution),
        status=distribution.status,
        requested_by=distribution.created_by,
        reason=distribution.status_reason or "",
        total=total,
        sent=n[MessageState.ACCEPTED] + n[MessageState.DELIVERED],
        delivered=n[MessageState.DELIVERED],
        failed=n[MessageState.REJECTED] + n[MessageState.UNDELIVERED],
        unknown=n[MessageState.UNKNOWN],
        cancelled=n[MessageState.CANCELLED],
        excluded=n[MessageState.EXCLUDED],
        send_at=distribution.send_at,
        started_at=distribution.started_at,
        finished_at=distribution.finished_at,
    )


def opened(session: Session, distribution: Distribution, person: Person, *, link: str, now: datetime) -> Opened:
    """One distribution opened in a modal."""
    provider = session.get(Provider, distribution.provider_id) if distribution.provider_id else None
    facts = [f"*What*\n{escape(what(session, distribution))}"]
    if distribution.audience:
        facts.append(f"*To*\n{escape(show.audience_words(session, distribution))}")
    if provider:
        facts.append(f"*Through*\n{escape(provider.name)}")
    if distribution.send_at:
        facts.append(f"*When*\n{moment(distribution.send_at)}")
    return Opened(
        line(session, distribution, now=now),
        facts,
        distribution.body,
        link=link,
        mine=distribution.created_by == person.user_id,
        may_send=person.may("send"),
    )


def report(session: Session, distribution: Distribution, *, now: datetime) -> Report:
    """What the report says."""
    return Report(line(session, distribution, now=now))
