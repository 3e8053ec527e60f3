"""`/promo calendar`: what is planned when, and which codes will not suffice."""

from typing import Any
from zoneinfo import ZoneInfo

from slack_bolt import Ack, App
from slack_sdk import WebClient

from commands import modals
from commands.calendar import views
from commands.distributions import shown
from commands.people import Person, acting
from commands.ui import paging
from commands.verbs import Ask, Verb
from distribution.errors import Refused
from distribution.limits import zone_of
from distribution.runtime import Runtime
from distribution.schedule import calendar, conflicts
from storage import distributions as rows


def _run(ask: Ask) -> None:
    """`/promo calendar`. Counting what is planned may take a while, so the modal is opened first."""
    trigger = {"trigger_id": ask.trigger_id}
    modals.show_in_time(ask.client, trigger, views.opening(), lambda: views.view(facts(ask.runtime, ask.person)))


VERB = Verb("calendar", "", "What is planned when, and whether the codes suffice", _run)


def register(app: App, runtime: Runtime) -> None:
    """Its buttons."""

    @app.action({"action_id": f"{views.TURN}:next"})
    @app.action({"action_id": f"{views.TURN}:previous"})
    def turn(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        _show(runtime, client, body["view"]["id"], acting(runtime, body), int(action["value"]))

    @app.action(views.OPEN)
    @app.action(f"{views.OPEN}:lacking")
    def open_one(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person = acting(runtime, body)
        with runtime.db.read() as session:
            found = rows.visible(session, person.user_id, int(action["value"]))
        if found is None:
            raise Refused("It is not planned any more. Open the calendar again: /promo calendar.")
        shown.show(runtime, client, body, person, found)


def facts(runtime: Runtime, person: Person, first: int = 0) -> views.Facts:
    """The page of the calendar that begins with its entry `first`, as a person reads it."""
    now, zone = runtime.clock.now(), zone_of(person.time_zone, "")
    with runtime.db.read() as session:
        planned = calendar.entries(session, now, zone)
        lacking = [_lacking(each, zone) for each in calendar.conflicts(session, None, now)]
        live, paused = calendar.live(session), calendar.paused(session)
    page = paging.page_of(planned, first, views.PAGE)
    return views.Facts(now.astimezone(zone).date(), zone.key, page, lacking, live, paused)


def _lacking(found: conflicts.Conflict, zone: ZoneInfo) -> views.Lacking:
    return views.Lacking(found.group_id, found.short.distribution_id, conflicts.words(found, zone))


def _show(runtime: Runtime, client: WebClient, view_id: str, person: Person, first: int = 0) -> None:
    """Show a page, where the modal is still open."""
    view = views.view(facts(runtime, person, first))
    modals.refresh(client, view_id, view)
