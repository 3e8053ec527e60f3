"""The cap against a plain count: many distributions, two workers, batches in flight, a clock that goes back."""

import random
from collections import defaultdict
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from distribution import settings
from distribution.check import check
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from distribution.sending.prepare import Prepared
from storage import batches
from storage.tables import Message, MessageState
from tests.sending import make_customers, make_group, make_provider, outcome
from tests.unit.sending.door import ACCEPTED, NOWHERE, intended, launched, left_out, written

MOST, DAYS = 2, 1
STEPS = 45
CAME = (ACCEPTED, ACCEPTED, MessageState.REJECTED)


class Counted:
    """What each customer had, as somebody would count it with a pencil."""

    def __init__(self) -> None:
        self.left: dict[int, list[datetime]] = defaultdict(list)
        self.flying: dict[int, int] = defaultdict(int)

    def had(self, customer: int, now: datetime) -> int:
        """How many texts they had in the last days, those on their way included."""
        return self.flying[customer] + sum(at > now - timedelta(days=DAYS) for at in self.left[customer])


@pytest.mark.parametrize("seed", [1, 5])
def test_nobody_gets_more_than_the_cap_and_nobody_less_than_it_allows(
    runtime: Runtime, clock: ManualClock, seed: int
) -> None:
    chance, counted = random.Random(seed), Counted()
    with runtime.db.write() as session:
        settings.put(session, "cap", f"{MOST} in {DAYS} days")
        settings.put(session, "sending.lifetime", "168")
    make_group(runtime, "Summer 10%", 200)
    provider, customers = make_provider(runtime, NOWHERE), make_customers(runtime, 4)
    going: list[int] = []
    ready: list[tuple[str, Prepared]] = []  # whose, and the batch
    flying: list[tuple[int, list[int]]] = []  # a batch, its messages
    for number in range(STEPS):
        what = chance.choice(("launch", "write", "write", "intend", "intend", "record", "time"))
        if what == "launch" or not going:
            going.append(launched(runtime, provider, chance.sample(customers, 3), subject=f"Sale {number}"))
        elif what == "write":  # two workers may have written theirs before either of them asks at the door
            owner = f"w{number % 2}"
            batch = written(runtime, chance.choice(going[-3:]), owner=owner)
            ready += [(owner, batch)] if batch else []
        elif what == "intend" and ready:
            flying.append(_leaves(runtime, counted, *ready.pop(chance.randrange(len(ready)))))
        elif what == "record" and flying:
            _recorded(runtime, counted, flying.pop(chance.randrange(len(flying))), chance.choice(CAME))
        elif what == "time":
            clock.advance(timedelta(hours=chance.choice((1, 9, 20, -2))))
    assert any(left_out(runtime, each) for each in going), "the cap was never met"
    assert check(runtime.db) == []


def _whose(runtime: Runtime, message_ids: list[int]) -> dict[int, int]:
    with runtime.db.read() as session:
        rows = session.execute(select(Message.id, Message.customer_id).where(Message.id.in_(message_ids)))
        return dict(rows.all())


def _leaves(runtime: Runtime, counted: Counted, owner: str, batch: Prepared) -> tuple[int, list[int]]:
    """A batch goes through the door: who leaves had room, who does not had none."""
    now, whose = runtime.clock.now(), _whose(runtime, list(batch.lease.message_ids))
    going = [each.message_id for each, _ in intended(runtime, batch, owner=owner).going]
    for message_id, customer in sorted(whose.items()):
        assert (message_id in going) == (counted.had(customer, now) < MOST), (customer, now)
        counted.flying[customer] += message_id in going
    return batch.lease.batch_id, going


def _recorded(runtime: Runtime, counted: Counted, flown: tuple[int, list[int]], state: MessageState) -> None:
    """A batch's outcome: what was rejected never left."""
    batch_id, message_ids = flown
    with runtime.db.write() as session:
        batches.finish(session, [batch_id])
    outcome(runtime, message_ids, state)
    for customer in _whose(runtime, message_ids).values():
        counted.flying[customer] -= 1
        if state is not MessageState.REJECTED:
            counted.left[customer].append(runtime.clock.now())
