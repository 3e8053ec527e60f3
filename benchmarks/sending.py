"""Messages a second from lease to record, beside the same HTTP client posting the same bodies with nothing around it.

One process, one loop, alternating slices, five pairs; the sink is a process of its own.
"""

import asyncio
import os
import statistics
import time
from collections import deque
from datetime import UTC, datetime

from sqlalchemy import insert, select, update
from yarl import URL

from benchmarks.cache import runtime_over
from benchmarks.databases import databases, kinds
from benchmarks.figure import Figure
from benchmarks.sink import sink
from distribution import providers, seal
from distribution.launch import launch
from distribution.providers import http
from distribution.runtime import Runtime
from distribution.sending.options import Options
from distribution.sending.worker import Sender, new_loop
from storage.sequences import take
from storage.tables import (
    Customer,
    Distribution,
    PromoCode,
    PromoCodeGroup,
    PromoCodeLot,
    PromoCodeStock,
    Provider,
    Segment,
    SegmentMember,
)

PAIRS = int(os.environ.get("PAIRS", "5"))
# Two seconds or more: beginning and ending a distribution takes a tenth of one, which is not what is measured.
MESSAGES = int(os.environ.get("MESSAGES", "20000"))
UNLIMITED = 1e6  # segments a second: more than a person may set
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
BODY = (
    "Hi {{ client.first_name | default('there') }}, your 10% code: {{ client.promocode('Summer 10%') }}. "
    "Reply STOP to opt out."
)


def run() -> list[Figure]:
    """Sending at once and with a gateway that takes 80 ms, on each database."""
    figures = []
    for kind in kinds():
        for latency, concurrency in ((0, 100), (80, 400)):
            figures.append(sending(kind, latency, concurrency))
    return figures


def load(runtime: Runtime, customers: int, codes: int) -> int:
    """Customers who may be texted, and a group with active codes; the group's id."""
    with runtime.db.write() as session:
        group = PromoCodeGroup(name="Summer 10%", name_key="summer 10%", formats=[], created_at=NOW, created_by="bench")
        session.add(group)
        session.flush()
        session.add(PromoCodeStock(group_id=group.id, total=codes, active=codes))
        lot = PromoCodeLot(group_id=group.id, method="generate", created_at=NOW, created_by="bench")
        session.add(lot)
        session.flush()
        for start in range(0, customers, 20_000):
            session.execute(
                insert(Customer.__table__),  # type: ignore[arg-type]
                [
                    {
                        "phone": f"+4860{n:07d}",
                        "name": f"Anna{n} Kowalska",
                        "consent": "given",
                        "attributes": {},
                        "search": "",
                        "created_at": NOW,
                        "updated_at": NOW,
                    }
                    for n in range(start, min(start + 20_000, customers))
                ],
            )
        first = take(session, "promo_code", codes)
        for start in range(0, codes, 20_000):
            session.execute(
                insert(PromoCode.__table__),  # type: ignore[arg-type]
                [
                    {"id": first + n, "code": f"SUMMER-{n:014d}", "group_id": group.id, "lot_id": lot.id, "state": 0}
                    for n in range(start, min(start + 20_000, codes))
                ],
            )
        return group.id


def sealed(runtime: Runtime, provider_id: int, first: int, count: int) -> int:
    """A sealed distribution to `count` customers from the `first`; its id."""
    with runtime.db.write() as session:
        segment = Segment(name="List", kind="list", created_at=NOW, created_by="bench")
        session.add(segment)
        session.flush()
        chosen = (
            select(segment.id, Customer.id).order_by(Customer.id).offset(first).limit(count)  # type: ignore[call-overload]
        )
        session.execute(insert(SegmentMember).from_select(["segment_id", "customer_id"], chosen))
        row = Distribution(
            status="pending",
            subject="Bench",
            body=BODY,
            provider_id=provider_id,
            purpose="unique_codes",
            audience={"kind": "list", "segment_id": segment.id},
            created_by="bench",
            created_at=NOW,
            updated_at=NOW,
        )
        session.add(row)
        session.flush()
        seal.put(session, row)
        return row.id


def launched(runtime: Runtime, provider_id: int, first: int, count: int) -> int:
    """The same, launched and held, so that a slice can begin when it likes; its id."""
    distribution_id = sealed(runtime, provider_id, first, count)
    with runtime.db.write() as session:
        launch(session, runtime, distribution_id)
    while runtime.jobs.run_next(runtime):
        pass
    set_status(runtime, distribution_id, "paused")
    return distribution_id


def set_status(runtime: Runtime, distribution_id: int, status: str) -> None:
    """Let a distribution go, or hold it."""
    with runtime.db.write() as session:
        session.execute(update(Distribution).where(Distribution.id == distribution_id).values(status=status))


def sending(kind: str, latency: int, concurrency: int) -> Figure:
    """Messages a second from lease to record, against the bare client."""
    with databases(kind) as [db], sink(latency) as url:
        runtime = runtime_over(db)
        load(runtime, MESSAGES * PAIRS, MESSAGES * PAIRS)
        with db.write() as session:
            provider = providers.add(
                session,
                runtime.vault,
                name="Sink",
                kind="sandbox",
                config={"base_url": url},
                by="bench",
                now=NOW,
            ).id
            session.execute(update(Provider).where(Provider.id == provider).values(rate=UNLIMITED))
        slices = [launched(runtime, provider, MESSAGES * n, MESSAGES) for n in range(PAIRS)]
        if not db.is_sqlite:
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
        loop = new_loop()
        ours, bare = loop.run_until_complete(_slices(runtime, url, slices, concurrency))
        loop.close()
    return Figure(
        f"sending, {kind}, gateway {latency} ms, {concurrency} at once",
        statistics.median(ours),
        "messages/s",
        "the bare client",
        statistics.median(bare),
    )


async def _slices(runtime: Runtime, url: str, slices: list[int], concurrency: int) -> tuple[list[float], list[float]]:
    """The speed of each pair of slices: ours and the bare client's."""
    options = Options(concurrency=concurrency, idle=0.02)
    stop = asyncio.Event()
    sender = asyncio.create_task(Sender(runtime, options=options).run(stop))
    body = (
        b'{"to": "+48600000000", "from": "PROMO", "body": "Hi Anna, your 10% code: SUMMER-00000000000000. Reply STOP '
        b'to opt out.", "reference": "1234-1234567", "callback_url": '
        b'"http://localhost:8000/callbacks/1-0123456789abcd/1234-1234567"}'
    )
    ours, bare = [], []
    await _post(url, body, 1000, concurrency)
    for distribution_id in slices:
        ours.append(MESSAGES / await _ours(runtime, distribution_id))
        bare.append(MESSAGES / await _post(url, body, MESSAGES, concurrency))
    stop.set()
    await sender
    return ours, bare


async def _ours(runtime: Runtime, distribution_id: int) -> float:
    """Seconds until a distribution is done."""
    set_status(runtime, distribution_id, "sending")
    started = time.perf_counter()
    while True:
        await asyncio.sleep(0.05)
        with runtime.db.read() as session:
            status = session.scalar(select(Distribution.status).where(Distribution.id == distribution_id))
        if status == "done":
            return time.perf_counter() - started
        if status == "paused":
            raise RuntimeError("it paused itself")


async def _post(url: str, body: bytes, count: int, concurrency: int) -> float:
    """Seconds that the client takes for `count` posts with nothing around it."""
    address, headers = URL(f"{url}/gateway/messages"), {"Content-Type": "application/json"}
    waiting = deque([body] * count)

    async def work() -> None:
        while waiting:
            async with session.post(address, data=waiting.popleft(), headers=headers) as response:
                await response.read()

    async with http.open_session() as session:
        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        return time.perf_counter() - started
