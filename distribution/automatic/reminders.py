"""Reminders: further texts of a distribution for those who have not used their code, from JSON and back.

[{"after": 2880, "body": "Still yours: {{ client.last_promocode('Summer 10%') }}"},
 {"before_expiry": 1440, "body": "Your code ends tomorrow: …"}]

`after`: minutes from when the first text is known to have been sent; `before_expiry`: minutes before the code that was
issued with it expires. The place in the list, from 1, is the reminder's step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distribution.errors import Refused

MOST = 5
LONGEST = 365 * 24 * 60  # minutes


@dataclass(frozen=True)
class Reminder:
    """One reminder: when, by `after` or by `before_expiry` (minutes; exactly one of them), and its text."""

    body: str
    after: int | None = None
    before_expiry: int | None = None


def parse(data: Sequence[Mapping[str, Any]]) -> tuple[Reminder, ...]:
    """Reminders from their JSON form. Raises `Refused` at "reminders", "reminder1.when", "reminder1.body"…"""
    if not isinstance(data, list | tuple):
        raise Refused("Reminders are a list.", field="reminders")
    if len(data) > MOST:
        raise Refused(f"{len(data)} reminders are too many: {MOST} at most.", field="reminders")
    return tuple(_reminder(step, each) for step, each in enumerate(data, 1))


def to_json(reminders: Sequence[Reminder]) -> list[dict[str, Any]]:
    """The JSON form of reminders; `parse` gives them back."""
    return [
        ({"after": each.after} if each.before_expiry is None else {"before_expiry": each.before_expiry})
        | {"body": each.body}
        for each in reminders
    ]


def _reminder(step: int, data: Any) -> Reminder:
    where = f"reminder{step}"
    if not isinstance(data, Mapping) or not {"after", "before_expiry", "body"}.issuperset(data):
        raise Refused("A reminder has a body, and after or before_expiry in minutes.", field="reminders")
    after, before, body = data.get("after"), data.get("before_expiry"), data.get("body")
    if (after is None) == (before is None):
        raise Refused(
            f"Reminder {step}: say when, after the first text or before the code expires.", field=f"{where}.when"
        )
    minutes = after if before is None else before
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 1 <= minutes <= LONGEST:
        raise Refused(f"Reminder {step}: choose from 1 minute to 365 days.", field=f"{where}.when")
    if not isinstance(body, str) or not body.strip():
        raise Refused(f"Reminder {step}: write its text.", field=f"{where}.body")
    return Reminder(body, after, before)
