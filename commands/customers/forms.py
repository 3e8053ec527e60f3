"""The forms about one customer: add, edit, and a recorded statement about their consent."""

import json
from collections.abc import Mapping
from typing import Any

from slack_sdk.models.blocks import Block, CheckboxesElement, InputInteractiveElement, PlainTextInputElement

from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import escape
from distribution.customers import clean, phone
from distribution.customers.profile import Details
from distribution.errors import Refused
from storage.tables import ConsentChange, Customer

SAVE = "customers.save"
STATE = "customers.state"
ERASE = "customers.erase.sure"

PREFIX = "customers.form:"
ATTRIBUTES_SHOWN = 40  # a modal holds 100 blocks
UNSET = "-"

TYPE_HINTS = {"number": "A number.", "date": "A date, such as 2026-06-15.", "text": None, "boolean": None}


def details_form(
    attributes: Mapping[str, str],
    customer: Customer | None = None,
    *,
    default_region: str,
    metadata: Mapping[str, Any],
    typed_phone: str = "",
    typed_name: str = "",
) -> dict[str, Any]:
    """The form for a new customer, or filled in with one that is there. `attributes`: name → type."""
    country = phone.country_name(default_region)
    shown_phone = phone.pretty(customer.phone) if customer and customer.phone else typed_phone
    blocks: list[Block] = [
        _text("Name", "name", customer.name if customer else typed_name, limit=200),
        _text("Phone number", "phone", shown_phone, hint=f"With + and the country code; without it, {country}."),
        _text(
            "Source id",
            "source_id",
            customer.source_id if customer else "",
            hint="Their id in the system that they come from.",
            limit=200,
        ),
        _text("Country", "region", customer.region if customer else "", hint="Two letters. Empty: by the number."),
        _text("Time zone", "time_zone", customer.time_zone if customer else "", hint="Empty: by the number."),
        _text("Locale", "locale", customer.locale if customer else "", hint="A language, such as pl or en-GB."),
    ]
    stored = customer.attributes if customer else {}
    blocks += [_attribute(name, kind, stored.get(name)) for name, kind in list(attributes.items())[:ATTRIBUTES_SHOWN]]
    if customer is None:
        agreed = ui.option("They have agreed to texts", "agreed")
        boxes = CheckboxesElement(action_id="customers.agreed", options=[agreed])
        blocks.append(ui.field("Consent", f"{PREFIX}agreed", boxes, optional=True))
        blocks.append(
            _text("How they agreed", "statement", "", hint="Kept with your name: “asked at the till”.", limit=300)
        )
    title = "Edit customer" if customer else "Add customer"
    return ui.modal(title, blocks, callback_id=SAVE, submit="Save", metadata=json.dumps(dict(metadata)))


def read_details(values: Mapping[str, Any]) -> tuple[Details, bool, str]:
    """The form's details, whether they agreed, and the statement. `values`: by block id. Raises `Refused`."""
    typed = {key.removeprefix(PREFIX): value for key, value in values.items() if key.startswith(PREFIX)}
    attributes = {
        key.removeprefix("attribute."): "" if value in (None, UNSET) else str(value)
        for key, value in typed.items()
        if key.startswith("attribute.")
    }
    names = ("name", "phone", "source_id", "region", "locale", "time_zone")
    details = Details(**{name: typed.get(name) or "" for name in names}, attributes=attributes)
    agreed, statement = bool(typed.get("agreed")), clean.text(typed.get("statement") or "", field="statement")
    if agreed and not statement:
        raise Refused("Say how they agreed: it is kept with your name.", field="statement")
    if statement and not agreed:
        raise Refused("Tick that they have agreed, or leave this empty.", field="agreed")
    return details, agreed, statement


def statement_form(
    customer: Customer, consent: str, last: ConsentChange | None, *, metadata: Mapping[str, Any]
) -> dict[str, Any]:
    """The form for a statement that a customer agreed ("given") or wants no texts ("opted_out")."""
    name = escape(customer.name) or "This customer"
    if consent == "given":
        text = f"*{name}* will get texts from now on. Your statement is kept with your name."
        if customer.consent == "opted_out" and last:
            text += f"\nThey opted out before ({escape(last.source)}). Go on only if they asked to be texted again."
        hint, title, submit = "“asked at the till”, “wrote to support, ticket 812”", "Record consent", "They agreed"
    else:
        text = f"*{name}* will get no more texts, from any distribution. Messages on their way may still arrive."
        hint, title, submit = "“asked by phone”; may be empty", "Opt out", "Opt out"
    statement = PlainTextInputElement(action_id="customers.statement", max_length=300, focus_on_load=True)
    label = "How they agreed" if consent == "given" else "How they said so"
    blocks: list[Block] = [
        ui.section(text),
        ui.field(label, f"{PREFIX}statement", statement, hint=hint, optional=consent != "given"),
    ]
    return ui.modal(title, blocks, callback_id=STATE, submit=submit, metadata=json.dumps(dict(metadata)))


def erase_form(customer: Customer, *, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The question before a customer is erased: what goes, what stays, and that it is for good."""
    name = escape(customer.name) or "This customer"
    number = phone.pretty(customer.phone) if customer.phone else "no number"
    sure = ui.option("I know that this cannot be undone", "sure")
    text = (
        f"*{name}*, {number}\n\n"
        "*Goes:* name, number, source id, attributes, events, replies, what is written about their consent, and their "
        "place on static segments. Nothing that waits to be sent reaches them.\n"
        "*Stays, without a name:* their promo codes, and that messages were sent, for the numbers to add up."
    )
    if customer.consent == "opted_out":
        text += "\n*Also stays:* a scrambled mark of the number, so that no later file texts somebody who opted out."
    blocks: list[Block] = [
        ui.section(text),
        ui.field("Erase", f"{PREFIX}sure", CheckboxesElement(action_id="customers.sure", options=[sure])),
        ui.context("Files and messages that promobot posted in Slack stay there until somebody deletes them."),
    ]
    return ui.modal("Erase customer", blocks, callback_id=ERASE, submit="Erase", metadata=json.dumps(dict(metadata)))


def errors(refusal: Refused, values: Mapping[str, Any]) -> dict[str, str]:
    """A refusal at the input that it is about; at the first one where it is about none."""
    block_id = f"{PREFIX}{refusal.field}"
    return {block_id if block_id in values else next(iter(values)): str(refusal)}


def _text(label: str, name: str, value: str | None, *, hint: str | None = None, limit: int = 100) -> Block:
    """A line of text."""
    element = PlainTextInputElement(action_id=f"customers.{name}", initial_value=value or None, max_length=limit)
    return ui.field(label, f"{PREFIX}{name}", element, hint=hint, optional=True)


def _attribute(name: str, kind: str, value: Any) -> Block:
    """An attribute's input: a choice for yes and no, else text."""
    element: InputInteractiveElement
    if kind == "boolean":
        options = [ui.option("not set", UNSET), ui.option("yes", "yes"), ui.option("no", "no")]
        element = choose.select(
            f"customers.attribute:{name}", options, chosen=UNSET if value is None else clean.shown(value)
        )
    else:
        shown = None if value is None else clean.shown(value)
        element = PlainTextInputElement(action_id=f"customers.attribute:{name}", initial_value=shown, max_length=500)
    label = name.replace("_", " ").capitalize()
    return ui.field(label, f"{PREFIX}attribute.{name}", element, hint=TYPE_HINTS[kind], optional=True)
