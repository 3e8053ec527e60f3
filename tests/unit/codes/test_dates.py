"""Expiries in files: one way of writing for a whole column, refused with the line where it is not."""

from datetime import UTC, date, datetime

import pytest

from distribution.codes import dates
from distribution.errors import Refused


def found(*cells: str, order: str = "") -> str | None:
    column = dates.Column("codes.csv", order)
    column.see(enumerate(cells, 2))
    return column.way()


@pytest.mark.parametrize(
    ("cells", "way"),
    [
        (("2026-08-31", "2026-09-01"), "y-m-d"),
        (("2026-08-31 14:00", "2026-09-01T10:00:00+02:00", "2026-01-01"), "y-m-d"),
        (("31.08.2026", "1.9.2026"), "d.m.y"),
        (("03/04/2026", "31/08/2026"), "d/m/y"),
        (("03/04/2026", "08/31/2026"), "m/d/y"),
        (("04/04/2026", "05/05/2026"), "d/m/y"),  # both ways mean the same days
        (("31 Aug 2026", "1 September 2026"), "d mon y"),
        (("Aug 31, 2026",), "mon d y"),
        (("", "soon", "2026-08-31"), "y-m-d"),
        (("soon",), None),
        ((), None),
    ],
)
def test_the_column_tells_how_its_dates_are_written(cells: tuple[str, ...], way: str | None) -> None:
    assert found(*cells) == way


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (
            ("31/08/2026", "08/31/2026"),
            "Line 3 of 'codes.csv' says '08/31/2026' (month/day/year), line 2 says '31/08/2026'",
        ),
        (
            ("2026-08-31", "31.08.2026"),
            "Line 3 of 'codes.csv' says '31.08.2026' (day.month.year), line 2 says '2026-08-31'",
        ),
        (("03/04/2026", "x", "03-04-2026"), "Line 4"),
    ],
)
def test_two_ways_in_one_column_are_refused_with_the_line(cells: tuple[str, ...], says: str) -> None:
    with pytest.raises(Refused) as refusal:
        found(*cells)
    assert says in str(refusal.value) and refusal.value.field == "expiry"


def test_dates_that_can_be_read_in_two_ways_ask_a_person() -> None:
    with pytest.raises(Refused, match="can be read in two ways") as refusal:
        found("03/04/2026", "05/04/2026")
    assert refusal.value.field == "dates" and "'03/04/2026' in line 2 of 'codes.csv'" in str(refusal.value)
    assert (found("03/04/2026", order="dmy"), found("03/04/2026", order="mdy")) == ("d/m/y", "m/d/y")
    assert found("2026-04-03", order="dmy") == "y-m-d"


@pytest.mark.parametrize(
    "text", ["31.13.2026", "30.02.2026", "31.08.26", "20260831", "2026-08", "1/2", "12:00", "２026-01-01"]
)
def test_what_is_no_day_is_none(text: str) -> None:
    assert dates.ways_of(text) == frozenset()


def test_a_day_ends_at_midnight_where_the_person_is_and_a_time_is_meant_there() -> None:
    read = dates.reader("y-m-d", "Europe/Warsaw")
    assert read("2026-08-31") == datetime(2026, 8, 31, 22, tzinfo=UTC)
    assert read("2026-08-31 14:30") == datetime(2026, 8, 31, 12, 30, tzinfo=UTC)
    assert read("2026-08-31T14:30:00Z") == datetime(2026, 8, 31, 14, 30, tzinfo=UTC)
    assert read("2026-08-31T14:30:00-05:30") == datetime(2026, 8, 31, 20, tzinfo=UTC)
    assert read("soon") is None
    assert dates.BY_KEY["d mon y"].read("31 Aug 2026") == date(2026, 8, 31)


@pytest.mark.parametrize("zone", ["Europe/Warsaw", "America/New_York"])
@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "2026-06-15T12:00:00+99:99", "2026-06-15 12:00+25"],
)
def test_what_no_clock_shows_or_no_calendar_reaches_is_no_date(text: str, zone: str) -> None:
    """Systems write the first and the last day there is for "never": such a cell is refused, and no error of ours."""
    assert dates.ways_of(text) == frozenset()
    assert dates.beginning(text, "y-m-d", zone) is None


def test_the_ends_of_time_are_no_date_where_the_zone_puts_them_beyond() -> None:
    assert dates.beginning("0001-01-01", "y-m-d", "Europe/Warsaw") is None
    assert dates.beginning("9999-12-31 23:00", "y-m-d", "America/New_York") is None
    assert dates.beginning("9999-12-31T23:59Z", "y-m-d", "UTC") is None, "no clock in Warsaw shows that"
    assert dates.reader("y-m-d", "UTC")("9999-12-31") is None, "it would end in the year 10000"
    assert dates.beginning("2026-06-15T12:00-0530", "y-m-d", "UTC") == datetime(2026, 6, 15, 17, 30, tzinfo=UTC)
