"""The values of a segment's rules, refused where they are not of the kind that they are compared as."""

import math
from typing import Any

from distribution.customers import clean
from distribution.errors import Refused
from storage.customers import fold
from storage.tables import CONSENTS

LIST_LIMIT = 10_000
COUNT_LIMIT = 1_000_000
# A hundred years: further back the calendar, or a database, would end.
DAYS_LIMIT = 36_500


def value(field: str, kind: str, takes: str, given: Any) -> Any:
    """The value of a condition, in the form that it is compared in: `takes` as `fields.Op` says.

    Raises `Refused`, field "rules", without naming the field.
    """
    if takes == "none":
        return None
    if takes == "days":
        return days(given)
    if takes == "many":
        if not isinstance(given, list | tuple):
            raise Refused("a list is missing. Write one value to a line.", field="rules")
        if len(given) > LIST_LIMIT:
            raise Refused(
                f"{len(given):,} values are more than the {LIST_LIMIT:,} that a list may have.", field="rules"
            )
        several = tuple(dict.fromkeys(_one(field, kind, each) for each in given))
        if not several:
            raise Refused("the list is empty. Write one value to a line.", field="rules")
        return several
    return _one(field, kind, given)


def days(given: Any) -> int:
    """A number of days. Raises `Refused`."""
    return _whole(given, 1, DAYS_LIMIT, "days")


def said(given: Any) -> str:
    """Whatever somebody sent, short enough to say back; a list or an object is not spelled out, however deep it is."""
    if isinstance(given, list | tuple):
        return "a list"
    if isinstance(given, dict):
        return "an object"
    if isinstance(given, bool) or given is None:
        return {True: "true", False: "false", None: "nothing"}[given]
    if isinstance(given, int) and abs(given) > clean.EXACT:
        return "a number that large"
    return f"'{str(given)[:60]}'"


def _one(field: str, kind: str, given: Any) -> Any:
    """One value of `kind`. Raises `Refused`."""
    if given is None or given == "":
        raise Refused("a value is missing.", field="rules")
    if kind in ("count", "event"):
        return _whole(given, 0, COUNT_LIMIT, "times" if kind == "event" else "codes")
    if kind == "number":
        return _number(given)
    if kind == "consent":
        if given not in CONSENTS:
            raise Refused(f"{said(given)} is not one of {', '.join(CONSENTS)}.", field="rules")
        return given
    if not isinstance(given, str):
        raise Refused(f"{said(given)} is not text.", field="rules")
    if kind in ("date", "day"):
        return str(clean.attribute(given, "date"))
    if kind == "word":
        return {"region": clean.region, "time_zone": clean.time_zone, "locale": clean.locale}[field](given)
    text = clean.text(given)
    if not text or (field == "name" and not fold(text)):
        raise Refused(f"'{text}' has no letters or digits to compare.", field="rules")
    return text


def _whole(given: Any, least: int, most: int, what: str) -> int:
    """A whole number of something."""
    if given is None or given == "":
        raise Refused(f"a number of {what} is missing.", field="rules")
    number = _number(given)
    if number != int(number) or not least <= number <= most:
        raise Refused(
            f"{said(given)} is not a number of {what}. Write a whole number from {least} to {most:,}.", field="rules"
        )
    return int(number)


def _number(given: Any) -> int | float:
    """A number, typed or given."""
    if isinstance(given, str):
        parsed = clean.attribute(given, "number")
        return parsed if isinstance(parsed, int | float) else 0
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise Refused(f"{said(given)} is not a number.", field="rules")
    if isinstance(given, float) and not math.isfinite(given):
        raise Refused(f"{said(given)} is not a number.", field="rules")
    if abs(given) > clean.EXACT:
        raise Refused(f"{said(given)} is too large: {clean.EXACT:,} is the most.", field="rules")
    return given
