"""What becomes of times that nobody was there for: told, sent once, or gone on from."""

from datetime import datetime, timedelta

import pytest

from distribution import seal
from distribution.automatic import outage
from distribution.clock import ManualClock
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.sending import control
from storage.batches import lock
from tests.sending import make_customers, make_distribution, make_group, make_provider
from tests.unit.schedule.repeated import FIRST, MONDAYS, NOWHERE, WEEK, copies, make_repeating, row_of, strike

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("word", ["none", "another time"])
def test_a_draft_forgets_that_it_was_late_and_what_was_decided_then(
    runtime: Runtime, clock: ManualClock, word: str, repeats: bool
) -> None:
    """Sent off anew for next week, it went at the time that was chosen after the outage, or waited for ever."""
    make_group(runtime, "Summer 10%", 5)
    if repeats:
        row_id = make_repeating(runtime, make_customers(runtime, 1))
    else:
        row_id = make_distribution(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 1))
    with runtime.db.write() as session:
        row = lock(session, row_id)
        row.status, row.send_at, row.late_since = "scheduled", FIRST, clock.now()
        seal.put(session, row)
    clock.advance(FIRST + 2 * HOUR - clock.now())
    with runtime.db.write() as session:
        if word == "another time":
            outage.reschedule(session, runtime, row_id, clock.now() + HOUR, by="Maya", now=clock.now())
        control.call_back(session, runtime, row_id, by="Maya", now=clock.now())
    row = row_of(runtime, row_id)
    assert (row.status, row.late_since, row.put_off_to) == ("draft", None, None)


class Nights:
    """Both clocks: promobot runs, or is off."""

    def __init__(self, runtime: Runtime, business: ManualClock, machine: ManualClock) -> None:
        self.runtime, self.business, self.machine = runtime, business, machine

    def runs_at(self, at: datetime) -> None:
        """It has run until then without a gap."""
        by = at - self.business.now()
        self.business.advance(by)
        strike(self.runtime)

    def off_until(self, at: datetime) -> None:
        """Nothing runs until then."""
        self.machine.advance(at - self.business.now())
        self.runs_at(at)


@pytest.fixture
def nights(runtime: Runtime, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Nights:
    """A shop with codes, and its clocks; only an outage moves the machine's."""
    machine = ManualClock(clock.now())
    monkeypatch.setattr(outage, "SystemClock", lambda: machine)
    make_group(runtime, "Summer 10%", 20)
    strike(runtime)
    return Nights(runtime, clock, machine)


def waits(runtime: Runtime, row_id: int) -> outage.Late | None:
    with runtime.db.read() as session:
        return outage.waits(session, row_of(runtime, row_id))


def sent_for(runtime: Runtime, row_id: int) -> list[datetime | None]:
    return [copy.repeats_on for copy in copies(runtime, row_id)]


def test_an_outage_over_three_times_tells_how_many_and_sends_one(runtime: Runtime, nights: Nights) -> None:
    weekly = make_repeating(runtime, make_customers(runtime, 2))
    nights.off_until(FIRST + 2 * WEEK + 5 * HOUR)
    assert waits(runtime, weekly) == outage.Late(
        weekly, 0, FIRST, True, missed=3, last=FIRST + 2 * WEEK, following=FIRST + 3 * WEEK
    )
    assert copies(runtime, weekly) == []
    with runtime.db.write() as session:
        outage.send_now(session, runtime, weekly, by="Maya", now=nights.business.now())
    strike(runtime)
    assert sent_for(runtime, weekly) == [FIRST + 2 * WEEK]
    assert row_of(runtime, weekly).send_at == FIRST + 3 * WEEK


def test_its_next_time_goes_though_nobody_gave_a_word(runtime: Runtime, nights: Nights) -> None:
    """It waited for ever, and no time after it was sent."""
    weekly = make_repeating(runtime, make_customers(runtime, 1))
    nights.off_until(FIRST + DAY)
    nights.runs_at(FIRST + WEEK - HOUR)
    assert copies(runtime, weekly) == []
    nights.runs_at(FIRST + WEEK)
    assert sent_for(runtime, weekly) == [FIRST + WEEK]
    assert waits(runtime, weekly) is None
    nights.runs_at(FIRST + 2 * WEEK)
    assert sent_for(runtime, weekly) == [FIRST + WEEK, FIRST + 2 * WEEK]


def test_what_is_missed_in_a_second_outage_waits_too(runtime: Runtime, nights: Nights) -> None:
    weekly = make_repeating(runtime, make_customers(runtime, 1))
    nights.off_until(FIRST + DAY)
    nights.off_until(FIRST + WEEK + DAY)
    found = waits(runtime, weekly)
    assert found is not None and (found.missed, found.following) == (2, FIRST + 2 * WEEK)
    assert copies(runtime, weekly) == []


def test_a_time_that_is_little_late_goes_and_the_one_before_it_does_not(runtime: Runtime, nights: Nights) -> None:
    """Off for a day and a half hour: yesterday's is left out for today's."""
    daily = make_repeating(runtime, make_customers(runtime, 1), {"every": "day", "at": "09:00"})
    nights.off_until(FIRST + DAY + HOUR / 2)
    assert sent_for(runtime, daily) == [FIRST + DAY]
    assert waits(runtime, daily) is None


@pytest.mark.parametrize(("after", "refused"), [(WEEK - HOUR, False), (WEEK, True), (9 * DAY, True)])
def test_a_time_that_was_missed_is_not_put_off_beyond_the_next(
    runtime: Runtime, nights: Nights, after: timedelta, refused: bool
) -> None:
    """The next one was swallowed."""
    weekly = make_repeating(runtime, make_customers(runtime, 1))
    nights.off_until(FIRST + DAY)
    try:
        with runtime.db.write() as session:
            outage.reschedule(session, runtime, weekly, FIRST + after, by="Maya", now=nights.business.now())
    except Refused as refusal:
        assert refused and refusal.field == "at"
    else:
        assert not refused
        nights.runs_at(FIRST + after)
        nights.runs_at(FIRST + WEEK)
        assert sent_for(runtime, weekly) == [FIRST, FIRST + WEEK]


def test_the_last_times_of_all_wait_for_a_word(runtime: Runtime, nights: Nights) -> None:
    weekly = make_repeating(runtime, make_customers(runtime, 1), MONDAYS | {"until": "2026-06-29"})
    nights.off_until(FIRST + 4 * WEEK)
    found = waits(runtime, weekly)
    assert found is not None and (found.missed, found.last, found.following) == (2, FIRST + WEEK, None)
    nights.runs_at(FIRST + 6 * WEEK)
    assert waits(runtime, weekly) == found
    with runtime.db.write() as session:
        outage.send_now(session, runtime, weekly, by="Maya", now=nights.business.now())
    strike(runtime)
    assert (sent_for(runtime, weekly), row_of(runtime, weekly).status) == ([FIRST + WEEK], "done")
