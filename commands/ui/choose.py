"""Choosing one of many: a plain select up to Slack's hundred options, a search beyond."""

from collections.abc import Sequence
from typing import Any

from slack_sdk.models.blocks import ExternalDataSelectElement, Option, RadioButtonsElement, StaticSelectElement

# docs.slack.dev/reference/block-kit/block-elements/select-menu-element: options in a static select.
MOST = 100


def select(
    action_id: str, options: Sequence[Option], *, chosen: str | int | None = None, placeholder: str = "Choose"
) -> StaticSelectElement | ExternalDataSelectElement:
    """A select of `options`: static where they fit, else one that searches by `action_id` (see `matching`).

    `chosen` is a value among them; one that is not there any more is simply not preselected.
    """
    initial = next((option for option in options if option.value == str(chosen)), None)
    if len(options) > MOST:
        return search(action_id, initial=initial, placeholder=f"Search {len(options):,}")
    return StaticSelectElement(
        action_id=action_id, options=list(options), initial_option=initial, placeholder=placeholder
    )


def search(
    action_id: str, *, initial: Option | None = None, placeholder: str = "Search", shortest: int = 0
) -> ExternalDataSelectElement:
    """A select whose options are asked for as the person types, from `shortest` characters on."""
    return ExternalDataSelectElement(
        action_id=action_id, initial_option=initial, placeholder=placeholder, min_query_length=shortest
    )


def matching(options: Sequence[Option], typed: str) -> list[dict[str, Any]]:
    """The options to answer a search with: those that hold every typed word, at most Slack's hundred."""
    words = typed.casefold().split()
    found = [option for option in options if all(word in _label(option) for word in words)]
    return [option.to_dict() for option in found[:MOST]]


def radios(action_id: str, options: Sequence[Option], *, chosen: str | int | None = None) -> RadioButtonsElement:
    """Radio buttons, with `chosen` set where it is among them."""
    initial = next((option for option in options if option.value == str(chosen)), None)
    return RadioButtonsElement(action_id=action_id, options=list(options), initial_option=initial)


def _label(option: Option) -> str:
    text = option.text
    return (text if isinstance(text, str) else text.text if text else "").casefold()
