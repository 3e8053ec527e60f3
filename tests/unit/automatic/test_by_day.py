"""Texts and used codes day by day, by the calendar of a zone: nights in which its clocks change included."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from distribution import by_day
from distribution.runtime import Runtime
from storage.tables import CodeState, Distribution, Message, MessageState, PromoCode
from tests.sending import make_customers, make_group

WARSAW = ZoneInfo("Europe/Warsaw")
# On 25 October 2026 clocks in Warsaw go back at 03:00: the day has 25 hours.
BEGAN = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def live(runtime: Runtime) -> int:
    """One text on each side of three midnights; one code used two days later."""
    make_group(runtime, "Summer 10%", 1)
    customers = make_customers(runtime, 4)
    sent = [
        datetime(2026, 10, 24, 21, 59, tzinfo=UTC),  # 23:59 on the 24th
        datetime(2026, 10, 24, 22, 0, tzinfo=UTC),  # 00:00 on the 25th
        datetime(2026, 10, 25, 22, 59, tzinfo=UTC),  # 23:59 on the 25th, by winter time
        datetime(2026, 10, 25, 23, 0, tzinfo=UTC),  # 00:00 on the 26th
    ]
    with runtime.db.write() as session:
        row = Distribution(
            mode="automatic", status="sending", subject="Cart", created_by="U0MAYA", created_at=BEGAN,
            updated_at=BEGAN, started_at=BEGAN,
        )  # fmt: skip
        session.add(row)
        session.flush()
        session.add_all(
            Message(
                id=100 + n, distribution_id=row.id, customer_id=customers[n], state=MessageState.ACCEPTED, settled_at=at
            )
            for n, at in enumerate(sent)
        )
        code = session.query(PromoCode).one()
        code.state, code.message_id, code.redeemed_at = CodeState.ISSUED, 100, BEGAN + timedelta(days=2)
        code.customer_id, code.issued_at = customers[0], BEGAN
        return row.id


def test_a_text_counts_on_the_day_of_the_readers_calendar(runtime: Runtime, live: int) -> None:
    with runtime.db.read() as session:
        found = by_day.of(session, session.get_one(Distribution, live), WARSAW, BEGAN + timedelta(days=3))
    assert found is not None
    assert found.days == [date(2026, 10, 24 + n) for n in range(4)]
    assert found.sent == [1, 2, 1, 0]
    assert found.redeemed == [0, 0, 1, 0]


def test_long_ones_are_counted_by_weeks_and_nothing_is_left_out(runtime: Runtime, live: int) -> None:
    with runtime.db.read() as session:
        row = session.get_one(Distribution, live)
        assert by_day.of(session, row, WARSAW, BEGAN + timedelta(hours=1)) is None
        last_by_day = by_day.of(session, row, WARSAW, BEGAN + timedelta(days=by_day.DAYS - 1))
        weeks = by_day.of(session, row, WARSAW, BEGAN + timedelta(days=by_day.DAYS))
        months = by_day.of(session, row, WARSAW, BEGAN + timedelta(days=400))
    assert last_by_day is not None and last_by_day.width == 1 and len(last_by_day.days) == by_day.DAYS
    assert weeks is not None and weeks.width == 7
    assert weeks.days == [date(2026, 10, 24), date(2026, 10, 31), date(2026, 11, 7)]
    assert (weeks.sent, weeks.redeemed) == ([4, 0, 0], [1, 0, 0])
    assert months is not None and months.width == 21 and len(months.days) <= by_day.DAYS
    assert sum(months.sent) == 4
