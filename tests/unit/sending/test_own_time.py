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
from tests.unit.sending.door import NOWHERE, choose, launched, leave, left_out, live_in, recorded, stock, worth

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


def far_apart(runtime: Runtime) -> tuple[list[int], list[int], list[int]]:
    """Two customers each in Tokyo, in London as the workspace is, and in New York."""
    choose(runtime, "time_zone", "Europe/London")
    tokyo, london, york = (customers := make_customers(runtime, 6))[:2], customers[2:4], customers[4:]
    live_in(runtime, tokyo, "Asia/Tokyo")
    live_in(runtime, york, "America/New_York")
    return tokyo, london, york


def asleep(runtime: Runtime, distribution: int) -> tuple[int, datetime | None]:
    with runtime.db.read() as session:
        return batches.asleep(session, distribution)


def test_each_text_waits_until_its_customers_own_clock_shows_the_time(runtime: Runtime, clock: ManualClock) -> None:
    """The clock stands at 12:00 UTC on the 15th; 09:00 on the 16th comes in Tokyo, the workspace's London, New York."""
    group = make_group(runtime, "Summer 10%", 6)
    tokyo, london, york = far_apart(runtime)
    clock.advance(timedelta(hours=7))  # 19:00 UTC: 09:00 on the Line Islands
    distribution = at_nine(runtime, [*tokyo, *london, *york])
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


def test_each_text_is_given_up_by_its_customers_own_clock(runtime: Runtime, clock: ManualClock) -> None:
    """Nobody could send from before the first until 10:00 UTC: 19:00 in Tokyo, 11:00 in London, 06:00 in New York."""
    choose(runtime, "sending.lifetime", "3")
    group = make_group(runtime, "Summer 10%", 6)
    tokyo, london, york = far_apart(runtime)
    clock.advance(timedelta(hours=7))
    distribution = at_nine(runtime, [*tokyo, *london, *york])
    choose(runtime, "sending.lifetime", "24")  # for those that begin after it
    clock.advance(timedelta(hours=15))
    assert leave(runtime, distribution) == london
    recorded(runtime, distribution)
    assert left_out(runtime, distribution) == {"lifetime": 2}
    clock.advance(timedelta(hours=3))
    assert leave(runtime, distribution) == york
    recorded(runtime, distribution)
    assert stock(runtime, group) == (2, 0, 4)
    assert check(runtime.db) == []


def test_what_begins_again_has_its_time_from_then(runtime: Runtime, clock: ManualClock) -> None:
    """Hours after its customers' own clocks showed the time, and before the last on earth do."""
    choose(runtime, "sending.lifetime", "3")
    make_group(runtime, "Summer 10%", 1)
    customers = make_customers(runtime, 1)
    distribution = at_nine(runtime, customers)
    clock.advance(timedelta(hours=27))
    with runtime.db.write() as session:
        lifetime.begin(session, session.get_one(Distribution, distribution), clock.now())
    assert leave(runtime, distribution) == customers


def test_whoever_is_left_is_given_up_after_the_last_clocks_showed_the_time(
    runtime: Runtime, clock: ManualClock
) -> None:
    choose(runtime, "sending.lifetime", "1")
    make_group(runtime, "Summer 10%", 1)
    distribution = at_nine(runtime, make_customers(runtime, 1))
    last = local.last(local.parse(NINE))
    clock.advance(last + timedelta(minutes=59) - clock.now())
    assert lifetime.sweep(runtime) == 0
    clock.advance(timedelta(minutes=1))
    assert lifetime.sweep(runtime) == 1
    assert left_out(runtime, distribution) == {"lifetime": 1}
    assert status(runtime, distribution) == "done"


def test_the_provider_is_told_how_long_each_text_is_worth_delivering(runtime: Runtime, clock: ManualClock) -> None:
    choose(runtime, "sending.lifetime", "3")
    make_group(runtime, "Summer 10%", 6)
    tokyo, _, york = far_apart(runtime)
    distribution = at_nine(runtime, [*tokyo, *york])
    clock.advance(timedelta(hours=14))
    assert worth(runtime, distribution) == [*[3_600] * 2, *[14 * 3_600] * 2]


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
