"""The review: who will get what, at what cost, and what stands in the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.models.blocks import Block, ButtonElement, Option

from commands.send.place import AUDIENCE, STEPS, Place
from commands.send.views import foreseen, frame
from commands.send.views.foreseen import Automatic
from commands.ui import blocks as ui
from commands.ui.charts import bar
from commands.ui.choose import select
from commands.ui.text import code, count, escape, number
from distribution.reasons import words
from distribution.review import GroupNeed, Review, Running

SAMPLE = "send.sample"
TEST = "send.test"
LEFT_OUT = "send.left_out"
GENERATE = "send.generate"
OTHER_GROUP = "send.other_group"
REPLACE = "send.replace"
JUMP = "send.jump"
AGAIN = "send.again"


@dataclass(frozen=True)
class ReviewStep:
    """What the review shows: its numbers, and the choices that they are about."""

    review: Review
    subject: str
    provider: str
    when: str
    given_up: str = ""
    reminders: Sequence[str] = ()  # when each goes
    automatic: Automatic | None = None
    repeats: bool = False  # to whoever is in the audience each time: the numbers are today's
    submit: str = "Send now"
    afterwards: str = ""  # what the submit will do, in a sentence of mrkdwn
    body_offenders: Mapping[str, str] = field(default_factory=dict)  # characters of the body → what they may become


def view(place: Place, facts: ReviewStep, *, note: str = "", tested: str = "") -> dict[str, Any]:
    """The modal of the review. `note`: a word on what was just done, on top; `tested`: on a test that was sent, where
    its button was pressed. Both are mrkdwn."""
    blocks: list[Block] = [ui.header(facts.subject)]
    if note:
        blocks.append(ui.section(note))
    if facts.automatic:
        blocks.append(ui.section(f"*Set off when*\n{escape(facts.automatic.sets_off)}"))
    blocks += [
        ui.section("", fields=_numbers(facts)),
        *_left_out(facts.review),
        *_missing(facts.review),
        ui.divider(),
        *_sample(place, facts),
        *([ui.section(tested)] if tested else []),
        *_warnings(facts),
        ui.divider(),
        *_end(facts),
        ui.actions(
            ui.button("Back", frame.BACK),
            select(JUMP, _steps(facts), placeholder="Change…"),
        ),
    ]
    return frame.review(place, blocks, submit="Check again" if facts.review.refusals else facts.submit)


def _steps(facts: ReviewStep) -> list[Option]:
    """The steps to go back to."""
    names = {**STEPS, AUDIENCE: "Trigger"} if facts.automatic else STEPS
    return [ui.option(name, step) for step, name in names.items()]


def cost(review: Review) -> str:
    """What it will cost, about: "≈ 14.04 USD"; empty where nobody has set a price."""
    if review.cost is None:
        return ""
    without = f", without the {review.unpriced}" if review.unpriced else ""
    return f"≈\u00a0{review.cost:,.2f}\u00a0{review.currency}{without}"


def sizes(segments: int, pictures: int) -> str:
    """What all texts come to: "412 SMS segments · 80 picture messages"."""
    parts = [count(segments, "SMS segment")] if segments or not pictures else []
    return " · ".join([*parts, *([count(pictures, "picture message")] if pictures else [])])


def left_out_words(review: Review) -> str:
    """Who is left out, a line for each reason: "9 no consent to texts"."""
    return "\n".join(f"{number(n)} {words(reason)}" for reason, n in review.left_out.items() if n)


def counting(place: Place, subject: str, running: Running) -> dict[str, Any]:
    """What shows while a long review is counted; it is replaced when the job is done."""
    return frame.review(
        place,
        [
            ui.header(subject),
            ui.section(
                f"Counting…  {bar(running.done, running.total)}  {number(running.done)} of "
                f"{count(running.total, 'text')}\nEach one is rendered and measured. The review opens here by itself."
            ),
            ui.actions(ui.button("Back", frame.BACK), ui.button("Look again", AGAIN)),
        ],
        submit=None,
    )


def working(place: Place) -> dict[str, Any]:
    """What shows where it takes long to go on."""
    words = "This takes a moment. What becomes of it shows here by itself."
    return frame.review(place, [ui.section(words)], submit=None)


def gone_on() -> dict[str, Any]:
    """What is left to say where it went on after that."""
    return frame.notice("It went on. You can close this: the channel shows what becomes of it.")


def not_counted(place: Place) -> dict[str, Any]:
    """What shows when a long count came to nothing."""
    return frame.review(
        place,
        [
            ui.section("The count was broken off. Nothing is lost: press *Look again* to start it anew."),
            ui.actions(ui.button("Back", frame.BACK), ui.button("Look again", AGAIN)),
        ],
        submit=None,
    )


def _numbers(facts: ReviewStep) -> list[str]:
    """The receipt, in two columns."""
    review = facts.review
    if facts.automatic and review.foreseen:
        return foreseen.numbers(review, review.foreseen, facts.automatic, facts.provider, facts.given_up)
    of = "" if review.recipients == review.total else f" of {number(review.total)}"
    return [
        f"*To*\n{number(review.recipients)}{of} in “{escape(review.audience)}”{' today' if facts.repeats else ''}",
        f"*Left out*\n{escape(left_out_words(review)) or 'nobody'}",
        f"*Codes*\n{_codes(review)}",
        f"*Texts*\n{_texts(review)}",
        f"*Through*\n{escape(facts.provider)}",
        f"*When*\n{facts.when}\n{facts.given_up}".rstrip(),
    ]


def _codes(review: Review) -> str:
    if not review.codes:
        return "none needed"
    return "\n".join(map(_need, review.codes))


def _need(need: GroupNeed) -> str:
    """One group: "412 new · 700 active in “Summer 10%” · enough", and who needs none."""
    what = "new" if need.kept else "needed"
    enough = f" → *{number(need.missing)} missing*" if need.missing else " · enough"
    kept = f"\n{number(need.kept)} {'gets' if need.kept == 1 else 'get'} the code they have" if need.kept else ""
    return f"{number(need.needed)} {what} · {number(need.active)} active in “{escape(need.name)}”{enough}{kept}"


def _texts(review: Review) -> str:
    longer = [
        f"{count(n, 'text')} of {number(size)} segments" for size, n in sorted(review.by_segments.items()) if size > 1
    ]
    price = cost(review)
    return "\n".join([f"{sizes(review.segments, review.pictures)}{f' · {price}' if price else ''}", *longer])


def _left_out(review: Review) -> list[Block]:
    return [ui.actions(ui.button("See who is left out", LEFT_OUT))] if any(review.left_out.values()) else []


def _missing(review: Review) -> list[Block]:
    """What to do about missing codes, group by group."""
    blocks: list[Block] = []
    for need in review.codes if review.foreseen is None else ():
        if not need.missing:
            continue
        buttons: list[ButtonElement] = []
        advice = ""
        if need.can_generate:
            more = f"Generate {number(need.missing)} more"
            buttons.append(
                ui.button(more, f"{GENERATE}:{need.group_id}", f"{need.group_id}:{need.missing}", style="primary")
            )
        else:
            advice = " It has no format to generate by: add codes with `/promo groups`."
        buttons.append(ui.button("Choose another group", f"{OTHER_GROUP}:{need.group_id}"))
        missing = f"{count(need.missing, 'code')} {'is' if need.missing == 1 else 'are'} missing"
        blocks.append(ui.section(f"⚠ {missing} in “{escape(need.name)}”. Nothing can be sent.{advice}"))
        blocks.append(ui.actions(*buttons))
    return blocks


def _sample(place: Place, facts: ReviewStep) -> list[Block]:
    """One customer's text, what follows it, and what else can be looked at."""
    review = facts.review
    buttons = []
    blocks: list[Block] = []
    sample = review.sample(place.sample)
    if sample:
        note = f" · {sample.note}" if sample.note else ""
        blocks += [ui.section(f"*{escape(sample.customer)}* gets{escape(note)}"), ui.quote(sample.text)]
        at = place.sample % len(review.samples) + 1
        blocks.append(
            ui.context(
                f"Sample {at} of {len(review.samples)} · {count(sample.characters, 'character')} · "
                f"{'picture message' if sample.picture else count(sample.segments, 'SMS segment')} ({sample.encoding})"
                f"{' · codes are masked here' if review.codes or review.last_codes else ''}"
            )
        )
        for step, (when, text) in enumerate(zip(facts.reminders, sample.reminders, strict=False), 1):
            blocks += [ui.context(f"Reminder {step} · {when}, where the code was not used"), ui.quote(text)]
        if sample.fallback:
            blocks += [ui.context("Where there is no code left"), ui.quote(sample.fallback)]
        if len(review.samples) > 1:
            buttons.append(ui.button("Next sample", SAMPLE))
        buttons.append(ui.button("Send me a test…", TEST))
    return [*blocks, ui.actions(*buttons)] if buttons else blocks


def _warnings(facts: ReviewStep) -> list[Block]:
    """What one should know; what can be mended at once has a button."""
    review = facts.review
    lines = [
        f"{count(last.without, 'customer')} never got a code from “{last.name}”: the tag is empty for them."
        for last in review.last_codes
        if last.without
    ]
    lines += review.warnings
    if review.foreseen:
        lines += foreseen.warnings(review, review.foreseen)
    blocks: list[Block] = [ui.plain("\n".join(f"⚠ {line}" for line in lines))] if lines else []
    if facts.body_offenders:
        pairs = ", ".join(f"{code(old)} with {_shown(new)}" for old, new in facts.body_offenders.items())
        blocks.append(
            ui.section(
                f"Unicode texts have 70 characters to a segment, not 160. Replace {pairs}?",
                accessory=ui.button("Replace", REPLACE),
            )
        )
    return blocks


def _shown(new: str) -> str:
    """What a character becomes, where that can be seen."""
    return code(new) if new.strip() else "a space" if new else "nothing"


def _end(facts: ReviewStep) -> list[Block]:
    """What pressing the submit will do, or why it will not."""
    if not facts.review.refusals:
        return [ui.context(facts.afterwards)] if facts.afterwards else []
    return [ui.plain("Not yet. " + " ".join(facts.review.refusals))]
