"""A line of the calendar for each kind of thing that is planned."""

from datetime import date, time

import pytest

from commands.calendar import views
from distribution.schedule.calendar import Entry


@pytest.mark.parametrize(
    ("kind", "texts", "says"),
    [
        ("once", 1204, "09:00  *Sale* · 1,204 customers"),
        ("repeat", 1, "09:00  *Sale* · repeats · about 1 customer"),
        ("own_time", None, "09:00  *Sale* · by each customer's own clock"),
        ("reminders", 3, "09:00  *Sale* · 3 reminders that day"),
        ("texts", 2, "09:00  *Sale* · 2 texts that wait for their delay"),
        ("piled", 2, "09:00  *Sale* · 2 texts fell due in its pause, and wait until it is resumed"),
        ("piled", 1, "09:00  *Sale* · 1 text fell due in its pause, and waits until it is resumed"),
        ("end", None, "09:00  *Sale* · ends"),
        (
            "late",
            None,
            "09:00  *Sale* · fell due while promobot was not running: it waits for a word in its channel",
        ),
    ],
)
def test_a_line_says_what_happens_then(kind: str, texts: int | None, says: str) -> None:
    assert views.line(Entry(date(2026, 6, 15), time(9), kind, 7, "Sale", texts)) == says
