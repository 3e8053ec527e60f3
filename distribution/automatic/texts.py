"""The texts of a distribution: its first one, its reminders, and the one that is sent where there is no code."""

from distribution.automatic import reminders
from storage.tables import Distribution

FIRST = 0  # the step of the first text


def body_of(row: Distribution, step: int, *, fallback: bool = False) -> str:
    """The body of a step: 0 is the first text, 1… the reminders. `fallback`: the text that needs no code."""
    if fallback:
        return row.fallback_body
    return row.body if step == FIRST else reminders.parse(row.reminders)[step - 1].body
