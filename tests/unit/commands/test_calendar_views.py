"""A line of the calendar for each kind of thing that is planned."""

from datetime import date, time

import pytest

from commands.calendar import views
from commands.ui import paging
from distribution.schedule.calendar import Entry, Live


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


def test_what_has_no_day_is_named_below() -> None:
    """Five of each by name, as their authors typed it."""
    live = [Live(n, f"Cart {n}", n == 1) for n in range(7)]
    shown = views.view(views.Facts(date(2026, 6, 15), "UTC", paging.page_of([], 0), [], live, ["Weekly <news>"]))
    said = [block["elements"][0]["text"] for block in shown["blocks"] if block["type"] == "context"]
    assert said == [
        "Live, whenever something sets them off: Cart 0, Cart 1 (paused), Cart 2, Cart 3, Cart 4 and 2 more.",
        "Paused, with no next time before it is resumed: Weekly &lt;news&gt;.",
        "The next 90 days. Times are those of UTC.",
    ]
