"""Providers: the list, the choice of a kind, the form, and the test text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block, InputInteractiveElement, PlainTextInputElement, StaticSelectElement

from commands.ui import blocks as ui
from commands.ui import paging
from commands.ui.text import code, escape, moment
from distribution.errors import Refused
from distribution.providers.port import Field, ProviderKind

LIST, SAVE, SEND = "providers.list", "providers.save", "providers.send_test"
ADD, CHOOSE, EDIT, TEST = "providers.add", "providers.choose", "providers.edit", "providers.test"
DEFAULT, ENABLE, DISABLE, DELETE = "providers.default", "providers.enable", "providers.disable", "providers.delete"
TURN, LINE = "providers.page", "providers.line"

PREFIX = "providers.form:"
NAME, RATE, PHONE, TEXT = PREFIX + "name", PREFIX + "rate", "providers.test:phone", "providers.test:text"
TEST_TEXT = "A test from promobot."
LOCAL = ("http://localhost", "https://localhost", "http://127.")


@dataclass(frozen=True)
class Line:
    """A provider in the list."""

    id: int
    name: str
    kind: str  # its title
    default: bool
    enabled: bool
    rate: float
    can_be_asked: bool
    success_at: datetime | None = None
    failure_at: datetime | None = None
    failure: str = ""  # in words
    needed_by: str | None = None  # a distribution that is sent through it


@dataclass(frozen=True)
class Filled:
    """What a form shows: what is typed, never a secret. `link`: where the provider may call us, once there is one."""

    name: str = ""
    rate: float = 10.0
    config: Mapping[str, Any] = field(default_factory=dict)
    link: str = ""


def listing(page: paging.Page[Line], *, note: str = "") -> dict[str, Any]:
    """Every provider, a page at a time. `note`: mrkdwn, above all."""
    blocks: list[Block] = [ui.section(note)] if note else []
    blocks.append(ui.actions(ui.button("Add a provider…", ADD, style="primary")))
    if not page.items:
        blocks.append(
            ui.section("There is no provider yet: nothing can be sent. A provider is what texts leave through.")
        )
    for line in page.items:
        blocks += _line(line)
    return ui.modal(
        "Providers",
        [*blocks, *paging.turner(page, TURN)],
        callback_id=LIST,
        close="Close",
        metadata=json.dumps({"first": page.first}),
    )


def _line(line: Line) -> list[Block]:
    """One provider: what it is, how it goes, and what can be done with it."""
    state = " · *default*" if line.default else "" if line.enabled else " · disabled"
    waits = f"\n⚠ “{escape(line.needed_by)}” waits until it is enabled" if line.needed_by and not line.enabled else ""
    facts = [f"{line.rate:g} SMS segments a second"]
    if line.success_at:
        facts.append(f"last text taken {moment(line.success_at)}")
    if line.failure_at:
        facts.append(f"last failure {moment(line.failure_at)}: {escape(line.failure)}")
    if not line.can_be_asked:
        facts.append("cannot be asked about texts: a person decides about unknown ones")
    buttons = [ui.button("Edit…", EDIT, line.id)]
    if line.enabled:
        buttons.insert(0, ui.button("Test…", TEST, line.id))
        if not line.default:
            buttons.append(ui.button("Make default", DEFAULT, line.id))
        buttons.append(ui.button("Disable", DISABLE, line.id, confirm=_disabling(line)))
    else:
        buttons.append(ui.button("Enable", ENABLE, line.id))
    buttons.append(ui.button("Delete…", DELETE, line.id, confirm=_deleting(line)))
    return [
        ui.section(f"*{escape(line.name)}* · {escape(line.kind)}{state}{waits}"),
        ui.context(" · ".join(facts)),
        ui.actions(*buttons, block_id=f"{LINE}:{line.id}"),
    ]


def _disabling(line: Line) -> Any:
    waits = (
        f"“{line.needed_by}” would wait until it is enabled again." if line.needed_by else "Nothing is sent through it."
    )
    return ui.confirm(f"Disable “{line.name}”?", waits, "Disable")


def _deleting(line: Line) -> Any:
    text = "Its secret is forgotten. Reports keep their numbers; what it still calls us about is no longer believed."
    return ui.confirm(f"Delete “{line.name}”?", text, "Delete", danger=True)


def kinds(found: Sequence[tuple[str, ProviderKind]], metadata: str) -> dict[str, Any]:
    """What kind of provider to add."""
    blocks = [
        ui.section(
            f"*{kind.title}*\n{kind.about}",
            accessory=ui.button("Choose", f"{CHOOSE}:{key}", key),
            block_id=f"kind:{key}",
        )
        for key, kind in found
    ]
    return ui.modal("Add a provider", blocks, callback_id="providers.kinds", close="Back", metadata=metadata)


def form(kind: ProviderKind, filled: Filled, metadata: str, *, new: bool) -> dict[str, Any]:
    """The form of a kind. A secret is never filled in: left empty, the one that is there stays."""
    blocks: list[Block] = [
        ui.field(
            "Name",
            NAME,
            PlainTextInputElement(
                action_id="name", initial_value=filled.name or None, max_length=60, placeholder=f"{kind.title} main"
            ),
            hint="What people choose in the wizard.",
        )
    ]
    blocks += [_input(each, filled, new=new) for each in kind.fields]
    blocks.append(
        ui.field(
            "SMS segments a second",
            RATE,
            PlainTextInputElement(action_id="rate", initial_value=f"{filled.rate:g}"),
            hint="Over all distributions: what your sender may send. A long text has several segments.",
        )
    )
    if filled.link:
        blocks += link_blocks(kind, filled.link)
    return ui.modal(
        f"{'New' if new else 'Edit'} {kind.title}"[: ui.TITLE],
        blocks,
        callback_id=SAVE,
        submit="Add" if new else "Save",
        close="Back",
        metadata=metadata,
    )


def link_blocks(kind: ProviderKind, link: str) -> list[Block]:
    """Where the provider may call us, and what to do with that."""
    blocks: list[Block] = [
        ui.section(f"*Callback link*, for customers' replies\n{code(link)}"),
        ui.context(kind.replies),
    ]
    if link.startswith(LOCAL):
        blocks.append(ui.context("⚠ Nobody outside reaches this address. Set PUBLIC_URL where promobot runs."))
    return blocks


def _input(each: Field, filled: Filled, *, new: bool) -> Block:
    """The input of one of a kind's fields."""
    hint, optional = each.hint, each.optional
    if each.secret:
        hint = f"{hint}. Stored encrypted, never shown." if new else "Stored, and not shown. Leave empty to keep it."
        optional = not new
    element: InputInteractiveElement
    value = str(filled.config.get(each.key) or "") if not each.secret else ""
    if each.choices:
        options = [ui.option(label, key) for key, label in each.choices]
        chosen = next((option for option in options if option.value == value), options[0])
        element = StaticSelectElement(action_id="choice", options=options, initial_option=chosen)
    else:
        element = PlainTextInputElement(
            action_id="text", initial_value=value or None, placeholder=each.example or None, max_length=1000
        )
    return ui.field(each.label, PREFIX + each.key, element, hint=hint or None, optional=optional)


def errors(kind: ProviderKind, refusal: Refused) -> dict[str, str]:
    """A refusal at the input that it belongs to."""
    known = {"name", "rate", *(each.key for each in kind.fields)}
    return {PREFIX + refusal.field if refusal.field in known else NAME: str(refusal)}


def test_form(name: str, phone: str, metadata: str) -> dict[str, Any]:
    """What text to send where, to see whether a provider works."""
    return ui.modal(
        "Send a test",
        [
            ui.section(f"One text through *{escape(name)}*, outside of any distribution. No promo code is used."),
            ui.field(
                "Your number",
                PHONE,
                PlainTextInputElement(action_id="phone", initial_value=phone or None, placeholder="+48 501 234 218"),
                hint="Kept as your own for the next test.",
            ),
            ui.field("Text", TEXT, PlainTextInputElement(action_id="text", initial_value=TEST_TEXT, max_length=1600)),
        ],
        callback_id=SEND,
        submit="Send",
        close="Back",
        metadata=metadata,
    )


def test_under_way(name: str) -> dict[str, Any]:
    """While the provider has not answered."""
    return _said(f"Sending through *{escape(name)}*. It may take as long as half a minute to answer.")


def test_result(outcome: str, *, sent: bool) -> dict[str, Any]:
    """What came of it."""
    return _said(f"{'✓' if sent else '⚠'} {escape(outcome)}")


def _said(text: str) -> dict[str, Any]:
    return ui.modal("Send a test", [ui.section(text)], callback_id="providers.test_result", close="Back")
