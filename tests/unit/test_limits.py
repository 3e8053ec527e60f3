"""Quiet hours and the cap: what people write, and what the wall clock says on nights when clocks are changed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from distribution import limits
from distribution.errors import Refused
from distribution.limits import Cap, Quiet, span

WARSAW = ZoneInfo("Europe/Warsaw")

# Nights on which clocks change: forward and back, at the usual hours, by half an hour, at midnight, and over it.
NIGHTS = {
    "Europe/Warsaw": [datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)],
    "America/New_York": [datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)],
    "Australia/Lord_Howe": [datetime(2026, 4, 4, tzinfo=UTC), datetime(2026, 10, 3, tzinfo=UTC)],
    "America/Santiago": [datetime(2026, 4, 4, tzinfo=UTC), datetime(2026, 9, 5, tzinfo=UTC)],
    "Africa/Cairo": [datetime(2026, 4, 23, tzinfo=UTC), datetime(2026, 10, 29, tzinfo=UTC)],
    "Asia/Kathmandu": [datetime(2026, 6, 1, tzinfo=UTC)],
}


def read_minute_by_minute(quiet: Quiet, at: datetime, zone: ZoneInfo) -> datetime | None:
    """Somebody who looks at the wall clock every minute until the quiet hours are over."""
    moment = at
    while True:
        local = moment.astimezone(zone)
        minute = local.hour * 60 + local.minute
        within = quiet.start <= minute < quiet.end if quiet.start < quiet.end else not quiet.end <= minute < quiet.start
        if not within:
            return None if moment == at else moment
        moment += timedelta(minutes=1)


@settings(max_examples=150, deadline=None)
@given(
    night=st.sampled_from([(name, night) for name, nights in NIGHTS.items() for night in nights]),
    minutes=st.integers(0, 48 * 60),
    hours=st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda pair: pair[0] != pair[1]),
)
@example(night=("Europe/Warsaw", NIGHTS["Europe/Warsaw"][0]), minutes=23 * 60, hours=(21 * 60, 2 * 60 + 30))
@example(night=("Europe/Warsaw", NIGHTS["Europe/Warsaw"][1]), minutes=24 * 60 + 30, hours=(21 * 60, 2 * 60 + 30))
@example(night=("America/Santiago", NIGHTS["America/Santiago"][1]), minutes=26 * 60, hours=(22 * 60, 30))
def test_quiet_hours_end_when_the_wall_clock_says_so(
    night: tuple[str, datetime], minutes: int, hours: tuple[int, int]
) -> None:
    name, start = night
    quiet, zone, at = Quiet(*hours), ZoneInfo(name), start + timedelta(minutes=minutes)
    assert quiet.ends(at, zone) == read_minute_by_minute(quiet, at, zone)


def test_a_second_counts_before_the_hours_begin_and_when_they_end() -> None:
    quiet = Quiet(21 * 60, 9 * 60)
    at = datetime(2026, 6, 15, 21, 0, tzinfo=WARSAW)
    assert quiet.ends(at - timedelta(microseconds=1), WARSAW) is None
    assert quiet.ends(at, WARSAW) == datetime(2026, 6, 16, 9, 0, tzinfo=WARSAW)
    assert quiet.ends(datetime(2026, 6, 16, 8, 59, 59, 5, tzinfo=WARSAW), WARSAW) == datetime(
        2026, 6, 16, 9, 0, tzinfo=WARSAW
    )
    assert quiet.ends(datetime(2026, 6, 16, 9, 0, tzinfo=WARSAW), WARSAW) is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("21:00-09:00", "21:00-09:00"),
        (" 21 – 9 ", "21:00-09:00"),
        ("13:30 to 14:15", "13:30-14:15"),
        ("22:00-24:00", "22:00-00:00"),
        ("OFF", "None"),
        ("", "None"),
    ],
)
def test_quiet_hours_are_read_as_people_write_them(text: str, kept: str) -> None:
    assert str(limits.quiet_hours(text)) == kept


@pytest.mark.parametrize("text", ["25:00-09:00", "21:00", "21:60-9", "09:00-09:00", "at night", "24:30-3", "0-24"])
def test_what_are_no_quiet_hours_is_said_so(text: str) -> None:
    with pytest.raises(Refused, match="21:00-09:00"):
        limits.quiet_hours(text)


@pytest.mark.parametrize(
    ("text", "cap"),
    [
        ("3 in 7 days", Cap(3, 7)),
        ("1 per day", Cap(1, 1)),
        ("2/30", Cap(2, 30)),
        ("4 texts in 14 days", Cap(4, 14)),
        ("off", None),
    ],
)
def test_a_cap_is_read_as_people_write_it(text: str, cap: Cap | None) -> None:
    assert limits.cap(text) == cap
    assert limits.cap(str(cap or "off")) == cap


@pytest.mark.parametrize("text", ["3", "0 in 7 days", "3 in 0 days", "3 in 400 days", "three a week", "101 in 7 days"])
def test_what_is_no_cap_is_said_so(text: str) -> None:
    with pytest.raises(Refused, match="3 in 7 days"):
        limits.cap(text)


def test_a_zone_that_is_not_known_any_more_is_the_workspaces() -> None:
    assert limits.zone_of("Mars/Olympus", "Europe/Warsaw") == WARSAW
    assert limits.zone_of(None, "Europe/Warsaw") == WARSAW
    assert limits.zone_of("Asia/Tokyo", "Europe/Warsaw") == ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(5, "5 minutes"), (60, "1 hour"), (90, "90 minutes"), (240, "4 hours"), (1440, "24 hours"), (2880, "2 days")],
)
def test_a_lifetime_reads_as_people_say_it(minutes: int, words: str) -> None:
    assert span(minutes) == words
