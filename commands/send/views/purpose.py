"""Step 2: what customers get."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import Block, Option

from commands.send.place import Place
from commands.send.views import frame
from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import escape, number

PURPOSE = "send.purpose"
GROUP = "send.group"
PROMOTION = "send.promotion"
NEW_PROMOTION = "send.new_promotion"
POLICY = "send.policy"

PURPOSES = {
    "unique_codes": ("Unique codes from a group", "Each customer gets a code of their own"),
    "promotion": ("A cart-level promotion", "No code: tells customers what they get at checkout"),
    "custom": ("Custom message", "No new code: your own words"),
}


POLICIES = {
    "new": ("A new code each time", "Also for customers who have one from before"),
    "same": ("The same code until it is redeemed", "Who has one that they can still use gets that one again"),
}


@dataclass(frozen=True)
class Group:
    """A promo code group to take codes from."""

    id: int
    name: str
    active: int
    total: int


@dataclass(frozen=True)
class Promotion:
    """A promotion to tell about."""

    id: int
    name: str
    terms: str


@dataclass(frozen=True)
class PurposeStep:
    """What step 2 shows."""

    purpose: str
    groups: Sequence[Group] = ()
    group_id: int | None = None
    promotions: Sequence[Promotion] = ()
    promotion_id: int | None = None
    policy: str = "new"


def view(place: Place, facts: PurposeStep, decided: Sequence[str] = ()) -> dict[str, Any]:
    """The modal of step 2."""
    options = [ui.option(label, value, about) for value, (label, about) in PURPOSES.items()]
    blocks: list[Block] = [
        ui.field(
            "What customers get",
            place.block_id("purpose"),
            choose.radios(PURPOSE, options, chosen=facts.purpose),
            dispatch=True,
        )
    ]
    if facts.purpose == "unique_codes":
        blocks += _groups(place, facts)
    elif facts.purpose == "promotion":
        blocks += _promotions(place, facts)
    return frame.step(place, decided, blocks)


def group_options(groups: Sequence[Group]) -> list[Option]:
    """Groups as choices, with their stock."""
    return [ui.option(group.name, group.id, stock(group)) for group in groups]


def promotion_options(promotions: Sequence[Promotion]) -> list[Option]:
    """Promotions as choices, with their terms."""
    return [ui.option(promotion.name, promotion.id, promotion.terms or None) for promotion in promotions]


def stock(group: Group) -> str:
    """A group's stock in words: "700 active of 1,000"."""
    return f"{number(group.active)} active of {number(group.total)}"


def _groups(place: Place, facts: PurposeStep) -> list[Block]:
    if not facts.groups:
        return [
            ui.section("There is no promo code group yet. Make one with `/promo groups`; this draft waits for you.")
        ]
    blocks: list[Block] = [
        ui.field(
            "Promo code group",
            place.block_id("group"),
            choose.select(GROUP, group_options(facts.groups), chosen=facts.group_id, placeholder="Choose a group"),
            dispatch=True,
        )
    ]
    chosen = next((group for group in facts.groups if group.id == facts.group_id), None)
    if chosen:
        blocks.append(ui.context(f"{stock(chosen)}. The codes are set aside when the message is sent, not now."))
    policies = [ui.option(label, value, about) for value, (label, about) in POLICIES.items()]
    radios = choose.radios(POLICY, policies, chosen=facts.policy)
    return [*blocks, ui.field("Which code each customer gets", place.block_id("policy"), radios)]


def _promotions(place: Place, facts: PurposeStep) -> list[Block]:
    new = ui.actions(ui.button("New promotion…", NEW_PROMOTION))
    if not facts.promotions:
        return [ui.section("There is no promotion yet."), new]
    blocks: list[Block] = [
        ui.field(
            "Promotion",
            place.block_id("promotion"),
            choose.select(
                PROMOTION,
                promotion_options(facts.promotions),
                chosen=facts.promotion_id,
                placeholder="Choose a promotion",
            ),
            dispatch=True,
        )
    ]
    chosen = next((promotion for promotion in facts.promotions if promotion.id == facts.promotion_id), None)
    if chosen and chosen.terms:
        blocks.append(ui.context(escape(chosen.terms)))
    return [*blocks, new]
