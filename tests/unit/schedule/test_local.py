"""The time that each customer's own clock shows: when the first shows it, theirs, and the last."""

# ruff: noqa: DTZ001 - a wall time has no zone

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distribution.errors import Refused
from distribution.schedule import local

NINE = datetime(2026, 7, 1, 9)


@pytest.mark.parametrize(
    ("zone", "utc"),
    [
        ("Pacific/Kiritimati", "2026-06-30T19:00"),
        ("Europe/Warsaw", "2026-07-01T07:00"),
        ("America/New_York", "2026-07-01T13:00"),
        ("Pacific/Pago_Pago", "2026-07-01T20:00"),
        ("Etc/GMT+12", "2026-07-01T21:00"),
    ],
)
def test_each_zone_shows_it_at_its_own_moment(zone: str, utc: str) -> None:
    assert local.moment(NINE, ZoneInfo(zone)) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_it_begins_with_the_first_clocks_on_earth_and_ends_with_the_last() -> None:
    assert local.first(NINE) == local.moment(NINE, ZoneInfo("Pacific/Kiritimati"))
    assert local.last(NINE) == local.moment(NINE, ZoneInfo("Etc/GMT+12"))


@settings(max_examples=300, deadline=None)
@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2036, 1, 1)).map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from(sorted(available_timezones())),
)
def test_no_zone_shows_it_before_the_first_or_after_the_last_and_none_too_early(wall: datetime, zone: str) -> None:
    at = local.moment(wall, ZoneInfo(zone))
    assert local.first(wall) <= at <= local.last(wall)
    shown = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    before = (at - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert shown == wall or before < wall < shown


def test_a_night_that_skips_it_and_one_that_has_it_twice() -> None:
    warsaw = ZoneInfo("Europe/Warsaw")
    assert local.moment(datetime(2026, 3, 29, 2, 30), warsaw) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert local.moment(datetime(2026, 10, 25, 2, 30), warsaw) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_it_is_kept_as_text_and_read_back() -> None:
    assert local.to_text(NINE) == "2026-07-01T09:00"
    assert local.parse("2026-07-01T09:00") == NINE
    assert local.words(NINE) == "1 Jul 2026 at 09:00, each customer's own time"


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-07-01T09:00Z", "2026-02-30T09:00"])
def test_what_is_no_wall_time_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        local.parse(text)
    assert refusal.value.field == "local_at"
