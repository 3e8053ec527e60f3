"""The approval card, the question why something is rejected, and what waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block, PlainTextInputElement

from commands.ui import blocks as ui
from commands.ui import paging
from commands.ui.text import count, escape, is_person, moment, number, who

APPROVE = "approvals.approve"
REJECT = "approvals.reject"
DETAILS = "approvals.details"
CALL_BACK = "distributions.call_back"
REASON = "approvals.reason"
REASON_BLOCK = "approvals.reject:reason"
ONE = "approvals.details_view"
LIST = "approvals.list"
TURN = "approvals.page"

LONGEST_REASON = 500
CONFLICTS = 3  # that are told in full


@dataclass(frozen=True)
class Codes:
    """Codes that it will take from a group, of those active now; `kept`: customers who get the code that they have."""

    group: str
    needed: int
    active: int
    kept: int = 0


@dataclass(frozen=True)
class Card:
    """What an approver sees of a request, and the decision once there is one."""

    approval_id: int
    distribution_id: int
    subject: str
    state: str  # pending, approved, rejected, void
    requested_by: str  # a Slack user id, or "api:<token's name>"
    requested_at: datetime
    purpose: str
    when: str
    provider: str
    recipients: int
    total: int
    audience: str
    codes: Sequence[Codes] = ()
    texts: str = ""  # what they come to: "412 SMS segments"
    cost: str = ""
    sample: str = ""  # the text for one customer, its code masked
    body: str = ""  # the text as it was written
    repeats: bool = False  # to whoever is in the audience each time: the numbers are today's
    goes_out: str = ""  # when a scheduled one does, in mrkdwn
    sets_off: str = ""  # of an automatic one: what does, in plain text
    lately: str = ""  # and what it would have done, in mrkdwn, in so many days
    days: int = 0
    reminders: Sequence[str] = ()  # when each goes
    further: Sequence[tuple[str, str]] = ()  # the other texts as they were written, each with what it is
    dry: str = ""  # what happens when there is no code left
    replaces: str = ""  # the live one whose place it takes, and what is different from that, in plain text
    different: str = ""
    conflicts: Sequence[str] = ()  # schedules that together need more codes than there are, as they were reviewed
    given_up: str = ""  # after how long a text is, where somebody chose that
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None
    may_call_back: bool = False  # approved, and nothing has left yet

    @property
    def shows(self) -> str:
        """What a card of it shows, in a word: it is edited when that changes."""
        return f"{self.state}, may be called back" if self.may_call_back else self.state


def card(facts: Card) -> list[Block]:
    """The card as it stands in the approvals channel."""
    blocks: list[Block] = [
        ui.header(f"{TITLES[facts.state]} · {facts.subject}"),
        ui.context(f"Asked for by {who(facts.requested_by)} · {moment(facts.requested_at)}"),
    ]
    if facts.state == "void":  # its numbers are of a draft that is being changed
        return [*blocks, ui.section(decision(facts))]
    blocks.append(ui.section("", fields=_numbers(facts)))
    if facts.sample:
        blocks.append(ui.quote(facts.sample))
    if facts.state != "pending":
        buttons = [ui.button("See details", DETAILS, facts.approval_id)]
        if facts.may_call_back:
            buttons.insert(0, ui.button("Call back", CALL_BACK, facts.distribution_id))
        return [*blocks, ui.section(decision(facts)), ui.actions(*buttons)]
    blocks += _conflicts(facts)
    return [*blocks, _buttons(facts.approval_id), ui.context("Whatever changes from now on voids this request.")]


def fallback(facts: Card) -> str:
    """The card in a line, for notifications and screen readers."""
    if facts.state == "pending":
        to = "automatic" if facts.sets_off else f"to {count(facts.recipients, 'customer')}"
        return f"Approval requested: {escape(facts.subject)}, {to}"
    return f"{TITLES[facts.state]}: {escape(facts.subject)}"


def decision(facts: Card) -> str:
    """Who decided, when, and why, in mrkdwn."""
    at = f", {moment(facts.decided_at)}" if facts.decided_at else ""
    why = f"\n> {escape(facts.reason)}" if facts.reason else ""
    if facts.state == "approved":
        then = "live from now on" if facts.sets_off else _then(facts) or "sending starts now"
        if facts.may_call_back and not facts.sets_off:
            then = f"{_then(facts)}; nothing has left yet" if facts.goes_out else "nothing has left yet"
        return f"✓ Approved by <@{facts.decided_by}>{at} · {then}"
    if facts.state == "rejected":
        return f"✗ Rejected by <@{facts.decided_by}>{at}{why}"
    return f"This request is void{at}: what was asked for is a draft again.{why}"


def _then(facts: Card) -> str:
    """When it goes out, in mrkdwn; "" for at once."""
    return f"goes out {facts.goes_out}" if facts.goes_out else ""


def reject(subject: str, metadata: str, *, automatic: bool = False) -> dict[str, Any]:
    """Asks why a request is rejected."""
    what = "set live" if automatic else "sent"
    return ui.modal(
        "Reject",
        [
            ui.section(
                f"*{escape(subject)}* will not be {what}. Its requester reads why, and can change it and ask again."
            ),
            ui.field(
                "Why",
                REASON_BLOCK,
                PlainTextInputElement(
                    action_id="approvals.why",
                    multiline=True,
                    max_length=LONGEST_REASON,
                    focus_on_load=True,
                    placeholder="The link in the text goes to last year's page",
                ),
            ),
        ],
        callback_id=REASON,
        submit="Reject",
        metadata=metadata,
    )


def details(facts: Card, *, decides: bool) -> dict[str, Any]:
    """Everything that an approver may want to know; `decides`: whether the reader may."""
    blocks: list[Block] = [
        ui.header(facts.subject),
        ui.context(f"Asked for by {who(facts.requested_by)} · {moment(facts.requested_at)}"),
        ui.section("", fields=_numbers(facts)),
        ui.section("*The message as it was written*"),
        ui.quote(facts.body),
    ]
    if facts.sample:
        blocks += [ui.section("*What a customer gets*"), ui.quote(facts.sample)]
    for what, text in facts.further:
        blocks += [ui.section(f"*{escape(what)}*"), ui.quote(text)]
    if facts.state == "pending":
        blocks += _conflicts(facts)
    if facts.state == "pending" and decides:
        blocks.append(
            ui.actions(
                ui.button("Approve", APPROVE, facts.approval_id, style="primary"),
                ui.button("Reject…", REJECT, facts.approval_id),
            )
        )
    elif facts.state != "pending":
        blocks.append(ui.section(decision(facts)))
    return ui.modal("Approval request", blocks, callback_id=ONE, close="Close", metadata=str(facts.approval_id))


def waiting(page: paging.Page[Card], *, may_approve: bool, asker: str) -> dict[str, Any]:
    """What waits for a decision, the oldest first; `asker`'s own cannot be decided by them."""
    blocks: list[Block] = []
    if not page.items:
        blocks.append(ui.section("Nothing waits for approval."))
    elif not may_approve:
        blocks.append(ui.context("An approver or an admin decides these. An admin changes roles with `/promo team`."))
    for facts in page.items:
        cost = f" · {facts.cost}" if facts.cost else ""
        to = f"To {count(facts.recipients, 'customer')} in “{escape(facts.audience)}”{cost}"
        lines = (
            f"*{escape(facts.subject)}*\n{escape(facts.sets_off) or to}\n"
            f"Asked for by {who(facts.requested_by)} · {moment(facts.requested_at)}"
        )
        blocks.append(ui.section(lines, accessory=ui.button("See details", DETAILS, facts.approval_id)))
        if facts.requested_by == asker:
            blocks.append(ui.context("You asked for this one: somebody else has to decide."))
        elif may_approve:
            blocks.append(
                ui.actions(
                    ui.button("Approve", APPROVE, facts.approval_id, style="primary"),
                    ui.button("Reject…", REJECT, facts.approval_id),
                )
            )
    return ui.modal("Approvals", [*blocks, *paging.turner(page, TURN)], callback_id=LIST, close="Close")


def told(facts: Card) -> str:
    """What the requester is told about the decision, in mrkdwn."""
    subject = f"*{escape(facts.subject)}*"
    if facts.state == "approved":
        then = "It is live now." if facts.sets_off else "Sending starts now."
        if facts.goes_out:
            then = f"It {_then(facts)}."
        return f"{_you(facts.requested_by)}{subject} was approved by <@{facts.decided_by}>. {then}"
    why = f"\n> {escape(facts.reason)}" if facts.reason else ""
    if facts.state == "rejected":
        return f"{_you(facts.requested_by)}{subject} was rejected by <@{facts.decided_by}>.{why}"
    return f"{_you(facts.requested_by)}The approval request for {subject} is void: it is a draft again.{why}"


def _you(requested_by: str) -> str:
    """Calls the requester, where that is somebody who can be called."""
    return f"<@{requested_by}> " if is_person(requested_by) else ""


def told_blocks(facts: Card) -> list[Block]:
    """The same with what can be done next."""
    blocks: list[Block] = [ui.section(told(facts))]
    if facts.state == "rejected":
        blocks.append(ui.actions(ui.button("Change and send again…", "distributions.again", facts.distribution_id)))
    elif facts.state == "void" and is_person(facts.requested_by):
        blocks.append(ui.actions(ui.button("Continue the draft", "distributions.continue", facts.distribution_id)))
    return blocks


TITLES = {
    "pending": "Approval requested",
    "approved": "Approved",
    "rejected": "Rejected",
    "void": "Void",
}


def _buttons(approval_id: int) -> Block:
    return ui.actions(
        ui.button("Approve", APPROVE, approval_id, style="primary"),
        ui.button("Reject…", REJECT, approval_id),
        ui.button("See details", DETAILS, approval_id),
    )


def _conflicts(facts: Card) -> list[Block]:
    """Where codes run short, should this be approved."""
    if not facts.conflicts:
        return []
    lines = [escape(each) for each in facts.conflicts[:CONFLICTS]]
    if len(facts.conflicts) > CONFLICTS:
        lines.append(f"And {count(len(facts.conflicts) - CONFLICTS, 'more group')}.")
    return [ui.section("\n".join(["⚠ *Codes run short by what is planned*", *lines]))]


def _numbers(facts: Card) -> list[str]:
    """The facts in two columns."""
    left_out = f" of {number(facts.total)}" if facts.total != facts.recipients else ""
    today = " today" if facts.repeats else ""
    cells = [
        f"*Set off when*\n{escape(facts.sets_off)}"
        if facts.sets_off
        else f"*To*\n{number(facts.recipients)}{left_out} in “{escape(facts.audience)}”{today}",
        f"*{'How long' if facts.sets_off else 'When'}*\n{facts.when}"
        + (f"\nGiven up after {facts.given_up}" if facts.given_up else ""),
        f"*What*\n{escape(facts.purpose)}",
        f"*Through*\n{escape(facts.provider)}",
    ]
    if facts.codes:
        lines = [
            f"{number(code.active)} active in “{escape(code.group)}”"
            if facts.sets_off
            else f"{number(code.needed)} of {number(code.active)} active in “{escape(code.group)}”"
            + (f" · {number(code.kept)} {'gets' if code.kept == 1 else 'get'} the code they have" if code.kept else "")
            for code in facts.codes
        ]
        cells.append("*Codes*\n" + "\n".join([*lines, escape(facts.dry)] if facts.dry else lines))
    if facts.lately:
        cells.append(f"*In the last {facts.days} days*\n{facts.lately}")
    if facts.reminders:
        cells.append("*Reminders*\n" + "\n".join(facts.reminders))
    if facts.replaces:
        cells.append(f"*Takes the place of*\nthe live “{escape(facts.replaces)}”: {escape(facts.different)}")
    if facts.texts and not facts.sets_off:
        cells.append(f"*Texts*\n{facts.texts}{f' {facts.cost}' if facts.cost else ''}")
    return cells
