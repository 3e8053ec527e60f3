"""Limits of block elements, and which block and surface each is allowed in.

docs.slack.dev/reference/block-kit/block-elements
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sandbox.limits.composition import check_choices, check_confirm, check_initial, check_options
from sandbox.limits.problem import (
    Json,
    Problem,
    Problems,
    check_enum,
    check_list,
    check_number,
    check_string,
    check_text,
)

SELECTS = frozenset({"static_select", "external_select", "users_select", "conversations_select", "channels_select"})
MULTI_SELECTS = frozenset(f"multi_{kind}" for kind in SELECTS)
MENUS = SELECTS | MULTI_SELECTS
CHOICES = frozenset({"checkboxes", "radio_buttons"})
PICKERS = frozenset({"datepicker", "timepicker"})
TYPED = frozenset({"plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input"})

ALLOWED: dict[str, frozenset[str]] = {
    "section": MENUS | CHOICES | PICKERS | {"button", "image", "overflow", "workflow_button"},
    "actions": MENUS
    | CHOICES
    | PICKERS
    | {"button", "overflow", "workflow_button", "datetimepicker", "rich_text_input"},
    "input": MENUS | CHOICES | PICKERS | TYPED | {"datetimepicker", "file_input"},
    "card": frozenset({"button"}),
}
# Everything else works in messages, modals and home tabs alike.
SURFACES: dict[str, frozenset[str]] = {
    "file_input": frozenset({"modal"}),
    "number_input": frozenset({"modal"}),
    "email_text_input": frozenset({"modal"}),
    "url_text_input": frozenset({"modal"}),
    "datetimepicker": frozenset({"modal", "message"}),
}

_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def check_element(element: Any, path: str, *, place: str, surface: str) -> Problems:
    """One interactive element (or image) in a block of type `place` on `surface`."""
    if not isinstance(element, dict):
        yield Problem(path, "must be an object")
        return
    kind = str(element.get("type"))
    if kind not in ALLOWED.get(place, frozenset()):
        yield Problem(f"{path}/type", f"unsupported type: {kind} in a {place} block")
        return
    if surface not in SURFACES.get(kind, {surface}):
        yield Problem(f"{path}/type", f"{kind} is not allowed on surface: {surface}")
    if kind == "image":
        yield from check_image(element, path)
        return
    yield from check_string(element, "action_id", path, 255)
    yield from check_confirm(element, path)
    yield from check_text(element, "placeholder", path, 150, required=False, plain=True)
    yield from _CHECKS.get(kind, _nothing)(element, path)


def check_image(element: Json, path: str) -> Problems:
    """An image: an address or a Slack file, and alt text for those who do not see it."""
    if ("image_url" in element) == ("slack_file" in element):
        yield Problem(path, "must have either image_url or slack_file")
    yield from check_string(element, "image_url", path, 3000)
    yield from check_string(element, "alt_text", path, 2000, required=True)


def _nothing(_element: Json, _path: str) -> Problems:
    yield from ()


def _button(element: Json, path: str) -> Problems:
    yield from check_text(element, "text", path, 75, plain=True)
    yield from check_string(element, "value", path, 2000)
    yield from check_string(element, "url", path, 3000)
    yield from check_string(element, "accessibility_label", path, 75)
    yield from check_enum(element, "style", path, ("primary", "danger"))


def _static(element: Json, path: str) -> Problems:
    yield from check_choices(element, path)
    yield from check_initial(element, path)
    yield from check_number(element, "max_selected_items", path, 1, 100)


def _external(element: Json, path: str) -> Problems:
    yield from check_number(element, "min_query_length", path, 0, 255)
    yield from check_number(element, "max_selected_items", path, 1, 100)


def _menu(element: Json, path: str) -> Problems:
    yield from check_number(element, "max_selected_items", path, 1, 100)


def _choices(element: Json, path: str) -> Problems:
    yield from check_options(element.get("options"), f"{path}/options", most=10, mrkdwn=True)
    yield from check_initial(element, path)


def _overflow(element: Json, path: str) -> Problems:
    # One option is refused by Slack's docs of old and taken by those of today; two is safe in both.
    yield from check_options(element.get("options"), f"{path}/options", least=2, most=5)


def _text_input(element: Json, path: str) -> Problems:
    yield from check_number(element, "min_length", path, 0, 3000)
    yield from check_number(element, "max_length", path, 1, 3000)
    least, most = element.get("min_length"), element.get("max_length")
    if isinstance(least, int) and isinstance(most, int) and least > most:
        yield Problem(f"{path}/min_length", "must not be more than max_length")
    yield from check_string(element, "initial_value", path, most if isinstance(most, int) else 3000)
    yield from _dispatch_config(element, path)


def _dispatch_config(element: Json, path: str) -> Problems:
    config = element.get("dispatch_action_config")
    if config is None:
        return
    here = f"{path}/dispatch_action_config"
    if not isinstance(config, dict):
        yield Problem(here, "must be an object")
        return
    triggers, problems = check_list(config, "trigger_actions_on", here, 1, 2)
    yield from problems
    for i, trigger in enumerate(triggers):
        if trigger not in ("on_enter_pressed", "on_character_entered"):
            yield Problem(f"{here}/trigger_actions_on/{i}", "must be one of: on_character_entered, on_enter_pressed")


def _number_input(element: Json, path: str) -> Problems:
    if not isinstance(element.get("is_decimal_allowed"), bool):
        yield Problem(path, "missing required field: is_decimal_allowed")
    for key in ("initial_value", "min_value", "max_value"):
        value = element.get(key)
        if value is not None and not (isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value)):
            yield Problem(f"{path}/{key}", "must be a number in a string")
    yield from _dispatch_config(element, path)


def _date(element: Json, path: str) -> Problems:
    yield from _matching(element, "initial_date", path, _DATE, "a date such as 2026-12-31")


def _time(element: Json, path: str) -> Problems:
    yield from _matching(element, "initial_time", path, _TIME, "a time such as 23:59")


def _matching(element: Json, key: str, path: str, pattern: re.Pattern[str], what: str) -> Problems:
    value = element.get(key)
    if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
        yield Problem(f"{path}/{key}", f"must be {what}")


def _datetime(element: Json, path: str) -> Problems:
    value = element.get("initial_date_time")
    if value is not None and not (isinstance(value, int) and 10**9 <= value < 10**10):
        yield Problem(f"{path}/initial_date_time", "must be a UNIX timestamp of 10 digits")


def _file_input(element: Json, path: str) -> Problems:
    yield from check_number(element, "max_files", path, 1, 10)
    types = element.get("filetypes")
    if types is not None and (not isinstance(types, list) or not all(isinstance(t, str) and t for t in types)):
        yield Problem(f"{path}/filetypes", "must be an array of file extensions")


_CHECKS: dict[str, Callable[[Json, str], Problems]] = {
    "button": _button,
    "static_select": _static,
    "multi_static_select": _static,
    "external_select": _external,
    "multi_external_select": _external,
    "multi_users_select": _menu,
    "multi_conversations_select": _menu,
    "multi_channels_select": _menu,
    "checkboxes": _choices,
    "radio_buttons": _choices,
    "overflow": _overflow,
    "plain_text_input": _text_input,
    "email_text_input": _dispatch_config,
    "url_text_input": _dispatch_config,
    "number_input": _number_input,
    "datepicker": _date,
    "timepicker": _time,
    "datetimepicker": _datetime,
    "file_input": _file_input,
}
