"""What a card says of texts that sleep: no text is promised for a time at which it will have been given up."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from commands.distributions import facts, views
from commands.ui.blocks import as_dicts
from distribution.runtime import Runtime
from storage.tables import Distribution
from tests.sending import make_customers, make_group, make_provider
from tests.unit.automatic.lively import happens, look, make_live
from tests.unit.sending.door import NOWHERE, choose, launched, leave, live_in


def said(runtime: Runtime, distribution_id: int) -> str:
    """What its message says of those who sleep."""
    with runtime.db.read() as session:
        row = session.get_one(Distribution, distribution_id)
        return str(as_dicts(views.waits(facts.line(session, row, runtime.clock.now()))))


@pytest.mark.parametrize(
    ("days", "words", "not_words"),
    [
        ("16 Jun", "1 text waiting for the end of quiet hours or a holiday. It leaves <!date^", "given up"),
        ("16 Jun, 17 Jun", "What has waited 24 hours by then is given up.", "leaves"),
    ],
)
def test_a_live_one_promises_no_text_that_will_have_been_given_up(
    runtime: Runtime, days: str, words: str, not_words: str
) -> None:
    """An event on the holiday's eve at 23:30 by the customer's clock."""
    choose(runtime, "quiet_hours.holidays", days)
    make_group(runtime, "Summer 10%", 1)
    customers = make_customers(runtime, 1)
    live_in(runtime, customers, "Asia/Tokyo")  # NOON in UTC is 21:00 there
    distribution = make_live(runtime, make_provider(runtime, NOWHERE))
    runtime.clock.advance(timedelta(hours=3, minutes=30))  # type: ignore[attr-defined]
    happens(runtime, customers, cart_total=5)
    look(runtime)
    assert leave(runtime, distribution) == []
    text = said(runtime, distribution)
    assert words in text and not_words not in text


def test_a_manual_one_that_is_given_up_before_it_may_leave_says_so(runtime: Runtime) -> None:
    choose(runtime, "quiet_hours", "11:00-09:00")
    make_group(runtime, "Summer 10%", 1)
    customers = make_customers(runtime, 1)
    live_in(runtime, customers, "Europe/London")
    distribution = launched(runtime, make_provider(runtime, NOWHERE), customers)
    assert leave(runtime, distribution) == []
    assert "It leaves <!date^" in said(runtime, distribution)
    with runtime.db.write() as session:
        session.execute(update(Distribution).values(gives_up_at=runtime.clock.now() + timedelta(hours=6)))
    text = said(runtime, distribution)
    assert "at the earliest. What has not left <!date^" in text and "leaves" not in text
