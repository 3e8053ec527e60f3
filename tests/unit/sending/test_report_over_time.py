"""What a report's chart is drawn from: every text is in a step, whenever its outcome came."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from distribution.report import report
from distribution.runtime import Runtime
from storage.tables import Distribution, Message, MessageState
from tests.sending import make_customers, make_distribution, make_group, make_provider, messages_of, outcome, start


@pytest.mark.parametrize("began", [timedelta(seconds=-90), timedelta(0), timedelta(seconds=90), timedelta(days=3)])
def test_texts_that_count_as_sent_before_their_distribution_began_are_in_the_first_step(
    runtime: Runtime, began: timedelta
) -> None:
    """A clock was set back, or a hold was cut short while the first were recorded: the chart fell over (IndexError)."""
    make_group(runtime, "Summer 10%", 5)
    found = make_distribution(runtime, make_provider(runtime, "http://127.0.0.1:9"), make_customers(runtime, 3))
    start(runtime, found)
    outcome(runtime, messages_of(runtime, found), MessageState.ACCEPTED)
    now = runtime.clock.now()
    with runtime.db.write() as session:
        session.execute(update(Distribution).values(started_at=now + began))
        session.execute(update(Message).values(settled_at=now))
    with runtime.db.read() as session:
        series = report(session, found).series
    assert series is not None and sum(series.sent) == 3
    assert len(series.times) == len(series.sent) == len(series.delivered) == len(series.failed) > 0
    assert (series.sent[0] == 3) is (began >= timedelta(0))
