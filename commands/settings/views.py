"""The settings' modal."""

from collections.abc import Mapping
from typing import Any

from slack_sdk.models.blocks import (
    ConversationFilter,
    ConversationSelectElement,
    PlainTextInputElement,
    StaticSelectElement,
)

from commands.ui.blocks import field, modal, option

CALLBACK = "settings.save"

# One block a setting, named after it: an error shows where its value was typed.
PREFIX = "settings:"
ABOVE = "settings.above"

RULES = {
    "always": "Every distribution",
    "above": "Those to more customers than…",
    "never": "None: whoever may send sends",
}


def view(current: Mapping[str, Any]) -> dict[str, Any]:
    """The whole modal, filled with what holds now."""
    rule, _, limit = str(current["approvals.required"]).partition(":")
    options = [option(label, value) for value, label in RULES.items()]
    channel = current["approvals.channel"] or None
    internal = [option("No: on the public internet only, over https", "no"), option("Yes, anywhere", "yes")]
    blocks = [
        field(
            "What a second person must approve",
            PREFIX + "approvals.required",
            StaticSelectElement(
                action_id="rule",
                options=options,
                initial_option=next(choice for choice in options if choice.value == rule),
            ),
        ),
        field(
            "More customers than",
            ABOVE,
            PlainTextInputElement(action_id="above", initial_value=limit or None, placeholder="100"),
            hint="Only where approval depends on how many customers get a message.",
            optional=True,
        ),
        field(
            "Where approvals are asked for",
            PREFIX + "approvals.channel",
            ConversationSelectElement(
                action_id="channel",
                initial_conversation=channel,
                placeholder="Choose a channel",
                filter=ConversationFilter(include=["public", "private"], exclude_bot_users=True),
            ),
            hint="Invite promobot there: /invite @promobot",
            optional=True,
        ),
        field(
            "Where low stock is told",
            PREFIX + "low_stock.channel",
            ConversationSelectElement(
                action_id="low_stock",
                initial_conversation=current["low_stock.channel"] or None,
                placeholder="Choose a channel",
                filter=ConversationFilter(include=["public", "private"], exclude_bot_users=True),
            ),
            hint="Nothing chosen: where approvals are asked for; without that, whoever made the group.",
            optional=True,
        ),
        _text("sending.hold", "Seconds in which a send can be called back", current, "No text leaves before; 0: none"),
        _text("region.default", "Country of numbers without a country code", current, "Two letters: PL, GB, US"),
        _text("time_zone", "Time zone of people and customers without one", current, "Such as Europe/Warsaw"),
        _text("cost.per_segment", "What one SMS segment costs", current, "For the estimate in the review"),
        _text("cost.per_picture", "What one picture message costs", current, "Where a provider sends them"),
        _text("cost.currency", "Currency of these costs", current, "Three letters: USD, EUR, PLN"),
        _text(
            "sending.lifetime",
            "Give a text up after, in hours",
            current,
            "What could not leave by then is not sent; its code is free again",
        ),
        _text("quiet_hours", "Quiet hours", current, "Nobody is texted then, by their own clock: 21:00-09:00, or off"),
        _text(
            "quiet_hours.holidays",
            "Holidays",
            current,
            "Nobody is texted on these days, by their own date: 25 Dec Christmas, 2026-05-03, or off",
        ),
        _text("cap", "Most texts for one customer", current, "Across all distributions: 3 in 7 days, or off"),
        _text(
            "trigger.oldest",
            "Oldest event that sets something off, in hours",
            current,
            "One that comes in later is kept, and nobody is texted for it",
        ),
        _text(
            "clock.late_after",
            "Ask before sending what is later than, in minutes",
            current,
            "What fell due while promobot was not running, and is later than that, waits for your word",
        ),
        field(
            "May providers added in Slack be in your own network?",
            PREFIX + "providers.internal_addresses",
            StaticSelectElement(
                action_id="internal",
                options=internal,
                initial_option=internal[bool(current["providers.internal_addresses"])],
            ),
            hint="A Kannel beside promobot, for example. Whoever adds one could then reach other machines there too.",
        ),
    ]
    return modal("Settings", blocks, callback_id=CALLBACK, submit="Save")


def _text(key: str, label: str, current: Mapping[str, Any], hint: str) -> Any:
    element = PlainTextInputElement(action_id="text", initial_value=str(current[key]))
    return field(label, PREFIX + key, element, hint=hint)
