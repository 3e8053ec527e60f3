"""Where a wizard's modal stands, and what was typed into it.

The modal carries ids and its step only; everything else is in the draft. Slack keeps what was typed under a block's id,
also where the next view means something else by it, so every id holds the step, and a `turn` that rises whenever
an input is to show a new value ("Insert" adds a tag to the text).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from commands.ui import blocks as ui

TYPE, PURPOSE, AUDIENCE, SUBJECT, MESSAGE, REVIEW = range(1, 7)
# Steps of the engine (`distribution.drafts.STEPS`) by the number that people see.
NUMBERS = {"type": TYPE, "purpose": PURPOSE, "audience": AUDIENCE, "subject": SUBJECT, "message": MESSAGE}
STEPS = {TYPE: "Type", PURPOSE: "Purpose", AUDIENCE: "Audience", SUBJECT: "Subject", MESSAGE: "Channel and message"}


@dataclass(frozen=True)
class Place:
    """A modal's `private_metadata`: the draft (None until step 1 is done), its step, and which sample is shown."""

    draft: int | None
    step: int = TYPE
    turn: int = 0
    channel: str = ""  # where it was asked for
    segment: int | None = None  # named after `/promo send`, for the draft that is not there yet
    group: int | None = None
    sample: int = 0

    def at(self, step: int) -> "Place":
        """The same draft at another step."""
        return replace(self, step=step, turn=self.turn + 1, sample=0)

    def anew(self) -> "Place":
        """The same step, its inputs showing what they are given now."""
        return replace(self, turn=self.turn + 1)

    def block_id(self, field: str) -> str:
        """The id of the block that a field is typed into."""
        return f"send.{self.step}:{field}:{self.turn}"

    def dump(self) -> str:
        """As `private_metadata`."""
        return json.dumps({key: value for key, value in asdict(self).items() if value or key in ("draft", "step")})

    @staticmethod
    def load(metadata: str) -> "Place":
        """From a view's `private_metadata`."""
        return Place(**json.loads(metadata))


def field_of(block_id: str) -> str:
    """The field that a block is for: "send.5:body:2" → "body"."""
    parts = block_id.split(":")
    return parts[1] if len(parts) > 1 else ""


def typed(view: Mapping[str, Any]) -> dict[str, Any]:
    """What a view's inputs hold now, by field."""
    found = ui.values(view["state"]["values"])
    return {field_of(block_id): value for block_id, value in found.items() if field_of(block_id)}


def files(view: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Slack's objects of the files uploaded into a view: name and size need not be fetched."""
    elements = (element for elements in view["state"]["values"].values() for element in elements.values())
    return [file for element in elements for file in element.get("files") or []]


def error_block(view: Mapping[str, Any], field: str | None) -> str | None:
    """The input that an error about `field` belongs to; None where it is not on screen.

    Slack shows errors under input blocks only (docs.slack.dev/surfaces/modals, "Displaying errors in views").
    """
    inputs = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    return next((block_id for block_id in inputs if field_of(block_id) == field), None)
