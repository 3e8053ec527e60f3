"""What the validator reports, and the small checks that everything else is made of."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """One finding: where (a JSON pointer into the payload) and what, in Slack's manner."""

    path: str
    message: str
    slack_error: str = ""
    """Slack's own error name where it has one (msg_too_long, view_too_large); else the method's general one."""
    is_error: bool = True
    """False for a warning: Slack takes it, but people are worse off (blocks without `text`)."""

    def __str__(self) -> str:
        return f"{'' if self.is_error else 'warning: '}{self.path or '/'}: {self.message}"


Problems = Iterator[Problem]


def check_string(holder: Json, key: str, path: str, most: int, *, required: bool = False, least: int = 0) -> Problems:
    """A string field of at most `most` characters."""
    value = holder.get(key)
    here = f"{path}/{key}"
    if value is None:
        if required:
            yield Problem(path, f"missing required field: {key}")
    elif not isinstance(value, str):
        yield Problem(here, "must be a string")
    elif len(value) > most:
        yield Problem(here, f"must be less than {most + 1} characters")
    elif len(value) < max(least, 1 if required else 0):
        yield Problem(here, f"must be more than {max(least, 1) - 1} characters")


def check_number(holder: Json, key: str, path: str, least: int, most: int) -> Problems:
    """An optional whole number from `least` to `most`."""
    value = holder.get(key)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        yield Problem(f"{path}/{key}", "must be an integer")
    elif not least <= value <= most:
        yield Problem(f"{path}/{key}", f"must be from {least} to {most}")


def check_enum(holder: Json, key: str, path: str, allowed: Collection[str], *, required: bool = False) -> Problems:
    """A field that takes one of a few words."""
    value = holder.get(key)
    if value is None:
        if required:
            yield Problem(path, f"missing required field: {key}")
    elif value not in allowed:
        yield Problem(f"{path}/{key}", f"must be one of: {', '.join(sorted(allowed))}")


def check_list(holder: Json, key: str, path: str, least: int, most: int) -> tuple[list[Any], list[Problem]]:
    """A required list field's items (empty when it is not a list), and what is wrong with the list itself."""
    value = holder.get(key)
    here = f"{path}/{key}"
    if value is None:
        return [], [Problem(path, f"missing required field: {key}")]
    if not isinstance(value, list):
        return [], [Problem(here, "must be an array")]
    if len(value) > most:
        return value, [Problem(here, f"no more than {most} items allowed")]
    if len(value) < least:
        return value, [Problem(here, f"no less than {least} items allowed")]
    return value, []


def check_text(
    holder: Json, key: str, path: str, most: int, *, required: bool = True, plain: bool = False, least: int = 1
) -> Problems:
    """A text object field: its type, and from `least` to `most` characters. `plain` allows plain_text only."""
    value = holder.get(key)
    here = f"{path}/{key}"
    if value is None:
        if required:
            yield Problem(path, f"missing required field: {key}")
        return
    yield from check_text_object(value, here, most, plain=plain, least=least)


def check_text_object(value: Any, here: str, most: int, *, plain: bool = False, least: int = 1) -> Problems:
    """A text object (docs.slack.dev/reference/block-kit/composition-objects/text-object)."""
    if not isinstance(value, dict):
        yield Problem(here, "must be a text object")
        return
    allowed = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    kind = value.get("type")
    if kind not in allowed:
        yield Problem(f"{here}/type", f"must be one of: {', '.join(allowed)}")
    text = value.get("text")
    if not isinstance(text, str):
        yield Problem(f"{here}/text", "must be a string")
    elif len(text) > most:
        yield Problem(f"{here}/text", f"must be less than {most + 1} characters")
    elif len(text) < least:
        yield Problem(f"{here}/text", f"must be more than {least - 1} characters")
    if kind == "mrkdwn" and "emoji" in value:
        yield Problem(f"{here}/emoji", "is only allowed in plain_text")
    if kind == "plain_text" and "verbatim" in value:
        yield Problem(f"{here}/verbatim", "is only allowed in mrkdwn")
