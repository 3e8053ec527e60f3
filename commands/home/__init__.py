"""The home tab, and the summary that `/promo` alone shows: stock, what is under way, what waits for you."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from slack_bolt import App
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands.distributions import progress
from commands.home import views
from commands.people import Person, recognise
from commands.ui.blocks import as_dicts
from commands.verbs import Ask
from distribution.codes.listing import listing
from distribution.runtime import Runtime
from storage import overview
from storage.patience import TooSlow, at_most
from storage.tables import Distribution

# Seconds that counting the texts of live distributions may take: somebody looks at the tab.
PATIENCE = 0.7


def register(app: App, runtime: Runtime) -> None:
    """The event that Slack sends when somebody opens the home tab."""

    @app.event("app_home_opened")
    def opened(event: dict[str, Any], client: WebClient) -> None:
        if event.get("tab") == "home":
            publish(runtime, client, event["user"])


def publish(runtime: Runtime, client: WebClient, user_id: str) -> None:
    """Show somebody's home tab as things stand now."""
    with runtime.db.read() as session:
        facts = _facts(runtime, session, recognise(session, user_id))
    client.views_publish(user_id=user_id, view={"type": "home", "blocks": as_dicts(views.home(facts))})


def summary(ask: Ask) -> None:
    """`/promo` alone: the same facts as a message that only the asker sees."""
    with ask.runtime.db.read() as session:
        facts = _facts(ask.runtime, session, ask.person)
    ask.tell(text=views.in_a_line(facts), blocks=as_dicts(views.summary(facts)))


def _facts(runtime: Runtime, session: Session, person: Person) -> views.Facts:
    """What there is to show to this person."""
    now = runtime.clock.now()
    return views.Facts(
        person=person,
        now=now,
        drafts=[views.Draft(row.id, row.subject) for row in overview.drafts(session, person.user_id)],
        asked=overview.approvals_asked(session, person.user_id),
        to_decide=overview.approvals_to_decide(session, person.user_id) if person.may("approve") else 0,
        under_way=overview.under_way(session),
        live=[views.LiveLine(line, _redeemed(runtime, session, line.id)) for line in overview.live(session)],
        live_total=overview.live_count(session),
        stock=listing(session, now, "low")[: views.GROUPS],
        by_day=_by_day(session, now, ZoneInfo(person.time_zone)),
    )


def _by_day(session: Session, now: datetime, zone: ZoneInfo) -> dict[date, int]:
    """What left in the last days; without the texts of live distributions where counting them takes too long."""
    found = overview.sent_by_day(session, now=now, zone=zone)
    try:
        with at_most(session, PATIENCE):
            live = overview.sent_by_day_live(session, now=now, zone=zone)
    except TooSlow:
        return found
    return {day: n + live.get(day, 0) for day, n in found.items()}


def _redeemed(runtime: Runtime, session: Session, distribution_id: int) -> int:
    """How many codes of a live distribution were used, as its message in the channel says it."""
    return progress.redeemed(runtime, session, session.get_one(Distribution, distribution_id))
