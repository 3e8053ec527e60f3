"""What a tag may put into a text: plain words, without anything that a phone or a terminal would act upon."""

from decimal import Decimal
from typing import Any

# Control characters, bidirectional overrides and marks (they can turn a text around), invisible separators.
_UNSEEN: dict[int, str | None] = {
    **dict.fromkeys(range(0x20)),
    **dict.fromkeys(range(0x7F, 0xA0)),
    **dict.fromkeys((0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, 0x00AD)),
    **dict.fromkeys(range(0x202A, 0x202F)),
    **dict.fromkeys(range(0x2066, 0x206A)),
    **dict.fromkeys(range(0xD800, 0xE000)),
    **dict.fromkeys((0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x2028, 0x2029), " "),
}

# How people are addressed, in front of a first name ("Dr. Anna Kowalska").
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "madam", "pan", "pani", "herr", "frau"})


def clean(text: str) -> str:
    """`text` on one line, without control characters and without spaces around it."""
    if text.isprintable():
        return text.strip()
    return text.translate(_UNSEEN).strip()


def as_text(value: Any) -> str:
    """A value of JSON as a customer would read it: 5.0 is 5, true is yes, nothing is nothing, a list has commas."""
    if isinstance(value, str):
        return clean(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        # Fifteen digits are what a float holds for certain: 0.1 + 0.2 is 0.3.
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{Decimal(f'{value:.15g}'):f}"
    if isinstance(value, list):
        return ", ".join(filter(None, map(as_text, value)))
    if isinstance(value, dict):
        return ", ".join(filter(None, map(as_text, value.values())))
    return str(value)


def first_name(name: str) -> str:
    """The name that somebody is greeted by: "Anna" of "Anna Maria Kowalska", "Dr. Anna …" and "Kowalska, Anna"."""
    head, space, _ = name.partition(" ")
    if head.isalpha() and (not space or head.casefold() not in _TITLES):  # nearly everybody, and ten times as fast
        return head
    words = _in_order(name).split()
    while len(words) > 1 and words[0].rstrip(".").casefold() in _TITLES:
        words.pop(0)
    return words[0] if words else ""


def last_name(name: str) -> str:
    """The last word of a name of two words or more ("Kowalska"); empty when there is only one."""
    words = _in_order(name).split()
    while len(words) > 1 and words[0].rstrip(".").casefold() in _TITLES:
        words.pop(0)
    return words[-1] if len(words) > 1 else ""


def _in_order(name: str) -> str:
    """First name first: "Kowalska, Anna" is turned around."""
    last, comma, first = name.partition(",")
    return f"{first} {last}" if comma and first.strip() else name
