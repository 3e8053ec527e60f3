"""The buttons of the card that asks what becomes of what is late. Pressed twice, the second finds it settled."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands import modals
from commands.automatic import facts, notices, views
from commands.distributions import owners, progress
from commands.people import Person, acting
from commands.ui.blocks import values
from distribution.automatic import outage
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage import notices as rows
from storage.notices import LATE
from storage.tables import Distribution

Decide = Callable[[Session, int], outage.Late | None]


def register(app: App, runtime: Runtime) -> None:
    """Send now, Reschedule… and its modal, Cancel."""

    def settles(pressed: str, do: Callable[..., outage.Late | None]) -> None:
        """A button that decides by itself."""

        @app.action(pressed)
        def decide(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
            ack()
            person, now = acting(runtime, body, "send"), runtime.clock.now()
            _decide(
                runtime,
                client,
                person,
                int(action["value"]),
                lambda found: views.decided(found, person.user_id, pressed),
                lambda session, one: do(session, runtime, one, by=person.name, now=now),
            )

    settles(views.SEND_NOW, outage.send_now)
    settles(views.CANCEL, outage.cancel)

    @app.action(views.RESCHEDULE)
    def ask(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person = acting(runtime, body, "send")
        with runtime.db.read() as session:
            found = facts.late(session, _of(session, person, int(action["value"])))
        if found is None:
            notices.refresh(runtime, client, clicked=(int(action["value"]), LATE))
            raise Refused("Nothing of it is late any more: somebody was quicker.")
        modals.show(client, body, views.reschedule(found, _next_hour(runtime.clock.now()), person.time_zone))

    @app.view(views.RESCHEDULED)
    def reschedule(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        person, now = acting(runtime, body), runtime.clock.now()
        typed, distribution_id = values(view["state"]["values"]).get(views.AT), int(view["private_metadata"])
        try:
            person.must("send")
            if typed is None:
                raise Refused("Choose a date and a time.", field="at")
            at = datetime.fromtimestamp(int(typed), UTC)
            with runtime.db.read() as session:
                outage.check_time(at, now, outage.waits(session, _of(session, person, distribution_id)))
        except Refused as refusal:
            ack(response_action="errors", errors={views.AT: str(refusal)})
            return
        ack()
        _decide(
            runtime,
            client,
            person,
            distribution_id,
            lambda found: views.decided(found, person.user_id, views.RESCHEDULE, at),
            lambda session, one: outage.reschedule(session, runtime, one, at, by=person.name, now=now),
        )


def _decide(
    runtime: Runtime,
    client: WebClient,
    person: Person,
    distribution_id: int,
    said: Callable[[views.Late], str],
    decide: Decide,
) -> None:
    """Do what was pressed, keep who did, and show it; where somebody was quicker, show theirs."""
    try:
        with runtime.db.write() as session:
            late = facts.late(session, _of(session, person, distribution_id))
            if decide(session, distribution_id) is not None and late is not None:
                rows.settle(session, (distribution_id, LATE), said(late))
    finally:
        notices.refresh(runtime, client, clicked=(distribution_id, LATE))
        progress.refresh(runtime, client, clicked=distribution_id)


def _of(session: Session, person: Person, distribution_id: int) -> Distribution:
    """The distribution that a button is of. Raises `Refused` where it is gone, or another marketer's."""
    found = session.get(Distribution, distribution_id)
    if found is None:
        raise Refused("This distribution does not exist any more.")
    owners.own(session, found.id, person, "decide about what is late")
    return found


def _next_hour(now: datetime) -> datetime:
    """The next full hour that is not too near."""
    return (now + timedelta(minutes=90)).replace(minute=0, second=0, microsecond=0)
