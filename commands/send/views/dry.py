"""What an automatic distribution does when its group has no active code."""

from slack_sdk.models.blocks import Block, PlainTextInputElement

from commands.send.place import Place
from commands.send.views import merge_tags
from commands.ui import blocks as ui
from commands.ui import choose

WHEN_DRY = "send.when_dry"

WAYS = {
    "wait": ("Wait for codes", "Texts wait; the channel is told and can make more"),
    "top_up": ("Make more by the group's format", "By itself; texts wait until they are made"),
    "fallback": ("Send another text without a code", "You write it below"),
    "pause": ("Pause", "Nothing is sent until somebody resumes it"),
}


def blocks(place: Place, chosen: str, fallback_body: str, *, can_make: bool) -> list[Block]:
    """The choice, and the text that it may need. `can_make`: whether the group has a format."""
    options = [
        ui.option(label, value, about) for value, (label, about) in WAYS.items() if can_make or value != "top_up"
    ]
    radios = choose.radios(WHEN_DRY, options, chosen=chosen)
    found: list[Block] = [
        ui.field("When the group has no code left", place.block_id("when_dry"), radios, dispatch=True)
    ]
    if chosen == "fallback":
        box = PlainTextInputElement(
            action_id="send.fallback_body",
            multiline=True,
            initial_value=fallback_body or None,
            max_length=merge_tags.LONGEST,
        )
        found.append(ui.field("Text without a code", place.block_id("fallback_body"), box))
    return found
