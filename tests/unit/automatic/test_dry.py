"""Where a group has no active code, a distribution does what it says, tells its channel, and forgets nobody."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from distribution import seal
from distribution.automatic import due, trigger
from distribution.check import check
from distribution.clock import ManualClock
from distribution.codes import generate
from distribution.report import report
from distribution.runtime import Runtime
from distribution.sending import control
from distribution.sending.status import finish_if_over, paused_by_itself
from storage import planned_counts
from storage.tables import Distribution, Job, MessageState, Notice, PromoCodeGroup, PromoCodeRepeat
from tests.conftest import run_jobs
from tests.sending import make_customers, make_distribution, make_group, make_provider, outcome, start
from tests.unit.automatic.lively import codes, happens, look, make_live, messages, planned, row_of, states

CODES = "{{ client.promocode('Summer 10%') }}"


def ready(runtime: Runtime, stock: int, **chosen: Any) -> tuple[int, int]:
    """A group with so many codes, and a live distribution that gives them: their ids."""
    group = make_group(runtime, "Summer 10%", stock)
    with runtime.db.write() as session:
        session.get_one(PromoCodeGroup, group).formats = ["S-{string('0-9', 8)}"]
    return group, make_live(runtime, make_provider(runtime, "http://127.0.0.1:9"), **{"body": CODES} | chosen)


def add_codes(runtime: Runtime, group: int, count: int) -> None:
    """More active codes."""
    with runtime.db.write() as session:
        generate.generate_into(session, group, count, by="U0MAYA", now=runtime.clock.now())


def told(runtime: Runtime) -> list[tuple[str, str]]:
    """What channels are told: of what, and where."""
    with runtime.db.read() as session:
        return [(each.kind, each.channel) for each in session.scalars(select(Notice))]


def test_they_wait_in_their_order_and_are_made_as_codes_come(runtime: Runtime) -> None:
    group, live = ready(runtime, 1)
    customers = make_customers(runtime, 4)
    for each in customers:  # one after another: their order is that of the events
        happens(runtime, [each])
        look(runtime)
    assert states(runtime, live) == ["MADE", "DRY", "DRY", "DRY"]
    assert told(runtime) == [("dry", "C0MARKETING")]
    assert due.look(runtime) == 0
    add_codes(runtime, group, 2)
    look(runtime)
    assert states(runtime, live) == ["MADE", "MADE", "MADE", "DRY"]
    assert [each.customer_id for each in messages(runtime, live)] == customers[:3]
    add_codes(runtime, group, 5)
    look(runtime)
    assert states(runtime, live) == ["MADE"] * 4
    assert len(codes(runtime, [each.id for each in messages(runtime, live)])) == 4
    assert check(runtime.db) == []


def test_who_waits_comes_before_who_is_due_now(runtime: Runtime) -> None:
    group, live = ready(runtime, 0)
    customers = make_customers(runtime, 3)
    happens(runtime, customers[:2])
    look(runtime)
    add_codes(runtime, group, 2)
    happens(runtime, customers[2:])
    look(runtime)
    assert [each.customer_id for each in messages(runtime, live)] == customers[:2]
    assert states(runtime, live) == ["MADE", "MADE", "DRY"]


def test_it_tops_up_by_the_groups_format_once_and_goes_on(runtime: Runtime) -> None:
    _, live = ready(runtime, 1, when_dry="top_up")
    customers = make_customers(runtime, 3)
    happens(runtime, customers[:2])
    look(runtime)
    happens(runtime, customers[2:])
    look(runtime)
    with runtime.db.read() as session:
        assert len(session.scalars(select(Job).where(Job.kind == generate.KIND)).all()) == 1
    assert states(runtime, live) == ["MADE", "DRY", "DRY"]
    assert told(runtime) == [("dry", "C0MARKETING")]
    run_jobs(runtime)
    look(runtime)
    assert states(runtime, live) == ["MADE"] * 3
    assert check(runtime.db) == []


def test_a_top_up_stops_at_the_groups_ceiling_and_then_they_wait(runtime: Runtime) -> None:
    group, live = ready(runtime, 1, when_dry="top_up")
    with runtime.db.write() as session:
        session.get_one(PromoCodeGroup, group).top_up_ceiling = 2
    happens(runtime, make_customers(runtime, 3))
    for _ in range(3):
        look(runtime)
        run_jobs(runtime)
    assert sorted(states(runtime, live)) == ["DRY", "MADE", "MADE"]


def test_it_sends_the_fallback_text_without_a_code(runtime: Runtime) -> None:
    _, live = ready(runtime, 1, when_dry="fallback", fallback_body="Come back, {{ client.first_name }}")
    happens(runtime, make_customers(runtime, 3))
    look(runtime)
    assert states(runtime, live) == ["MADE"] * 3
    assert [each.fallback for each in planned(runtime, live)] == [False, True, True]
    ids = [each.id for each in messages(runtime, live)]
    assert len(codes(runtime, ids)) == 1
    assert told(runtime) == [("dry", "C0MARKETING")]
    outcome(runtime, ids[:2], MessageState.ACCEPTED)
    outcome(runtime, ids[2:], MessageState.REJECTED)
    with runtime.db.read() as session:
        assert report(session, live).without_code == 1, "of the two, one was refused"
    assert check(runtime.db) == []


def test_it_pauses_and_says_why_and_goes_on_when_it_is_resumed(runtime: Runtime) -> None:
    group, live = ready(runtime, 1, when_dry="pause")
    customers = make_customers(runtime, 4)
    happens(runtime, customers[:3])
    look(runtime)
    row = row_of(runtime, live)
    assert (row.status, paused_by_itself(row)) == ("paused", True)
    assert row.status_reason == "No active codes in 'Summer 10%': 2 texts wait. Add codes, then resume."
    assert sorted(states(runtime, live)) == ["MADE", "WAITING", "WAITING"]
    happens(runtime, customers[3:])  # it fires while it is paused
    look(runtime)
    add_codes(runtime, group, 9)
    with runtime.db.write() as session:
        control.resume(session, runtime, live, by="Maya", now=runtime.clock.now())
    look(runtime)
    assert states(runtime, live) == ["MADE"] * 4
    assert check(runtime.db) == []


def test_a_text_with_codes_of_two_groups_takes_both_or_none(runtime: Runtime) -> None:
    make_group(runtime, "Winter", 1)
    group, live = ready(runtime, 3, body=CODES + " {{ client.promocode('Winter') }}")
    happens(runtime, make_customers(runtime, 2))
    look(runtime)
    assert sorted(states(runtime, live)) == ["DRY", "MADE"]
    with runtime.db.read() as session:
        assert row_of(runtime, live).codes_taken == {str(group): 1, str(group - 1): 1}
        assert planned_counts.of(session, live).dry == 1
    assert check(runtime.db) == []


def test_a_ceiling_counts_what_is_made_and_not_what_waits(runtime: Runtime) -> None:
    group, live = ready(
        runtime, 1, trigger={"kind": "event", "event": "cart_abandoned", "reentry": "always", "most": 2}
    )
    assert trigger.parse(row_of(runtime, live).trigger).most == 2
    happens(runtime, make_customers(runtime, 4))
    look(runtime)
    assert sorted(states(runtime, live)) == ["DRY", "DRY", "DRY", "MADE"]
    add_codes(runtime, group, 9)
    look(runtime)
    assert sorted(states(runtime, live)) == ["DROPPED ceiling", "DROPPED ceiling", "MADE", "MADE"]


def test_what_was_to_be_sent_again_is_forgotten_with_a_text_that_waits(runtime: Runtime) -> None:
    """Its Summer code is there, its Winter code is not: nothing of it may be left behind until both are."""
    winter = make_group(runtime, "Winter", 0)
    _, summer = ready(runtime, 2)
    with runtime.db.write() as session:
        session.get_one(PromoCodeGroup, winter).formats = ["W-{string('0-9', 8)}"]
    through = row_of(runtime, summer).provider_id or 0
    live = make_live(runtime, through, code_policy="same", body=CODES + " {{ client.promocode('Winter') }}")
    happens(runtime, make_customers(runtime, 1))
    look(runtime)
    assert (states(runtime, summer), states(runtime, live)) == (["MADE"], ["DRY"])
    with runtime.db.read() as session:
        assert session.scalars(select(PromoCodeRepeat)).all() == []
    add_codes(runtime, winter, 1)
    look(runtime)
    with runtime.db.read() as session:
        repeated = session.scalars(select(PromoCodeRepeat.message_id)).all()
    assert repeated == [messages(runtime, live)[0].id]
    assert check(runtime.db) == []


def test_a_reminder_that_takes_a_code_waits_for_one_though_all_else_of_its_distribution_is_done(
    runtime: Runtime, clock: ManualClock
) -> None:
    group = make_group(runtime, "Winter", 0)
    make_group(runtime, "Summer 10%", 1)
    with runtime.db.write() as session:
        session.get_one(PromoCodeGroup, group).formats = ["W-{string('0-9', 8)}"]
    customers = make_customers(runtime, 1)
    manual = make_distribution(runtime, make_provider(runtime, "http://127.0.0.1:9"), customers)
    with runtime.db.write() as session:
        row = session.get_one(Distribution, manual)
        row.reminders = [{"after": 60, "body": "{{ client.promocode('Winter') }}"}]
        seal.put(session, row)
    start(runtime, manual)
    outcome(runtime, [each.id for each in messages(runtime, manual)], MessageState.ACCEPTED)
    with runtime.db.write() as session:
        row = session.get_one(Distribution, manual)
        row.claimed_to = row.last_message_id
        assert finish_if_over(session, row, clock.now())
    clock.advance(timedelta(hours=2))
    look(runtime)
    assert (states(runtime, manual), row_of(runtime, manual).status) == (["DRY"], "sending")
    with runtime.db.write() as session:
        assert finish_if_over(session, session.get_one(Distribution, manual), clock.now())
    add_codes(runtime, group, 1)
    look(runtime)
    assert (states(runtime, manual), row_of(runtime, manual).status) == (["MADE"], "sending")
    assert check(runtime.db) == []


@pytest.mark.parametrize("policy", ["wait", "top_up"])
def test_who_opts_out_while_they_wait_is_left_out(runtime: Runtime, policy: str) -> None:
    from distribution.customers import consent

    group, live = ready(runtime, 0, when_dry=policy)
    (customer,) = make_customers(runtime, 1)
    happens(runtime, [customer])
    look(runtime)
    with runtime.db.write() as session:
        consent.change(session, customer, "opted_out", "said so", runtime.clock.now())
    add_codes(runtime, group, 1)
    look(runtime)
    assert [each.reason for each in messages(runtime, live)] == ["opted_out"]
    assert check(runtime.db) == []
