"""`client.last_promocode`: what is planned to be sent again is held, so that nobody makes it worthless meanwhile."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from distribution import launch as launching
from distribution.check import check
from distribution.clock import ManualClock
from distribution.codes import replacing
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage.last_codes import latest
from storage.tables import PromoCodeRepeat
from tests.sending import (
    make_customers,
    make_distribution,
    make_group,
    make_provider,
    wait_until_somebody_waits_for_a_lock,
)

BODY = "Still there: {{ client.last_promocode('Summer 10%') }}"


def given(runtime: Runtime, customers: list[int], group: int, times: int = 1) -> list[str]:
    """Codes that these customers got by hand, in the order in which they got them."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        return [
            replacing.give(session, group, customer, by="U0ADA", now=now, request=f"r{customer}.{turn}").code.code
            for turn in range(times)
            for customer in customers
        ]


def planned(runtime: Runtime) -> set[int]:
    """The codes that are to be sent again, by id."""
    with runtime.db.read() as session:
        return set(session.scalars(select(PromoCodeRepeat.code_id)))


def test_a_code_that_is_revoked_while_a_launch_looks_for_it_is_not_planned(runtime: Runtime) -> None:
    """The launch comes to the code before the revocation is committed: it waits, and takes the one before it."""
    group, customers = make_group(runtime, "Summer 10%", 4), make_customers(runtime, 1)
    first, second = given(runtime, customers, group, 2)
    distribution = make_distribution(runtime, make_provider(runtime, "http://127.0.0.1:9"), customers, body=BODY)
    with runtime.db.write() as session:
        launching.launch(session, runtime, distribution)
    job = threading.Thread(target=lambda: runtime.jobs.run_next(runtime))
    with runtime.db.write() as session:
        gone = replacing.revoke(session, second, why="leaked", by="U0ADA", now=runtime.clock.now()).code.id
        job.start()
        if not runtime.db.is_sqlite:  # there the job waits for its turn to write
            wait_until_somebody_waits_for_a_lock(runtime)
    job.join()
    assert gone not in planned(runtime)
    with pytest.raises(Refused, match="is about to be sent again"), runtime.db.write() as session:
        replacing.revoke(session, first, why="leaked", by="U0ADA", now=runtime.clock.now())
    assert check(runtime.db) == []


def test_the_code_that_was_issued_last_is_the_last_whatever_its_id(runtime: Runtime, clock: ManualClock) -> None:
    group, customers = make_group(runtime, "Summer 10%", 4), make_customers(runtime, 2)
    given(runtime, customers, group)
    clock.advance(timedelta(minutes=1))
    codes = given(runtime, customers, group, 2)  # what was given before is answered again
    with runtime.db.write() as session:
        for hold in (False, True):
            found = latest(session, [group], customers, clock.now(), hold=hold)
            assert {key: each.code for key, each in found.items()} == {
                (customers[0], group): codes[-2],
                (customers[1], group): codes[-1],
            }
