"""Step 3: who gets it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.models.blocks import Block, Option, PlainTextInputElement
from slack_sdk.models.blocks.block_elements import FileInputElement

from commands.customers.views import OPTIONS as CUSTOMERS
from commands.segments.views import OPTIONS as SEGMENTS
from commands.segments.views import segment_select
from commands.send.place import Place
from commands.send.views import frame
from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import clip, count, escape, number

KIND = "send.audience"
# What they offer is answered where segments and customers are at home.
SEGMENT = f"{SEGMENTS}:send"
CUSTOMER = f"{CUSTOMERS}:send"
NEW_LIST = "send.new_list"
NEW_SEGMENT = "send.new_segment"

KINDS = {
    "segment": ("A segment", "All customers who match its rules"),
    "customer": ("One customer", "Found by name or number"),
    "list": ("A list", "Paste phone numbers or upload a file"),
}


@dataclass(frozen=True)
class Count:
    """How many customers an audience has, how many of them can be texted, and why not the others (words → how many)."""

    total: int
    textable: int
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ListRead:
    """What became of a pasted or uploaded list."""

    matched: int
    repeated: int = 0
    unmatched_count: int = 0
    unmatched: Sequence[str] = ()  # the first of them
    bad_count: int = 0
    bad: Sequence[tuple[int, str, str]] = ()  # the first of them: line, text, why


@dataclass(frozen=True)
class AudienceStep:
    """What step 3 shows."""

    kind: str
    segments: Sequence[tuple[int, str]] = ()
    segment_id: int | None = None
    customer: Option | None = None
    count: Count | None = None
    pasted: str = ""
    read: ListRead | None = None


def view(place: Place, facts: AudienceStep, decided: Sequence[str] = ()) -> dict[str, Any]:
    """The modal of step 3."""
    options = [ui.option(label, value, about) for value, (label, about) in KINDS.items()]
    blocks: list[Block] = [
        ui.field("Who gets it", place.block_id("kind"), choose.radios(KIND, options, chosen=facts.kind), dispatch=True)
    ]
    blocks += {"segment": _segment, "customer": _customer, "list": _list}[facts.kind](place, facts)
    return frame.step(place, decided, blocks)


def counted(found: Count) -> str:
    """A count in words: "412 customers, 398 can be texted · 9 no consent · 4 opted out"."""
    left_out = "".join(f" · {number(n)} {words}" for words, n in found.left_out.items() if n)
    return f"{count(found.total, 'customer')}, {number(found.textable)} can be texted{left_out}"


def _segment(place: Place, facts: AudienceStep) -> list[Block]:
    build = ui.actions(ui.button("Build a new segment…", NEW_SEGMENT), block_id="send.segment_tools")
    if not facts.segments:
        return [ui.section("There is no segment yet. Build one here, or send to a list."), build]
    select = segment_select(facts.segments, SEGMENT, facts.segment_id)
    blocks: list[Block] = [ui.field("Segment", place.block_id("segment"), select, dispatch=True)]
    if facts.count:
        blocks.append(ui.context(escape(counted(facts.count))))
    elif facts.segment_id in dict(facts.segments):
        blocks.append(ui.context("Counting takes longer than this step waits. The review says exactly how many."))
    return [*blocks, build]


def _customer(place: Place, facts: AudienceStep) -> list[Block]:
    blocks: list[Block] = [
        ui.field(
            "Customer",
            place.block_id("customer"),
            choose.search(CUSTOMER, initial=facts.customer, placeholder="Type a name or number", shortest=1),
            dispatch=True,
        )
    ]
    if facts.count:
        found = facts.count
        words = next((words for words, n in found.left_out.items() if n), "")
        blocks.append(ui.context("Can be texted." if found.textable else f"Cannot be texted: {escape(words)}."))
    return blocks


def _list(place: Place, facts: AudienceStep) -> list[Block]:
    if facts.read and facts.count:
        return [
            ui.section(_what_was_read(facts.read, facts.count)),
            ui.actions(ui.button("Replace the list…", NEW_LIST)),
        ]
    return [
        ui.field(
            "Phone numbers",
            place.block_id("pasted"),
            PlainTextInputElement(
                action_id="send.pasted",
                multiline=True,
                initial_value=facts.pasted or None,
                placeholder="+48 512 345 678\n+48 512 345 679",
            ),
            hint="One to a line. Only customers can be texted: you are told which numbers are nobody's.",
            optional=True,
        ),
        ui.field(
            "Or a file with a column of phone numbers",
            place.block_id("files"),
            FileInputElement(action_id="send.files", filetypes=["csv", "txt", "tsv", "xlsx"], max_files=1),
            optional=True,
        ),
    ]


def _what_was_read(read: ListRead, found: Count) -> str:
    """What became of a list, line by line where it went wrong, in mrkdwn."""
    lines = [f"*List* · {escape(counted(found))}"]
    if read.unmatched:
        examples = ", ".join(escape(clip(text, 40)) for text in read.unmatched)
        more = _more(read.unmatched_count - len(read.unmatched), ", ")
        which = "1 number belongs" if read.unmatched_count == 1 else f"{number(read.unmatched_count)} numbers belong"
        lines.append(f"{which} to no customer and will get nothing: {examples}{more}")
    if read.bad:
        examples = "\n".join(
            f"• line {number(line)}: {escape(clip(text, 40))} – {escape(why)}" for line, text, why in read.bad
        )
        more = _more(read.bad_count - len(read.bad), "\n• ")
        lines.append(f"{count(read.bad_count, 'line')} could not be read:\n{examples}{more}")
    if read.repeated:
        lines.append(f"{count(read.repeated, 'line')} repeated a number: each customer gets one message.")
    return "\n".join(lines)


def _more(hidden: int, before: str) -> str:
    return f"{before}{number(hidden)} more" if hidden > 0 else ""
