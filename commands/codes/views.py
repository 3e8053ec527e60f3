"""One promo code in a modal: what it is now, its whole life, and what can be done with it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block, ButtonElement, PlainTextInputElement

from commands.customers.views import OPEN as OPEN_CUSTOMER
from commands.ui import blocks as ui
from commands.ui.text import clip, code, escape, when, who
from distribution.codes.life import Life, Step
from storage.tables import MessageState

OPEN = "codes.open"  # value: the code
FIND = "codes.find"
REDEEM = "codes.redeem"
ROLL_BACK = "codes.roll_back"
REVOKE = "codes.revoke"
REPLACE = "codes.replace"
GIVE = "codes.give"
IMPORT = "codes.import"
ONE = "codes.one"
OPEN_GROUP = "groups.open"

CODE_BLOCK = "codes:code"
LONGEST_TYPED = 100
STEPS_LENGTH = 2_800  # of a section's 3,000 characters
MOST_SECTIONS = 20  # of a modal's 100 blocks

STATES = {
    "active": "Active: nobody has it yet",
    "blocked": "Blocked: held for a message that is not sent yet",
    "issued": "Issued: its customer can use it",
    "redeemed": "Redeemed: it was used",
    "revoked": "Revoked: good for nothing",
    "expired": "Expired: good for nothing any more",
}
MADE = {"paste": "Pasted in", "file": "Taken from a file", "generate": "Made by format", "api": "Sent in over the API"}


@dataclass(frozen=True)
class Reader:
    """Who looks: their time zone, now, and what they may do."""

    time_zone: str
    now: datetime
    may_edit: bool  # redeem, roll back, import
    may_change: bool  # revoke, replace, give

    def when(self, at: datetime | None) -> str:
        """A moment in their zone."""
        return when(at, self.time_zone, now=self.now) if at else ""


def find(reader: Reader, typed: str = "", error: str = "") -> dict[str, Any]:
    """Asks for a code. `error`: why what was `typed` was not found."""
    blocks: list[Block] = [ui.section(escape(error))] if error else []
    blocks.append(
        ui.field(
            "Promo code",
            CODE_BLOCK,
            PlainTextInputElement(
                action_id="codes.typed",
                initial_value=clip(typed, LONGEST_TYPED) or None,
                max_length=LONGEST_TYPED,
                focus_on_load=True,
            ),
            hint="In capital or small letters: the code that is meant is found, and shown as it is written.",
        )
    )
    others: list[ButtonElement] = []
    if reader.may_change:
        others.append(ui.button("Give a code to a customer…", GIVE))
    if reader.may_edit:
        others.append(ui.button("Import redemptions…", IMPORT))
    if others:
        blocks.append(ui.actions(*others, block_id="codes.others"))
    return ui.modal("Promo codes", blocks, callback_id=FIND, submit="Look up")


def one(life: Life, reader: Reader, *, note: str = "") -> dict[str, Any]:
    """All about one code. `note`: what was just done, in mrkdwn."""
    blocks: list[Block] = [ui.header(life.code)]
    if note:
        blocks.append(ui.section(note))
    if life.note:
        blocks.append(ui.section(escape(life.note)))
    blocks.append(ui.section("", fields=_facts(life, reader)))
    buttons = _buttons(life, reader)
    if buttons:
        blocks.append(ui.actions(*buttons, block_id="codes.actions"))
    blocks += _steps(life, reader)
    metadata = json.dumps({"code": life.code}, ensure_ascii=False)
    return ui.modal("Promo code", blocks, callback_id=ONE, close="Close", metadata=metadata)


def _facts(life: Life, reader: Reader) -> list[str]:
    """What it is now, in two columns."""
    deleted = " (deleted)" if life.group_deleted else ""
    facts = {"State": _state(life), "Group": f"{escape(life.group)}{deleted}"}
    if life.customer is not None:
        facts["Customer"] = "erased" if life.customer.erased_at else escape(life.customer.name) or "no name"
    if life.issued_at is not None:
        facts["Issued"] = reader.when(life.issued_at)
    if life.redemption is not None:
        at = reader.when(life.redemption.at)
        facts["Redeemed"] = f"{at}, {escape(life.redemption.place)}" if life.redemption.place else at
    if life.expires_at is not None:
        facts["Expires" if life.expires_at > reader.now else "Expired"] = reader.when(life.expires_at)
    return [f"*{label}*\n{value}" for label, value in facts.items()]


def _state(life: Life) -> str:
    """Where it stands, in words; one that is blocked for a text that may have arrived is not waiting to be sent."""
    if life.state == "blocked" and any(step.message is MessageState.UNKNOWN for step in life.steps):
        return "Blocked: nobody knows yet whether its text arrived"
    return STATES[life.state]


def _buttons(life: Life, reader: Reader) -> list[ButtonElement]:
    """What this person can do with this code."""
    theirs = life.customer is not None and life.customer.erased_at is None
    buttons: list[ButtonElement] = []
    if reader.may_edit and life.state == "issued":
        buttons.append(ui.button("Redeem…", REDEEM, life.code))
    if reader.may_edit and life.state == "redeemed" and life.redemption is not None:
        buttons.append(ui.button("Roll back…", ROLL_BACK, life.code))
    if reader.may_change and life.state == "active" and not life.group_deleted:
        buttons.append(ui.button("Give…", GIVE, life.code, style="primary"))
    if reader.may_change and life.state in ("issued", "expired") and theirs:
        buttons.append(ui.button("Replace…", REPLACE, life.code))
    if reader.may_change and life.state in ("issued", "active"):
        buttons.append(ui.button("Revoke…", REVOKE, life.code, style="danger"))
    if life.customer is not None and theirs:
        buttons.append(ui.button("Open customer", OPEN_CUSTOMER, life.customer.id))
    if not life.group_deleted:
        buttons.append(ui.button("Open group", OPEN_GROUP, life.group_id))
    return buttons


def _steps(life: Life, reader: Reader) -> list[Block]:
    """The whole life, the oldest first, in as many sections as it takes; beyond them the latest count."""
    lines = [_step(step, reader) for step in life.steps]
    parts: list[list[str]] = [[]]
    for line in lines:
        if sum(map(len, parts[-1])) + len(parts[-1]) + len(line) > STEPS_LENGTH:
            parts.append([])
        parts[-1].append(line)
    shown = parts[:1] + parts[1:][-(MOST_SECTIONS - 1) :]
    blocks: list[Block] = [ui.section("*Its life*")]
    for place, part in enumerate(shown):
        if place == 1 and len(shown) < len(parts):
            blocks.append(ui.context(f"{sum(map(len, parts[1 : -(MOST_SECTIONS - 1)])):,} more between"))
        blocks.append(ui.section("\n".join(part)))
    return blocks


def _step(step: Step, reader: Reader) -> str:
    """One line of the life: when, what, by whom, why."""
    at = reader.when(step.at) or ("still to come" if step.kind == "planned" else "at a time nobody kept")
    why = f": “{escape(step.why)}”" if step.why else ""
    return f"• {at} · {_what(step)}{why}"


def _what(step: Step) -> str:
    by = f" by {who(step.by)}" if step.by else ""
    subject = f"“{escape(step.subject)}”" if step.subject else "a distribution that is not here any more"
    if step.kind == "made":
        return f"Taken from {escape(step.detail)}{by}" if step.detail else f"{MADE.get(step.how, 'Made')}{by}"
    return {
        "blocked": f"Blocked for {subject}",
        "issued": f"Issued with {subject}",
        "planned": f"Will be sent again with {subject}",
        "repeated": f"Sent again with {subject}",
        "given": f"Given by hand{by}, without a text",
        "replaced": f"Revoked and replaced by {code(step.other)}{by}",
        "replacing": f"Issued in place of {code(step.other)}{by}, without a text",
        "revoked": f"Revoked{by}",
        "redeemed": f"Redeemed{_where(step)}, recorded{by}",
        "rolled_back": f"Redemption rolled back{by}",
        "expired": "Expired",
        "expires": "Expires",
    }[step.kind]


def _where(step: Step) -> str:
    place = f" at {escape(step.place)}" if step.place else ""
    return f"{place} ({escape(clip(step.source_id, 60))})" if step.source_id else place
