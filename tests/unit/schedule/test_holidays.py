"""Days on which nobody is texted: as people write them, and when they are over by the customer's own clock."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

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


# Where days begin first and last, and where clocks change at midnight, over it, by half an hour, or never.
ZONES = (
    *("Pacific/Kiritimati", "Etc/GMT+12", "Europe/Warsaw", "America/New_York", "Africa/Cairo", "America/Santiago"),
    *("America/Nuuk", "Asia/Beirut", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu", "Atlantic/Azores"),
)
AROUND = (  # a year's end, a leap day, and the nights on which some of them change their clocks
    *(date(2026, 12, 30), date(2028, 2, 28), date(2026, 3, 28), date(2026, 4, 23), date(2026, 4, 4), date(2026, 9, 5)),
    *(date(2026, 10, 24), date(2026, 10, 3), date(2026, 11, 1)),
)


def read_minute_by_minute(silence: Silence, at: datetime, zone: ZoneInfo) -> datetime | None:
    """Somebody who looks at the calendar and the clock on the wall every minute until neither says to wait."""
    found = at
    while True:
        shown = found.astimezone(zone)
        if silence.holidays.on(shown.date()) is None and not (silence.hours and silence.hours.within(shown)):
            return None if found == at else found
        found += timedelta(minutes=1)


@settings(max_examples=120, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    first=st.sampled_from(AROUND),
    days=st.sets(st.integers(0, 3), max_size=3),
    every_year=st.booleans(),
    minutes=st.integers(-600, 3 * 1440),
    hours=st.none() | st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda pair: pair[0] != pair[1]),
)
@example("Pacific/Kiritimati", date(2026, 12, 30), {1, 2}, True, 0, (1260, 540))
@example("America/Nuuk", date(2026, 10, 24), {0}, False, 1300, (1320, 30))
def test_silence_ends_when_neither_the_calendar_nor_the_clock_on_the_wall_says_to_wait(
    zone: str, first: date, days: set[int], every_year: bool, minutes: int, hours: tuple[int, int] | None
) -> None:
    chosen = [first + timedelta(days=day) for day in days]
    kept = holidays.Holidays(tuple(Holiday(day.month, day.day, None if every_year else day.year) for day in chosen))
    silence, its = Silence(Quiet(*hours) if hours else None, kept), ZoneInfo(zone)
    at = datetime(first.year, first.month, first.day, tzinfo=UTC) + timedelta(minutes=minutes)
    assert silence.ends(at, its) == read_minute_by_minute(silence, at, its)
