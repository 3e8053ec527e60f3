"""Reminders that were made and wait, for the morning or a pause: what became known meanwhile keeps them back."""

from datetime import timedelta

import pytest

from distribution.automatic import due
from distribution.check import check
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from distribution.sending import control, lifetime
from distribution.sending.record import apply_evidence
from storage import batches
from storage.batches import lock
from storage.messages import Settled
from storage.tables import MessageState
from tests.sending import make_customers, make_group, make_provider
from tests.unit.automatic.lively import happens, look, make_live
from tests.unit.automatic.reminded import DAY, begun, first, redeem, sent
from tests.unit.sending.door import MACHINE, NOWHERE, choose, leave, left_out, live_in, recorded, stock, written

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
# As people write it who do not repeat the code.
BARE = [{"after": 1440, "body": "Hi {{ client.first_name }}, your code ends tomorrow"}]
ANOTHER = [{"after": 1440, "body": "Still there? Take {{ client.promocode('Summer 10%') }} too"}]


def undelivered(runtime: Runtime, distribution: int, customer: int) -> None:
    """The provider tells that the first text to a customer did not arrive after all."""
    with runtime.db.write() as session:
        lock(session, distribution)
        gone = Settled(first(runtime, distribution, customer).id, MessageState.UNDELIVERED, "undelivered")
        apply_evidence(session, {distribution: [gone]}, runtime.clock.now(), outcome="callback")


@pytest.mark.parametrize("reminders", [BARE, ANOTHER], ids=["no code in it", "a new code in it"])
def test_who_uses_the_code_while_the_reminder_waits_for_the_morning_gets_none(
    runtime: Runtime, clock: ManualClock, reminders: list[dict[str, object]]
) -> None:
    distribution, (anna, ben) = begun(runtime, 2, reminders)
    sent(runtime, distribution)
    clock.advance(DAY)
    choose(runtime, "quiet_hours", "11:00-15:00")
    due.look(runtime)
    assert sent(runtime, distribution) == []
    redeem(runtime, distribution, anna)
    clock.advance(3 * HOUR)
    assert sent(runtime, distribution) == [ben]
    assert left_out(runtime, distribution) == {"code_redeemed": 1}
    assert check(runtime.db) == []


def test_who_uses_the_code_in_a_pause_gets_none(runtime: Runtime, clock: ManualClock) -> None:
    distribution, (anna, ben) = begun(runtime, 2, BARE)
    sent(runtime, distribution)
    clock.advance(DAY)
    due.look(runtime)
    with runtime.db.write() as session:
        control.pause(session, distribution, by="Maya", now=clock.now())
    redeem(runtime, distribution, anna)
    with runtime.db.write() as session:
        control.resume(session, runtime, distribution, by="Maya", now=clock.now())
    assert sent(runtime, distribution) == [ben]


def test_whose_first_text_turns_out_not_to_have_arrived_gets_none_and_a_new_code_goes_back(
    runtime: Runtime, clock: ManualClock
) -> None:
    distribution, (anna, ben) = begun(runtime, 2, ANOTHER)
    sent(runtime, distribution)
    clock.advance(DAY)
    due.look(runtime)
    before = stock(runtime, 1)
    undelivered(runtime, distribution, anna)
    assert sent(runtime, distribution) == [ben]
    assert left_out(runtime, distribution) == {"first_failed": 1}
    assert stock(runtime, 1) == (before[0] + 1, before[1] - 2, before[2] + 1)
    assert check(runtime.db) == []


def test_none_leaves_before_a_first_text_that_is_sent_again(runtime: Runtime, clock: ManualClock) -> None:
    """Both wait for the afternoon: the reminder was made while the first text counted as sent."""
    make_group(runtime, "Summer 10%", 5)
    (anna,) = make_customers(runtime, 1)
    still = [{"after": 60, "body": "Hi, still there?"}]
    live = make_live(
        runtime, make_provider(runtime, NOWHERE), reminders=still, body="{{ client.promocode('Summer 10%') }}"
    )
    happens(runtime, [anna])
    look(runtime)
    assert sent(runtime, live) == [anna]
    choose(runtime, "quiet_hours", "13:00-16:00")
    clock.advance(HOUR)
    due.look(runtime)
    assert sent(runtime, live) == []
    undelivered(runtime, live, anna)
    with runtime.db.write() as session:
        assert control.retry_failed(session, live, by="Maya", now=clock.now()) == 1
    clock.advance(3 * HOUR)
    assert leave(runtime, live) == [anna]
    assert first(runtime, live, anna).state is MessageState.QUEUED  # and in flight: it is no reminder that left
    recorded(runtime, live)
    clock.advance(HOUR - MINUTE)
    assert sent(runtime, live) == []
    clock.advance(MINUTE)
    assert sent(runtime, live) == [anna]
    assert check(runtime.db) == []


def test_one_that_waits_in_a_batch_with_a_first_text_is_not_given_up_with_it(
    runtime: Runtime, clock: ManualClock
) -> None:
    distribution, (anna, ben) = begun(runtime, 2, [{"after": 60, "body": "Hi, still there?"}])
    live_in(runtime, [ben], "Asia/Tokyo")
    choose(runtime, "quiet_hours", "20:00-23:00")
    assert sent(runtime, distribution) == [anna]
    clock.advance(HOUR)
    due.look(runtime)
    choose(runtime, "quiet_hours", "off")
    batch = written(runtime, distribution)  # by a sender that ends now
    assert batch is not None and len(batch.lease.message_ids) == 2
    with runtime.db.write() as session:
        batches.release(session, batch.lease, owner="w1", now=MACHINE)
        control.pause(session, distribution, by="Maya", now=clock.now())
    clock.advance(DAY - HOUR)
    assert lifetime.sweep(runtime) == 1
    with runtime.db.write() as session:
        control.resume(session, runtime, distribution, by="Maya", now=clock.now())
    assert sent(runtime, distribution) == [anna]
    assert left_out(runtime, distribution) == {"lifetime": 1}
    assert check(runtime.db) == []
