"""Customers as a modal: the list with its search; and what every view of customers shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block, ExternalDataSelectElement, Option

from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import clip, escape, when
from distribution.customers import phone
from distribution.customers.consent import WORDS
from storage.tables import Customer

LIST = "customers.list"
PROFILE = "customers.profile"
OPTIONS = "customers.options"
OPEN = "customers.open"
ADD = "customers.add"
EDIT = "customers.edit"
IMPORT = "customers.import"
IMPORT_EVENTS = "events.import"
CONSENT = "customers.consent"

FOUND = 20  # results shown; a search for more than this wants another word


@dataclass(frozen=True)
class Reader:
    """Who looks: the zone that times are shown in, what time it is, and what they may do."""

    time_zone: str
    now: datetime
    may_edit: bool
    may_erase: bool = False

    def when(self, at: datetime | None) -> str:
        """A moment in their zone; "not yet" for none."""
        return when(at, self.time_zone, now=self.now) if at else "not yet"


def customer_option(customer: Customer) -> Option:
    """A customer as a choice: name, and number."""
    label = customer.name or number_of(customer) or f"Customer {customer.id}"
    return ui.option(label, customer.id, number_of(customer) if customer.name else customer.source_id)


def customer_select(
    action_id: str = OPTIONS, chosen: Customer | None = None, placeholder: str = "Type a name or number"
) -> ExternalDataSelectElement:
    """A select that finds customers as a person types. Any action id that begins with `OPTIONS` and ":" is answered."""
    initial = customer_option(chosen) if chosen else None
    return choose.search(action_id, initial=initial, placeholder=placeholder, shortest=1)


def listing(
    found: Sequence[Customer], words: str, *, total: str, recent: Sequence[Customer] = (), reader: Reader
) -> dict[str, Any]:
    """The search, its results for `words`, and the ways to add. `total`: how many there are, in words."""
    blocks: list[Block] = [
        ui.actions(customer_select(), *_ways_to_add(reader), block_id="customers.find"),
        ui.context(f"{total}. A name, a number or a source id is found by how it begins."),
    ]
    if words:
        shown = found[:FOUND]
        more = " More match: type more of it." if len(found) > FOUND else ""
        noun = "result" if len(shown) == 1 else "results"
        head = f"*{len(shown)} {noun} for “{escape(clip(words, 60))}”*.{more}"
        blocks.append(
            ui.section(head if found else f"Nobody is called “{escape(clip(words, 60))}” or has that number.")
        )
        blocks += [_line(customer) for customer in shown]
    elif recent:
        blocks.append(ui.section("*Added last*"))
        blocks += [_line(customer) for customer in recent]
    return ui.modal("Customers", blocks, callback_id=LIST, close="Close")


def _ways_to_add(reader: Reader) -> list[Any]:
    """Buttons for those who may."""
    if not reader.may_edit:
        return []
    return [
        ui.button("Add customer…", ADD, style="primary"),
        ui.button("Import a file…", IMPORT),
        ui.button("Import events…", IMPORT_EVENTS),
    ]


def _line(customer: Customer) -> Block:
    """One result."""
    name = escape(clip(customer.name, 100)) or "No name"
    facts = [number_of(customer) or "no number", escape(customer.source_id or ""), WORDS[customer.consent]]
    text = f"*{name}*\n{' · '.join(fact for fact in facts if fact)}"
    return ui.section(text, accessory=ui.button("Open", OPEN, customer.id), block_id=f"customers.result:{customer.id}")


def number_of(customer: Customer) -> str | None:
    """The whole number, as its country writes it: modals only."""
    return phone.pretty(customer.phone) if customer.phone else None
