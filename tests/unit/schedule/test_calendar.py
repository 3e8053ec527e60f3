"""What is planned when: scheduled and repeating ones, reminders by day, ends; and codes that will not suffice."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from distribution.clock import ManualClock
from distribution.runtime import Runtime
from distribution.schedule import calendar
from distribution.schedule.calendar import Entry
from storage.tables import Planned, PlannedState
from tests.sending import make_group
from tests.unit.schedule.planning import MONDAYS, NOON, WARSAW, entries, found, plan


def test_everything_stands_on_its_day_in_the_readers_zone(runtime: Runtime) -> None:
    evening = datetime(2026, 6, 20, 23, 30, tzinfo=UTC)
    once = plan(runtime, "Once", evening, needed=12)
    asked = plan(runtime, "Asked for", evening, status="pending")
    own = plan(runtime, "Own time", datetime(2026, 6, 29, 19, tzinfo=UTC), local_at="2026-06-30T09:00")
    ends = plan(runtime, "Cart", None, mode="automatic", status="sending", ends_at=evening + timedelta(hours=1))
    plan(runtime, "Draft", evening, status="draft")
    plan(runtime, "Far away", NOON + timedelta(days=91))
    assert entries(runtime, WARSAW) == [
        Entry(date(2026, 6, 21), time(1, 30), "once", once, "Once", 12),
        Entry(date(2026, 6, 21), time(1, 30), "once", asked, "Asked for", 0, pending=True),
        Entry(date(2026, 6, 21), time(2, 30), "end", ends, "Cart", 0),
        Entry(date(2026, 6, 30), time(9), "own_time", own, "Own time", 0),
    ]
    assert entries(runtime)[0].day == date(2026, 6, 20)
    with runtime.db.read() as session:
        assert calendar.live(session) == [calendar.Live(ends, "Cart", False)]


def test_what_repeats_stands_on_each_of_its_days(runtime: Runtime) -> None:
    """By the workspace's clock (UTC here), as its reader's shows it: another hour once that went back in October."""
    plan(runtime, "Weekly", datetime(2026, 10, 12, 9, tzinfo=UTC), repeat={**MONDAYS, "until": "2026-10-31"})
    shown = entries(runtime, WARSAW, datetime(2026, 10, 10, tzinfo=UTC))
    assert [(each.day.day, each.at) for each in shown] == [(12, time(11)), (19, time(11)), (26, time(10))]
    assert {each.kind for each in shown} == {"repeat"}


def test_what_repeats_and_is_paused_is_named_without_a_day(runtime: Runtime) -> None:
    plan(runtime, "Weekly", NOON + timedelta(days=7), repeat=MONDAYS, status="paused")
    plan(runtime, "Once", NOON - timedelta(days=1), status="paused")
    assert entries(runtime) == []
    with runtime.db.read() as session:
        assert calendar.paused(session) == ["Weekly"]


def test_one_that_is_late_stands_today(runtime: Runtime) -> None:
    late = plan(runtime, "Late", NOON - timedelta(hours=5), late_since=NOON)
    assert entries(runtime) == [Entry(NOON.date(), time(12), "late", late, "Late", 0)]


def test_only_the_time_of_a_repeating_one_that_passed_is_late(runtime: Runtime) -> None:
    """The weeks to come were told to wait for a word, too."""
    passed = datetime(2026, 6, 15, 9, tzinfo=UTC)
    plan(runtime, "Weekly", passed, late_since=NOON, repeat={**MONDAYS, "until": "2026-06-30"})
    shown = [(each.kind, each.day.day, each.at.hour) for each in entries(runtime)]
    assert shown == [("late", 15, 12), ("repeat", 22, 9), ("repeat", 29, 9)]


def test_one_by_its_customers_clocks_stands_there_until_the_last_of_them_showed_it(runtime: Runtime) -> None:
    plan(runtime, "Own", NOON - timedelta(hours=9), status="sending", local_at="2026-06-15T17:00")
    assert [(each.kind, each.at) for each in entries(runtime)] == [("own_time", time(17))]
    assert entries(runtime, now=NOON + timedelta(hours=18)) == []


def reminders(runtime: Runtime, distribution: int, dues: list[datetime], *, step: int = 1, **more: Any) -> None:
    with runtime.db.write() as session:
        session.add_all(
            Planned(distribution_id=distribution, customer_id=n, step=step, due_at=due, fired_at=NOON, **more)
            for n, due in enumerate(dues, 1)
        )


def test_reminders_are_counted_by_day_over_a_change_of_the_clocks(runtime: Runtime) -> None:
    """Warsaw's 25 October 2026 has 25 hours."""
    now = datetime(2026, 10, 20, 12, tzinfo=UTC)
    cart = plan(runtime, "Cart", None, mode="automatic", status="sending")
    dues = [
        now - timedelta(days=2),  # overdue: today's
        now + timedelta(hours=1),
        datetime(2026, 10, 24, 21, 59, tzinfo=UTC),  # 23:59 on the 24th
        datetime(2026, 10, 24, 22, 0, tzinfo=UTC),  # 00:00 on the 25th
        datetime(2026, 10, 25, 22, 59, tzinfo=UTC),  # 23:59 on the 25th
        datetime(2026, 10, 25, 23, 0, tzinfo=UTC),  # 00:00 on the 26th
        datetime(2026, 11, 3, 23, 0, tzinfo=UTC),  # 00:00 on the 4th
        now + timedelta(days=100),
    ]
    reminders(runtime, cart, dues)
    reminders(runtime, cart, dues[1:2], step=0)
    reminders(runtime, cart, dues[:3], step=2, state=PlannedState.DROPPED)
    assert entries(runtime, WARSAW, now) == [
        Entry(date(2026, 10, 20), time(14), "reminders", cart, "Cart", 2),
        Entry(date(2026, 10, 20), time(15), "texts", cart, "Cart", 1),
        Entry(date(2026, 10, 24), time(23, 59), "reminders", cart, "Cart", 1),
        Entry(date(2026, 10, 25), time(0), "reminders", cart, "Cart", 2),
        Entry(date(2026, 10, 26), time(0), "reminders", cart, "Cart", 1),
        Entry(date(2026, 11, 4), time(0), "reminders", cart, "Cart", 1),
    ]


def test_what_fell_due_in_a_pause_is_told_apart(runtime: Runtime) -> None:
    """It stood there as if it were sent today, at the present minute."""
    cart = plan(runtime, "Cart", None, mode="automatic", status="paused")
    reminders(runtime, cart, [NOON - timedelta(days=2), NOON + timedelta(hours=1)])
    reminders(runtime, cart, [NOON - timedelta(hours=1)], step=0)
    assert [(each.kind, each.texts) for each in entries(runtime)] == [("piled", 2), ("reminders", 1)]


@pytest.mark.parametrize("zone", ["Europe/Warsaw", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "UTC"])
def test_the_days_ahead_are_cut_without_a_gap(zone: str) -> None:
    for start in (date(2026, 2, 20), date(2026, 10, 24), date(2026, 10, 25), date(2026, 9, 5), date(2026, 4, 23)):
        cut = list(calendar._stretches(start, ZoneInfo(zone)))
        assert cut[0][0] == start
        assert [end for _, _, end in cut[:-1]] == [begin for _, begin, _ in cut[1:]]
        assert cut[-1][2].astimezone(ZoneInfo(zone)).date() == start + timedelta(days=90)


def test_nothing_planned_is_no_conflict(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 1)
    assert found(runtime) == [] and entries(runtime) == []
