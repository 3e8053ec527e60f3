"""What is sent again and again: on which days, at which moments, and how it is said."""

# ruff: noqa: DTZ001 - Hypothesis puts the zone on

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distribution.errors import Refused
from distribution.schedule import repeat
from distribution.schedule.repeat import Repeat

WARSAW = ZoneInfo("Europe/Warsaw")
ZONES = ("UTC", "Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu")


def times(data: dict[str, Any], since: str, n: int, zone: ZoneInfo = WARSAW) -> list[str]:
    """The next `n` times after `since` (a wall time of `zone`), as its wall clock shows them."""
    rule = repeat.parse(data)
    assert rule is not None
    found, at = [], datetime.fromisoformat(since).replace(tzinfo=zone)
    for _ in range(n):
        later = rule.after(at, zone)
        if later is None:
            break
        found.append(f"{later.astimezone(zone):%Y-%m-%d %H:%M %Z}")
        at = later
    return found


def test_each_week_on_its_days_in_their_order() -> None:
    found = times({"every": "week", "weekdays": [3, 0, 3], "at": "09:00"}, "2026-06-01 09:00", 3)
    assert found == ["2026-06-04 09:00 CEST", "2026-06-08 09:00 CEST", "2026-06-11 09:00 CEST"]


def test_the_wall_clock_keeps_its_time_over_a_change_of_clocks() -> None:
    found = times({"every": "week", "weekdays": [6], "at": "09:00"}, "2026-10-17 00:00", 3)
    assert found == ["2026-10-18 09:00 CEST", "2026-10-25 09:00 CET", "2026-11-01 09:00 CET"]


def test_a_time_that_the_night_skips_is_the_first_after_it() -> None:
    found = times({"every": "day", "at": "02:30"}, "2026-03-28 00:00", 3)
    assert found == ["2026-03-28 02:30 CET", "2026-03-29 03:00 CEST", "2026-03-30 02:30 CEST"]


def test_a_time_that_the_night_has_twice_comes_once() -> None:
    found = times({"every": "day", "at": "02:30"}, "2026-10-24 00:00", 3)
    assert found == ["2026-10-24 02:30 CEST", "2026-10-25 02:30 CEST", "2026-10-26 02:30 CET"]


def test_day_31_is_the_last_day_of_a_shorter_month_in_leap_years_too() -> None:
    found = times({"every": "month", "day": 31, "at": "12:00"}, "2028-01-01 00:00", 4)
    assert [each[:10] for each in found] == ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]
    found = times({"every": "month", "day": 29, "at": "12:00"}, "2027-01-30 00:00", 2)
    assert [each[:10] for each in found] == ["2027-02-28", "2027-03-29"]


def test_its_last_day_is_included_and_then_it_ends() -> None:
    found = times({"every": "day", "at": "23:30", "until": "2026-06-02"}, "2026-06-01 00:00", 9)
    assert [each[:10] for each in found] == ["2026-06-01", "2026-06-02"]


def test_a_day_that_a_zone_never_had_is_not_sent_twice() -> None:
    """Samoa went from 29 to 31 December 2011 at midnight."""
    found = times({"every": "day", "at": "00:00"}, "2011-12-28 12:00", 3, ZoneInfo("Pacific/Apia"))
    assert [each[:16] for each in found] == ["2011-12-29 00:00", "2011-12-31 00:00", "2012-01-01 00:00"]


RULES = st.one_of(
    st.builds(lambda: {"every": "day"}),
    st.builds(
        lambda days: {"every": "week", "weekdays": days},
        st.lists(st.integers(0, 6), min_size=1, unique=True).map(sorted),
    ),
    st.builds(lambda day: {"every": "month", "day": day}, st.integers(1, 31)),
)


@settings(max_examples=300, deadline=None)
@given(
    RULES,
    st.times().map(lambda at: f"{at:%H:%M}"),
    st.datetimes(datetime(2024, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(ZONES),
)
def test_the_next_time_is_later_on_one_of_its_days_and_none_is_left_out(
    days: dict[str, Any], at: str, since: datetime, zone: str
) -> None:
    rule = repeat.parse({**days, "at": at})
    assert rule is not None and repeat.to_json(rule) == {**days, "at": at}
    found = rule.after(since, ZoneInfo(zone))
    assert found is not None and since < found <= since + timedelta(days=32)
    local = found.astimezone(ZoneInfo(zone))
    assert rule.on(local.date())
    # It shows the time asked for, or is the first moment of clocks that have skipped it.
    before = (found - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
    assert local.time() == rule.at or before.time() < rule.at < local.time()
    # No day of its own whose time came between is left out.
    day = since.astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    while day < local.date():
        assert not rule.on(day)
        day += timedelta(days=1)
    # A look in between finds the same: whoever looks late or early does not move it.
    assert rule.after(found - timedelta(seconds=1), ZoneInfo(zone)) == found


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"every": "day", "at": "09:00"}, "every day at 09:00 (UTC)"),
        ({"every": "week", "weekdays": [0], "at": "09:00"}, "every Monday at 09:00 (UTC)"),
        (
            {"every": "week", "weekdays": [0, 3], "at": "18:30", "until": "2026-12-31"},
            "every Monday and Thursday at 18:30 (UTC), until 31 Dec 2026",
        ),
        ({"every": "week", "weekdays": [0, 2, 4], "at": "09:00"}, "every Monday, Wednesday and Friday at 09:00 (UTC)"),
        ({"every": "month", "day": 22, "at": "09:00"}, "every month on the 22nd at 09:00 (UTC)"),
        ({"every": "month", "day": 31, "at": "09:00"}, "every month on the 31st or its last day at 09:00 (UTC)"),
    ],
)
def test_it_is_said_in_words(data: dict[str, Any], words: str) -> None:
    rule = repeat.parse(data)
    assert rule is not None and rule.words("UTC") == words


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ([1], "repeat"),
        ({"every": "year", "at": "09:00"}, "repeat"),
        ({"every": "day", "at": "09:00", "often": True}, "repeat"),
        ({"every": "day"}, "repeat_at"),
        ({"every": "day", "at": "9"}, "repeat_at"),
        ({"every": "day", "at": "25:00"}, "repeat_at"),
        ({"every": "week", "weekdays": [], "at": "09:00"}, "repeat_weekdays"),
        ({"every": "week", "weekdays": [7], "at": "09:00"}, "repeat_weekdays"),
        ({"every": "week", "weekdays": [True], "at": "09:00"}, "repeat_weekdays"),
        ({"every": "month", "day": 32, "at": "09:00"}, "repeat_day"),
        ({"every": "day", "at": "09:00", "until": "soon"}, "repeat_until"),
        ({"every": "day", "at": "09:00", "until": "2026-05-31"}, "repeat_until"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(data: Any, field: str) -> None:
    with pytest.raises(Refused) as refusal:
        repeat.parse(data, today=date(2026, 6, 1))
    assert refusal.value.field == field


def test_a_rule_that_would_never_come_is_refused() -> None:
    rule = Repeat("week", time(9), weekdays=(0,), until=date(2026, 6, 3))  # a Wednesday
    with pytest.raises(Refused) as refusal:
        repeat.first(rule, datetime(2026, 6, 1, 12, tzinfo=UTC), WARSAW)
    assert refusal.value.field == "repeat_until"


def test_nothing_means_that_it_is_sent_once() -> None:
    assert repeat.parse({}) is None
    assert repeat.to_json(None) == {}
