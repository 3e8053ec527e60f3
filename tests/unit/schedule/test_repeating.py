"""What is sent again and again: each time is a copy with its own receipt, made once, whoever's clock strikes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, func, select, update

from distribution import launch as launching
from distribution import seal, settings
from distribution.automatic import outage
from distribution.check import check
from distribution.clock import ManualClock
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.sending import control
from storage import distributions, tally
from storage.tables import Customer, Distribution, Message, MessageState, Segment, SegmentMember
from tests.sending import make_customers, make_group
from tests.unit.schedule.repeated import FIRST, MONDAYS, WEEK, copies, make_repeating, make_segment, row_of, strike

JAPANESE = {"match": "all", "rules": [{"field": "region", "op": "is", "value": "JP"}]}


def audience_of(runtime: Runtime, copy: Distribution) -> list[int]:
    with runtime.db.read() as session:
        mine = select(Message.customer_id).where(Message.distribution_id == copy.id)
        return sorted(session.scalars(mine))


def test_each_week_goes_to_whoever_is_in_the_segment_then_with_its_own_receipt(
    runtime: Runtime, clock: ManualClock
) -> None:
    make_group(runtime, "Summer 10%", 10)
    customers = make_customers(runtime, 4)
    segment = make_segment(runtime, JAPANESE)
    move_to_japan(runtime, customers[:2])
    weekly = make_repeating(runtime, segment)
    strike(runtime)
    assert copies(runtime, weekly) == []
    clock.advance(FIRST - clock.now())
    strike(runtime)
    move_to_japan(runtime, customers[1:])
    clock.advance(WEEK)
    strike(runtime)
    first, second = copies(runtime, weekly)
    assert "fixed" in first.audience  # who is in it cannot move while its codes are blocked
    assert audience_of(runtime, first) == customers[:2]
    assert audience_of(runtime, second) == customers[1:]
    assert (first.repeats_on, second.repeats_on) == (FIRST, FIRST + WEEK)
    assert (first.status, first.channel, first.subject) == ("sending", None, "Summer thank-you")
    with runtime.db.read() as session:
        assert tally.read(session, first.id) == {MessageState.QUEUED: 2}
        assert tally.read(session, second.id) == {MessageState.QUEUED: 3}
    weekly_row = row_of(runtime, weekly)
    assert (weekly_row.status, weekly_row.send_at) == ("scheduled", FIRST + 2 * WEEK)
    assert check(runtime.db) == []


def move_to_japan(runtime: Runtime, customers: list[int]) -> None:
    with runtime.db.write() as session:
        session.execute(update(Customer).values(region="PL"))
        session.execute(update(Customer).where(Customer.id.in_(customers)).values(region="JP"))


def test_many_clocks_at_once_make_one_copy(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 10)
    weekly = make_repeating(runtime, make_customers(runtime, 2))
    clock.advance(FIRST - clock.now())
    with ThreadPoolExecutor(6) as clocks:
        list(clocks.map(lambda _: launching.due(runtime), range(12)))
    strike(runtime)
    assert len(copies(runtime, weekly)) == 1
    with runtime.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 2


def test_a_clock_that_goes_back_sends_nothing_twice_and_skips_nothing(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 10)
    weekly = make_repeating(runtime, make_customers(runtime, 1))
    clock.advance(FIRST - clock.now())
    strike(runtime)
    clock.advance(-timedelta(days=3))
    strike(runtime)
    clock.advance(timedelta(days=3))
    strike(runtime)
    assert [copy.repeats_on for copy in copies(runtime, weekly)] == [FIRST]
    with runtime.db.write() as session:  # as if the next time had not been written: the key holds
        session.execute(update(Distribution).where(Distribution.id == weekly).values(send_at=FIRST))
    strike(runtime)
    assert [copy.repeats_on for copy in copies(runtime, weekly)] == [FIRST]
    clock.advance(WEEK)
    strike(runtime)
    assert [copy.repeats_on for copy in copies(runtime, weekly)] == [FIRST, FIRST + WEEK]


def test_several_times_that_passed_unnoticed_are_sent_once(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 10)
    weekly = make_repeating(runtime, make_customers(runtime, 1))
    clock.advance(FIRST + 3 * WEEK + timedelta(hours=1) - clock.now())
    strike(runtime)
    assert [copy.repeats_on for copy in copies(runtime, weekly)] == [FIRST + 3 * WEEK]
    assert row_of(runtime, weekly).send_at == FIRST + 4 * WEEK


def test_after_its_last_day_it_is_done(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 10)
    weekly = make_repeating(runtime, make_customers(runtime, 1), {**MONDAYS, "until": "2026-06-29"})
    clock.advance(FIRST - clock.now())
    strike(runtime)
    assert row_of(runtime, weekly).status == "scheduled"
    clock.advance(WEEK)
    strike(runtime)
    row = row_of(runtime, weekly)
    assert (row.status, row.status_reason, row.finished_at) == ("done", "Its last day has passed.", clock.now())
    clock.advance(WEEK)
    strike(runtime)
    assert len(copies(runtime, weekly)) == 2


def test_what_changed_since_its_approval_makes_it_a_draft_that_says_what(runtime: Runtime, clock: ManualClock) -> None:
    """Who is in the segment may change; whom it asks for may not."""
    make_group(runtime, "Summer 10%", 10)
    make_customers(runtime, 3)
    segment = make_segment(runtime, JAPANESE)
    weekly = make_repeating(runtime, segment)
    other = {"match": "all", "rules": [{"field": "region", "op": "is", "value": "PL"}]}
    with runtime.db.write() as session:
        session.get_one(Segment, segment).rules = other
    clock.advance(FIRST - clock.now())
    strike(runtime)
    row = row_of(runtime, weekly)
    assert copies(runtime, weekly) == []
    assert row.status == "draft"
    assert row.status_reason == "Back to a draft: the rules of segment 'Weekly' were changed."


def test_too_few_codes_refuse_one_time_and_not_the_next(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 3)
    customers = make_customers(runtime, 4)
    weekly = make_repeating(runtime, customers)
    clock.advance(FIRST - clock.now())
    strike(runtime)
    with runtime.db.write() as session:
        session.execute(delete(SegmentMember).where(SegmentMember.customer_id.in_(customers[2:])))
    clock.advance(WEEK)
    strike(runtime)
    first, second = copies(runtime, weekly)
    assert (first.status, first.status_reason) == ("refused", "1 code is missing in 'Summer 10%'.")
    assert second.status == "sending"
    with runtime.db.read() as session:
        assert distributions.copies(session, weekly) == (1, 1)
    assert check(runtime.db) == []


def test_paused_nothing_of_it_comes_and_resumed_only_what_is_to_come(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 10)
    weekly = make_repeating(runtime, make_customers(runtime, 1))
    with runtime.db.write() as session:
        control.pause(session, weekly, by="Maya", now=clock.now())
        control.pause(session, weekly, by="Maya", now=clock.now())
    assert row_of(runtime, weekly).status_reason == "Paused by Maya."
    clock.advance(FIRST + timedelta(days=1) - clock.now())
    strike(runtime)
    assert copies(runtime, weekly) == []
    with runtime.db.write() as session:
        control.resume(session, runtime, weekly, by="Maya", now=clock.now())
        control.resume(session, runtime, weekly, by="Maya", now=clock.now())
    row = row_of(runtime, weekly)
    assert (row.status, row.status_reason, row.send_at) == ("scheduled", None, FIRST + WEEK)


def test_one_whose_last_day_passed_in_its_pause_cannot_be_resumed(runtime: Runtime, clock: ManualClock) -> None:
    weekly = make_repeating(runtime, make_customers(runtime, 1), {**MONDAYS, "until": "2026-06-22"})
    with runtime.db.write() as session:
        control.pause(session, weekly, by="Maya", now=clock.now())
    clock.advance(2 * WEEK)
    with pytest.raises(Refused, match="its last day has passed"), runtime.db.write() as session:
        control.resume(session, runtime, weekly, by="Maya", now=clock.now())


@pytest.mark.parametrize("was", ["scheduled", "paused"])
def test_stopped_it_is_over_and_what_it_sent_off_goes_on(runtime: Runtime, clock: ManualClock, was: str) -> None:
    make_group(runtime, "Summer 10%", 10)
    weekly = make_repeating(runtime, make_customers(runtime, 1))
    clock.advance(FIRST - clock.now())
    strike(runtime)
    with runtime.db.write() as session:
        if was == "paused":
            control.pause(session, weekly, by="Maya", now=clock.now())
        control.stop(session, runtime, weekly, by="Maya", now=clock.now())
    clock.advance(WEEK)
    strike(runtime)
    row = row_of(runtime, weekly)
    assert (row.status, row.finished_at) == ("stopped", FIRST)
    assert [copy.status for copy in copies(runtime, weekly)] == ["sending"]


@pytest.mark.parametrize("was", ["scheduled", "paused"])
def test_called_back_it_is_a_draft(runtime: Runtime, clock: ManualClock, was: str) -> None:
    weekly = make_repeating(runtime, make_customers(runtime, 1))
    with runtime.db.write() as session:
        if was == "paused":
            control.pause(session, weekly, by="Maya", now=clock.now())
        control.call_back(session, runtime, weekly, by="Maya", now=clock.now())
    assert row_of(runtime, weekly).status == "draft"
    assert row_of(runtime, weekly).repeat == MONDAYS


def test_a_copy_that_is_called_back_is_a_draft_for_once(runtime: Runtime, clock: ManualClock) -> None:
    """Sealed again it is an ordinary one: its audience's size counts, and its time."""
    make_group(runtime, "Summer 10%", 10)
    weekly = make_repeating(runtime, make_customers(runtime, 2))
    clock.advance(FIRST - clock.now())
    strike(runtime)
    (copy,) = copies(runtime, weekly)
    with runtime.db.write() as session:
        control.call_back(session, runtime, copy.id, by="Maya", now=clock.now())
    strike(runtime)
    (copy,) = copies(runtime, weekly)
    assert (copy.status, copy.repeat, copy.sealed) == ("draft", {}, {})
    with runtime.db.write() as session:
        row = session.get_one(Distribution, copy.id)
        seal.put(session, row)
        assert (row.sealed["audience"]["size"], row.sealed["send_at"]) == (2, FIRST.isoformat())
    clock.advance(WEEK)
    strike(runtime)
    assert len(copies(runtime, weekly)) == 2


@pytest.mark.parametrize("word", ["send", "reschedule", "cancel"])
def test_a_time_that_came_in_an_outage_waits_for_a_word(runtime: Runtime, clock: ManualClock, word: str) -> None:
    make_group(runtime, "Summer 10%", 10)
    weekly = make_repeating(runtime, make_customers(runtime, 1))
    clock.advance(FIRST + timedelta(hours=5) - clock.now())
    with runtime.db.write() as session:
        session.get_one(Distribution, weekly).late_since = clock.now()
    strike(runtime)
    assert copies(runtime, weekly) == []
    with runtime.db.write() as session:
        if word == "send":
            outage.send_now(session, runtime, weekly, by="Maya", now=clock.now())
        elif word == "reschedule":
            outage.reschedule(session, runtime, weekly, clock.now() + timedelta(hours=1), by="Maya", now=clock.now())
        else:
            outage.cancel(session, runtime, weekly, by="Maya", now=clock.now())
    strike(runtime)
    assert len(copies(runtime, weekly)) == (word == "send")
    clock.advance(timedelta(hours=2))
    strike(runtime)
    assert [copy.repeats_on for copy in copies(runtime, weekly)] == ([] if word == "cancel" else [FIRST])
    row = row_of(runtime, weekly)
    assert (row.status, row.send_at, row.put_off_to, row.late_since) == ("scheduled", FIRST + WEEK, None, None)


def test_it_keeps_its_wall_clock_where_the_workspaces_zone_is_changed(runtime: Runtime, clock: ManualClock) -> None:
    weekly = make_repeating(runtime, make_customers(runtime, 1))
    with runtime.db.write() as session:
        settings.put(session, "time_zone", "America/New_York")
    strike(runtime)
    assert row_of(runtime, weekly).send_at == FIRST + timedelta(hours=4)
    strike(runtime)
    assert row_of(runtime, weekly).send_at == FIRST + timedelta(hours=4)


def test_on_the_nights_when_clocks_change_each_day_is_sent_once(runtime: Runtime, clock: ManualClock) -> None:
    """02:30 in Warsaw: skipped on 29 March, there twice on 25 October."""
    make_group(runtime, "Summer 10%", 20)
    with runtime.db.write() as session:
        settings.put(session, "time_zone", "Europe/Warsaw")
    for begins in (datetime(2027, 3, 26, 23, tzinfo=UTC), datetime(2027, 10, 29, 23, tzinfo=UTC)):
        daily = make_repeating(runtime, make_customers(runtime, 1, first=begins.month), {"every": "day", "at": "02:30"})
        clock.advance(begins - clock.now())
        with runtime.db.write() as session:
            session.execute(
                update(Distribution)
                .where(Distribution.id == daily)
                .values(send_at=begins + timedelta(hours=1, minutes=30 if begins.month == 3 else -30))
            )
        for _ in range(3 * 24 * 4):  # three nights, a look every quarter of an hour
            clock.advance(timedelta(minutes=15))
            launching.due(runtime)
        sent = [copy.repeats_on for copy in copies(runtime, daily)]
        walls = [f"{on.astimezone(ZoneInfo('Europe/Warsaw')):%d %H:%M}" for on in sent if on]
        expected = {3: ["27 02:30", "28 03:00", "29 02:30"], 10: ["30 02:30", "31 02:30", "01 02:30"]}
        assert walls == expected[begins.month]
        with runtime.db.write() as session:
            control.stop(session, runtime, daily, by="Maya", now=clock.now())
