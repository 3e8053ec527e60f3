"""The small modals on top of the review: who is left out, and the number a test goes to."""

from collections.abc import Sequence
from typing import Any

from slack_sdk.models.blocks import Block, PlainTextInputElement

from commands.ui import blocks as ui
from commands.ui.text import clip, count, escape, number

TEST_NUMBER = "send.test_number"
LEFT_OUT = "send.left_out_list"
# Lines of a section: well within its 3,000 characters.
LINES = 25

PHONE_BLOCK, PHONE = "send.test:phone", "send.phone"


def left_out(rows: Sequence[tuple[str, str, str]], total: int) -> dict[str, Any]:
    """Customers who are left out, by reason: name, number, why; the first of `total`."""
    by_reason: dict[str, list[str]] = {}
    for name, phone, why in rows:
        by_reason.setdefault(why, []).append(f"{escape(clip(name, 60))} · {escape(phone)}")
    blocks: list[Block] = [] if rows else [ui.section("Nobody is left out.")]
    for why, lines in by_reason.items():
        blocks.append(ui.section(f"*{escape(why[0].upper() + why[1:])}*"))
        blocks += [ui.section("\n".join(lines[at : at + LINES])) for at in range(0, len(lines), LINES)]
    if total > len(rows):
        blocks.append(
            ui.context(f"The first {number(len(rows))} of {count(total, 'customer')}. The report's CSV lists them all.")
        )
    return ui.modal("Left out", blocks, callback_id=LEFT_OUT, close="Back")


def looking() -> dict[str, Any]:
    """The same while they are looked for."""
    return ui.modal("Left out", [ui.section("Looking…")], callback_id=LEFT_OUT, close="Back")


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
                hint="The first text of the sample on screen is sent to it now, its codes masked: none is used up.",
            )
        ],
        callback_id=TEST_NUMBER,
        submit="Send the test",
        close="Back",
        metadata=metadata,
    )
