"""The picker of merge tags, for every text that is written in the wizard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slack_sdk.models.blocks import OptionGroup, StaticSelectElement

from commands.ui import blocks as ui
from commands.ui.text import clip
from distribution.errors import Refused

# What a plain_text_input takes (docs.slack.dev/reference/block-kit/block-elements/plain-text-input-element).
LONGEST = 3000


@dataclass(frozen=True)
class Tag:
    """A merge tag to insert: what it is in words, and how it is written."""

    label: str
    tag: str


def picker(action_id: str, tags: Mapping[str, Sequence[Tag]]) -> StaticSelectElement:
    """Tags under their headings. One is added at the end of the text: Slack does not say where the cursor is."""
    groups = [
        OptionGroup(
            label=clip(heading, 75),
            # An option's value may be 150 characters (docs.slack.dev, "Option object"): the tag itself fits.
            options=[ui.option(tag.label, tag.tag) for tag in found if len(tag.tag) <= 150][:20],
        )
        for heading, found in tags.items()
        if found
    ]
    return StaticSelectElement(action_id=action_id, option_groups=groups, placeholder="Insert at the end…")


def inserted(typed: str | None, tag: str) -> str:
    """A text with a tag at its end, a space before it where one is wanted. Raises `Refused` where there is no room."""
    text = typed or ""
    gap = "" if not text or text[-1].isspace() or text[-1] in "([\"'" else " "
    if len(text) + len(gap) + len(tag) > LONGEST:
        raise Refused(f"There is no room for the tag: a text takes {LONGEST:,} characters here.")
    return f"{text}{gap}{tag}"
