"""One customer's profile: who they are, and a page of what they have, did, got and said."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from slack_sdk.models.blocks import Block

from commands.customers.views import CONSENT, EDIT, PROFILE, Reader, number_of
from commands.ui import blocks as ui
from commands.ui.text import clip, code, escape, when
from distribution import reasons
from distribution.customers import clean, phone
from distribution.customers.consent import WORDS
from distribution.customers.profile import Membership, Profile
from storage.codes import CodeLine
from storage.customers import MessageLine
from storage.planned_counts import PlannedLine
from storage.tables import ConsentChange, Customer, Event, MessageState, PlannedState, Reply

TAB = "customers.tab"
EXPORT = "customers.export"
ERASE = "customers.erase"

# A section holds 3,000 characters, and a line at most so many of them.
SECTION, LINE = 2_900, 500

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
    "active": "active",
    "blocked": "blocked, not sent yet",
    "issued": "not redeemed",
    "redeemed": "redeemed",
    "revoked": "revoked",
    "expired": "expired",
}


class Tab(NamedTuple):
    """One tab: its name, how a line reads, and what stands where there is none."""

    label: str
    line: Callable[[Any, Reader], str]
    none: str


def profile(known: Profile, reader: Reader, notice: str = "") -> dict[str, Any]:
    """A page of a profile. `notice`: what was just done, in a line."""
    customer, tab = known.customer, TABS[known.tab]
    blocks: list[Block] = [ui.header("Erased customer" if customer.erased_at else customer.name or "No name")]
    if notice:
        blocks.append(ui.context(escape(notice)))
    blocks.append(ui.actions(*(_tab_button(customer, name, known.tab) for name in TABS), block_id="customers.tabs"))
    if known.tab == "about":
        blocks += _about(customer, reader)
    lines = [clip(tab.line(line, reader), LINE) for line in known.lines]
    title = "*Segments*" if known.tab == "about" else f"*{tab.label}*"
    none = "Nothing on this page." if known.page else tab.none
    blocks += [ui.section(text) for text in _sections(title, lines or [none])]
    turning = []
    if known.page:
        turning.append(ui.button("Back", f"{TAB}:back", _place(customer, known.tab, known.page - 1)))
    if known.more:
        turning.append(ui.button("More", f"{TAB}:more", _place(customer, known.tab, known.page + 1)))
    if turning:
        blocks.append(ui.actions(*turning, block_id="customers.pages"))
    metadata = json.dumps({"customer": customer.id, "tab": known.tab, "page": known.page})
    return ui.modal("Customer", blocks, callback_id=PROFILE, close="Close", metadata=metadata)


def exported(customer: Customer) -> dict[str, Any]:
    """After an export: where the file is."""
    text = f"Everything about *{escape(customer.name) or 'this customer'}* is in a file, in your direct messages."
    return ui.modal("Export", [ui.section(text)], callback_id="customers.exported", close="Done")


def _tab_button(customer: Customer, name: str, current: str) -> Any:
    """The way to a tab; the one that is open stands out."""
    style = "primary" if name == current else None
    return ui.button(TABS[name].label, f"{TAB}:{name}", _place(customer, name, 0), style=style)


def _place(customer: Customer, tab: str, page: int) -> str:
    """A page of a customer's profile, as a button's value."""
    return f"{customer.id}/{tab}/{page}"


def read_place(value: str) -> tuple[int, str, int]:
    """A button's value: the customer's id, the tab, the page."""
    customer_id, tab, page = value.split("/")
    return int(customer_id), tab, int(page)


def _about(customer: Customer, reader: Reader) -> list[Block]:
    """Who they are, whether they can be texted, and what can be done."""
    if customer.erased_at:
        text = f"Everything personal was erased {reader.when(customer.erased_at)}. What they were sent stays counted."
        return [ui.section(text)]
    blocks: list[Block] = [ui.section("", fields=_facts(customer, reader)), ui.section(_can_be_texted(customer))]
    buttons = [ui.button("Export", EXPORT, customer.id)]
    if reader.may_edit:
        buttons = [ui.button("Edit…", EDIT, customer.id), _consent_button(customer), *buttons]
    if reader.may_erase:
        buttons.append(ui.button("Erase…", ERASE, customer.id, style="danger"))
    return [*blocks, ui.actions(*buttons, block_id="customers.do")]


def _facts(customer: Customer, reader: Reader) -> list[str]:
    """The profile's plain fields."""
    country = phone.country_name(customer.region) if customer.region else "not known"
    facts = {
        "Phone number": number_of(customer) or "none",
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


def _sections(title: str, lines: Sequence[str]) -> list[str]:
    """Lines under a title, in as many sections as they need."""
    sections = [title]
    for line in lines:
        if len(sections[-1]) + 1 + len(line) > SECTION:
            sections.append(line)
        else:
            sections[-1] += f"\n{line}"
    return sections


def _membership(line: Membership, _reader: Reader) -> str:
    """A segment, and why they are in it."""
    return f"*{escape(line.segment.name)}* · {escape(line.why)}"


def _attribute(line: tuple[str, Any], _reader: Reader) -> str:
    """An attribute and its value."""
    return f"{code(line[0])}: *{escape(clip(clean.shown(line[1]), 300))}*"


def _code(line: CodeLine, reader: Reader) -> str:
    """A promo code: what, from where, how, when, and what became of it."""
    state = line.standing(reader.now)
    became = CODE_STATES[state]
    if line.redeemed_at:
        became = f"redeemed {reader.when(line.redeemed_at)}" + (
            f", {became}" if state in ("revoked", "expired") else ""
        )
    issued = f"{line.issue} {reader.when(line.at)}" if line.at else line.issue
    facts = [escape(line.group), issued, escape(line.distribution or ("by hand" if line.at else "")), became]
    return f"{code(line.code)} · " + " · ".join(fact for fact in facts if fact)


def _message(line: MessageLine | PlannedLine, reader: Reader) -> str:
    """A message: from which distribution, and what became of it; or a planned one, and when it goes, or why not."""
    if isinstance(line, PlannedLine):
        return _planned(line, reader)
    state = STATES[line.state] + (f" ({escape(reasons.words(line.reason))})" if line.reason else "")
    at = line.delivered_at or line.settled_at
    return f"*{escape(line.subject or 'Without a subject')}* · {state}" + (f" · {reader.when(at)}" if at else "")


def _planned(line: PlannedLine, reader: Reader) -> str:
    """A text that is planned for them, or was and is not sent."""
    what = f"*{escape(line.subject or 'Without a subject')}*" + (f" · reminder {line.step}" if line.step else "")
    if line.state == PlannedState.DROPPED:
        at = f" · {reader.when(line.settled_at)}" if line.settled_at else ""
        return f"{what} · not sent: {escape(reasons.dropped(line.reason or 'stopped'))}{at}"
    if line.status == "paused":
        return f"{what} · planned, held while it is paused"
    if line.state == PlannedState.DRY:
        return f"{what} · waits for codes since {reader.when(line.due_at)}"
    if line.state == PlannedState.LATE:
        return f"{what} · late since {reader.when(line.due_at)}, waits for a word"
    # A reminder's time is counted anew when its first text is known to be sent.
    return f"{what} · planned for {'about ' if line.step else ''}{reader.when(line.due_at)}"


def _event(line: Event, reader: Reader) -> str:
    """An event and its properties."""
    properties = ", ".join(f"{name} {clean.shown(value)}" for name, value in line.properties.items())
    told = f" · {escape(clip(properties, 300))}" if properties else ""
    return f"{reader.when(line.at)} · {code(line.name)}{told}"


def _reply(line: Reply, reader: Reader) -> str:
    """A text that they sent, and what it was taken for."""
    meaning = {"stop": " · opted out", "start": " · agreed again", "help": " · asked for help"}.get(line.meaning, "")
    return f"{reader.when(line.received_at)} · {escape(clip(line.body, 300)) or 'erased'}{meaning}"


def _consent(change: ConsentChange, reader: Reader) -> str:
    """A change of consent, and on whose word."""
    return f"{when(change.at, reader.time_zone, now=reader.now)} · {WORDS[change.consent]} · {escape(change.source)}"


TABS: dict[str, Tab] = {
    "about": Tab("About", _membership, "In none."),
    "attributes": Tab("Attributes", _attribute, "None."),
    "codes": Tab("Promo codes", _code, "None."),
    "messages": Tab("Messages", _message, "None."),
    "events": Tab("Events", _event, "None."),
    "replies": Tab("Replies", _reply, "None."),
    "consent": Tab("Consent", _consent, "Nobody has asked, or said."),
}
