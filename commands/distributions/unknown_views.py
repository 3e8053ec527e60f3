"""Texts that may have left and whose provider cannot be asked: the evidence, and a person's word for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block, RadioButtonsElement

from commands.customers.views import OPEN as OPEN_CUSTOMER
from commands.ui import blocks as ui
from commands.ui import paging
from commands.ui.text import code, count, escape, moment

SETTLED = "distributions.settled"
SETTLE_BLOCK = "distributions.settle:what"
ARRIVED = "distributions.arrived"  # value: distribution id and message id
LOST = "distributions.lost"
TURN = "distributions.unknown"

PAGE = 8  # texts; each has two blocks


@dataclass(frozen=True)
class Text:
    """One text, and what is known of it."""

    message_id: int
    customer_id: int
    name: str
    phone: str  # whole, as its country writes it; "" where the customer was erased
    codes: Sequence[str]
    why: str  # what became of the request, in words
    reference: str  # ours, as the provider's log may have it
    posted: datetime | None
    asked: int  # times that its provider was asked in vain


def settle(
    distribution_id: int, subject: str, provider: str, page: paging.Page[Text], *, stopped: bool
) -> dict[str, Any]:
    """The texts, a page of them, each with its two answers; below, one answer for all."""
    them = "it" if page.total == 1 else "them"
    blocks: list[Block] = [
        ui.section(
            f"“{escape(provider)}” took {count(page.total, 'text')} of *{escape(subject)}* and never said what became "
            f"of {them}. It cannot be asked, so look in its own log, by number, time or reference, or ask the customer."
        )
    ]
    for text in page.items:
        blocks += _one(distribution_id, text, stopped=stopped)
    blocks += paging.turner(page, TURN)
    if page.total > 1:
        options = [
            ui.option("They arrived", "arrived", "They count as sent, and their codes as issued"),
            ui.option("They did not arrive", "lost", _lost(stopped)),
        ]
        answer = RadioButtonsElement(action_id="distributions.what", options=options)
        blocks.append(ui.field(f"The same for all {page.total:,}", SETTLE_BLOCK, answer))
    return ui.modal(
        "Settle unknown",
        blocks,
        callback_id=SETTLED,
        submit="Settle all" if page.total > 1 else None,
        close="Close",
        metadata=f"{distribution_id}:{page.first}",
    )


def nothing_left(subject: str) -> dict[str, Any]:
    """The same when the last of them is settled."""
    words = f"Everything of *{escape(subject)}* is settled."
    return ui.modal("Settle unknown", [ui.section(words)], callback_id=SETTLED, close="Close")


def _one(distribution_id: int, text: Text, *, stopped: bool) -> list[Block]:
    """One text with its evidence, and what a person can say of it."""
    facts = [f"posted {moment(text.posted)}" if text.posted else "", escape(text.why)]
    if text.asked:
        facts.append(f"provider asked in vain {count(text.asked, 'time')}")
    named = [code(each) for each in text.codes] + [f"reference {code(text.reference)}"]
    lines = [
        f"*{escape(text.name) or 'No name'}* · {escape(text.phone) or 'erased'}",
        " · ".join(fact for fact in facts if fact),
        " · ".join(named),
    ]
    value = f"{distribution_id}:{text.message_id}"
    lost = ui.button("It did not", LOST, value, confirm=ui.confirm("It did not arrive?", _lost_one(stopped), "Yes"))
    return [
        ui.section("\n".join(lines), accessory=ui.button("Profile", OPEN_CUSTOMER, text.customer_id)),
        ui.actions(ui.button("It arrived", ARRIVED, value), lost, block_id=f"{TURN}:{text.message_id}"),
    ]


def _lost(stopped: bool) -> str:
    return (
        "Nothing is sent: it was stopped. Their codes stay theirs"
        if stopped
        else "The same codes are sent to the same customers again"
    )


def _lost_one(stopped: bool) -> str:
    if stopped:
        return "Nothing is sent: it was stopped. The code stays the customer's, in case it did."
    return "The same code is sent to the same customer again, now."
