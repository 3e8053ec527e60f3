"""Quiet hours: who sleeps is texted in the morning, once, if that is not too late."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from distribution.check import check
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from distribution.sending import lifetime
from storage import batches
from tests.gateway import Gateway, serving
from tests.sending import (
    make_customers,
    make_group,
    make_provider,
    sending,
    status,
    until,
)
from tests.unit.sending.door import (
    MACHINE,
    NOWHERE,
    choose,
    intended,
    launched,
    leave,
    left_out,
    live_in,
    recorded,
    stock,
    written,
)


def test_who_sleeps_is_texted_when_their_quiet_hours_are_over(runtime: Runtime, clock: ManualClock) -> None:
    """At 20:30 in Warsaw it is 03:30 in Tokyo and 19:30 in London: one batch, three answers."""
    choose(runtime, "quiet_hours", "20:00-09:00")
    choose(runtime, "time_zone", "Europe/London")
    group = make_group(runtime, "Summer 10%", 6)
    customers = make_customers(runtime, 6)
    live_in(runtime, customers[:2], "Europe/Warsaw")
    live_in(runtime, customers[2:4], "Asia/Tokyo")
    clock.advance(timedelta(hours=6, minutes=30))  # 18:30 UTC
    distribution = launched(runtime, make_provider(runtime, NOWHERE), customers)
    assert leave(runtime, distribution) == customers[4:]
    assert leave(runtime, distribution) == []
    with runtime.db.read() as session:
        assert batches.asleep(session, distribution) == (4, datetime(2026, 6, 16, 0, 0, tzinfo=UTC))
    assert stock(runtime, group) == (0, 6, 0)
    assert check(runtime.db) == []
    clock.advance(timedelta(hours=5, minutes=30))  # 09:00 in Tokyo
    assert leave(runtime, distribution) == customers[2:4]
    clock.advance(timedelta(hours=7))  # 09:00 in Warsaw
    assert leave(runtime, distribution) == customers[:2]
    recorded(runtime, distribution)
    assert check(runtime.db) == []


def test_no_text_is_on_its_way_when_quiet_hours_begin(runtime: Runtime, clock: ManualClock) -> None:
    """What is intended may start to leave for twenty seconds more."""
    choose(runtime, "quiet_hours", "21:00-09:00")
    make_group(runtime, "Summer 10%", 1)
    customers = make_customers(runtime, 1)
    clock.advance(timedelta(hours=9, seconds=-10))
    distribution = launched(runtime, make_provider(runtime, NOWHERE), customers)
    assert leave(runtime, distribution) == []
    with runtime.db.read() as session:
        assert batches.asleep(session, distribution) == (1, datetime(2026, 6, 16, 9, 0, tzinfo=UTC))


def test_who_sleeps_longer_than_a_text_is_worth_sending_gets_none(runtime: Runtime, clock: ManualClock) -> None:
    choose(runtime, "quiet_hours", "21:00-09:00")
    choose(runtime, "sending.lifetime", "6")
    group = make_group(runtime, "Summer 10%", 2)
    clock.advance(timedelta(hours=10))
    distribution = launched(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 2))
    assert leave(runtime, distribution) == []
    clock.advance(timedelta(hours=6))
    assert lifetime.sweep(runtime) == 2
    assert left_out(runtime, distribution) == {"lifetime": 2}
    assert stock(runtime, group) == (2, 0, 0)
    assert status(runtime, distribution) == "done"
    assert check(runtime.db) == []


def test_who_waits_goes_at_once_where_quiet_hours_are_switched_off(runtime: Runtime, clock: ManualClock) -> None:
    choose(runtime, "quiet_hours", "21:00-09:00")
    make_group(runtime, "Summer 10%", 2)
    customers = make_customers(runtime, 2)
    clock.advance(timedelta(hours=10))
    distribution = launched(runtime, make_provider(runtime, NOWHERE), customers)
    assert leave(runtime, distribution) == []
    choose(runtime, "quiet_hours", "off")
    assert leave(runtime, distribution) == customers


@pytest.mark.parametrize("then", ["20:00-09:00", "off"])
def test_an_intent_whose_commit_was_not_answered_sends_nothing_twice(
    runtime: Runtime, clock: ManualClock, then: str
) -> None:
    """Asked again, the customers who sleep are in a batch of their own: posted with this one, they would get two."""
    choose(runtime, "quiet_hours", "20:00-09:00")
    choose(runtime, "time_zone", "Europe/London")
    make_group(runtime, "Summer 10%", 4)
    customers = make_customers(runtime, 4)
    live_in(runtime, customers[:2], "Asia/Tokyo")
    distribution = launched(runtime, make_provider(runtime, NOWHERE), customers)
    clock.advance(timedelta(hours=6))
    batch = written(runtime, distribution)
    assert batch is not None
    first = intended(runtime, batch)
    choose(runtime, "quiet_hours", then)
    second = intended(runtime, batch, machine=MACHINE + timedelta(seconds=1))
    assert [ready for ready, _ in first.going] == [ready for ready, _ in second.going]
    assert len(first.going) == 2
    assert check(runtime.db) == []


def test_a_moved_clock_wakes_whom_it_put_to_sleep(runtime: Runtime, clock: ManualClock) -> None:
    """From end to end: nothing leaves at night, everything in the morning, and the report adds up."""

    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            choose(runtime, "quiet_hours", "21:00-09:00")
            group = make_group(runtime, "Summer 10%", 30)
            clock.advance(timedelta(hours=11))
            distribution = launched(runtime, make_provider(runtime, gateway.url), make_customers(runtime, 30))
            async with sending(runtime):
                await until(lambda: asleep(runtime, distribution) == 30)
                assert gateway.requests == 0
                clock.advance(timedelta(hours=10))
                await until(lambda: status(runtime, distribution) == "done")
            assert set(gateway.texts_to().values()) == {1}
            assert len(gateway.accepted) == 30
            assert stock(runtime, group) == (0, 0, 30)
            assert check(runtime.db) == []

    asyncio.run(scenario())


def asleep(runtime: Runtime, distribution: int) -> int:
    """How many wait for the end of quiet hours."""
    with runtime.db.read() as session:
        return batches.asleep(session, distribution)[0]
