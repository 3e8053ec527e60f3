"""What tests of the pipeline share: a distribution ready to launch, and a sender that runs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Select, insert, literal, select, text
from sqlalchemy.orm import Session

from distribution import providers, seal
from distribution.launch import launch
from distribution.runtime import Runtime
from distribution.sending.options import Options
from distribution.sending.worker import Sender
from storage import issuing, messages
from storage.batches import lock
from storage.messages import Settled
from storage.names import fold
from storage.sequences import take
from storage.tables import (
    CodeState,
    Customer,
    Distribution,
    Message,
    MessageState,
    PromoCode,
    PromoCodeGroup,
    PromoCodeLot,
    PromoCodeStock,
    Segment,
    SegmentMember,
)

# Small and quick: a test should not wait for what production waits for.
QUICK = Options(concurrency=8, batch=20, most=20, flush=0.01, idle=0.02, chores=0.02, shutdown=2.0)
PATIENCE = 20.0  # seconds until a condition that does not come true fails a test


def make_group(runtime: Runtime, name: str, codes: int) -> int:
    """A group with that many active codes `S-0`, `S-1`…; its id."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        group = PromoCodeGroup(name=name, name_key=fold(name), formats=[], created_at=now, created_by="U0MAYA")
        session.add(group)
        session.flush()
        session.add(PromoCodeStock(group_id=group.id, total=codes, active=codes))
        lot = PromoCodeLot(group_id=group.id, method="paste", created_at=now, created_by="U0MAYA")
        session.add(lot)
        session.flush()
        first = take(session, "promo_code", max(codes, 1))
        session.add_all(
            PromoCode(
                id=first + n,
                code=f"{fold(name)[:1].upper()}{group.id}-{n}",
                group_id=group.id,
                lot_id=lot.id,
                state=CodeState.ACTIVE,
            )
            for n in range(codes)
        )
        return group.id


def make_customers(runtime: Runtime, count: int, *, first: int = 0) -> list[int]:
    """Customers who may be texted, numbers +48600100000 and up; their ids."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        rows = [
            Customer(
                phone=f"+486001{first + n:05d}",
                name=f"Anna{n} Kowalska",
                consent="given",
                consent_at=now,
                created_at=now,
                updated_at=now,
            )
            for n in range(count)
        ]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def make_provider(runtime: Runtime, url: str, *, rate: float = 10_000.0, name: str = "Phone") -> int:
    """A sandbox provider at `url`; its id."""
    return set_up(runtime, "sandbox", {"base_url": url}, rate=rate, name=name)


def set_up(
    runtime: Runtime, kind: str, config: Mapping[str, str], rate: float = 1_000.0, name: str = "Main", **secret: str
) -> int:
    """A provider of a kind; its id."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        how: dict[str, Any] = {"kind": kind, "config": config, "secret": secret}
        return providers.add(session, runtime.vault, name=name, rate=rate, by="U0ADA", now=now, **how).id


def make_distribution(
    runtime: Runtime,
    provider_id: int,
    customer_ids: list[int],
    *,
    body: str = "Hi {{ client.first_name }}, your code: {{ client.promocode('Summer 10%') }}",
    subject: str = "Summer thank-you",
    code_policy: str = "new",
) -> int:
    """A sealed distribution to a list of customers; its id. Nothing is launched."""
    customers = select(Customer.id).where(Customer.id.in_(customer_ids))
    about = {"subject": subject, "code_policy": code_policy}
    with runtime.db.write() as session:
        return seal_one(session, provider_id, customers, body, by="U0MAYA", now=runtime.clock.now(), **about)


def seal_one(
    session: Session, provider_id: int, customers: Select[int], body: str, *, by: str, now: datetime, **about: str
) -> int:
    """A sealed distribution to a list of the customers whose ids a query finds; its id."""
    segment = Segment(name="List", kind="list", created_at=now, created_by=by)
    session.add(segment)
    session.flush()
    listed = customers.add_columns(literal(segment.id))
    session.execute(insert(SegmentMember).from_select(["customer_id", "segment_id"], listed))
    listed_as = {"audience": {"kind": "list", "segment_id": segment.id}, "body": body, "provider_id": provider_id}
    return seal_row(session, by=by, now=now, purpose="unique_codes", **listed_as, **about)


def seal_row(session: Session, *, by: str = "U0MAYA", now: datetime, **columns: Any) -> int:
    """A distribution with these columns, sealed; its id."""
    given = {"status": "pending", "created_by": by, "created_at": now, "updated_at": now} | columns
    row = Distribution(**given)
    session.add(row)
    session.flush()
    seal.put(session, row)
    return row.id


def start(runtime: Runtime, distribution_id: int) -> None:
    """Launch, and run the jobs that this takes."""
    with runtime.db.write() as session:
        launch(session, runtime, distribution_id)
    while runtime.jobs.run_next(runtime):
        pass


def status(runtime: Runtime, distribution_id: int) -> str:
    """A distribution's status."""
    with runtime.db.read() as session:
        return session.get_one(Distribution, distribution_id).status


async def until(condition: Callable[[], bool], why: str = "it never came true") -> None:
    """Wait for a condition. Fails after `PATIENCE`."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    while not condition():
        assert loop.time() < end, why
        await asyncio.sleep(0.01)


@asynccontextmanager
async def sending(runtime: Runtime, options: Options = QUICK, **more: Any) -> AsyncIterator[Sender]:
    """A sender that runs during the block."""
    sender, stop = Sender(runtime, options=options, **more), asyncio.Event()
    task = asyncio.create_task(sender.run(stop))
    try:
        yield sender
    finally:
        stop.set()
        await task


def outcome(runtime: Runtime, message_ids: list[int], state: MessageState) -> None:
    """What a provider's answer does to messages that wait: they, their codes and the counts move, without a sender."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        of: dict[int, list[int]] = {}
        for row in session.scalars(select(Message).where(Message.id.in_(message_ids))):
            of.setdefault(row.distribution_id, []).append(row.id)
        for distribution_id, ids in sorted(of.items()):
            lock(session, distribution_id)
            messages.settle(session, distribution_id, [Settled(each, state) for each in ids], now)
        if state is MessageState.ACCEPTED:
            issuing.move(session, issuing.Codes(issued=message_ids), now)
        elif state in (MessageState.REJECTED, MessageState.CANCELLED):
            issuing.move(session, issuing.Codes(returned=message_ids), now)


def messages_of(runtime: Runtime, distribution_id: int) -> list[int]:
    """The ids of a distribution's messages, in the order of its customers."""
    with runtime.db.read() as session:
        return list(
            session.scalars(
                select(Message.id).where(Message.distribution_id == distribution_id).order_by(Message.customer_id)
            )
        )


def wait_until_somebody_waits_for_a_lock(runtime: Runtime, *, how_many: int = 1) -> None:
    """PostgreSQL's own word for it: so many transactions do. Fails after `PATIENCE`."""
    ends = time.monotonic() + PATIENCE
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    while True:
        with runtime.db.read() as session:
            if (session.scalar(waiting) or 0) >= how_many:
                return
        assert time.monotonic() < ends, "nobody waits"
        time.sleep(0.01)
