"""What is due becomes messages, once, with codes of their own, as the trigger and the ceilings have it."""

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from distribution.automatic import due, firing
from distribution.check import check
from distribution.clock import ManualClock
from distribution.customers import consent
from distribution.runtime import Runtime
from storage import batches
from storage.tables import MessageState
from tests.conftest import NOON
from tests.gateway import Gateway, serving
from tests.sending import make_customers, make_group, make_provider, sending, until
from tests.unit.automatic.lively import CART, codes, happens, look, make_live, messages, planned, row_of, states

HOUR = timedelta(hours=1)


def provider(runtime: Runtime) -> int:
    """A provider that nobody sends through."""
    return make_provider(runtime, "http://127.0.0.1:9")


def test_an_event_becomes_a_text_with_a_code_and_what_the_event_says(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            make_group(runtime, "Summer 10%", 5)
            customers = make_customers(runtime, 2)
            live = make_live(runtime, make_provider(runtime, gateway.url))
            happens(runtime, customers[:1], cart_total=120.0)
            happens(runtime, customers[1:], cart_total="a\u202elot\nof")
            look(runtime)
            async with sending(runtime):
                await until(lambda: len(gateway.accepted) == 2)
                await until(lambda: all(each.state is MessageState.ACCEPTED for each in messages(runtime, live)))
            bound = codes(runtime, [each.id for each in messages(runtime, live)])
            first, second = messages(runtime, live)
            texts = {text["to"]: text["body"] for text in gateway.accepted}
            assert texts[first.phone or ""] == f"Hi Anna0, {bound[first.id]} for your 120 cart"
            assert texts[second.phone or ""] == f"Hi Anna1, {bound[second.id]} for your alot of cart"

    asyncio.run(scenario())
    assert check(runtime.db) == []


def test_it_stays_live_when_all_is_sent(runtime: Runtime) -> None:
    live = make_live(runtime, provider(runtime), body="Hi")
    look(runtime)
    assert row_of(runtime, live).status == "sending"
    assert row_of(runtime, live).started_at == NOON


def test_a_sender_looks_at_it_only_while_something_of_it_may_leave(runtime: Runtime) -> None:
    """It may be live for months: a turn of the sender must not write for each that has nothing to send."""
    through = provider(runtime)
    make_live(runtime, through, body="Hi")
    with runtime.db.read() as session:
        assert not batches.anything_to_send(session, through, NOON)
    happens(runtime, make_customers(runtime, 1))
    look(runtime)
    with runtime.db.read() as session:
        assert batches.anything_to_send(session, through, NOON)


def test_a_delay_is_waited_for_and_the_cancel_condition_looked_at_when_it_is_over(
    runtime: Runtime, clock: ManualClock
) -> None:
    paid, unpaid, other, before = make_customers(runtime, 4)
    unless = {"event": "order_paid", "where": [{"property": "total", "type": "number", "op": "ge", "value": 10}]}
    live = make_live(runtime, provider(runtime), CART | {"delay": 120, "unless": unless}, body="Hi")
    happens(runtime, [before], "order_paid", total=50)
    clock.advance(timedelta(minutes=1))
    happens(runtime, [paid, unpaid, other, before], cart_total=5)
    clock.advance(HOUR)
    happens(runtime, [paid], "order_paid", total=10)
    happens(runtime, [other], "order_paid", total=9)
    look(runtime)
    assert messages(runtime, live) == []
    clock.advance(HOUR)
    look(runtime)
    assert {each.customer_id for each in messages(runtime, live)} == {unpaid, other, before}
    assert [each for each in states(runtime, live) if each != "MADE"] == ["DROPPED called_off"]


def test_what_calls_it_off_counts_for_each_from_their_own_event_on(runtime: Runtime, clock: ManualClock) -> None:
    first, second = make_customers(runtime, 2)
    live = make_live(runtime, provider(runtime), CART | {"delay": 60, "unless": {"event": "order_paid"}}, body="Hi")
    happens(runtime, [first])
    clock.advance(timedelta(minutes=10))
    happens(runtime, [second], "order_paid")
    clock.advance(timedelta(minutes=10))
    happens(runtime, [second])
    clock.advance(HOUR)
    look(runtime)
    assert states(runtime, live) == ["MADE", "MADE"]


def test_what_calls_it_off_does_so_until_it_is_made_however_long_after_its_delay(
    runtime: Runtime, clock: ManualClock
) -> None:
    """As after an outage, or where it waited for codes: who has paid meanwhile left nothing behind."""
    paid, unpaid = make_customers(runtime, 2)
    live = make_live(runtime, provider(runtime), CART | {"delay": 60, "unless": {"event": "order_paid"}}, body="Hi")
    happens(runtime, [paid, unpaid])
    clock.advance(2 * HOUR)
    happens(runtime, [paid], "order_paid")
    look(runtime)
    assert states(runtime, live) == ["DROPPED called_off", "MADE"]


def test_what_calls_it_off_counts_by_its_own_time_however_late_it_is_told(runtime: Runtime, clock: ManualClock) -> None:
    (customer,) = make_customers(runtime, 1)
    live = make_live(runtime, provider(runtime), CART | {"delay": 60, "unless": {"event": "order_paid"}}, body="Hi")
    happens(runtime, [customer])
    clock.advance(2 * HOUR)
    happens(runtime, [customer], "order_paid", at=NOON + timedelta(minutes=60))
    look(runtime)
    assert states(runtime, live) == ["DROPPED called_off"]


def test_what_happened_in_the_same_second_calls_it_off_but_an_event_never_itself(
    runtime: Runtime, clock: ManualClock
) -> None:
    (customer,) = make_customers(runtime, 1)
    through = provider(runtime)
    paid = make_live(runtime, through, CART | {"delay": 60, "unless": {"event": "order_paid"}}, body="Hi")
    again = make_live(runtime, through, CART | {"delay": 60, "unless": {"event": CART["event"]}}, body="Hi")
    happens(runtime, [customer], "order_paid")
    happens(runtime, [customer])
    clock.advance(HOUR)
    look(runtime)
    assert (states(runtime, paid), states(runtime, again)) == (["DROPPED called_off"], ["MADE"])


def test_who_cannot_be_texted_is_left_out_with_the_reason(runtime: Runtime) -> None:
    make_group(runtime, "Summer 10%", 5)
    stays, leaves = make_customers(runtime, 2)
    live = make_live(runtime, provider(runtime))
    happens(runtime, [stays, leaves], cart_total=1)
    with runtime.db.write() as session:
        consent.change(session, leaves, "opted_out", "said so", runtime.clock.now())
    look(runtime)
    found = {each.customer_id: (each.state, each.reason) for each in messages(runtime, live)}
    assert found == {stays: (MessageState.QUEUED, None), leaves: (MessageState.EXCLUDED, "opted_out")}
    assert len(codes(runtime, [each.id for each in messages(runtime, live)])) == 1
    assert check(runtime.db) == []


def test_ceilings_hold_in_all_and_by_the_day_of_the_workspace(runtime: Runtime, clock: ManualClock) -> None:
    customers = make_customers(runtime, 8)
    live = make_live(runtime, provider(runtime), CART | {"most": 4, "most_daily": 3}, body="Hi")
    with runtime.db.write() as session:
        consent.change(session, customers[0], "opted_out", "said so", runtime.clock.now())
    happens(runtime, customers[:2])  # one of them is left out, and counts for nothing
    look(runtime)
    happens(runtime, customers[2:5])
    look(runtime)
    assert states(runtime, live) == ["MADE"] * 4 + ["DROPPED ceiling_daily"]
    clock.advance(24 * HOUR)
    happens(runtime, customers[5:7])
    look(runtime)
    assert states(runtime, live)[5:] == ["MADE", "DROPPED ceiling"]
    assert row_of(runtime, live).first_texts == {"total": 4, "day": "2026-06-16", "today": 1}


def test_a_clock_that_goes_back_a_day_does_not_begin_the_day_anew(runtime: Runtime, clock: ManualClock) -> None:
    customers = make_customers(runtime, 3)
    live = make_live(runtime, provider(runtime), CART | {"most_daily": 1}, body="Hi")
    clock.advance(24 * HOUR)
    happens(runtime, customers[:1])
    look(runtime)
    clock.advance(-24 * HOUR)
    happens(runtime, customers[1:2])
    look(runtime)
    clock.advance(24 * HOUR)
    happens(runtime, customers[2:])
    look(runtime)
    assert states(runtime, live) == ["MADE", "DROPPED ceiling_daily", "DROPPED ceiling_daily"]


def test_the_same_code_goes_out_again_until_it_is_redeemed(runtime: Runtime) -> None:
    make_group(runtime, "Summer 10%", 5)
    (customer,) = make_customers(runtime, 1)
    live = make_live(runtime, provider(runtime), code_policy="same")
    happens(runtime, [customer], cart_total=1)
    look(runtime)
    happens(runtime, [customer], cart_total=2)
    look(runtime)
    first, second = messages(runtime, live)
    assert (first.occurrence, second.occurrence) == (0, 1)
    assert list(codes(runtime, [first.id, second.id])) == [first.id]
    assert check(runtime.db) == []


def test_two_who_look_at_once_make_each_message_once(runtime: Runtime) -> None:
    make_group(runtime, "Summer 10%", 60)
    customers = make_customers(runtime, 60)
    live = make_live(runtime, provider(runtime))
    happens(runtime, customers, cart_total=1)
    firing.look(runtime)
    gate, failed = threading.Barrier(3), []

    def work() -> None:
        gate.wait()
        try:
            due.look(runtime)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []
    assert sorted(each.customer_id for each in messages(runtime, live)) == customers
    assert len(set(codes(runtime, [each.id for each in messages(runtime, live)]).values())) == 60
    assert states(runtime, live) == ["MADE"] * 60
    assert check(runtime.db) == []


@pytest.mark.parametrize("when", ["before the messages", "before the batch", "before the planned rows"])
def test_killed_in_the_middle_nothing_is_done_and_then_all_of_it_once(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    make_group(runtime, "Summer 10%", 3)
    customers = make_customers(runtime, 3)
    live = make_live(runtime, provider(runtime))
    happens(runtime, customers, cart_total=1)
    firing.look(runtime)
    where = {
        "before the messages": "storage.messages.add",
        "before the batch": "storage.batches.send_back",
        "before the planned rows": "storage.planned_reading.made",
    }[when]

    def dies(*_args: Any, **_more: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(where, dies)
        with pytest.raises(KeyboardInterrupt):
            due.look(runtime)
    assert messages(runtime, live) == []
    assert states(runtime, live) == ["WAITING"] * 3
    assert check(runtime.db) == []
    due.look(runtime)
    due.look(runtime)
    assert sorted(each.customer_id for each in messages(runtime, live)) == customers
    assert check(runtime.db) == []


def test_one_that_cannot_be_made_does_not_hold_up_the_others(runtime: Runtime) -> None:
    customers = make_customers(runtime, 1)
    through = provider(runtime)
    broken, sound = (make_live(runtime, through, body="Hi") for _ in range(2))
    happens(runtime, customers)
    firing.look(runtime)
    with runtime.db.write() as session:
        session.get_one(type(row_of(runtime, broken)), broken).body = "{{ nonsense"
    look(runtime)
    assert (len(messages(runtime, broken)), len(messages(runtime, sound))) == (0, 1)
    assert [each.state.name for each in planned(runtime, broken)] == ["WAITING"]


def test_more_than_a_chunk_is_made_in_one_look(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "CHUNK", 10)
    live = make_live(runtime, provider(runtime), body="Hi")
    happens(runtime, make_customers(runtime, 25))
    look(runtime)
    assert len(messages(runtime, live)) == 25
    assert check(runtime.db) == []


def test_a_look_ends_however_much_is_due_and_takes_each_distribution_in_turn(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "CHUNK", 2)
    monkeypatch.setattr(due, "CHUNKS", 4)
    through = provider(runtime)
    first, second = (make_live(runtime, through, body="Hi") for _ in range(2))
    happens(runtime, make_customers(runtime, 9))
    look(runtime)
    assert (len(messages(runtime, first)), len(messages(runtime, second))) == (4, 4)
    look(runtime)
    assert (len(messages(runtime, first)), len(messages(runtime, second))) == (8, 8)
