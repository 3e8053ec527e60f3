"""Days on which nobody is texted: as people write them, and when they are over by the customer's own clock."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from distribution.errors import Refused
from distribution.limits import Quiet, Silence
from distribution.schedule import holidays
from distribution.schedule.holidays import NONE, Holiday

WARSAW = ZoneInfo("Europe/Warsaw")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            "25 Dec Christmas, 26 Dec, 2026-05-03 Constitution Day",
            "25 Dec Christmas, 26 Dec, 3 May 2026 Constitution Day",
        ),
        ("Dec 25, December 26th; 1 January 2027: New Year", "25 Dec, 26 Dec, 1 Jan 2027 New Year"),
        ("May 3, 2026\n25.12.\n24.12.2026 (Christmas Eve)", "3 May 2026, 25 Dec, 24 Dec 2026 Christmas Eve"),
        ("29 Feb, 29 feb", "29 Feb"),
        (" OFF ", "off"),
        ("", "off"),
    ],
)
def test_dates_are_read_as_people_write_them(text: str, kept: str) -> None:
    assert str(holidays.parse(text)) == kept
    assert holidays.parse(kept) == holidays.parse(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Christmas", "'Christmas' is no date"),
        ("25 Dec, Boxing Day 26", "'Boxing Day 26' is no date"),
        ("31 Nov", "'31 Nov' is no date"),
        ("2026-02-29 leap", "'2026-02-29 leap' is no date"),
        ("3/5/2026", "'3/5/2026' can be read in two ways"),
        ("12 Foo", "'12 Foo' is no date"),
        (f"25 Dec {'x' * 61}", "too long for a holiday's name"),
        (
            ", ".join(
                f"{day} {month} {2000 + year}" for year in range(2) for month in ("Jan", "Mar") for day in range(1, 32)
            ),
            "124 holidays are too many",
        ),
    ],
)
def test_what_is_no_date_is_said_so(text: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        holidays.parse(text)


def test_one_without_a_year_is_of_every_year() -> None:
    found = holidays.parse("25 Dec Christmas, 2026-05-03")
    assert found.on(date(2031, 12, 25)) == Holiday(12, 25, None, "Christmas")
    assert found.on(date(2026, 5, 3)) == Holiday(5, 3, 2026)
    assert found.on(date(2027, 5, 3)) is None


def test_a_holiday_lasts_until_midnight_by_the_customers_own_clock() -> None:
    silence = Silence(None, holidays.parse("25 Dec, 26 Dec"))
    at = datetime(2026, 12, 24, 23, 30, tzinfo=UTC)  # 00:30 of the 25th in Warsaw, 18:30 of the 24th in New York
    assert silence.ends(at, WARSAW) == datetime(2026, 12, 27, tzinfo=WARSAW)
    assert silence.ends(at, ZoneInfo("America/New_York")) is None


def test_the_night_after_it_is_quiet_too() -> None:
    silence = Silence(Quiet(21 * 60, 9 * 60), holidays.parse("25 Dec"))
    before, on = datetime(2026, 12, 24, 22, tzinfo=WARSAW), datetime(2026, 12, 25, 15, tzinfo=WARSAW)
    assert silence.ends(before, WARSAW) == silence.ends(on, WARSAW) == datetime(2026, 12, 26, 9, tzinfo=WARSAW)
    assert silence.ends(datetime(2026, 12, 24, 20, 59, tzinfo=WARSAW), WARSAW) is None


def test_a_holiday_whose_midnight_the_clocks_skip_ends_with_the_first_moment_after_it() -> None:
    cairo = ZoneInfo("Africa/Cairo")  # 24 April 2026 begins at 01:00 there
    silence = Silence(None, holidays.parse("23 Apr 2026"))
    found = silence.ends(datetime(2026, 4, 23, 12, tzinfo=cairo), cairo)
    assert found is not None and found.astimezone(cairo) == datetime(2026, 4, 24, 1, tzinfo=cairo)


def test_where_nothing_is_kept_nothing_is_quiet() -> None:
    assert Silence(None, NONE).ends(datetime(2026, 12, 25, tzinfo=UTC), WARSAW) is None
