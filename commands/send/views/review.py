"""The review: who will get what, at what cost, and what stands in the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.models.blocks import Block, ButtonElement

from commands.send.place import STEPS, Place
from commands.send.views import frame
from commands.ui import blocks as ui
from commands.ui.choose import select
from commands.ui.text import clip, count, escape, number

SAMPLE = "send.sample"
TEST = "send.test"
LEFT_OUT = "send.left_out"
GENERATE = "send.generate"
OTHER_GROUP = "send.other_group"
REPLACE = "send.replace"
JUMP = "send.jump"


@dataclass(frozen=True)
class Codes:
    """A group that the message takes codes from: how many it needs, how many are active."""

    group_id: int
    group: str
    needed: int
    active: int
    can_generate: bool = True

    @property
    def missing(self) -> int:
        """How many codes are missing; 0 when there are enough."""
        return max(0, self.needed - self.active)


@dataclass(frozen=True)
class Sample:
    """The text that one real customer would get."""

    customer: str
    text: str
    segments: int
    encoding: str


@dataclass(frozen=True)
class ReviewFacts:
    """The review's numbers, over all recipients."""

    subject: str
    purpose: str
    audience: str
    total: int
    recipients: int
    left_out: Mapping[str, int]  # words → how many
    codes: Sequence[Codes]
    without_last_code: Mapping[str, int]  # group → recipients who never got a code from it
    segments: int
    by_segments: Mapping[int, int]  # segments of one text → how many texts
    cost: str  # "≈ 14.04 USD", "" where no price is set
    provider: str
    when: str
    samples: Sequence[Sample]
    warnings: Sequence[str] = ()
    offenders: Mapping[str, str] = field(default_factory=dict)  # characters of the body → what they may become
    refusals: Sequence[str] = ()  # why it cannot go on
    submit: str = "Send now"
    afterwards: str = ""  # what the submit will do, in a sentence


def view(place: Place, facts: ReviewFacts, *, note: str = "") -> dict[str, Any]:
    """The modal of the review. `note` is a word on what was just done (a test was sent), in mrkdwn."""
    blocks: list[Block] = [ui.header(facts.subject)]
    if note:
        blocks.append(ui.section(note))
    blocks += [
        ui.section("", fields=_numbers(facts)),
        *_left_out(facts),
        *_missing(facts),
        ui.divider(),
        *_sample(place, facts),
        *_warnings(facts),
        ui.divider(),
        *_end(facts),
        ui.actions(
            ui.button("Back", frame.BACK),
            select(JUMP, [ui.option(name, step) for step, name in STEPS.items()], placeholder="Change…"),
        ),
    ]
    return frame.review(place, blocks, submit="Check again" if facts.refusals else facts.submit)


def counting(place: Place, subject: str, recipients: int | None) -> dict[str, Any]:
    """What shows while a long review is counted; it refreshes itself."""
    how_many = f" over {count(recipients, 'customer')}" if recipients is not None else ""
    return frame.review(
        place,
        [
            ui.header(subject),
            ui.section(f"Counting…\nEvery text is rendered and measured{how_many}. This fills itself in."),
            ui.actions(ui.button("Back", frame.BACK)),
        ],
        submit=None,
    )


def _numbers(facts: ReviewFacts) -> list[str]:
    """The receipt, in two columns."""
    to = (
        f"{number(facts.recipients)} of {number(facts.total)}"
        if facts.recipients != facts.total
        else number(facts.total)
    )
    return [
        f"*To*\n{to} in {escape(facts.audience)}",
        f"*Left out*\n{_reasons(facts.left_out) or 'nobody'}",
        f"*Codes*\n{_codes(facts)}",
        f"*Texts*\n{_texts(facts)}",
        f"*Through*\n{escape(facts.provider)}",
        f"*When*\n{escape(facts.when)}",
    ]


def _reasons(left_out: Mapping[str, int]) -> str:
    return " · ".join(f"{number(n)} {escape(words)}" for words, n in left_out.items() if n)


def _codes(facts: ReviewFacts) -> str:
    if not facts.codes:
        return "none needed"
    return "\n".join(
        f"{number(code.needed)} needed · {number(code.active)} active in “{escape(code.group)}”"
        + (f" → *{number(code.missing)} missing*" if code.missing else " · enough")
        for code in facts.codes
    )


def _texts(facts: ReviewFacts) -> str:
    longer = " · ".join(
        f"{number(n)} {'needs' if n == 1 else 'need'} {size}"
        for size, n in sorted(facts.by_segments.items())
        if size > 1
    )
    words = count(facts.segments, "SMS segment")
    return f"{words}{f' ({longer})' if longer else ''}{f' {facts.cost}' if facts.cost else ''}"


def _left_out(facts: ReviewFacts) -> list[Block]:
    buttons = [ui.button("See who is left out", LEFT_OUT)] if any(facts.left_out.values()) else []
    return [ui.actions(*buttons)] if buttons else []


def _missing(facts: ReviewFacts) -> list[Block]:
    """What to do about missing codes, group by group."""
    blocks: list[Block] = []
    for code in facts.codes:
        if not code.missing:
            continue
        buttons: list[ButtonElement] = []
        if code.can_generate:
            buttons.append(
                ui.button(
                    f"Generate {number(code.missing)} more",
                    GENERATE,
                    f"{code.group_id}:{code.missing}",
                    style="primary",
                )
            )
        buttons.append(ui.button("Choose another group", OTHER_GROUP))
        advice = (
            ""
            if code.can_generate
            else " It has no format to generate by: add codes with `/promo groups`, or edit its format."
        )
        blocks.append(
            ui.section(
                f"⚠ {count(code.missing, 'code')} missing in “{escape(code.group)}”. Nothing can be sent.{advice}"
            )
        )
        blocks.append(ui.actions(*buttons))
    return blocks


def _sample(place: Place, facts: ReviewFacts) -> list[Block]:
    buttons = []
    blocks: list[Block] = []
    if facts.samples:
        at = place.sample % len(facts.samples)
        sample = facts.samples[at]
        quoted = "\n".join(f"> {escape(line)}" for line in sample.text.splitlines() or [""])
        blocks.append(ui.section(f"*{escape(sample.customer)}* gets:\n{clip(quoted, 2800)}"))
        blocks.append(
            ui.context(
                f"Sample {at + 1} of {len(facts.samples)} · {count(len(sample.text), 'character')} · "
                f"{count(sample.segments, 'SMS segment')} ({sample.encoding}) · codes in samples are made up"
            )
        )
        if len(facts.samples) > 1:
            buttons.append(ui.button("Next sample", SAMPLE, at + 1))
    buttons.append(ui.button("Send me a test…", TEST))
    blocks.append(ui.actions(*buttons))
    return blocks


def _warnings(facts: ReviewFacts) -> list[Block]:
    blocks: list[Block] = []
    for group, n in facts.without_last_code.items():
        blocks.append(
            ui.section(f"⚠ {count(n, 'customer')} never got a code from “{escape(group)}”: the tag is empty for them.")
        )
    blocks += [ui.section(f"⚠ {escape(warning)}") for warning in facts.warnings]
    if facts.offenders:
        pairs = ", ".join(f"“{escape(old)}” → “{escape(new)}”" for old, new in facts.offenders.items())
        blocks.append(
            ui.section(
                f"⚠ The text is sent as Unicode, with 70 characters to a segment, because of "
                f"{'these characters' if len(facts.offenders) > 1 else 'one character'}: {pairs}",
                accessory=ui.button("Replace", REPLACE),
            )
        )
    return blocks


def _end(facts: ReviewFacts) -> list[Block]:
    """What pressing the submit will do, or why it will not."""
    if not facts.refusals:
        return [ui.context(facts.afterwards)] if facts.afterwards else []
    return [ui.section("*Not yet:* " + " ".join(escape(reason) for reason in facts.refusals))]
