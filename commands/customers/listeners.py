"""Customers in Slack: found, opened, added, edited, and their consent recorded."""

import json
import re
from collections.abc import Mapping
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from commands import modals, uploads
from commands.customers import forms, profile_views, views
from commands.people import Person, acting, recognise
from commands.ui import blocks as ui
from commands.ui.text import count as words_for
from commands.verbs import Ask
from distribution import settings
from distribution.customers import consent, erasing, personal_data, profile
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.segments import counting
from distribution.segments.rules import parse
from storage import customers
from storage.tables import Customer

RECENT = 5


def run(ask: Ask) -> None:
    """`/promo customers [name, number or source id]`: the profile where one matches, else the list."""
    reader = _reader(ask.runtime, ask.person)
    with ask.runtime.db.read() as session:
        found = profile.find(session, ask.words, views.FOUND + 1) if ask.words else []
        if len(found) == 1:
            view = profile_views.profile(profile.profile(session, found[0].id, reader.now), reader)
        else:
            view = _listing(session, found, ask.words, reader)
    ask.client.views_open(trigger_id=ask.trigger_id, view=view)


def register(app: App, runtime: Runtime) -> None:
    """Everything but the import."""

    @app.options(re.compile(rf"^{re.escape(views.OPTIONS)}(:.*)?$"))
    def options(ack: Ack, payload: dict[str, Any]) -> None:
        with runtime.db.read() as session:
            found = profile.find(session, payload.get("value") or "", 100)
        ack(options=[views.customer_option(customer).to_dict() for customer in found])

    @app.action(views.OPTIONS)
    @app.action(views.OPEN)
    def show(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        chosen = action.get("selected_option") or action
        modals.show(client, body, _profile(runtime, client, body, int(chosen["value"])))

    @app.action(re.compile(rf"^{re.escape(profile_views.TAB)}:"))
    def turn(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        customer_id, tab, page = profile_views.read_place(action["value"])
        shown = _profile(runtime, client, body, customer_id, tab=tab, page=page)
        modals.redraw(client, body, shown)

    @app.action(profile_views.EXPORT)
    def export(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        with runtime.db.read() as session:
            recognise(session, body["user"]["id"])
            customer = profile.get(session, int(action["value"]))
            known = personal_data.export(session, customer.id, runtime.clock.now())
        modals.show(client, body, profile_views.exported(customer))  # first: the trigger lives three seconds
        uploads.send(
            client,
            [json.dumps(known, ensure_ascii=False, indent=2)],
            name=f"customer-{customer.id}.json",
            title="Everything that is known about a customer",
            channel=client.conversations_open(users=body["user"]["id"])["channel"]["id"],
        )

    @app.action(profile_views.ERASE)
    def ask_erasing(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        acting(runtime, body, "administer")
        with runtime.db.read() as session:
            customer = erasing.not_erased(profile.get(session, int(action["value"])))
        modals.show(client, body, forms.erase_form(customer, metadata=_below(body, customer.id)))

    @app.view(forms.ERASE)
    def erase(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        person, metadata = acting(runtime, body, "administer"), json.loads(view["private_metadata"])
        try:
            with runtime.db.write() as session:
                by = consent.by_person(person.name, person.user_id, "")
                erasing.erase(session, metadata["customer"], by, runtime.clock.now())
        except Refused as refusal:
            ack(response_action="errors", errors={f"{forms.PREFIX}sure": str(refusal)})
            return
        _done(ack, runtime, client, body, metadata, metadata["customer"])

    @app.action(views.ADD)
    def add(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        acting(runtime, body, "edit")
        with runtime.db.read() as session:
            form = forms.details_form(
                customers.attributes(session), default_region=settings.get(session, "region.default"), metadata={}
            )
        modals.show(client, body, form)

    @app.action(views.EDIT)
    def edit(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        acting(runtime, body, "edit")
        with runtime.db.read() as session:
            form = forms.details_form(
                customers.attributes(session),
                profile.get(session, int(action["value"])),
                default_region=settings.get(session, "region.default"),
                metadata=_below(body, int(action["value"])),
            )
        modals.show(client, body, form)

    @app.view(forms.SAVE)
    def save(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        person, metadata = acting(runtime, body, "edit"), json.loads(view["private_metadata"])
        values = ui.values(view["state"]["values"])
        try:
            customer_id = _save(runtime, values, metadata.get("customer"), person)
        except Refused as refusal:
            ack(response_action="errors", errors=forms.errors(refusal, values))
            return
        _done(ack, runtime, client, body, metadata, customer_id)

    @app.action(f"{views.CONSENT}:given")
    @app.action(f"{views.CONSENT}:opted_out")
    def ask_statement(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        acting(runtime, body, "edit")
        wanted = action["action_id"].rpartition(":")[2]
        with runtime.db.read() as session:
            customer = profile.get(session, int(action["value"]))
            last = next(iter(customers.history(session, customer.id, 1)), None)
        metadata = _below(body, customer.id) | {"consent": wanted}
        modals.show(client, body, forms.statement_form(customer, wanted, last, metadata=metadata))

    @app.view(forms.STATE)
    def state(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        person, metadata = acting(runtime, body, "edit"), json.loads(view["private_metadata"])
        statement = ui.values(view["state"]["values"])[f"{forms.PREFIX}statement"] or ""
        source = consent.by_person(person.name, person.user_id, statement.strip())
        with runtime.db.write() as session:
            consent.change(session, metadata["customer"], metadata["consent"], source, runtime.clock.now())
        _done(ack, runtime, client, body, metadata, metadata["customer"])


def _save(runtime: Runtime, values: Mapping[str, Any], customer_id: int | None, person: Person) -> int:
    """Add or edit a customer as typed; returns their id. Raises `Refused`."""
    details, agreed, statement = forms.read_details(values)
    now = runtime.clock.now()
    with runtime.db.write() as session:
        if customer_id is not None:
            return profile.edit(session, customer_id, details, now=now).id
        added = profile.add(
            session, details, agreed=agreed, by=person.user_id, by_name=person.name, statement=statement, now=now
        )
        return added.id


def _done(
    ack: Ack,
    runtime: Runtime,
    client: WebClient,
    body: Mapping[str, Any],
    metadata: Mapping[str, Any],
    customer_id: int,
) -> None:
    """After a form: back to the profile below it, which is shown anew; or the profile in the form's place."""
    shown = _profile(runtime, client, body, customer_id)
    if metadata.get("below"):
        ack()
        modals.refresh(client, metadata["below"], shown)
    else:
        ack(response_action="update", view=shown)


def _below(body: Mapping[str, Any], customer_id: int) -> dict[str, Any]:
    """A form's metadata: whom it is about, and the profile that it will lie on (none where it takes its place)."""
    view = body["view"]
    return {"customer": customer_id} | ({} if modals.depth(view) == 3 else {"below": view["id"]})


def _profile(
    runtime: Runtime,
    client: WebClient,
    body: Mapping[str, Any],
    customer_id: int,
    *,
    tab: str = "about",
    page: int = 0,
) -> dict[str, Any]:
    """A page of a customer's profile for who asks. Raises `Refused`."""
    with runtime.db.read() as session:
        reader = _reader(runtime, recognise(session, body["user"]["id"]))
        return profile_views.profile(profile.profile(session, customer_id, reader.now, tab, page), reader)


def _listing(session: Session, found: list[Customer], words: str, reader: views.Reader) -> dict[str, Any]:
    """The list: what was found, or who was added last."""
    everybody = counting.count(session, counting.matching(session, parse({}), reader.now))
    total = f"{everybody} customers" if everybody.more else words_for(everybody.number, "customer")
    recent = session.scalars(
        select(Customer).where(Customer.erased_at.is_(None)).order_by(Customer.id.desc()).limit(RECENT)
    ).all()
    return views.listing(found, words, total=total, recent=recent, reader=reader)


def _reader(runtime: Runtime, person: Person) -> views.Reader:
    """The person who looks."""
    return views.Reader(person.time_zone, runtime.clock.now(), person.may("edit"), person.may("administer"))
