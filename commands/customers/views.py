"""Customers as modals: the list with its search, and one customer's profile."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block, ExternalDataSelectElement, Option

from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import clip, code, escape, number, when
from distribution import reasons
from distribution.customers import clean, phone
from distribution.customers.consent import WORDS
from distribution.customers.profile import Profile
from storage.codes import CodeLine
from storage.customers import MessageLine
from storage.tables import CodeState, ConsentChange, Customer, MessageState

LIST = "customers.list"
PROFILE = "customers.profile"
OPTIONS = "customers.options"
OPEN = "customers.open"
ADD = "customers.add"
EDIT = "customers.edit"
IMPORT = "customers.import"
CONSENT = "customers.consent"

FOUND = 20  # results shown; a search for more than this wants another word
CODES_SHOWN = 15
CONSENTS_SHOWN = 10

STATES = {
    MessageState.QUEUED: "waits to be sent",
    MessageState.EXCLUDED: "left out",
    MessageState.ACCEPTED: "sent",
    MessageState.DELIVERED: "delivered",
    MessageState.UNDELIVERED: "not delivered",
    MessageState.REJECTED: "refused",
    MessageState.UNKNOWN: "sent or not: unknown",
    MessageState.CANCELLED: "stopped",
}

CODE_STATES = {
    CodeState.BLOCKED: "blocked, not sent yet",
    CodeState.ISSUED: "issued",
    CodeState.REVOKED: "revoked",
    CodeState.EXPIRED: "expired",
}


@dataclass(frozen=True)
class Reader:
    """Who looks: the zone that times are shown in, what time it is, and whether they may change anything."""

    time_zone: str
    now: datetime
    may_edit: bool

    def when(self, at: datetime | None) -> str:
        """A moment in their zone; "not yet" for none."""
        return when(at, self.time_zone, now=self.now) if at else "not yet"


def customer_option(customer: Customer) -> Option:
    """A customer as a choice: name, and number."""
    label = customer.name or _number(customer) or f"Customer {customer.id}"
    return ui.option(label, customer.id, _number(customer) if customer.name else customer.source_id)


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


def profile(known: Profile, reader: Reader) -> dict[str, Any]:
    """Everything about one customer."""
    customer = known.customer
    blocks: list[Block] = [
        ui.header(customer.name or "No name"),
        ui.section("", fields=_facts(customer, reader)),
        ui.section(_can_be_texted(customer)),
    ]
    if reader.may_edit:
        blocks.append(ui.actions(ui.button("Edit…", EDIT, customer.id), _consent_button(customer)))
    if customer.attributes:
        lines = [f"{code(name)}: *{escape(clean.shown(value))}*" for name, value in sorted(customer.attributes.items())]
        blocks.append(ui.section("*Attributes*\n" + "\n".join(lines)))
    names = ", ".join(escape(segment.name) for segment in known.segments)
    blocks.append(ui.section(f"*Segments*\n{names or 'In none.'}"))
    blocks.append(
        ui.section(_several("Promo codes", [_code(line, reader) for line in known.codes], CODES_SHOWN, "None."))
    )
    messages = [_message(line, reader) for line in known.messages]
    blocks.append(ui.section(_several("Messages", messages, len(messages), "None.")))
    consents = [_consent(change, reader) for change in known.consents]
    blocks.append(ui.section(_several("Consent", consents, CONSENTS_SHOWN, "Nobody has asked, or said.")))
    metadata = json.dumps({"customer": customer.id})
    return ui.modal("Customer", blocks, callback_id=PROFILE, close="Close", metadata=metadata)


def _ways_to_add(reader: Reader) -> list[Any]:
    """Buttons for those who may."""
    if not reader.may_edit:
        return []
    return [ui.button("Add customer…", ADD, style="primary"), ui.button("Import a file…", IMPORT)]


def _line(customer: Customer) -> Block:
    """One result."""
    name = escape(clip(customer.name, 100)) or "No name"
    facts = [_number(customer) or "no number", escape(customer.source_id or ""), WORDS[customer.consent]]
    text = f"*{name}*\n{' · '.join(fact for fact in facts if fact)}"
    return ui.section(text, accessory=ui.button("Open", OPEN, customer.id), block_id=f"customers.result:{customer.id}")


def _facts(customer: Customer, reader: Reader) -> list[str]:
    """The profile's plain fields."""
    country = phone.country_name(customer.region) if customer.region else "not known"
    facts = {
        "Phone number": _number(customer) or "none",
        "Source id": escape(customer.source_id or "none"),
        "Country": escape(country),
        "Time zone": escape(customer.time_zone or "not known"),
        "Locale": escape(customer.locale or "not known"),
        "Added": reader.when(customer.created_at),
    }
    return [f"*{label}*\n{value}" for label, value in facts.items()]


def _can_be_texted(customer: Customer) -> str:
    """Whether, and if not, why."""
    if customer.phone is None:
        return "Cannot be texted: no phone number."
    return {
        "given": "Can be texted.",
        "opted_out": "Cannot be texted: opted out.",
        "unknown": "Cannot be texted: nobody has recorded that they agreed.",
    }[customer.consent]


def _consent_button(customer: Customer) -> Any:
    """The way to the other consent."""
    if customer.consent == "given":
        return ui.button("Opt out…", f"{CONSENT}:opted_out", customer.id)
    return ui.button("Record consent…", f"{CONSENT}:given", customer.id)


def _several(title: str, lines: Sequence[str], most: int, none: str) -> str:
    """A titled list that says how much of it is not shown."""
    shown, length = [f"*{title}*"], 0
    for line in lines[:most]:
        length += len(line) + 1
        if length > 2_800:  # a section holds 3,000 characters
            break
        shown.append(line)
    left = len(lines) - (len(shown) - 1)
    if left > 0:
        shown.append(f"and {number(left)} earlier")
    return "\n".join(shown if lines else [*shown, none])


def _code(line: CodeLine, reader: Reader) -> str:
    """One promo code: what, from where, how, when, and what became of it."""
    redeemed = f"redeemed {reader.when(line.redeemed_at)}" if line.redeemed_at else "not redeemed"
    state = CODE_STATES.get(line.state, "")
    became = f"{state}, {redeemed}" if line.state == CodeState.ISSUED else state
    facts = [escape(line.group), line.issue, escape(line.distribution or ""), reader.when(line.at), became]
    return f"{code(line.code)} · " + " · ".join(fact for fact in facts if fact)


def _message(line: MessageLine, reader: Reader) -> str:
    """One message: from which distribution, and what became of it."""
    state = STATES[line.state] + (f" ({escape(reasons.words(line.reason))})" if line.reason else "")
    at = f" · {reader.when(line.settled_at)}" if line.settled_at else ""
    return f"{escape(line.subject or 'Without a subject')} · {state}{at}"


def _consent(change: ConsentChange, reader: Reader) -> str:
    """One change of consent, and on whose word."""
    return f"{reader.when(change.at)} · {WORDS[change.consent]} · {escape(change.source)}"


def _number(customer: Customer) -> str | None:
    """The whole number, as its country writes it: modals only."""
    return phone.pretty(customer.phone) if customer.phone else None
