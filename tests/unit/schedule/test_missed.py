"""What becomes of times that nobody was there for: told, sent once, or gone on from."""

from datetime import timedelta

import pytest

from distribution import seal
from distribution.automatic import outage
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from distribution.sending import control
from storage.batches import lock
from tests.sending import make_customers, make_distribution, make_group, make_provider
from tests.unit.schedule.repeated import FIRST, NOWHERE, make_repeating, row_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("word", ["none", "another time"])
def test_a_draft_forgets_that_it_was_late_and_what_was_decided_then(
    runtime: Runtime, clock: ManualClock, word: str, repeats: bool
) -> None:
    """Sent off anew for next week, it went at the time that was chosen after the outage, or waited for ever."""
    make_group(runtime, "Summer 10%", 5)
    if repeats:
        row_id = make_repeating(runtime, make_customers(runtime, 1))
    else:
        row_id = make_distribution(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 1))
    with runtime.db.write() as session:
        row = lock(session, row_id)
        row.status, row.send_at, row.late_since = "scheduled", FIRST, clock.now()
        seal.put(session, row)
    clock.advance(FIRST + 2 * HOUR - clock.now())
    with runtime.db.write() as session:
        if word == "another time":
            outage.reschedule(session, row_id, clock.now() + HOUR, now=clock.now())
        control.call_back(session, runtime, row_id, by="Maya", now=clock.now())
    row = row_of(runtime, row_id)
    assert (row.status, row.late_since, row.put_off_to) == ("draft", None, None)
