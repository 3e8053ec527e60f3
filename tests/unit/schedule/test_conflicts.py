"""Schedules that need more codes than their group has, as they are told when one of them is planned."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from distribution.runtime import Runtime
from distribution.schedule import conflicts
from storage.tables import Distribution, Planned, PlannedState, PromoCodeGroup
from tests.sending import make_group
from tests.unit.schedule.planning import BODY, MONDAYS, NOON, UTC_, found, plan, said

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


REMINDED = [{"after": 24 * 60, "body": "And another: {{ client.promocode('Summer 10%') }}"}]


def test_who_comes_after_a_conflict_of_others_is_told_of_their_own(runtime: Runtime) -> None:
    """'Sale' finds too few anyway; what is planned after it does as well, and nobody was told."""
    group = make_group(runtime, "Summer 10%", 30)
    plan(runtime, "News", TUESDAY, group=group, needed=20)
    plan(runtime, "Sale", FRIDAY, group=group, needed=20)
    later = plan(runtime, "Later", FRIDAY + timedelta(days=1), group=group, needed=15, status="draft")
    assert said(runtime, later) == [
        "'Summer 10%' has 30 active codes. 'News' takes 20 on 16 Jun at 12:00; 'Later' on 20 Jun at 12:00 needs 15: "
        "5 are missing."
    ]


def test_what_others_lack_anyway_is_not_the_drafts_doing(runtime: Runtime) -> None:
    group = make_group(runtime, "Summer 10%", 30)
    plan(runtime, "Sale", FRIDAY, group=group, needed=40)
    assert found(runtime, plan(runtime, "Small", TUESDAY, group=group, needed=5, status="draft")) == []


def test_reminders_with_a_new_code_take_theirs_too(runtime: Runtime) -> None:
    group = make_group(runtime, "Summer 10%", 50)
    first = plan(runtime, "News", TUESDAY, group=group, needed=20, reminders=REMINDED)
    sale = plan(runtime, "Sale", FRIDAY, group=group, needed=20)
    words = [
        "'Summer 10%' has 50 active codes. 'News' and others take 40 in the 2 times before; 'Sale' on 19 Jun at 12:00 "
        "needs 20: 10 are missing."
    ]
    assert said(runtime) == said(runtime, first) == said(runtime, sale) == words
    assert found(runtime, plan(runtime, "Own", TUESDAY, status="draft", needed=20)) == []


def test_a_reminder_that_finds_too_few_is_told_as_one(runtime: Runtime) -> None:
    group = make_group(runtime, "Summer 10%", 30)
    plan(runtime, "News", TUESDAY, group=group, needed=20, reminders=REMINDED)
    assert said(runtime) == [
        "'Summer 10%' has 30 active codes. 'News' takes 20 on 16 Jun at 12:00; reminder 1 of 'News' on 17 Jun at 12:00 "
        "needs up to 20: 10 are missing."
    ]


@pytest.mark.parametrize(("policy", "conflicts_"), [("new", 1), ("same", 0)])
def test_a_reminder_of_the_same_code_takes_none(runtime: Runtime, policy: str, conflicts_: int) -> None:
    group = make_group(runtime, "Summer 10%", 30)
    plan(runtime, "News", TUESDAY, group=group, needed=20, reminders=REMINDED, code_policy=policy)
    assert len(found(runtime)) == conflicts_


def test_reminders_that_are_planned_already_take_theirs(runtime: Runtime) -> None:
    """Of one that is done but for them; with the last code, they take none."""
    group = make_group(runtime, "Summer 10%", 3)
    done = plan(runtime, "News", NOON, status="done", reminders=REMINDED)
    last = [{"after": 60, "body": "Still yours: {{ client.last_promocode('Summer 10%') }}"}]
    other = plan(runtime, "Other", NOON, status="done", reminders=last)
    with runtime.db.write() as session:
        for distribution_id in (done, other):
            session.add_all(
                Planned(distribution_id=distribution_id, customer_id=n, step=1, due_at=TUESDAY, fired_at=NOON)
                for n in range(2)
            )
    plan(runtime, "Sale", FRIDAY, group=group, needed=3)
    assert said(runtime) == [
        "'Summer 10%' has 3 active codes. Reminder 1 of 'News' takes 2 on 16 Jun at 12:00; 'Sale' on 19 Jun at 12:00 "
        "needs 3: 2 are missing."
    ]


def automatic(runtime: Runtime, group: int, status: str, **foreseen: Any) -> int:
    """An automatic one whose review saw that."""
    told = {"days": 30, "made": None, "members": None, "at_once": False, **foreseen}
    codes = [{"group_id": group, "name": "", "needed": 0, "active": 0, "can_generate": False}]
    distribution = plan(runtime, "Cart", None, mode="automatic", status=status)
    with runtime.db.write() as session:
        row = session.get_one(Distribution, distribution)
        row.draft = {"review": {"codes": codes, "recipients": 0, "foreseen": told}}
    return distribution


@pytest.mark.parametrize("status", ["pending", "sending", "paused"])
def test_an_automatic_one_takes_what_its_review_saw_of_the_last_days(runtime: Runtime, status: str) -> None:
    """Two a day: eight by Friday."""
    group = make_group(runtime, "Summer 10%", 30)
    automatic(runtime, group, status, made=60)
    sale = plan(runtime, "Sale", FRIDAY, group=group, needed=25)
    words = "'Summer 10%' has 30 active codes. 'Cart' takes about 8 by then; 'Sale' on 19 Jun at 12:00 needs 25: "
    assert said(runtime) == said(runtime, sale) == [f"{words}3 are missing."]


@pytest.mark.parametrize(("foreseen", "missing"), [({}, 25), ({"begins": 100}, 25), ({"begins": 10}, 5)])
def test_an_automatic_draft_is_told_whom_it_leaves_too_few(
    runtime: Runtime, foreseen: dict[str, int], missing: int
) -> None:
    """Its members today get a text at once, within its ceilings; alone it is never short, for it does what it says when
    codes run out."""
    group = make_group(runtime, "Summer 10%", 30)
    draft = automatic(runtime, group, "draft", at_once=True, members=100, **foreseen)
    assert found(runtime, draft) == []
    plan(runtime, "Sale", FRIDAY, group=group, needed=25)
    assert [(each.short.subject, each.missing) for each in found(runtime, draft)] == [("Sale", missing)]


def test_first_texts_that_wait_for_their_delay_or_for_codes_take_theirs(runtime: Runtime) -> None:
    group = make_group(runtime, "Summer 10%", 4)
    cart = automatic(runtime, group, "sending")
    with runtime.db.write() as session:
        for n, state in enumerate((PlannedState.WAITING, PlannedState.WAITING, PlannedState.DRY)):
            session.add(Planned(distribution_id=cart, customer_id=n, due_at=TUESDAY, fired_at=NOON, state=state))
    plan(runtime, "Sale", FRIDAY, group=group, needed=4)
    assert [each.missing for each in found(runtime)] == [3]


def test_what_repeats_and_waits_for_its_approval_begins_with_its_next_time(runtime: Runtime) -> None:
    """Its first time has passed meanwhile: that one is not counted."""
    group = make_group(runtime, "Summer 10%", 20)
    last = {**MONDAYS, "until": "2026-06-22"}
    passed = datetime(2026, 6, 15, 9, tzinfo=UTC)
    plan(runtime, "Weekly", passed, group=group, needed=20, status="pending", repeat=last)
    assert found(runtime) == []


@pytest.mark.parametrize(
    ("mode", "status"), [("manual", "scheduled"), ("automatic", "scheduled"), ("automatic", "paused")]
)
def test_one_whose_text_cannot_be_read_any_more_is_none_of_the_others_trouble(
    runtime: Runtime, mode: str, status: str
) -> None:
    group = make_group(runtime, "Summer 10%", 20)
    broken = automatic(runtime, group, status, made=60)
    with runtime.db.write() as session:
        row = session.get_one(Distribution, broken)
        row.mode, row.body = mode, "{{ client."
        row.draft = row.draft if mode == "automatic" else {}
    plan(runtime, "Sale", FRIDAY, group=group, needed=20, body=BODY)
    assert found(runtime) == []


def test_one_whose_repetition_cannot_be_read_any_more_is_none_of_theirs_either(runtime: Runtime) -> None:
    group = make_group(runtime, "Summer 10%", 20)
    plan(runtime, "Broken", TUESDAY, group=group, needed=20, repeat={"every": "blue moon"})
    plan(runtime, "Sale", FRIDAY, group=group, needed=20)
    assert found(runtime) == []
