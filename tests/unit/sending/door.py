"""A worker's steps at the door, one at a time: a batch is written, intended, and its outcome recorded."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from distribution import settings
from distribution.providers.port import Outgoing
from distribution.providers.sandbox import SandboxProvider
from distribution.report import report
from distribution.runtime import Runtime
from distribution.sending.options import Options
from distribution.sending.prepare import Prepared, prepare
from distribution.sending.record import Moment
from distribution.sending.turn import Asked, Done, take_turn
from storage import batches
from storage.batches import lock
from storage.tables import Batch, BatchState, Customer, Distribution, Message, MessageState, PromoCodeStock
from tests.sending import make_distribution, outcome, start, status

MACHINE = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:9"
SAME, LAST = "same", "Hi, still yours: {{ client.last_promocode('Summer 10%') }}"
ACCEPTED, QUEUED, UNKNOWN = MessageState.ACCEPTED, MessageState.QUEUED, MessageState.UNKNOWN


def choose(runtime: Runtime, key: str, value: str) -> None:
    """A setting, as an admin types it."""
    with runtime.db.write() as session:
        settings.put(session, key, value)


def launched(runtime: Runtime, provider: int, customers: list[int], **more: str) -> int:
    """A distribution that is being sent; its id."""
    distribution = make_distribution(runtime, provider, customers, **more)
    start(runtime, distribution)
    assert status(runtime, distribution) == "sending"
    return distribution


def written(runtime: Runtime, distribution: int, *, owner: str = "w1") -> Prepared | None:
    """The next batch of a distribution, leased and written by a worker; None where none can be claimed."""
    at = Moment(MACHINE, runtime.clock.now())
    with runtime.db.write() as session:
        row = lock(session, distribution)
        until_ = MACHINE + timedelta(seconds=20)
        lease = batches.lease_next(session, row, size=500, owner=owner, now=MACHINE, until=until_, business=at.business)
    if lease is None:
        return None
    with runtime.db.read() as session:
        return prepare(session, runtime.links, SandboxProvider(NOWHERE, "PROMO"), "", lease, at)


def worth(runtime: Runtime, distribution: int) -> list[int | None]:
    """For how many seconds the provider is told that each text of the next batch is worth delivering."""
    said: list[int | None] = []

    class Listening(SandboxProvider):
        def encode(self, text: Outgoing) -> bytes:
            said.append(text.validity)
            return super().encode(text)

    batch = written(runtime, distribution)
    assert batch is not None
    at = Moment(MACHINE, runtime.clock.now())
    with runtime.db.read() as session:
        prepare(session, runtime.links, Listening(NOWHERE, "PROMO"), "", batch.lease, at)
    return said


def intended(runtime: Runtime, batch: Prepared, *, owner: str = "w1", machine: datetime = MACHINE) -> Done:
    """What the turn that intends a batch does."""
    with runtime.db.write() as session:
        distribution = session.get_one(Distribution, batch.lease.distribution_id)
        return take_turn(
            session,
            Asked([], batch, 0, (), frozenset({distribution.id}), {}),
            provider_id=distribution.provider_id or 0,
            owner=owner,
            at=Moment(machine, runtime.clock.now()),
            options=Options(),
            listed_within=2.0,
        )


def leave(runtime: Runtime, distribution: int, *, owner: str = "w1") -> list[int]:
    """The customers whose texts may leave with the next batch of a distribution; it is dispatched, not recorded."""
    batch = written(runtime, distribution, owner=owner)
    if batch is None:
        return []
    going = [ready.message_id for ready, _ in intended(runtime, batch, owner=owner).going]
    with runtime.db.read() as session:
        return sorted(session.scalars(select(Message.customer_id).where(Message.id.in_(going))))


def recorded(runtime: Runtime, distribution: int, state: MessageState = ACCEPTED) -> None:
    """Every text of a distribution that is in flight has this outcome."""
    with runtime.db.write() as session:
        held = session.scalars(
            select(Batch).where(Batch.distribution_id == distribution, Batch.state == BatchState.DISPATCHING)
        ).all()
        ids = [message_id for batch in held for message_id in batch.message_ids]
        batches.finish(session, [batch.id for batch in held])
    outcome(runtime, ids, state)


def left_out(runtime: Runtime, distribution: int) -> dict[str, int]:
    """How many the report says were left out, by reason; it balances."""
    with runtime.db.read() as session:
        told = report(session, distribution)
    assert told.balance_error is None
    return dict(told.excluded)


def stock(runtime: Runtime, group: int) -> tuple[int, int, int]:
    """How many codes of a group are active, blocked and issued."""
    with runtime.db.read() as session:
        row = session.get_one(PromoCodeStock, group)
        return row.active, row.blocked, row.issued


def live_in(runtime: Runtime, customers: list[int], zone: str | None) -> None:
    """These customers' time zone."""
    with runtime.db.write() as session:
        session.execute(update(Customer).where(Customer.id.in_(customers)).values(time_zone=zone))
