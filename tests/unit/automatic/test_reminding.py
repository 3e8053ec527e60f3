"""Reminders: who gets one and who does not, decided when it is due; never before the first text is known to be sent."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from distribution.automatic import due
from distribution.check import check
from distribution.clock import ManualClock
from distribution.codes import groups, redemptions, replacing
from distribution.customers import consent
from distribution.report import report
from distribution.runtime import Runtime
from distribution.sending import control
from distribution.sending.record import apply_evidence
from storage import messages
from storage.batches import lock
from storage.messages import Settled
from storage.tables import Message, MessageState, PromoCode, PromoCodeGroup
from tests.sending import make_customers, make_group, make_provider
from tests.unit.automatic.lively import happens, look, make_live, states
from tests.unit.automatic.reminded import (
    AFTER_A_DAY,
    DAY,
    STILL,
    begun,
    due_at,
    first,
    redeem,
    reminded,
    reminders_of,
    sent,
    settle,
    why_not,
)
from tests.unit.sending.door import NOWHERE, choose

MINUTE = timedelta(minutes=1)
TWICE = [*AFTER_A_DAY, {"after": 2880, "body": "Last call: " + STILL}]


def test_a_reminder_comes_a_day_after_the_first_text_was_taken_and_not_a_second_before(
    runtime: Runtime, clock: ManualClock
) -> None:
    distribution, (early, late) = begun(runtime, 2)
    settle(runtime, distribution, early, MessageState.ACCEPTED)
    clock.advance(6 * 60 * MINUTE)
    settle(runtime, distribution, late, MessageState.ACCEPTED)
    clock.advance(18 * 60 * MINUTE - MINUTE)
    assert reminded(runtime, distribution) == []
    clock.advance(MINUTE)
    assert reminded(runtime, distribution) == [(early, 1)]
    clock.advance(6 * 60 * MINUTE)
    assert reminded(runtime, distribution) == [(early, 1), (late, 1)]
    assert check(runtime.db) == []


def test_it_carries_the_code_of_the_first_text(runtime: Runtime, clock: ManualClock) -> None:
    distribution, (anna,) = begun(runtime, 1)
    sent(runtime, distribution)
    clock.advance(DAY)
    reminded(runtime, distribution)
    with runtime.db.read() as session:
        assert report(session, distribution).repeated == 1
        codes = session.scalars(select(PromoCode).where(PromoCode.customer_id == anna)).all()
        assert [code.message_id for code in codes] == [first(runtime, distribution, anna).id]


def test_who_has_used_the_code_opted_out_or_was_not_reached_gets_none(runtime: Runtime, clock: ManualClock) -> None:
    distribution, (used, left, failed, lost, fine) = begun(runtime, 5)
    for customer, state in (
        (used, MessageState.ACCEPTED),
        (left, MessageState.ACCEPTED),
        (failed, MessageState.REJECTED),
        (lost, MessageState.ACCEPTED),
        (fine, MessageState.ACCEPTED),
    ):
        settle(runtime, distribution, customer, state)
    clock.advance(DAY - MINUTE)
    redeem(runtime, distribution, used)
    with runtime.db.write() as session:
        consent.change(session, left, "opted_out", "replied STOP", clock.now())
        lock(session, distribution)
        gone = Settled(first(runtime, distribution, lost).id, MessageState.UNDELIVERED, "undelivered")
        apply_evidence(session, {distribution: [gone]}, clock.now(), outcome="callback")
    clock.advance(MINUTE)
    assert reminded(runtime, distribution) == [(fine, 1)]
    assert why_not(runtime, distribution) == {"redeemed": 1, "opted_out": 1, "first_failed": 2}
    with runtime.db.read() as session:
        told = report(session, distribution)
    assert told.balance_error is None
    assert told.planned.dropped == {1: {"first_failed": 2, "redeemed": 1, "opted_out": 1}}
    assert [(each.step, each.sent, each.failed) for each in told.steps] == [(0, 3, 2), (1, 1, 0)]
    assert (told.numbers.audience, told.numbers.sent) == (6, 4)
    assert check(runtime.db) == []


def test_after_a_redemption_the_second_reminder_does_not_come(runtime: Runtime, clock: ManualClock) -> None:
    distribution, (anna, ben) = begun(runtime, 2, TWICE)
    sent(runtime, distribution)
    clock.advance(DAY)
    assert reminded(runtime, distribution) == [(anna, 1), (ben, 1)]
    redeem(runtime, distribution, anna)
    clock.advance(DAY)
    assert reminded(runtime, distribution) == [(anna, 1), (ben, 1), (ben, 2)]
    assert why_not(runtime, distribution) == {"redeemed": 1}
    assert check(runtime.db) == []


def test_a_redemption_that_was_rolled_back_counts_for_nothing(runtime: Runtime, clock: ManualClock) -> None:
    distribution, (anna,) = begun(runtime, 1)
    sent(runtime, distribution)
    redeem(runtime, distribution, anna)
    with runtime.db.write() as session:
        code = session.scalars(select(PromoCode.code).where(PromoCode.customer_id == anna)).one()
        redemptions.roll_back(session, code, why="order cancelled", by="U0ADA", now=clock.now())
    clock.advance(DAY)
    assert reminded(runtime, distribution) == [(anna, 1)]


def test_nothing_is_reminded_of_a_text_that_waits_or_whose_fate_is_unknown(
    runtime: Runtime, clock: ManualClock
) -> None:
    distribution, (waits, unknown) = begun(runtime, 2)
    choose(runtime, "sending.lifetime", "168")
    settle(runtime, distribution, unknown, MessageState.UNKNOWN)
    with runtime.db.write() as session:
        ids = [(first(runtime, distribution, unknown).id, 1)]
        messages.note_unknown(session, distribution, ids, since=clock.now(), look_at=None)
    for _ in range(3):
        clock.advance(DAY)
        assert reminded_of(runtime, distribution) == []
    with runtime.db.write() as session:
        settled = control.settle_unknown(
            session, distribution, arrived=True, by="Maya", now=clock.now(), machine=clock.now()
        )
        assert settled == 1
    clock.advance(5 * MINUTE)
    assert reminded_of(runtime, distribution) == [(unknown, 1)]
    settle(runtime, distribution, waits, MessageState.ACCEPTED)
    clock.advance(DAY - MINUTE)
    assert reminded_of(runtime, distribution) == [(unknown, 1)]
    clock.advance(MINUTE)
    assert reminded_of(runtime, distribution) == [(unknown, 1), (waits, 1)]
    assert check(runtime.db) == []


def reminded_of(runtime: Runtime, distribution: int) -> list[tuple[int, int]]:
    """The clock looks, nothing leaves."""
    due.look(runtime)
    return reminders_of(runtime, distribution)


def test_two_that_are_due_at_once_come_in_their_order_one_when_the_other_has_left(
    runtime: Runtime, clock: ManualClock
) -> None:
    distribution, (anna,) = begun(runtime, 1, TWICE)
    sent(runtime, distribution)
    clock.advance(7 * DAY)
    assert reminded_of(runtime, distribution) == [(anna, 1)]
    clock.advance(MINUTE)
    assert reminded_of(runtime, distribution) == [(anna, 1)]
    sent(runtime, distribution)
    clock.advance(MINUTE)
    assert reminded(runtime, distribution) == [(anna, 1), (anna, 2)]
    assert check(runtime.db) == []


def test_before_the_code_expires_counts_from_when_it_was_issued(runtime: Runtime, clock: ManualClock) -> None:
    distribution, (early, late) = begun_with(runtime, 2, validity_days=10)
    settle(runtime, distribution, early, MessageState.ACCEPTED)
    clock.advance(DAY / 2)
    settle(runtime, distribution, late, MessageState.ACCEPTED)
    clock.advance(DAY * 8.5 - MINUTE)
    assert reminded(runtime, distribution) == []
    clock.advance(MINUTE)
    assert reminded(runtime, distribution) == [(early, 1)]
    clock.advance(DAY / 2)
    assert reminded(runtime, distribution) == [(early, 1), (late, 1)]
    assert check(runtime.db) == []


def begun_with(runtime: Runtime, customers: int, **group: int) -> tuple[int, list[int]]:
    """As `begun`, reminded a day before the code expires, of a group that is so."""
    make_group(runtime, "Short", 5)
    with runtime.db.write() as session:
        row = session.scalars(select(PromoCodeGroup).where(PromoCodeGroup.name == "Short")).one()
        row.validity_days = group.get("validity_days")
    reminders = [{"before_expiry": 1440, "body": "Ends tomorrow: {{ client.last_promocode('Short') }}"}]
    return begun(runtime, customers, reminders, body="{{ client.promocode('Short') }}")


def test_a_group_whose_end_is_moved_moves_its_reminders(runtime: Runtime, clock: ManualClock) -> None:
    distribution, (anna,) = begun_with(runtime, 1)
    with runtime.db.write() as session:
        group = session.scalars(select(PromoCodeGroup).where(PromoCodeGroup.name == "Short")).one()
        group.expires_at = clock.now() + 20 * DAY
    sent(runtime, distribution)
    reminded_of(runtime, distribution)
    with runtime.db.write() as session:
        groups.edit(runtime.jobs, session, group.id, by="U0ADA", now=clock.now(), expires_at=clock.now() + 5 * DAY)
    clock.advance(4 * DAY - MINUTE)
    assert reminded(runtime, distribution) == []
    clock.advance(MINUTE)
    assert reminded(runtime, distribution) == [(anna, 1)]


@pytest.mark.parametrize(("group", "why"), [({}, "no_expiry"), ({"validity_days": 1}, "code_too_short")])
def test_a_code_without_such_a_time_is_not_reminded_of(
    runtime: Runtime, clock: ManualClock, group: dict[str, int], why: str
) -> None:
    distribution, _ = begun_with(runtime, 1, **group)
    sent(runtime, distribution)
    clock.advance(timedelta(minutes=5))
    assert reminded(runtime, distribution) == []
    assert why_not(runtime, distribution) == {why: 1}


def test_a_revoked_code_is_not_reminded_of_and_one_put_in_its_place_is(runtime: Runtime, clock: ManualClock) -> None:
    distribution, (revoked, replaced) = begun(runtime, 2)
    sent(runtime, distribution)
    with runtime.db.write() as session:
        codes = {code.customer_id: code.code for code in session.scalars(select(PromoCode).where(PromoCode.state == 2))}
        replacing.revoke(session, codes[revoked], why="shared", by="U0ADA", now=clock.now())
        replacing.replace(session, codes[replaced], why="lost", by="U0ADA", now=clock.now())
    clock.advance(DAY)
    assert reminded(runtime, distribution) == [(replaced, 1)]
    assert why_not(runtime, distribution) == {"code_revoked": 1}
    assert check(runtime.db) == []


def test_a_live_one_reminds_of_each_entry_by_its_own_time(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 5)
    anna, ben = make_customers(runtime, 2)
    live = make_live(
        runtime, make_provider(runtime, NOWHERE), reminders=AFTER_A_DAY, body="{{ client.promocode('Summer 10%') }}"
    )
    happens(runtime, [anna])
    look(runtime)
    sent(runtime, live)
    clock.advance(DAY / 2)
    happens(runtime, [ben])
    look(runtime)
    sent(runtime, live)
    clock.advance(DAY / 2)
    assert reminded(runtime, live) == [(anna, 1)]
    redeem(runtime, live, ben)
    clock.advance(DAY / 2)
    assert reminded(runtime, live) == [(anna, 1)]
    assert sorted(states(runtime, live)) == ["DROPPED redeemed", "MADE", "MADE", "MADE"]
    with runtime.db.read() as session:
        told = report(session, live)
    assert (told.numbers.audience, told.numbers.sent, told.redeemed) == (3, 3, 1)
    assert check(runtime.db) == []


def test_who_was_left_out_has_no_reminder(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 5)
    anna, ben = make_customers(runtime, 2)
    live = make_live(
        runtime, make_provider(runtime, NOWHERE), reminders=AFTER_A_DAY, body="{{ client.promocode('Summer 10%') }}"
    )
    happens(runtime, [anna, ben])
    with runtime.db.write() as session:
        consent.change(session, ben, "opted_out", "replied STOP", clock.now())
    look(runtime)
    assert len(due_at(runtime, live)) == 1
    with runtime.db.read() as session:
        steps = session.execute(select(Message.state, Message.step).where(Message.distribution_id == live)).all()
    assert sorted(steps) == [(MessageState.QUEUED, 0), (MessageState.EXCLUDED, 0)]


def test_a_code_that_is_used_while_its_reminder_waits_keeps_it_back(runtime: Runtime, clock: ManualClock) -> None:
    distribution, (anna,) = begun(runtime, 1)
    sent(runtime, distribution)
    clock.advance(DAY)
    due.look(runtime)
    clock.advance(MINUTE)
    redeem(runtime, distribution, anna)
    assert sent(runtime, distribution) == []
    with runtime.db.read() as session:
        assert dict(report(session, distribution).excluded) == {"code_redeemed": 1}


def test_a_live_one_thanks_for_a_code_that_was_used_since_it_is_live(runtime: Runtime, clock: ManualClock) -> None:
    """Known when the text was made: it is what the text is about."""
    before, (anna,) = begun(runtime, 1, [])
    thanks = make_live(
        runtime,
        make_provider(runtime, NOWHERE, name="Other"),
        {"kind": "event", "event": "paid"},
        body="Thank you for using {{ client.last_promocode('Summer 10%') }}",
    )
    sent(runtime, before)
    clock.advance(MINUTE)
    redeem(runtime, before, anna)
    clock.advance(MINUTE)
    happens(runtime, [anna], "paid")
    look(runtime)
    assert sent(runtime, thanks) == [anna]
