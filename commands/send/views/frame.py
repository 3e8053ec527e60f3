"""The frame around every step: where one is, what is decided so far, and the way back."""

from collections.abc import Sequence
from typing import Any

from slack_sdk.models.blocks import Block

from commands.send.place import STEPS, TYPE, Place
from commands.ui import blocks as ui
from commands.ui.text import escape

WIZARD = "send.wizard"
BACK = "send.back"


def step(
    place: Place,
    decided: Sequence[str],
    blocks: Sequence[Block | dict[str, Any]],
    *,
    submit: str = "Next",
    name: str | None = None,
) -> dict[str, Any]:
    """A step's modal. `decided` are the choices of the steps before it, in words, not yet escaped.

    `name`: what the step is called, where that is not what `STEPS` has.
    """
    top: list[Block] = [ui.section(f"*Step {place.step} of {len(STEPS)} · {name or STEPS[place.step]}*")]
    if place.step > TYPE:
        said = " · ".join([*map(escape, decided), "saved as a draft"])
        top.append(ui.context(said[0].upper() + said[1:]))
    bottom = [ui.actions(ui.button("Back", BACK))] if place.step > TYPE else []
    return ui.modal(
        "Send promo codes",
        [*top, *blocks, *bottom],
        callback_id=WIZARD,
        submit=submit or None,
        close="Close" if place.step > TYPE else "Cancel",
        metadata=place.dump(),
        notify_on_close=True,
    )


def working(place: Place) -> dict[str, Any]:
    """What a step shows while what was typed into it takes long to check; the next one follows by itself."""
    words = "This takes a moment. What comes next opens here by itself; nothing typed is lost."
    return step(place, [], [ui.section(words)], submit="")


def review(place: Place, blocks: Sequence[Block | dict[str, Any]], *, submit: str | None) -> dict[str, Any]:
    """The review's modal; without `submit` it only waits or informs."""
    return ui.modal(
        "Review",
        blocks,
        callback_id=WIZARD,
        submit=submit,
        close="Close",
        metadata=place.dump(),
        notify_on_close=True,
    )


def notice(text: str) -> dict[str, Any]:
    """The last word of a wizard that can go no further (a draft that is gone): one paragraph, already escaped."""
    return ui.modal("Send promo codes", [ui.section(text)], callback_id=WIZARD, close="Close")
