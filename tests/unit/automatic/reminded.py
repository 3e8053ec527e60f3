"""What tests of reminders share: a manual distribution with reminders, sent or not, and what its customers do."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from distribution import seal
from distribution.automatic import due
from distribution.codes import redemptions
from distribution.runtime import Runtime
from distribution.sending.status import finish_if_over
from storage.batches import lock
from storage.tables import Message, MessageState, Planned, PromoCode
from tests.sending import make_customers, make_distribution, make_group, make_provider, outcome, start
from tests.unit.sending.door import NOWHERE, leave, recorded

DAY = timedelta(days=1)
STILL = "Still yours: {{ client.last_promocode('Summer 10%') }}"
AFTER_A_DAY: list[dict[str, Any]] = [{"after": 1440, "body": STILL}]
ACCEPTED = MessageState.ACCEPTED


def begun(
    runtime: Runtime, customers: int = 3, reminders: Sequence[dict[str, Any]] = AFTER_A_DAY, **more: Any
) -> tuple[int, list[int]]:
    """A distribution with reminders that was launched, nothing of it left yet; its id, and its customers."""
    make_group(runtime, "Summer 10%", customers + 5)
    ids = make_customers(runtime, customers)
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), ids, **more)
    with runtime.db.write() as session:
        row = lock(session, distribution)
        row.reminders, row.channel = list(reminders), "C0MARKETING"
        seal.put(session, row)
    start(runtime, distribution)
    return distribution, ids


def sent(runtime: Runtime, distribution: int, state: MessageState = ACCEPTED) -> list[int]:
    """Everything of it that may leave now does, with this outcome; to which customers."""
    going: list[int] = []
    while found := leave(runtime, distribution):
        going += found
        recorded(runtime, distribution, state)
    with runtime.db.write() as session:
        finish_if_over(session, lock(session, distribution), runtime.clock.now())
    return sorted(going)


def settle(runtime: Runtime, distribution: int, customer: int, state: MessageState) -> None:
    """The first text to one customer has this outcome."""
    outcome(runtime, [first(runtime, distribution, customer).id], state)


def first(runtime: Runtime, distribution: int, customer: int) -> Message:
    """The first text to a customer."""
    with runtime.db.read() as session:
        mine = (Message.distribution_id == distribution, Message.customer_id == customer, Message.step == 0)
        return session.scalars(select(Message).where(*mine)).one()


def redeem(runtime: Runtime, distribution: int, customer: int) -> None:
    """A customer uses the code that the first text brought."""
    with runtime.db.write() as session:
        code = session.scalars(
            select(PromoCode.code).where(
                PromoCode.customer_id == customer, PromoCode.message_id == first(runtime, distribution, customer).id
            )
        ).one()
        redemptions.redeem(session, code, by="api:shop", now=runtime.clock.now())


def reminded(runtime: Runtime, distribution: int) -> list[tuple[int, int]]:
    """The clock looks, what is due leaves: to whom, and which reminder, in the order in which they were made."""
    due.look(runtime)
    sent(runtime, distribution)
    return reminders_of(runtime, distribution)


def reminders_of(runtime: Runtime, distribution: int) -> list[tuple[int, int]]:
    """The reminders that were made so far: customer and step."""
    with runtime.db.read() as session:
        mine = (Message.distribution_id == distribution, Message.step > 0)
        rows = session.execute(select(Message.customer_id, Message.step).where(*mine).order_by(Message.id))
        return [(customer, step) for customer, step in rows]


def why_not(runtime: Runtime, distribution: int) -> Counter[str]:
    """Why reminders were dropped."""
    with runtime.db.read() as session:
        mine = (Planned.distribution_id == distribution, Planned.reason.is_not(None))
        return Counter(session.scalars(select(Planned.reason).where(*mine)))


def due_at(runtime: Runtime, distribution: int, step: int = 1) -> list[datetime]:
    """When the reminders of a step are looked at next, by customer."""
    with runtime.db.read() as session:
        mine = (Planned.distribution_id == distribution, Planned.step == step)
        return list(session.scalars(select(Planned.due_at).where(*mine).order_by(Planned.customer_id)))
