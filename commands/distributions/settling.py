"""A person settles texts that may have left and whose provider cannot be asked: one by one, or all at once."""

import re
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from commands import modals
from commands.distributions import facts, progress, unknown_views, views
from commands.people import Person, acting
from commands.ui.blocks import values
from distribution.clock import SystemClock
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.sending import control
from storage.tables import Distribution


def register(app: App, runtime: Runtime) -> None:
    """The button of the report, and the modal that it opens. Pressed twice, the second settles nothing."""

    @app.action(views.SETTLE)
    def ask(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        acting(runtime, body, "send")
        modals.show(client, body, _view(runtime, int(action["value"]), 0))

    @app.action(re.compile(rf"^{re.escape(unknown_views.TURN)}:(next|previous)$"))
    def turn(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        distribution_id, _ = _place(body["view"])
        modals.redraw(client, body, _view(runtime, distribution_id, int(action["value"])))

    @app.action(unknown_views.ARRIVED)
    @app.action(unknown_views.LOST)
    def one(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person = acting(runtime, body, "send")
        distribution_id, message_id = (int(part) for part in action["value"].split(":"))
        arrived = action["action_id"] == unknown_views.ARRIVED
        try:
            _settle(runtime, distribution_id, person, arrived=arrived, only=[message_id])
        finally:  # settled by somebody else meanwhile, it is gone from the list all the same
            modals.redraw(client, body, _view(runtime, distribution_id, _place(body["view"])[1]))
            progress.refresh(runtime, client, clicked=distribution_id)

    @app.view(unknown_views.SETTLED)
    def everything(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        arrived = values(view["state"]["values"]).get(unknown_views.SETTLE_BLOCK) == "arrived"
        person = acting(runtime, body)
        distribution_id, _ = _place(view)
        try:
            person.must("send")
            _settle(runtime, distribution_id, person, arrived=arrived)
        except Refused as refusal:
            ack(response_action="errors", errors={unknown_views.SETTLE_BLOCK: str(refusal)})
            return
        ack()
        progress.refresh(runtime, client, clicked=distribution_id)


def _settle(
    runtime: Runtime, distribution_id: int, who: Person, *, arrived: bool, only: list[int] | None = None
) -> None:
    """Write down what a person says; what was settled meanwhile stays as it is."""
    with runtime.db.write() as session:
        control.settle_unknown(
            session,
            distribution_id,
            arrived=arrived,
            by=who.name,
            now=runtime.clock.now(),
            machine=SystemClock().now(),
            only=only,
        )


def _view(runtime: Runtime, distribution_id: int, first: int) -> dict[str, Any]:
    """What is left to settle, from the text at place `first` on."""
    with runtime.db.read() as session:
        return facts.unknown(session, session.get_one(Distribution, distribution_id), first)


def _place(view: dict[str, Any]) -> tuple[int, int]:
    """Whose texts a modal lists, and from which place on."""
    distribution_id, _, first = view["private_metadata"].partition(":")
    return int(distribution_id), int(first or 0)
