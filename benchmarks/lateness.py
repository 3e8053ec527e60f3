"""How late due texts are under load: from when each was due to when the gateway has taken it, the worst of a hundred.

Planned texts with codes of their own are due over a minute, some each second, while the same process sends a large
distribution through the same provider. The clock and the sender run as the process has them: a look every two seconds.
The ceiling is what is allowed: five seconds.
"""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import func, insert, select

from benchmarks.cache import runtime_over
from benchmarks.campaign import BODY, launched, load, provider_at, set_status
from benchmarks.databases import databases, kinds
from benchmarks.figure import Figure
from benchmarks.sink import sink
from bot.clockwork import Clockwork
from bot.runner import LOOK_EVERY
from distribution import launch as launching
from distribution.automatic import due, firing
from distribution.runtime import Runtime
from distribution.sending import lifetime
from distribution.sending.worker import Sender, new_loop
from storage.tables import Customer, Message, MessageState, Planned
from tests.sending import seal_row

TEXTS = int(os.environ.get("BENCH_TEXTS", "3000"))
BESIDE = int(os.environ.get("BENCH_BESIDE", "200000"))  # texts of the distribution that is sent meanwhile
SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))
LATENCY = 80  # of the gateway, in ms
ALLOWED = 5.0
PATIENCE = 120.0


def run() -> list[Figure]:
    """On each database: beside nothing else, and beside a distribution that is being sent."""
    figures: list[Figure] = []
    for kind in kinds():
        for beside in (0, BESIDE):
            with databases(kind) as [db], sink(LATENCY) as url:
                taken = lateness(runtime_over(db), url, beside)
            name = f"{kind}: {TEXTS:,} due texts in {SECONDS:g} s, beside {beside:,} others"
            for share, worst in ((50, taken[len(taken) // 2]), (99, taken[int(len(taken) * 0.99)])):
                figures.append(Figure(f"{name}, p{share} late", worst, "s", "allowed", ALLOWED))
    return figures


def lateness(runtime: Runtime, url: str, beside: int) -> list[float]:
    """Seconds from when each text was due to when the gateway had taken it, the least first."""
    load(runtime, beside + TEXTS, beside + TEXTS)
    provider_id, _ = provider_at(runtime, "sandbox", url)
    large = launched(runtime, provider_id, TEXTS, beside) if beside else None
    live = _live(runtime, provider_id)
    with _process(runtime):
        if large is not None:
            set_status(runtime, large, "sending")
        begins = runtime.clock.now() + timedelta(seconds=0.5)
        _plan(runtime, live, begins)
        stopped = threading.Event()
        ends = begins + timedelta(seconds=SECONDS + PATIENCE)
        while len(found := _taken(runtime, live)) < TEXTS:
            if runtime.clock.now() > ends:
                raise RuntimeError(f"{TEXTS - len(found)} of {TEXTS} texts never left")
            stopped.wait(0.2)
    return sorted(found)


def _live(runtime: Runtime, provider_id: int) -> int:
    """A live distribution; its id."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        return seal_row(
            session,
            by="bench",
            now=now,
            status="sending",
            mode="automatic",
            subject="Carts",
            body=BODY,
            provider_id=provider_id,
            trigger={"kind": "event", "event": "cart_abandoned", "reentry": "always"},
            started_at=now,
        )


def _plan(runtime: Runtime, distribution_id: int, begins: datetime) -> None:
    """Texts that are due one after another, evenly."""
    step = timedelta(seconds=SECONDS) / TEXTS
    with runtime.db.write() as session:
        customers = session.scalars(select(Customer.id).order_by(Customer.id).limit(TEXTS)).all()
        session.execute(
            insert(Planned),
            [
                {"distribution_id": distribution_id, "customer_id": each, "fired_at": at, "due_at": at}
                for each, at in ((each, begins + step * place) for place, each in enumerate(customers))
            ],
        )


def _taken(runtime: Runtime, distribution_id: int) -> list[float]:
    """Of the texts that the gateway took: how many seconds after they were due."""
    taken = Message.state == MessageState.ACCEPTED
    with runtime.db.read() as session:
        count = select(func.count()).where(Message.distribution_id == distribution_id, taken)
        if (session.scalar(count) or 0) < TEXTS:
            return []
        rows = session.execute(
            select(Planned.due_at, Message.settled_at)
            .join(Message, Message.id == Planned.message_id)
            .where(Planned.distribution_id == distribution_id, taken)
        )
        return [(at - due_at).total_seconds() for due_at, at in rows if at is not None]


@contextmanager
def _process(runtime: Runtime) -> Iterator[None]:
    """The clock and the sender at work."""
    clockwork = Clockwork(LOOK_EVERY)
    for look in (launching.due, firing.look, due.look, lifetime.sweep):
        clockwork.add(f"{look.__module__}.{look.__name__}", partial(look, runtime))
    loop, stop = new_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(Sender(runtime).run(stop)), daemon=True)
    thread.start()
    clockwork.start()
    try:
        yield
    finally:
        clockwork.stop()
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()
