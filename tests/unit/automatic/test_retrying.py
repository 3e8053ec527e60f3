"""Failed texts of a live distribution, and failed reminders, sent again while it goes on: each once a click."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from distribution.automatic import due
from distribution.check import check
from distribution.clock import ManualClock
from distribution.customers import consent
from distribution.errors import Refused
from distribution.report import report
from distribution.runtime import Runtime
from distribution.sending import control, lifetime, retrying
from distribution.sending.record import apply_evidence
from storage import batches
from storage.messages import Settled
from storage.tables import Batch, BatchState, Distribution, Message, MessageState
from tests.sending import make_customers, make_group, make_provider
from tests.unit.automatic.lively import happens, look, make_live, messages, row_of
from tests.unit.automatic.reminded import AFTER_A_DAY, DAY, begun, redeem, reminders_of, sent, why_not
from tests.unit.sending.door import ACCEPTED, NOWHERE, leave, stock
from tests.unit.sending.test_pressed_twice import at_once

S = MessageState
BODY = "Hi, {{ client.promocode('Summer 10%') }}"


def failing(runtime: Runtime, failed: int = 2, accepted: int = 1, **chosen: object) -> tuple[int, list[int]]:
    """A live distribution of which the first texts were refused, the others not; and its customers."""
    make_group(runtime, "Summer 10%", 20)
    customers = make_customers(runtime, failed + accepted)
    live = make_live(runtime, make_provider(runtime, NOWHERE), **({"body": BODY} | chosen))
    for some, state in ((customers[:failed], S.REJECTED), (customers[failed:], ACCEPTED)):
        if some:
            happens(runtime, some)
            look(runtime)
            sent(runtime, live, state)
    assert check(runtime.db) == []
    return live, customers


def press(runtime: Runtime, distribution: int, known: int | None = None, by: str = "Maya") -> int:
    """A click on Retry, or a call."""
    with runtime.db.write() as session:
        return control.retry_failed(session, distribution, by=by, now=runtime.clock.now(), known=known)


def latest(runtime: Runtime, distribution: int) -> int:
    """What a button that is drawn now knows."""
    with runtime.db.read() as session:
        return batches.latest(session, distribution)


def retryable(runtime: Runtime, distribution: int) -> int:
    """The number on the button."""
    with runtime.db.read() as session:
        return retrying.count(session, session.get_one(Distribution, distribution), runtime.clock.now())


def test_a_live_one_sends_its_failed_texts_again_and_stays_live(runtime: Runtime) -> None:
    live, customers = failing(runtime)
    assert retryable(runtime, live) == 2
    assert stock(runtime, 1) == (19, 0, 1)  # what was refused gave its code back
    assert press(runtime, live) == 2
    assert stock(runtime, 1) == (17, 2, 1)
    assert (row_of(runtime, live).status, retryable(runtime, live)) == ("sending", 0)
    assert check(runtime.db) == []
    assert sent(runtime, live) == customers[:2]
    with runtime.db.read() as session:
        told = report(session, live)
    assert (told.numbers.sent, told.numbers.failed, told.numbers.audience, told.balance_error) == (3, 0, 3, None)
    happens(runtime, customers[2:])
    look(runtime)
    assert sent(runtime, live) == customers[2:]
    assert check(runtime.db) == []


def test_pressed_twice_and_by_two_at_once_each_text_is_sent_again_once(runtime: Runtime) -> None:
    live, customers = failing(runtime, 3)
    known = latest(runtime, live)
    assert sorted(map(str, at_once(lambda name: press(runtime, live, known, name)))) == ["0", "0", "0", "3"]
    assert sent(runtime, live, S.REJECTED) == customers[:3]
    assert press(runtime, live, known) == 0  # they were sent again since it was drawn, and failed anew
    assert press(runtime, live, latest(runtime, live)) == 3
    assert press(runtime, live) == 0  # who knows nothing finds them under way
    assert sent(runtime, live) == customers[:3]
    with pytest.raises(Refused, match="Nothing failed"):
        press(runtime, live)
    assert check(runtime.db) == []


def test_what_fails_while_others_are_sent_again_is_sent_again_by_the_next_click(runtime: Runtime) -> None:
    live, (anna, ben) = failing(runtime, 1)
    known = latest(runtime, live)
    assert press(runtime, live, known) == 1
    happens(runtime, [ben])
    look(runtime)
    sent(runtime, live, S.REJECTED)  # Anna's again, and Ben's
    assert press(runtime, live, known) == 1  # Ben's: nobody has sent that again
    assert press(runtime, live, latest(runtime, live)) == 1
    assert sent(runtime, live) == [anna, ben]
    assert check(runtime.db) == []


def test_what_did_not_arrive_keeps_its_code_and_who_opted_out_gets_nothing(runtime: Runtime) -> None:
    live, customers = failing(runtime, 0, 3)
    ids = [each.id for each in messages(runtime, live)]
    with runtime.db.write() as session:
        said = {live: [Settled(each, S.UNDELIVERED, "unreachable") for each in ids[:2]]}
        apply_evidence(session, said, runtime.clock.now(), outcome="callback")
    before = stock(runtime, 1)
    with runtime.db.write() as session:
        consent.change(session, customers[0], "opted_out", "replied STOP", runtime.clock.now())
    assert retryable(runtime, live) == 1
    assert press(runtime, live) == 1
    with runtime.db.write() as session:
        consent.change(session, customers[1], "opted_out", "replied STOP", runtime.clock.now())
    assert leave(runtime, live) == []
    assert stock(runtime, 1) == before
    assert check(runtime.db) == []


def test_a_retry_begins_the_lifetime_anew(runtime: Runtime, clock: ManualClock) -> None:
    live, customers = failing(runtime, 1, 0)
    clock.advance(10 * DAY)
    press(runtime, live)
    assert lifetime.sweep(runtime) == 0
    assert leave(runtime, live) == customers


def test_reminders_of_a_text_that_arrives_at_last_begin_anew(runtime: Runtime, clock: ManualClock) -> None:
    live, (anna,) = failing(runtime, 1, 0, reminders=AFTER_A_DAY)
    clock.advance(2 * DAY)
    due.look(runtime)
    assert why_not(runtime, live) == {"first_failed": 1}
    press(runtime, live)
    sent(runtime, live)
    clock.advance(DAY - timedelta(minutes=1))
    due.look(runtime)
    assert reminders_of(runtime, live) == []
    clock.advance(timedelta(minutes=2))
    due.look(runtime)
    assert sent(runtime, live) == [anna]
    assert reminders_of(runtime, live) == [(anna, 1)]
    assert check(runtime.db) == []


@pytest.mark.parametrize("automatic", [True, False], ids=["live", "done"])
def test_a_failed_reminder_is_sent_again_but_not_to_who_has_used_the_code(
    runtime: Runtime, clock: ManualClock, automatic: bool
) -> None:
    """Its time begins anew with a retry, so the door alone would take a code used before it for old news."""
    if automatic:
        distribution, customers = failing(runtime, 0, 2, reminders=AFTER_A_DAY)
    else:
        distribution, customers = begun(runtime, 2)
        sent(runtime, distribution)
    clock.advance(DAY)
    due.look(runtime)
    sent(runtime, distribution, S.REJECTED)
    assert retryable(runtime, distribution) == 2
    clock.advance(DAY)
    redeem(runtime, distribution, customers[0])
    clock.advance(DAY)
    assert retryable(runtime, distribution) == 1
    assert press(runtime, distribution) == 1
    assert sent(runtime, distribution) == customers[1:]
    with runtime.db.read() as session:
        told = report(session, distribution)
    assert [(each.step, each.sent) for each in told.steps] == [(0, 2), (1, 1)]
    assert told.balance_error is None
    assert check(runtime.db) == []


def test_a_failed_text_about_a_code_that_was_used_since_is_not_sent_again(runtime: Runtime, clock: ManualClock) -> None:
    before, (anna,) = begun(runtime, 1, [])
    sent(runtime, before)
    through = make_provider(runtime, NOWHERE, name="Other")
    live = make_live(runtime, through, body="Still yours: {{ client.last_promocode('Summer 10%') }}")
    happens(runtime, [anna])
    look(runtime)
    sent(runtime, live, S.REJECTED)
    assert retryable(runtime, live) == 1
    clock.advance(DAY)
    redeem(runtime, before, anna)
    assert retryable(runtime, live) == 0
    with pytest.raises(Refused, match="Nothing failed"):
        press(runtime, live)


def test_codes_that_are_missing_are_said_and_nothing_is_changed(runtime: Runtime) -> None:
    live, _ = failing(runtime, 2, 0)
    with runtime.db.write() as session:
        group_codes = "UPDATE promo_code_group SET expires_at = '2020-01-01 00:00:00.000000'"
        session.connection().exec_driver_sql(group_codes)
    with pytest.raises(Refused):
        press(runtime, live)
    assert {each.state for each in messages(runtime, live)} == {S.REJECTED}
    assert check(runtime.db) == []


@pytest.mark.parametrize("status", ["paused", "stopped"])
def test_a_live_one_that_is_held_or_over_for_good_sends_nothing_again(runtime: Runtime, status: str) -> None:
    live, _ = failing(runtime)
    with runtime.db.write() as session:
        if status == "paused":
            control.pause(session, live, by="Maya", now=runtime.clock.now())
        else:
            control.stop(session, runtime, live, by="Maya", now=runtime.clock.now())
    assert retryable(runtime, live) == 0
    with pytest.raises(Refused, match=status):
        press(runtime, live)


def test_a_receipt_of_the_first_try_does_not_fail_the_second(runtime: Runtime) -> None:
    live, _ = failing(runtime, 1)
    known = latest(runtime, live)
    press(runtime, live)
    with runtime.db.read() as session:
        again = session.scalars(select(Message).where(Message.state == S.QUEUED)).one()
        batch = session.scalars(select(Batch).where(Batch.state == BatchState.WAITING)).one()
    assert again.retried_after == known < batch.id
