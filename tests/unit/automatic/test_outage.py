"""After an outage: what is little late goes, what is long late waits for a word, and none is sent twice or lost."""

from datetime import timedelta

import pytest

from distribution import seal
from distribution.automatic import outage
from distribution.check import check
from distribution.clock import ManualClock
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage.batches import lock
from storage.tables import ClockMark, Distribution
from tests.sending import status
from tests.unit.automatic.lively import happens, states
from tests.unit.automatic.outages import HOUR, MINUTE, Both, late, live, machine, scheduled, tick, time
from tests.unit.automatic.reminded import DAY, begun, due_at, redeem, reminders_of, sent, why_not
from tests.unit.sending.door import choose

__all__ = ["machine", "time"]


def test_what_is_little_late_goes_and_what_is_long_late_waits(runtime: Runtime, time: Both) -> None:
    distribution, (first, second, third) = live(runtime)
    tick(runtime)
    happens(runtime, [first])  # due at 14:00
    time.runs(runtime, HOUR)
    happens(runtime, [second])  # 15:00
    time.runs(runtime, 30 * MINUTE)
    happens(runtime, [third])  # 15:30
    tick(runtime)
    time.off(timedelta(hours=2, minutes=10))  # it is 15:40
    tick(runtime)
    assert states(runtime, distribution) == ["LATE", "MADE", "MADE"]
    for _ in range(3):
        time.runs(runtime, HOUR)
    assert states(runtime, distribution) == ["LATE", "MADE", "MADE"]
    with runtime.db.read() as session:
        found = outage.waits(session, session.get_one(Distribution, distribution))
    assert found is not None
    assert (found.texts, f"{found.since:%H:%M}") == (1, "14:00")
    assert check(runtime.db) == []


def test_send_now_sends_once_whoever_presses(runtime: Runtime, time: Both) -> None:
    distribution = late(runtime, time)
    for expected in (True, False):
        with runtime.db.write() as session:
            assert (outage.send_now(session, runtime, distribution, by="Maya", now=time.now()) is not None) is expected
        tick(runtime)
    assert states(runtime, distribution) == ["MADE"]
    assert check(runtime.db) == []


def test_reschedule_sends_at_that_time_and_not_before(runtime: Runtime, time: Both) -> None:
    distribution = late(runtime, time)
    with pytest.raises(Refused) as refused, runtime.db.write() as session:
        outage.reschedule(session, runtime, distribution, time.now(), by="Maya", now=time.now())
    assert refused.value.field == "at"
    with runtime.db.write() as session:
        assert outage.reschedule(session, runtime, distribution, time.now() + HOUR, by="Maya", now=time.now())
    time.runs(runtime, HOUR - 5 * MINUTE)
    assert states(runtime, distribution) == ["WAITING"]
    time.runs(runtime, 5 * MINUTE)
    assert states(runtime, distribution) == ["MADE"]


def test_cancel_drops_it_and_the_next_event_fires_again(runtime: Runtime, time: Both) -> None:
    distribution = late(runtime, time)
    with runtime.db.write() as session:
        outage.cancel(session, runtime, distribution, by="Maya", now=time.now())
        assert outage.cancel(session, runtime, distribution, by="Lee", now=time.now()) is None
    tick(runtime)
    assert states(runtime, distribution) == ["DROPPED late"]
    assert check(runtime.db) == []


def test_what_happened_while_the_clock_alone_was_away_is_as_late(runtime: Runtime, time: Both) -> None:
    """Another machine took the events in; nobody fired them."""
    distribution, (first, second, _) = live(runtime)
    tick(runtime)
    time.off(HOUR)
    happens(runtime, [first])  # due at 15:00
    time.off(4 * HOUR)
    happens(runtime, [second])  # 19:00
    time.off(MINUTE)
    tick(runtime)
    assert states(runtime, distribution) == ["LATE", "WAITING"]


def test_the_moved_clock_of_the_sandbox_is_no_outage(runtime: Runtime, time: Both, clock: ManualClock) -> None:
    distribution, customers = live(runtime)
    happens(runtime, customers)
    tick(runtime)
    clock.advance(3 * DAY)
    time.machine.advance(2 * MINUTE)
    tick(runtime)
    assert states(runtime, distribution) == ["MADE"] * 3


def test_an_outage_right_after_the_sandboxs_clock_was_put_back_is_one(
    runtime: Runtime, time: Both, clock: ManualClock
) -> None:
    """The last note says 16:00, where nothing ran from 12:00 on."""
    distribution, (customer, *_) = live(runtime)
    time.runs(runtime, 4 * HOUR)
    clock.advance(-4 * HOUR)
    happens(runtime, [customer])  # due at 14:00
    tick(runtime)
    time.off(4 * HOUR + MINUTE)
    tick(runtime)
    assert states(runtime, distribution) == ["LATE"]


def test_one_that_was_never_seen_to_run_has_had_no_outage(runtime: Runtime, time: Both) -> None:
    distribution, customers = live(runtime)
    happens(runtime, customers)
    with runtime.db.read() as session:
        assert session.get(ClockMark, outage.MARK) is None
    time.off(9 * HOUR)
    tick(runtime)
    assert states(runtime, distribution) == ["MADE"] * 3


def test_the_workspace_says_how_late_is_late(runtime: Runtime, time: Both) -> None:
    choose(runtime, "clock.late_after", "1440")
    distribution, customers = live(runtime)
    happens(runtime, customers)
    tick(runtime)
    time.off(9 * HOUR)
    tick(runtime)
    assert states(runtime, distribution) == ["MADE"] * 3


def test_what_was_scheduled_waits_for_a_word_when_its_time_passed_unseen(runtime: Runtime, time: Both) -> None:
    early = scheduled(runtime, time.now() + HOUR)
    tick(runtime)
    time.off(4 * HOUR)
    tick(runtime)
    assert status(runtime, early) == "scheduled"
    with runtime.db.write() as session:
        assert outage.send_now(session, runtime, early, by="Maya", now=time.now()) is not None
        assert outage.send_now(session, runtime, early, by="Maya", now=time.now()) is None
    tick(runtime)
    assert status(runtime, early) == "sending"
    assert check(runtime.db) == []


def test_a_scheduled_one_that_is_little_late_is_sent(runtime: Runtime, time: Both) -> None:
    distribution = scheduled(runtime, time.now() + HOUR)
    tick(runtime)
    time.off(HOUR + 50 * MINUTE)
    tick(runtime)
    assert status(runtime, distribution) == "sending"


@pytest.mark.parametrize(("at", "then"), [("2026-06-15T23:00", "sending"), ("2026-06-15T13:00", "scheduled")])
def test_one_by_each_customers_own_clock_is_late_once_the_workspaces_showed_its_time(
    runtime: Runtime, time: Both, at: str, then: str
) -> None:
    """The first clocks on earth showed it while nothing ran; the workspace's, at UTC, will tonight, or did as well."""
    distribution = scheduled(runtime, time.now() + 5 * MINUTE)
    with runtime.db.write() as session:
        row = lock(session, distribution)
        row.local_at = at
        seal.put(session, row)
    tick(runtime)
    time.off(4 * HOUR)
    tick(runtime)
    assert status(runtime, distribution) == then


def test_a_scheduled_one_that_is_late_can_be_put_off_or_cancelled_and_keeps_its_seal(
    runtime: Runtime, time: Both
) -> None:
    distribution = scheduled(runtime, time.now() + HOUR)
    tick(runtime)
    time.off(4 * HOUR)
    tick(runtime)
    with runtime.db.write() as session:
        outage.reschedule(session, runtime, distribution, time.now() + DAY, by="Maya", now=time.now())
    time.runs(runtime, HOUR)
    assert status(runtime, distribution) == "scheduled"
    time.off(2 * DAY)  # it is missed once more
    tick(runtime)
    assert status(runtime, distribution) == "scheduled"
    with runtime.db.write() as session:
        outage.cancel(session, runtime, distribution, by="Maya", now=time.now())
    tick(runtime)
    assert status(runtime, distribution) == "stopped"
    assert check(runtime.db) == []


def test_reminders_that_were_missed_wait_and_those_not_owed_are_dropped(runtime: Runtime, time: Both) -> None:
    distribution, (used, owed, young) = begun(runtime, 3)
    tick(runtime)
    sent(runtime, distribution)
    redeem(runtime, distribution, used)
    time.off(DAY + 3 * HOUR)
    tick(runtime)
    assert reminders_of(runtime, distribution) == []
    assert why_not(runtime, distribution) == {"redeemed": 1}
    with runtime.db.write() as session:
        found = outage.send_now(session, runtime, distribution, by="Maya", now=time.now())
    assert found is not None
    assert found.texts == 2
    tick(runtime)
    assert reminders_of(runtime, distribution) == [(owed, 1), (young, 1)]
    assert check(runtime.db) == []


def test_a_reminder_of_a_text_that_had_not_left_is_not_late(runtime: Runtime, time: Both) -> None:
    choose(runtime, "sending.lifetime", "168")
    distribution, _ = begun(runtime, 1)
    tick(runtime)
    time.off(DAY + 3 * HOUR)
    tick(runtime)
    assert due_at(runtime, distribution) == [time.now() + DAY]
    with runtime.db.read() as session:
        assert outage.waits(session, session.get_one(Distribution, distribution)) is None
