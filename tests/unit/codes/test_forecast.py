"""When codes run out: from the pace of the hours, not from counting codes."""

from datetime import datetime, timedelta

import pytest

from distribution.codes import forecast
from distribution.codes.groups import create
from distribution.codes.intake import add
from distribution.runtime import Runtime
from storage import pace
from storage.tables import PromoCodeGroup
from tests.conftest import NOON

BY = {"by": "U0MAYA", "now": NOON}


def group(runtime: Runtime, active: int) -> int:
    with runtime.db.write() as session:
        found = create(session, "Summer 10%", **BY)
        add(session, found.id, [f"CODE{n}" for n in range(active)], **BY)
        return found.id


def runs_out(runtime: Runtime, group_id: int, now: datetime = NOON) -> datetime | None:
    with runtime.db.read() as session:
        return forecast.runs_out(session, session.get_one(PromoCodeGroup, group_id), now)


@pytest.mark.parametrize(
    ("active", "issued", "hours_ago", "left"),
    [
        (100, 100, 24 * 7 - 1, timedelta(hours=24 * 7 - 1)),  # as many in a week as there are
        (100, 50, 48, timedelta(hours=96)),  # began two days ago
        (100, 100, 1, timedelta(days=1)),  # an hour's burst is a day's pace
        (100, 100, 24 * 9, None),  # older than the week that counts
        (100, 0, 1, None),
        (0, 100, 1, None),  # they have run out
        (1000, 1, 100, None),  # in a hundred thousand hours
    ],
)
def test_active_codes_last_as_long_as_the_pace_of_the_last_week_says(
    runtime: Runtime, active: int, issued: int, hours_ago: int, left: timedelta | None
) -> None:
    found = group(runtime, active)
    with runtime.db.write() as session:
        pace.add(session, {found: issued}, NOON - timedelta(hours=hours_ago))
    assert runs_out(runtime, found) == (left and NOON + left)


def test_codes_of_one_hour_add_up_and_each_group_has_its_own(runtime: Runtime) -> None:
    first = group(runtime, 10)
    with runtime.db.write() as session:
        second = create(session, "School 30%", **BY).id
    for minute in (0, 20, 59):
        with runtime.db.write() as session:
            pace.add(session, {second: 1, first: 2}, NOON + timedelta(minutes=minute))
    with runtime.db.write() as session:
        pace.add(session, {first: 5}, NOON + timedelta(hours=1))
        pace.add(session, {}, NOON)
        assert pace.since(session, [first, second], NOON + timedelta(minutes=30)) == {
            first: (11, NOON),
            second: (3, NOON),
        }
        assert pace.since(session, [second], NOON + timedelta(hours=1)) == {}
