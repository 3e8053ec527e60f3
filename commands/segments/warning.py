"""What saving other rules of a segment will do to what uses it, in mrkdwn. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from commands.ui.text import clip, count, escape, number

NAMED = 3


@dataclass(frozen=True)
class Used:
    """What uses a segment, by name: automatic distributions; drafts, of which some may have none; those whose audience
    was fixed at their review; segments that ask about it. `entering`, `leaving`: how many come in and go, None while
    that is not known."""

    automatic: Sequence[str] = ()
    drafts: Sequence[str] = ()
    fixed: Sequence[str] = ()
    segments: Sequence[str] = ()
    entering: int | None = None
    leaving: int | None = None


def before_saving(used: Used) -> str:
    """What to know before saving; nothing where nothing uses the segment."""
    lines = []
    if used.automatic:
        lines.append(f"• {_named(used.automatic)} texts whoever comes in from then on{_come_in(used)}.")
    if used.drafts:
        named = [subject for subject in used.drafts if subject]
        names = f" ({_named(named)})" if named else ""
        whose = "its review" if len(used.drafts) == 1 else "their reviews"
        lines.append(f"• {count(len(used.drafts), 'draft')}{names}: counted anew at {whose}.")
    if used.fixed:
        lines.append(f"• {_named(used.fixed)}: reviewed already, so its audience stays as it is.")
    if used.segments:
        lines.append(f"• The rules of {_named(used.segments)} ask about it, and change with it.")
    if not lines:
        return ""
    moved = ""
    if used.entering is not None and used.leaving is not None:
        moved = f" {count(used.entering, 'customer')} come in, {number(used.leaving)} go."
        if used.entering == 1:
            moved = moved.replace("come in", "comes in")
    mark = "⚠ " if used.automatic or used.fixed or used.segments else ""
    return "\n".join([f"{mark}*This segment is in use. When you save:*{moved}", *lines])


def _come_in(used: Used) -> str:
    """How many of them there are at once."""
    return "" if used.entering is None else f": {number(used.entering)} at once"


def _named(names: Sequence[str]) -> str:
    """Names in quotes, the first few."""
    shown = ", ".join(f"“{escape(clip(name, 60))}”" for name in names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown
