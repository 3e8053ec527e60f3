"""Texts at a time by each customer's own clock, and holidays by their own date."""

from datetime import UTC, datetime, timedelta

from distribution import seal
from distribution.check import check
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from distribution.schedule import local
from distribution.sending import lifetime
from storage import batches
from storage.tables import Distribution
from tests.sending import make_customers, make_distribution, make_group, make_provider, start, status
from tests.unit.sending.door import NOWHERE, choose, launched, leave, left_out, live_in, recorded, stock

NINE = "2026-06-16T09:00"


def at_nine(runtime: Runtime, customers: list[int]) -> int:
    """A distribution that is being sent, by each customer's own clock; its id."""
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), customers)
    with runtime.db.write() as session:
        row = session.get_one(Distribution, distribution)
        row.local_at = NINE
        seal.put(session, row)
    start(runtime, distribution)
    return distribution


def asleep(runtime: Runtime, distribution: int) -> tuple[int, datetime | None]:
    with runtime.db.read() as session:
        return batches.asleep(session, distribution)


def test_each_text_waits_until_its_customers_own_clock_shows_the_time(runtime: Runtime, clock: ManualClock) -> None:
    """The clock stands at 12:00 UTC on the 15th; 09:00 on the 16th comes in Tokyo, the workspace's London, New York."""
    choose(runtime, "time_zone", "Europe/London")
    group = make_group(runtime, "Summer 10%", 6)
    tokyo, london, york = (customers := make_customers(runtime, 6))[:2], customers[2:4], customers[4:]
    live_in(runtime, tokyo, "Asia/Tokyo")
    live_in(runtime, york, "America/New_York")
    clock.advance(timedelta(hours=7))  # 19:00 UTC: 09:00 on the Line Islands
    distribution = at_nine(runtime, customers)
    assert leave(runtime, distribution) == []
    assert asleep(runtime, distribution) == (6, datetime(2026, 6, 16, 0, tzinfo=UTC))
    clock.advance(timedelta(hours=5))
    assert leave(runtime, distribution) == tokyo
    clock.advance(timedelta(hours=7, minutes=59))
    assert leave(runtime, distribution) == []
    clock.advance(timedelta(minutes=1))
    assert leave(runtime, distribution) == london
    clock.advance(timedelta(hours=5))
    assert leave(runtime, distribution) == york
    recorded(runtime, distribution)
    assert stock(runtime, group) == (0, 0, 6)
    assert check(runtime.db) == []


def test_its_time_that_is_quiet_for_somebody_comes_when_that_is_over(runtime: Runtime, clock: ManualClock) -> None:
    choose(runtime, "quiet_hours", "21:00-10:00")
    make_group(runtime, "Summer 10%", 1)
    distribution = at_nine(runtime, make_customers(runtime, 1))
    assert leave(runtime, distribution) == []
    assert asleep(runtime, distribution) == (1, datetime(2026, 6, 16, 10, tzinfo=UTC))


def test_its_texts_are_given_up_only_after_the_last_clocks_showed_the_time(runtime: Runtime) -> None:
    choose(runtime, "sending.lifetime", "1")
    make_group(runtime, "Summer 10%", 1)
    distribution = at_nine(runtime, make_customers(runtime, 1))
    last = local.last(local.parse(NINE))
    with runtime.db.read() as session:
        row = session.get_one(Distribution, distribution)
        assert row.gives_up_at == last + timedelta(hours=1)
        assert lifetime.ends(session, row, last + timedelta(days=1)) == last + timedelta(days=1, hours=1)


def test_who_has_a_holiday_is_texted_the_day_after_by_their_own_date(runtime: Runtime, clock: ManualClock) -> None:
    """At 20:00 UTC on the 15th it is the 16th in Tokyo, a holiday, and not yet in London."""
    choose(runtime, "quiet_hours.holidays", "16 Jun Founders' Day")
    make_group(runtime, "Summer 10%", 2)
    tokyo, london = (customers := make_customers(runtime, 2))[:1], customers[1:]
    live_in(runtime, tokyo, "Asia/Tokyo")
    live_in(runtime, london, "Europe/London")
    clock.advance(timedelta(hours=8))
    distribution = launched(runtime, make_provider(runtime, NOWHERE), customers)
    assert leave(runtime, distribution) == london
    assert asleep(runtime, distribution) == (1, datetime(2026, 6, 16, 15, tzinfo=UTC))
    clock.advance(timedelta(hours=19))
    assert leave(runtime, distribution) == tokyo


def test_what_cannot_go_on_a_holiday_is_given_up_by_its_lifetime(runtime: Runtime, clock: ManualClock) -> None:
    choose(runtime, "quiet_hours.holidays", "15 Jun, 16 Jun")
    group = make_group(runtime, "Summer 10%", 1)
    distribution = launched(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 1))
    assert leave(runtime, distribution) == []
    clock.advance(timedelta(hours=24))
    assert lifetime.sweep(runtime) == 1
    assert left_out(runtime, distribution) == {"lifetime": 1}
    assert (stock(runtime, group), status(runtime, distribution)) == ((1, 0, 0), "done")


def test_who_waits_goes_at_once_where_the_holiday_is_taken_off(runtime: Runtime) -> None:
    choose(runtime, "quiet_hours.holidays", "2026-06-15")
    make_group(runtime, "Summer 10%", 1)
    customers = make_customers(runtime, 1)
    distribution = launched(runtime, make_provider(runtime, NOWHERE), customers)
    assert leave(runtime, distribution) == []
    choose(runtime, "quiet_hours.holidays", "off")
    assert leave(runtime, distribution) == customers
