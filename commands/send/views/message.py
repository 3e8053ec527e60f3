"""Step 5: through which provider, which words, and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.models.blocks import Block, PlainTextInputElement
from slack_sdk.models.blocks.basic_components import DispatchActionConfig

from commands.send.place import Place
from commands.send.views import dry, frame, merge_tags, reminders, schedule
from commands.send.views.merge_tags import Tag
from commands.send.views.schedule import Timing
from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import count, escape
from distribution.limits import span

PROVIDER = "send.provider"
BODY = "send.body"
INSERT = "send.insert"
LIFETIME = "send.lifetime"

# Minutes to choose from; what the API was given beside these is offered too.
LIFETIMES = (60, 120, 240, 480, 720, 1440, 2880, 4320, 10_080)


@dataclass(frozen=True)
class Live:
    """What is known of the text as it stands: its size for a typical customer, and what is wrong with it."""

    characters: int = 0
    segments: int = 0
    encoding: str = "GSM-7"
    with_code: bool = False
    pictures: Sequence[str] = ()  # countries to whose numbers it leaves as a picture message
    offenders: Sequence[str] = ()
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class MessageStep:
    """What step 5 shows."""

    providers: Sequence[tuple[int, str]] = ()
    provider_id: int | None = None
    body: str = ""
    tags: Mapping[str, Sequence[Tag]] = field(default_factory=dict)  # heading → tags
    live: Live = Live()
    reminders: Sequence[Mapping[str, Any]] = ()
    timing: Timing | None = None  # of a manual one
    when_dry: str | None = None  # of an automatic one that gives codes
    fallback_body: str = ""
    can_make: bool = False  # whether its group has a format to make codes by
    lifetime: int = 0  # minutes after which a text is given up; 0: as is usual
    usual: str = "24 hours"  # the workspace's own, in words


def view(place: Place, facts: MessageStep, decided: Sequence[str] = ()) -> dict[str, Any]:
    """The modal of step 5."""
    blocks: list[Block] = [_provider(place, facts)]
    blocks.append(
        ui.field(
            "Message",
            place.block_id("body"),
            PlainTextInputElement(
                action_id=BODY,
                multiline=True,
                initial_value=facts.body or None,
                max_length=merge_tags.LONGEST,
                placeholder="Hi {{ client.first_name }}, …",
                dispatch_action_config=DispatchActionConfig(trigger_actions_on=["on_character_entered"]),
            ),
            dispatch=True,
        )
    )
    blocks.append(ui.context(size(facts.live, facts.body)))
    if facts.live.problems:
        blocks.append(ui.plain("\n".join(f"⚠ {problem}" for problem in facts.live.problems[:5])))
    if facts.tags:
        blocks.append(ui.actions(merge_tags.picker(INSERT, facts.tags), block_id=place.block_id("insert")))
    blocks += [*reminders.listed(facts.reminders), ui.divider()]
    if facts.when_dry is not None:
        blocks += dry.blocks(place, facts.when_dry, facts.fallback_body, can_make=facts.can_make)
    if facts.timing is not None:
        blocks += schedule.blocks(place, facts.timing)
    blocks.append(_lifetime(place, facts))
    return frame.step(place, decided, blocks, submit="Review")


def size(live: Live, body: str) -> str:
    """How big the text is for one customer: "68 characters, a sample code included · 1 SMS segment (GSM-7)"."""
    if not body.strip():
        return "Counts characters and SMS segments as you type."
    if live.problems and not live.characters:
        return "Not counted until the tags are right."
    included = ", with a sample customer and code" if live.with_code else ""
    words = f"{count(live.characters, 'character')}{included} · {count(live.segments, 'SMS segment')} ({live.encoding})"
    if live.pictures:
        words += f" · one picture message instead, to numbers in {', '.join(live.pictures)}"
    if live.offenders:
        chars = " ".join(f"“{escape(char)}”" for char in live.offenders[:8])
        words += f" · Unicode because of {chars}: 70 characters to a segment, not 160"
    return words


def _provider(place: Place, facts: MessageStep) -> Block:
    if not facts.providers:
        return ui.section("There is no provider to send through yet. An admin adds one with `/promo providers`.")
    return ui.field(
        "Provider",
        place.block_id("provider"),
        choose.select(
            PROVIDER,
            [ui.option(name, provider_id) for provider_id, name in facts.providers],
            chosen=facts.provider_id,
            placeholder="Choose a provider",
        ),
    )


def _lifetime(place: Place, facts: MessageStep) -> Block:
    """After how long a text that could not be sent is not sent any more."""
    chosen = {facts.lifetime} - {0}
    options = [ui.option(f"{facts.usual}, as usual", 0)]
    options += [ui.option(span(minutes), minutes) for minutes in sorted(chosen.union(LIFETIMES))]
    return ui.field(
        "Give up after",
        place.block_id("lifetime"),
        choose.select(LIFETIME, options, chosen=facts.lifetime),
        hint="What could not leave by then (quiet hours, a pause, the provider) is not sent; its code is free again.",
    )
