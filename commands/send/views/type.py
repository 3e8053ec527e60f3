"""Step 1: what kind of message, or a draft to continue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import Block

from commands.send.place import Place
from commands.send.views import frame
from commands.ui import blocks as ui
from commands.ui import choose

CONTINUE = "send.continue"

TYPES = {
    "manual": ("Manual message", "To an audience: now, at a time you pick, or again and again"),
    "automatic": ("Automatic message", "By itself, when a customer enters a segment or performs an event"),
}


@dataclass(frozen=True)
class Draft:
    """A draft that the asker may continue: how it is called, and at which step it was left."""

    id: int
    title: str
    step: str


@dataclass(frozen=True)
class TypeStep:
    """What step 1 shows: the type chosen, the asker's drafts, and a word on what was typed after `/promo send`."""

    chosen: str
    drafts: Sequence[Draft] = ()
    note: str = ""  # mrkdwn


def view(place: Place, facts: TypeStep) -> dict[str, Any]:
    """The modal of step 1."""
    blocks: list[Block] = []
    if facts.note:
        blocks.append(ui.section(facts.note))
    options = [ui.option(label, value, about) for value, (label, about) in TYPES.items()]
    blocks.append(
        ui.field("What to send", place.block_id("type"), choose.radios("send.type", options, chosen=facts.chosen))
    )
    if facts.drafts:
        drafts = [ui.option(draft.title, draft.id, draft.step) for draft in facts.drafts]
        blocks.append(
            ui.field(
                "Or continue a draft",
                place.block_id("draft"),
                choose.select(CONTINUE, drafts[: choose.MOST], placeholder="Choose a draft"),
                optional=True,
                dispatch=True,
            )
        )
    return frame.step(place, [], blocks)
