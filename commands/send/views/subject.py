"""Step 4: what the distribution is called."""

from collections.abc import Sequence
from typing import Any

from slack_sdk.models.blocks import PlainTextInputElement

from commands.send.place import Place
from commands.send.views import frame
from commands.ui import blocks as ui

LONGEST = 100


def view(place: Place, subject: str, decided: Sequence[str] = ()) -> dict[str, Any]:
    """The modal of step 4."""
    return frame.step(
        place,
        decided,
        [
            ui.field(
                "Subject",
                place.block_id("subject"),
                PlainTextInputElement(
                    action_id="send.subject",
                    initial_value=subject or None,
                    max_length=LONGEST,
                    focus_on_load=True,
                    placeholder="Summer thank-you",
                ),
                hint="Shown to approvers and in reports, not to customers.",
            )
        ],
    )
