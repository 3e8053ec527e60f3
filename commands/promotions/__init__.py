"""`/promo promotions`: cart-level discounts that messages tell about."""

import json
from datetime import UTC, datetime
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands import modals
from commands.people import Person, acting
from commands.promotions import views
from commands.ui import blocks as ui
from commands.ui import paging
from commands.ui.text import escape
from commands.verbs import Ask, Verb
from distribution import promotions
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage.tables import Promotion


def _run(ask: Ask) -> None:
    """`/promo promotions`, or `/promo promotions new [name]`."""
    word, _, name = ask.words.partition(" ")
    if word.lower() in ("new", "create", "add"):
        ask.person.must("edit")
        ask.client.views_open(
            trigger_id=ask.trigger_id, view=views.form("{}", time_zone=ask.person.time_zone, name=name)
        )
        return
    with ask.runtime.db.read() as session:
        view = _listing(ask.runtime, session, ask.person)
    ask.client.views_open(trigger_id=ask.trigger_id, view=view)


VERB = Verb("promotions", "[new]", "Discounts at checkout that messages tell about", _run)


def register(app: App, runtime: Runtime) -> None:
    """The list's buttons and the form."""

    @app.action(views.CREATE)
    def create(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        person = acting(runtime, body, "edit")
        metadata = json.dumps({"list": body["view"]["id"]})
        client.views_push(trigger_id=body["trigger_id"], view=views.form(metadata, time_zone=person.time_zone))

    @app.action(views.EDIT)
    def edit(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person = acting(runtime, body, "edit")
        with runtime.db.read() as session:
            promotion = _shown(runtime, promotions.get(session, int(action["value"])))
        metadata = json.dumps({"list": body["view"]["id"], "promotion": promotion.id})
        client.views_push(
            trigger_id=body["trigger_id"], view=views.form(metadata, promotion, time_zone=person.time_zone)
        )

    @app.action(views.DELETE)
    def delete(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person = acting(runtime, body, "edit")
        with runtime.db.write() as session:
            promotions.delete(session, int(action["value"]), now=runtime.clock.now())
        _refresh(runtime, client, body["view"]["id"], person)

    @app.action({"action_id": f"{views.TURN}:next"})
    @app.action({"action_id": f"{views.TURN}:previous"})
    def turn(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        _refresh(runtime, client, body["view"]["id"], acting(runtime, body), int(action["value"]))

    @app.view(views.SAVE)
    def save(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        metadata = json.loads(view["private_metadata"])
        person = acting(runtime, body, "edit")
        try:
            made = save_form(runtime, view, metadata.get("promotion"), person)
        except Refused as refusal:
            ack(response_action="errors", errors=views.errors(refusal))
            return
        ack()
        if "list" in metadata:
            _refresh(runtime, client, metadata["list"], person)
        else:
            text = f"Promotion *{escape(made.name)}* is there. `/promo send` can tell customers about it."
            client.chat_postMessage(channel=person.user_id, text=text)


def save_form(runtime: Runtime, view: dict[str, Any], promotion_id: int | None, person: Person) -> Promotion:
    """Make or change a promotion out of what was typed into the form. Raises `Refused`: see `views.errors`."""
    typed = ui.values(view["state"]["values"])
    fields = {name: typed.get(block_id) for name, block_id in views.BLOCKS.items()}
    given: dict[str, Any] = {
        "name": fields["name"] or "",
        "terms": fields["terms"] or "",
        "starts_at": _moment(fields["starts_at"]),
        "ends_at": _moment(fields["ends_at"]),
        "now": runtime.clock.now(),
    }
    with runtime.db.write() as session:
        if promotion_id is None:
            return promotions.create(session, by=person.user_id, **given)
        return promotions.edit(session, promotion_id, **given)


def _listing(runtime: Runtime, session: Session, person: Person, first: int = 0) -> dict[str, Any]:
    found = [_shown(runtime, promotion) for promotion in promotions.listing(session)]
    return views.listing(paging.page_of(found, first), may_edit=person.may("edit"))


def _refresh(runtime: Runtime, client: WebClient, view_id: str, person: Person, first: int = 0) -> None:
    """Show the list anew, where it is still open."""
    with runtime.db.read() as session:
        view = _listing(runtime, session, person, first)
    modals.refresh(client, view_id, view)


def _shown(runtime: Runtime, promotion: Promotion) -> views.Promotion:
    return views.Promotion(
        promotion.id,
        promotion.name,
        promotion.terms,
        promotion.starts_at,
        promotion.ends_at,
        ended=promotions.standing(promotion, runtime.clock.now()) == "ended",
    )


def _moment(unix: int | None) -> datetime | None:
    return datetime.fromtimestamp(unix, UTC) if unix else None
