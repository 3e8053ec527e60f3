"""`/promo approvals`, and the buttons of the cards: a colleague decides."""

import json
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from commands import modals
from commands.approvals import cards, facts, views
from commands.people import Person, acting
from commands.ui import blocks as ui
from commands.ui import paging
from commands.verbs import Ask, Verb
from distribution import approvals
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage import approvals as rows


def _run(ask: Ask) -> None:
    """`/promo approvals`."""
    ask.client.views_open(trigger_id=ask.trigger_id, view=_waiting(ask.runtime, ask.person))


VERB = Verb("approvals", "", "What waits for a second person's decision", _run)


def register(app: App, runtime: Runtime) -> None:
    """The cards' buttons, in the channel and in the list."""

    @app.action(views.APPROVE)
    def approve(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person = acting(runtime, body)
        try:
            with runtime.db.write() as session:
                done = approvals.approve(session, runtime, int(action["value"]), person)
        except Refused:
            cards.refresh(runtime, client)  # what it shows may be old: that is why they could click
            raise
        cards.refresh(runtime, client)
        if done.outcome == "void":
            raise Refused(
                f"“{done.distribution.subject}” was not approved, because it changed since it was asked for: "
                f"{'; '.join(done.changes)}. Its requester has it back as a draft and can ask again."
            )
        _redraw(runtime, client, body, person)

    @app.action(views.REJECT)
    def reject(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person = acting(runtime, body)
        with runtime.db.read() as session:
            asked = approvals.check(session, int(action["value"]), person)
        inside = body.get("view")
        metadata = json.dumps({"approval": int(action["value"]), "view": inside["id"] if inside else None})
        modals.show(client, body, views.reject(asked.subject, metadata, automatic=asked.mode == "automatic"))

    @app.view(views.REASON)
    def rejected(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        person, metadata = acting(runtime, body), json.loads(view["private_metadata"])
        reason = str(ui.values(view["state"]["values"]).get(views.REASON_BLOCK) or "")
        try:
            with runtime.db.write() as session:
                approvals.reject(session, metadata["approval"], person, reason, now=runtime.clock.now())
        except Refused as refusal:
            ack(response_action="errors", errors={views.REASON_BLOCK: str(refusal)})
            return
        ack()
        cards.refresh(runtime, client)
        if metadata["view"]:
            _show_list(runtime, client, metadata["view"], person)

    @app.action(views.DETAILS)
    def details(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person = acting(runtime, body)
        with runtime.db.read() as session:
            approval = rows.get(session, int(action["value"]))
            if approval is None:
                raise Refused("This request does not exist any more.")
            card = facts.card(session, approval)
        view = views.details(card, decides=person.may("approve") and person.user_id != card.requested_by)
        modals.show(client, body, view)

    @app.action(f"{views.TURN}:next")
    @app.action(f"{views.TURN}:previous")
    def turn(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        _show_list(runtime, client, body["view"]["id"], acting(runtime, body), int(action["value"]))


def _waiting(runtime: Runtime, person: Person, first: int = 0) -> dict[str, Any]:
    """The list of what waits."""
    with runtime.db.read() as session:
        page = paging.page_of(rows.pending(session), first)
        found = [facts.card(session, approval) for approval in page.items]
    shown = paging.Page(found, page.first, page.total, page.size)
    return views.waiting(shown, may_approve=person.may("approve"), asker=person.user_id)


def _redraw(runtime: Runtime, client: WebClient, body: dict[str, Any], person: Person) -> None:
    """After a decision in a modal: the list without it, or the details with the decision."""
    view = body.get("view")
    if view and view["callback_id"] == views.LIST:
        _show_list(runtime, client, view["id"], person)
    elif view:
        with runtime.db.read() as session:
            approval = rows.get(session, int(view["private_metadata"]))
            card = facts.card(session, approval) if approval else None
        if card:
            modals.refresh(client, view["id"], views.details(card, decides=False))


def _show_list(runtime: Runtime, client: WebClient, view_id: str, person: Person, first: int = 0) -> None:
    modals.refresh(client, view_id, _waiting(runtime, person, first))
