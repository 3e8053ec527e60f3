"""The buttons that only a live distribution has: resume with what piled up or without, edit, report."""

from typing import TYPE_CHECKING, Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from commands import modals
from commands.distributions import facts, live_views, owners, progress, shown, views
from commands.people import acting
from commands.send import beginning
from commands.ui.blocks import values
from distribution.automatic import live, missed
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.sending import control
from storage import planned_counts

if TYPE_CHECKING:
    from commands.distributions.listeners import Buttons


def register(app: App, runtime: Runtime, buttons: "Buttons") -> None:
    """Resume… and its modal, Edit…, Report. `buttons`: those that every distribution has."""

    @app.action(views.RESUME_PILED)
    def ask(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person, now = acting(runtime, body, "send"), runtime.clock.now()
        with runtime.db.read() as session:
            row = buttons.one(session, action)
            owners.own(session, row.id, person, "resume it")
            piled = planned_counts.piled(session, row.id, now) if row.status == "paused" else None
            unseen = missed.missed(session, row)
            line = facts.line(session, row, now)
        if piled is None or not any((*piled, *unseen)):
            buttons.resume(ack, body, client, action)
            return
        below = body["view"]["id"] if body.get("view") else ""
        modals.show(client, body, live_views.resume(line, piled, unseen, below))

    @app.view(live_views.RESUMED)
    def resume(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        person = acting(runtime, body)
        chosen = values(view["state"]["values"]).get(live_views.PILED) or live_views.SEND
        distribution_id, below = live_views.resumed(view["private_metadata"])
        try:
            person.must("send")
            with runtime.db.read() as session:
                owners.own(session, distribution_id, person, "resume it")
        except Refused as refusal:
            ack(response_action="errors", errors={live_views.PILED: str(refusal)})
            return
        ack()
        with runtime.db.write() as session:
            control.resume(session, runtime, distribution_id, by=person.name, now=runtime.clock.now(), piled=chosen)
        progress.refresh(runtime, client, clicked=distribution_id)
        if below:
            with runtime.db.read() as session:
                row = buttons.one(session, {"value": distribution_id})
            modals.refresh(client, below, shown.opened(runtime, client, person, row))

    @app.action(live_views.EDIT)
    def edit(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person = acting(runtime, body, "send")
        with runtime.db.write() as session:
            channel = (body.get("channel") or {}).get("id")
            owners.own(session, int(action["value"]), person, "edit it")
            draft = live.edit(
                session, int(action["value"]), by=person.user_id, now=runtime.clock.now(), channel=channel
            )
            wizard = beginning.draft_view(runtime, session, draft.id, person, note=live_views.EDITED)
        modals.show(client, body, wizard, above=1)

    @app.action(live_views.REPORT)
    def report(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person = acting(runtime, body)
        with runtime.db.read() as session:
            row = buttons.one(session, action)
        shown.show(runtime, client, body, person, row, report=True)
