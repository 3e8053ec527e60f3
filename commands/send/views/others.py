"""The small modals on top of the review: who is left out, and the number a test goes to."""

from collections.abc import Sequence
from typing import Any

from slack_sdk.models.blocks import Block, PlainTextInputElement

from commands.ui import blocks as ui
from commands.ui import tables
from commands.ui.text import count, number

TEST_NUMBER = "send.test_number"
LEFT_OUT = "send.left_out_list"
PHONE_BLOCK, PHONE = "send.test:phone", "send.phone"


def left_out(rows: Sequence[tuple[str, str, str]], total: int) -> dict[str, Any]:
    """Customers who are left out: name, number, why; the first of `total`."""
    blocks: list[Block | dict[str, Any]] = []
    head = ("Customer", "Number", "Why")
    if rows:
        shown = tables.fitting(head, rows)
        blocks.append(tables.data_table("Left out of this message", head, rows[:shown], page=20))
        if total > shown:
            blocks.append(
                ui.context(f"The first {number(shown)} of {count(total, 'customer')}. The report's CSV lists them all.")
            )
    else:
        blocks.append(ui.section("Nobody is left out."))
    return ui.modal("Left out", blocks, callback_id=LEFT_OUT, close="Back")


def test_number(phone: str, metadata: str) -> dict[str, Any]:
    """Asks for one's own number; it is remembered for the next test."""
    return ui.modal(
        "Send me a test",
        [
            ui.field(
                "Your phone number",
                PHONE_BLOCK,
                PlainTextInputElement(
                    action_id=PHONE,
                    initial_value=phone or None,
                    placeholder="+48 512 345 678",
                    focus_on_load=True,
                ),
                hint="The sample on screen is sent to it now, its codes masked: no promo code is used up.",
            )
        ],
        callback_id=TEST_NUMBER,
        submit="Send the test",
        close="Back",
        metadata=metadata,
    )
