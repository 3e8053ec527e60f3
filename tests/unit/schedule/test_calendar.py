"""What is planned when: scheduled and repeating ones, reminders by day, ends; and codes that will not suffice."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from distribution.clock import ManualClock
from distribution.runtime import Runtime
from distribution.schedule import calendar, conflicts
from distribution.schedule.calendar import Entry
from storage.tables import Distribution, Planned, PlannedState, PromoCodeGroup
from tests.sending import make_group

WARSAW = ZoneInfo("Europe/Warsaw")
UTC_ = ZoneInfo("UTC")
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
BODY = "Hi, your code: {{ client.promocode('Summer 10%') }}"
MONDAYS = {"every": "week", "weekdays": [0], "at": "09:00"}


def plan(
    runtime: Runtime, subject: str, at: datetime | None, *, group: int | None = None, needed: int = 0, **more: Any
) -> int:
    """A distribution that is scheduled, reviewed for so many codes; its id."""
    codes = [{"group_id": group, "name": "", "needed": needed, "active": 0, "can_generate": False}] if group else []
    given = {"status": "scheduled", "mode": "manual", "body": BODY, **more}
    with runtime.db.write() as session:
        row = Distribution(
            subject=subject,
            send_at=at,
            draft={"review": {"codes": codes, "recipients": needed}},
            created_by="U0MAYA",
            created_at=NOON,
            updated_at=NOON,
            **given,
        )
        session.add(row)
        session.flush()
        return row.id


def entries(runtime: Runtime, zone: ZoneInfo = UTC_, now: datetime = NOON) -> list[Entry]:
    with runtime.db.read() as session:
        return calendar.entries(session, now, zone)


def found(runtime: Runtime, row: int | None = None, now: datetime = NOON) -> list[conflicts.Conflict]:
    with runtime.db.read() as session:
        asked = session.get_one(Distribution, row) if row else None
        return calendar.conflicts(session, asked, now)


def said(runtime: Runtime, row: int | None = None) -> list[str]:
    return [conflicts.words(each, UTC_) for each in found(runtime, row)]


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


def test_one_that_is_late_stands_today(runtime: Runtime) -> None:
    late = plan(runtime, "Late", NOON - timedelta(hours=5), late_since=NOON)
    assert entries(runtime) == [Entry(NOON.date(), time(12), "late", late, "Late", 0)]


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


@pytest.mark.parametrize("zone", ["Europe/Warsaw", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "UTC"])
def test_the_days_ahead_are_cut_without_a_gap(zone: str) -> None:
    for start in (date(2026, 2, 20), date(2026, 10, 24), date(2026, 10, 25), date(2026, 9, 5), date(2026, 4, 23)):
        cut = list(calendar._stretches(start, ZoneInfo(zone)))
        assert cut[0][0] == start
        assert [end for _, _, end in cut[:-1]] == [begin for _, begin, _ in cut[1:]]
        assert cut[-1][2].astimezone(ZoneInfo(zone)).date() == start + timedelta(days=90)


TUESDAY, FRIDAY = NOON + timedelta(days=1), NOON + timedelta(days=4)


def test_two_schedules_that_need_more_than_there_is_are_a_conflict(runtime: Runtime) -> None:
    group = make_group(runtime, "Summer 10%", 30)
    first = plan(runtime, "News", TUESDAY, group=group, needed=20)
    second = plan(runtime, "Sale", FRIDAY, group=group, needed=20, status="pending")
    assert said(runtime) == [
        "'Summer 10%' has 30 active codes. 'News' takes 20 on 16 Jun at 12:00; 'Sale' on 19 Jun at 12:00 needs 20: "
        "10 are missing."
    ]
    draft = plan(runtime, "Earlier", None, group=group, needed=15, status="draft")
    assert [each.short.subject for each in found(runtime, draft)] == ["News"]
    assert [each.short.subject for each in found(runtime, first)] == ["Sale"]
    assert [each.short.subject for each in found(runtime, second)] == ["Sale"]


def test_a_conflict_of_others_is_not_told_to_who_plans_for_later(runtime: Runtime) -> None:
    group, other = make_group(runtime, "Summer 10%", 30), make_group(runtime, "Winter", 5)
    plan(runtime, "News", TUESDAY, group=group, needed=20)
    plan(runtime, "Sale", FRIDAY, group=group, needed=20)
    assert found(runtime, plan(runtime, "Winter", FRIDAY, group=other, needed=5, status="draft")) == []
    late = plan(runtime, "Later", FRIDAY + timedelta(days=1), group=group, needed=5, status="draft")
    assert found(runtime, late) == []


def test_that_a_draft_alone_needs_too_many_is_its_reviews_word(runtime: Runtime) -> None:
    group = make_group(runtime, "Summer 10%", 30)
    draft = plan(runtime, "Big", TUESDAY, group=group, needed=40, status="draft")
    assert found(runtime, draft) == []


def test_what_repeats_runs_out_of_codes_one_day(runtime: Runtime) -> None:
    group = make_group(runtime, "Summer 10%", 50)
    plan(runtime, "Weekly", NOON + timedelta(days=7), group=group, needed=20, repeat=MONDAYS)
    (conflict,) = found(runtime)
    assert (len(conflict.before), conflict.missing, conflict.later) == (2, 10, 9)
    assert conflicts.words(conflict, UTC_) == (
        "'Summer 10%' has 50 active codes. 'Weekly' takes 40 in the 2 times before; 'Weekly' on 6 Jul at 09:00 needs "
        "20: 10 are missing. 9 more after it find too few."
    )


def test_where_customers_keep_their_code_only_the_first_time_takes_any(runtime: Runtime) -> None:
    group = make_group(runtime, "Summer 10%", 50)
    plan(runtime, "Weekly", TUESDAY, group=group, needed=40, repeat=MONDAYS, code_policy="same")
    assert found(runtime) == []


@pytest.mark.parametrize(("ceiling", "missing"), [(None, None), (100, None), (60, 10)])
def test_a_group_that_tops_itself_up_does_so_up_to_its_ceiling(
    runtime: Runtime, ceiling: int | None, missing: int | None
) -> None:
    """30 codes, low at 10: after the first 20 it makes 30 more, where its ceiling allows."""
    group = make_group(runtime, "Summer 10%", 30)
    with runtime.db.write() as session:
        row = session.get_one(PromoCodeGroup, group)
        row.low_stock_level, row.top_up, row.top_up_ceiling, row.formats = 10, 30, ceiling, ["S-{string('0-9', 6)}"]
    plan(runtime, "News", TUESDAY, group=group, needed=20)
    plan(runtime, "Sale", FRIDAY, group=group, needed=40)
    plan(runtime, "More", FRIDAY + timedelta(days=1), group=group, needed=10)
    assert [each.missing for each in found(runtime)] == ([] if missing is None else [missing])
    if missing:
        assert "and tops itself up by 30" in said(runtime)[0]


def test_codes_that_expire_before_their_time_are_a_conflict(runtime: Runtime) -> None:
    group = make_group(runtime, "Summer 10%", 30)
    with runtime.db.write() as session:
        session.get_one(PromoCodeGroup, group).expires_at = TUESDAY + timedelta(days=1)
    plan(runtime, "News", TUESDAY, group=group, needed=10)
    plan(runtime, "Sale", FRIDAY, group=group, needed=10)
    assert said(runtime) == ["The codes of 'Summer 10%' have expired by the time of 'Sale' on 19 Jun at 12:00."]
    assert clock_free(runtime) == []


def clock_free(runtime: Runtime) -> list[conflicts.Conflict]:
    """What a draft that is sent at once hears of it: nothing."""
    return found(runtime, plan(runtime, "Now", None, needed=0, status="draft"))


def test_nothing_planned_is_no_conflict(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 1)
    assert found(runtime) == [] and entries(runtime) == []
