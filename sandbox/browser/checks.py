"""What Slack's own client checks before the bot hears anything: required fields, lengths, formats, real choices."""

from __future__ import annotations

import re
from typing import Any

from sandbox.blocks import STATE_KEYS, Json, interactive, plain
from sandbox.limits import Problem, check_options

REQUIRED = "Please complete this required field."
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_URL = re.compile(r"https?://[^\s/]+\S*", re.IGNORECASE)


def chosen(element: Json, action: Json) -> Json:
    """The `state.values` entry for what a person chose; a choice is completed from the element's own options."""
    kind = element["type"]
    if kind == "button":
        return {"type": kind}
    key = "selected_option" if kind == "overflow" else STATE_KEYS.get(kind, ("value", None))[0]
    value = action.get(key)
    own = {option.get("value"): option for option in _options(element)}
    if key == "selected_option" and isinstance(value, dict):
        value = own.get(value.get("value"), value)
    elif key == "selected_options" and isinstance(value, list):
        value = [own.get(item.get("value"), item) for item in value if isinstance(item, dict)]
    return {"type": kind, key: value}


def _options(element: Json) -> list[Json]:
    options = list(element.get("options", []))
    for group in element.get("option_groups", []):
        options += group.get("options", [])
    return options


def required_and_valid(view: Json) -> dict[str, str]:
    """What keeps this modal from being submitted: a text by block id, empty when nothing does."""
    errors: dict[str, str] = {}
    values = view["state"]["values"]
    for placed in interactive(view["blocks"]):
        if placed.block.get("type") != "input":
            continue
        kind = placed.element["type"]
        value = values.get(placed.block_id, {}).get(placed.action_id, {}).get(STATE_KEYS[kind][0])
        if value in (None, "", []):
            if not placed.block.get("optional"):
                errors[placed.block_id] = REQUIRED
            continue
        error = _wrong(placed.element, value)
        if error:
            errors[placed.block_id] = error
    return errors


def _wrong(element: Json, value: Any) -> str | None:
    """What is wrong with a filled field, or None."""
    kind = element["type"]
    if kind in ("plain_text_input", "url_text_input", "email_text_input"):
        return _wrong_text(element, str(value))
    if kind == "number_input":
        return _wrong_number(element, str(value))
    most = element.get("max_selected_items") or (element.get("max_files", 10) if kind == "file_input" else None)
    if isinstance(value, list) and most and len(value) > most:
        return f"Choose {most} or fewer."
    allowed = element.get("filetypes")
    if kind == "file_input" and allowed:
        wrong = [f["name"] for f in value if isinstance(f, dict) and f.get("filetype") not in allowed]
        if wrong:
            return f"{', '.join(wrong)}: only {', '.join(allowed)} files can be added here."
    return None


def _wrong_text(element: Json, value: str) -> str | None:
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if len(value) < least:
        return f"Please enter at least {least} characters."
    if len(value) > most:
        return f"Please enter no more than {most} characters."
    if element["type"] == "email_text_input" and not _EMAIL.fullmatch(value):
        return "Please enter a valid email address."
    if element["type"] == "url_text_input" and not _URL.fullmatch(value):
        return "Please enter a valid URL."
    return None


def _wrong_number(element: Json, value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "Please enter a number."
    if not element.get("is_decimal_allowed") and number != int(number):
        return "Please enter a whole number."
    least, most = element.get("min_value"), element.get("max_value")
    if least is not None and number < float(least):
        return f"Please enter a number of {least} or more."
    if most is not None and number > float(most):
        return f"Please enter a number of {most} or less."
    return None


def suggestions(answer: Json) -> list[Problem]:
    """What is wrong with the options that the bot answered for an external select."""
    if "option_groups" in answer:
        problems: list[Problem] = []
        groups = answer["option_groups"]
        if not isinstance(groups, list):
            return [Problem("/option_groups", "must be a list")]
        for i, group in enumerate(groups):
            path = f"/option_groups/{i}"
            if not plain(group.get("label")):
                problems.append(Problem(f"{path}/label", "missing required field"))
            problems += check_options(group.get("options"), f"{path}/options")
        return [p for p in problems if p.is_error]
    if "options" not in answer:
        return [Problem("", "answers neither options nor option_groups")]
    # An empty list is a fair answer here: nothing matches.
    problems = check_options(answer["options"], "/options") if answer["options"] else []
    return [p for p in problems if p.is_error]
