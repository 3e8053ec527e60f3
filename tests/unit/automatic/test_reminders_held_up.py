"""Reminders of what is paused, stopped, called back, failed or late: which of them still come."""

from datetime import timedelta

import pytest

from distribution.automatic import due
from distribution.check import check
from distribution.clock import ManualClock
from distribution.codes import groups
from distribution.errors import Refused
from distribution.providers import registry
from distribution.report import report
from distribution.runtime import Runtime
from distribution.sending import control, lifetime
from storage.tables import MessageState
from tests.conftest import run_jobs
from tests.sending import make_group, status
from tests.unit.automatic.reminded import AFTER_A_DAY, DAY, STILL, begun, due_at, reminded, sent, settle, why_not
from tests.unit.sending.door import intended, stock, written

MINUTE = timedelta(minutes=1)
TWICE = [*AFTER_A_DAY, {"after": 2880, "body": "Last call: " + STILL}]


def test_a_manual_one_is_done_goes_on_for_its_reminders_and_is_done_again(runtime: Runtime, clock: ManualClock) -> None:
    distribution, customers = begun(runtime, 3)
    sent(runtime, distribution)
    assert status(runtime, distribution) == "done"
    clock.advance(DAY)
    due.look(runtime)
    assert status(runtime, distribution) == "sending"
    assert sent(runtime, distribution) == customers
    assert status(runtime, distribution) == "done"
    assert reminded(runtime, distribution) == [(each, 1) for each in customers]
    assert status(runtime, distribution) == "done"
    assert check(runtime.db) == []


def test_a_reminder_that_cannot_leave_has_its_own_time(runtime: Runtime, clock: ManualClock) -> None:
    distribution, (early, late) = begun(runtime, 2)
    settle(runtime, distribution, early, MessageState.ACCEPTED)
    clock.advance(12 * 60 * MINUTE)
    settle(runtime, distribution, late, MessageState.ACCEPTED)
    for _ in range(2):
        clock.advance(12 * 60 * MINUTE)
        due.look(runtime)
    clock.advance(12 * 60 * MINUTE - MINUTE)
    assert lifetime.sweep(runtime) == 0
    clock.advance(MINUTE)
    assert lifetime.sweep(runtime) == 1  # a day after it was made, and twelve hours before the other's
    assert sent(runtime, distribution) == [late]
    with runtime.db.read() as session:
        assert dict(report(session, distribution).excluded) == {"lifetime": 1}
    assert check(runtime.db) == []


def test_what_is_in_a_workers_hands_when_its_time_is_over_does_not_leave(runtime: Runtime, clock: ManualClock) -> None:
    distribution, _ = begun(runtime, 1)
    sent(runtime, distribution)
    clock.advance(DAY)
    due.look(runtime)
    batch = written(runtime, distribution)
    assert batch is not None
    clock.advance(DAY)
    assert intended(runtime, batch).going == []
    assert check(runtime.db) == []


def test_stop_drops_them_and_is_possible_while_only_reminders_are_to_come(runtime: Runtime, clock: ManualClock) -> None:
    distribution, _ = begun(runtime, 3)
    sent(runtime, distribution)
    for _ in range(2):
        with runtime.db.write() as session:
            control.stop(session, runtime, distribution, by="Lee", now=clock.now())
    run_jobs(runtime)
    assert why_not(runtime, distribution) == {"stopped": 3}
    clock.advance(DAY)
    assert reminded(runtime, distribution) == []
    assert status(runtime, distribution) == "stopped"
    assert check(runtime.db) == []


def test_one_whose_reminders_are_over_cannot_be_stopped(runtime: Runtime, clock: ManualClock) -> None:
    distribution, _ = begun(runtime, 1)
    sent(runtime, distribution)
    clock.advance(DAY)
    reminded(runtime, distribution)
    with pytest.raises(Refused), runtime.db.write() as session:
        control.stop(session, runtime, distribution, by="Lee", now=clock.now())


@pytest.mark.parametrize("piled", ["send", "drop"])
def test_what_piled_up_in_a_pause_is_sent_or_dropped_as_chosen(
    runtime: Runtime, clock: ManualClock, piled: str
) -> None:
    distribution, (anna,) = begun(runtime, 1, TWICE)
    sent(runtime, distribution)
    with runtime.db.write() as session:
        control.pause(session, distribution, by="Maya", now=clock.now())
    clock.advance(DAY + MINUTE)
    assert reminded(runtime, distribution) == []
    lifetime.sweep(runtime)
    assert status(runtime, distribution) == "paused"
    for _ in range(2):
        with runtime.db.write() as session:
            control.resume(session, runtime, distribution, by="Maya", now=clock.now(), piled=piled)
    assert reminded(runtime, distribution) == ([(anna, 1)] if piled == "send" else [])
    clock.advance(DAY)
    assert reminded(runtime, distribution)[-1] == (anna, 2)
    assert why_not(runtime, distribution) == ({} if piled == "send" else {"paused": 1})
    assert check(runtime.db) == []


def test_what_becomes_of_what_piled_up_must_be_said_in_words_that_there_are(runtime: Runtime) -> None:
    distribution, _ = begun(runtime, 1)
    with pytest.raises(Refused) as refused, runtime.db.write() as session:
        control.resume(session, runtime, distribution, by="Maya", now=runtime.clock.now(), piled="maybe")
    assert refused.value.field == "piled"


def test_a_first_text_that_failed_and_is_sent_again_is_reminded_of(runtime: Runtime, clock: ManualClock) -> None:
    distribution, (anna,) = begun(runtime, 1)
    sent(runtime, distribution, MessageState.REJECTED)
    clock.advance(2 * DAY)
    assert reminded(runtime, distribution) == []
    assert why_not(runtime, distribution) == {"first_failed": 1}
    with runtime.db.write() as session:
        assert control.retry_failed(session, distribution, by="Maya", now=clock.now()) == 1
    sent(runtime, distribution)
    clock.advance(DAY)
    assert reminded(runtime, distribution) == [(anna, 1)]
    assert check(runtime.db) == []


def test_what_is_called_back_has_no_reminders_left(runtime: Runtime, clock: ManualClock) -> None:
    distribution, _ = begun(runtime, 3)
    with runtime.db.write() as session:
        control.call_back(session, runtime, distribution, by="Maya", now=clock.now())
    run_jobs(runtime)
    assert status(runtime, distribution) == "draft"
    assert due_at(runtime, distribution) == []
    assert check(runtime.db) == []


def test_a_reminder_that_failed_is_sent_again_with_the_same_code_and_takes_no_new_one(
    runtime: Runtime, clock: ManualClock
) -> None:
    distribution, (anna,) = begun(runtime, 1)
    sent(runtime, distribution)
    clock.advance(DAY)
    due.look(runtime)
    sent(runtime, distribution, MessageState.REJECTED)
    before = stock(runtime, 1)
    clock.advance(DAY)
    with runtime.db.write() as session:
        assert control.retry_failed(session, distribution, by="Maya", now=clock.now()) == 1
    assert sent(runtime, distribution) == [anna]
    assert stock(runtime, 1) == before
    with runtime.db.read() as session:
        told = report(session, distribution)
    assert [(each.step, each.sent) for each in told.steps] == [(0, 1), (1, 1)]
    assert check(runtime.db) == []


def test_what_reminders_to_come_need_is_not_deleted(runtime: Runtime, clock: ManualClock) -> None:
    """Of one that is done but for them: they waited for a provider that was gone, and were given up."""
    distribution, (anna,) = begun(runtime, 1, [{"after": 1440, "body": "And {{ client.promocode('Summer 10%') }}"}])
    sent(runtime, distribution)
    assert status(runtime, distribution) == "done"
    with pytest.raises(Refused, match="cannot be deleted: 'Summer thank-you'"), runtime.db.write() as session:
        registry.delete(session, 1)
    with pytest.raises(Refused, match="cannot be deleted: 'Summer thank-you'"), runtime.db.write() as session:
        groups.delete(runtime.jobs, session, 1, by="U0ADA", now=clock.now())
    clock.advance(DAY)
    assert reminded(runtime, distribution) == [(anna, 1)]
    with runtime.db.write() as session:
        registry.delete(session, 1)
        groups.delete(runtime.jobs, session, 1, by="U0ADA", now=clock.now())


def test_nor_is_a_group_that_only_a_reminder_takes_codes_from(runtime: Runtime, clock: ManualClock) -> None:
    winter = make_group(runtime, "Winter", 5)
    body = "And {{ client.promocode('Winter') }}"
    begun(runtime, 1, [{"after": 1440, "body": body}])
    with pytest.raises(Refused, match="takes codes from it"), runtime.db.write() as session:
        groups.delete(runtime.jobs, session, winter, by="U0ADA", now=clock.now())
