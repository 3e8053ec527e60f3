"""`/promo providers`: what texts leave through, for admins."""

import json
import re
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands import later, modals
from commands.people import Person, acting
from commands.providers import views
from commands.ui import blocks as ui
from commands.ui import paging
from commands.ui.text import code, escape
from commands.verbs import Ask, Verb
from distribution import settings
from distribution.customers import phone
from distribution.errors import Refused
from distribution.providers import registry
from distribution.reasons import words
from distribution.runtime import Runtime
from storage import providers as rows
from storage.tables import Provider, TeamMember


def _run(ask: Ask) -> None:
    """`/promo providers`, or `/promo providers add`."""
    if ask.words.lower() in ("add", "new"):
        view = views.kinds(list(registry.KINDS.items()), "{}")
    else:
        with ask.runtime.db.read() as session:
            view = _listing(session)
    ask.client.views_open(trigger_id=ask.trigger_id, view=view)


VERB = Verb("providers", "[add]", "What texts leave through: Twilio, Kannel, any gateway", _run, needs="administer")


def register(app: App, runtime: Runtime) -> None:
    """The list's buttons, the form, and the test."""

    @app.action(views.ADD)
    def add(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        acting(runtime, body, "administer")
        metadata = json.dumps({"list": body["view"]["id"]})
        modals.show(client, body, views.kinds(list(registry.KINDS.items()), metadata))

    @app.action(re.compile(rf"^{re.escape(views.CHOOSE)}:"))
    def choose(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        acting(runtime, body, "administer")
        metadata = json.loads(body["view"]["private_metadata"]) | {"kind": action["value"]}
        view = views.form(registry.kind_of(action["value"]), views.Filled(), json.dumps(metadata), new=True)
        modals.redraw(client, body, view)

    @app.action(views.EDIT)
    def edit(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        acting(runtime, body, "administer")
        with runtime.db.read() as session:
            row = registry.get(session, int(action["value"]))
            filled = views.Filled(row.name, row.rate, row.config, runtime.links.callback(row.id))
        metadata = json.dumps({"list": body["view"]["id"], "kind": row.kind, "provider": row.id})
        modals.show(client, body, views.form(registry.kind_of(row.kind), filled, metadata, new=False))

    @app.view(views.SAVE)
    def save(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        metadata = json.loads(view["private_metadata"])
        kind = registry.kind_of(metadata["kind"])
        try:
            row = save_form(runtime, view, metadata, acting(runtime, body, "administer"))
        except Refused as refusal:
            ack(response_action="errors", errors=views.errors(kind, refusal))
            return
        ack()
        note = ""
        if "provider" not in metadata:
            link = code(runtime.links.callback(row.id))
            note = f"✓ *{escape(row.name)}* is there. Test it. For replies, its callback link is {link}: see Edit."
        if "list" in metadata:
            _refresh(runtime, client, metadata["list"], note=note)
        else:
            client.chat_postMessage(channel=body["user"]["id"], text=note)

    @app.action(views.TEST)
    def test(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person = acting(runtime, body, "administer")
        with runtime.db.read() as session:
            row = registry.get(session, int(action["value"]))
            own = session.get_one(TeamMember, person.user_id).phone or ""
        metadata = json.dumps({"list": body["view"]["id"], "provider": row.id})
        modals.show(client, body, views.test_form(row.name, own, metadata))

    @app.view(views.SEND)
    def send(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        metadata = json.loads(view["private_metadata"])
        typed = ui.values(view["state"]["values"])
        person = acting(runtime, body, "administer")
        try:
            if not str(typed.get(views.TEXT) or "").strip():
                raise Refused("Write a text.", field="text")
            with runtime.db.write() as session:
                name = registry.get(session, metadata["provider"]).name
                number = phone.parse(typed.get(views.PHONE) or "", settings.get(session, "region.default"))
                session.get_one(TeamMember, person.user_id).phone = number
        except Refused as refusal:
            at = views.TEXT if refusal.field == "text" else views.PHONE
            ack(response_action="errors", errors={at: str(refusal)})
            return
        waiting, mark = later.meanwhile(views.test_under_way(name))
        ack(response_action="update", view=waiting)
        try:
            registry.send_test(runtime, metadata["provider"], number, typed[views.TEXT].strip())
            said, sent = f"'{name}' took the text for {phone.pretty(number)}. It should be there in a moment.", True
        except Refused as refusal:
            said, sent = str(refusal), False
        _refresh(runtime, client, metadata["list"])
        later.replace(client, mark, views.test_result(said, sent=sent))

    @app.action(views.DEFAULT)
    @app.action(views.ENABLE)
    @app.action(views.DISABLE)
    @app.action(views.DELETE)
    def change(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        acting(runtime, body, "administer")
        provider_id, what = int(action["value"]), action["action_id"]
        with runtime.db.write() as session:
            if what == views.DEFAULT:
                registry.make_default(session, provider_id)
            elif what == views.DELETE:
                registry.delete(session, provider_id)
            else:
                registry.enable(session, provider_id, what == views.ENABLE)
        first = json.loads(body["view"]["private_metadata"]).get("first", 0)
        _refresh(runtime, client, body["view"]["id"], first)

    @app.action(re.compile(rf"^{re.escape(views.TURN)}:"))
    def turn(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        acting(runtime, body, "administer")
        _refresh(runtime, client, body["view"]["id"], int(action["value"]))


def save_form(runtime: Runtime, view: dict[str, Any], metadata: dict[str, Any], person: Person) -> Provider:
    """Add or change a provider out of what was typed. Raises `Refused`: see `views.errors`."""
    typed = ui.values(view["state"]["values"])
    kind = registry.kind_of(metadata["kind"])
    values = {each.key: str(typed.get(views.PREFIX + each.key) or "") for each in kind.fields}
    secrets = {each.key for each in kind.fields if each.secret}
    given: dict[str, Any] = {
        "name": typed.get(views.NAME) or "",
        "config": {key: value for key, value in values.items() if key not in secrets},
        "secret": {key: value for key, value in values.items() if key in secrets},
        "rate": _number(typed.get(views.RATE) or ""),
        "guarded": True,
    }
    with runtime.db.write() as session:
        if "provider" in metadata:
            return registry.edit(session, runtime.vault, metadata["provider"], **given)
        return registry.add(
            session,
            runtime.vault,
            kind=metadata["kind"],
            by=person.user_id,
            now=runtime.clock.now(),
            **given,
        )


def _number(text: str) -> float:
    """A rate as it was typed. Raises `Refused`, field "rate"."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise Refused(f"'{text}' is not a number. Write SMS segments a second, such as 10.", field="rate") from None


def _listing(session: Session, first: int = 0, note: str = "") -> dict[str, Any]:
    """The list as it is now."""
    lines = [_line(session, row) for row in registry.listing(session)]
    return views.listing(paging.page_of(lines, first), note=note)


def _line(session: Session, row: Provider) -> views.Line:
    kind = registry.kind_of(row.kind)
    return views.Line(
        row.id,
        row.name,
        kind.title,
        row.is_default,
        row.enabled,
        row.rate,
        kind.capabilities(row.config).look_up,
        row.last_success_at,
        row.last_failure_at,
        words(row.last_failure or ""),
        rows.in_use(session, row.id),
    )


def _refresh(runtime: Runtime, client: WebClient, view_id: str, first: int = 0, *, note: str = "") -> None:
    """Show the list anew, where it is still open."""
    with runtime.db.read() as session:
        view = _listing(session, first, note)
    modals.refresh(client, view_id, view)
