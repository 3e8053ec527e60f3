"""Messages a second from lease to record, beside clients that post the same bodies with nothing around them.

One process, one loop, slices in turns; the sink is a process of its own. A slice claims, renders, posts and records a
whole distribution. Two ceilings: aiohttp as tuned as it goes, which the trials were measured against and the issue asks
for; and our own client alone, which is several times as fast.

PAIRS and MESSAGES say how many slices, and how long one is.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy import text

from benchmarks import clients
from benchmarks.cache import runtime_over
from benchmarks.campaign import launched, load, provider_at, set_status
from benchmarks.databases import databases, kinds
from benchmarks.figure import Figure
from benchmarks.sink import sink
from distribution.runtime import Runtime
from distribution.sending.options import Options
from distribution.sending.worker import Sender, new_loop

PAIRS = int(os.environ.get("PAIRS", "10"))
# Two seconds or more: beginning and ending a distribution takes a tenth of one, which is not what is measured.
MESSAGES = int(os.environ.get("MESSAGES", "30000"))
STATUS = text("SELECT status FROM distribution WHERE id = :id")
SCENARIOS = ((0, 100), (80, 400))  # milliseconds that the gateway takes, requests at once


class Bare(NamedTuple):
    """A client with nothing around it, measured in turns with the whole of sending."""

    name: str
    post: Callable[[int], Awaitable[float]]  # the seconds that as many texts take
    part: float = 1.0  # of a slice's texts: a slow one posts fewer


def run() -> list[Figure]:
    """Goals (a) and (b): at an instant sink and at one that takes 80 ms, on each database."""
    return [
        figure
        for database in kinds()
        for latency, concurrency in SCENARIOS
        for figure in sending(database, latency, concurrency)
    ]


def sending(database: str, latency: int, concurrency: int) -> list[Figure]:
    """Messages a second from lease to record, and CPU for each, against each bare client."""
    with databases(database) as [db], sink(latency) as url:
        runtime = runtime_over(db)
        load(runtime, MESSAGES * PAIRS, MESSAGES * PAIRS)
        provider_id, provider = provider_at(runtime, "sandbox", url)
        bare = [
            Bare("tuned aiohttp", lambda count: clients.tuned(url, "sandbox", provider, count, concurrency)),
            Bare("our client alone", lambda count: clients.ours_alone(url, "sandbox", provider, count, concurrency)),
        ]
        measured = compared(runtime, provider_id, bare, concurrency)
    return figures(f"{database}, gateway {latency} ms, {concurrency} at once", measured)


class Measured(dict[str, list[tuple[float, float]]]):
    """By what was measured, "" for the whole of sending: of each slice, messages a second and CPU µs for each."""

    def rate(self, name: str) -> float:
        """The median of messages a second."""
        return statistics.median(rate for rate, _ in self[name])

    def cpu(self, name: str) -> float:
        """The median of this process's CPU time for a message, in µs."""
        return statistics.median(cpu for _, cpu in self[name])


def figures(name: str, measured: Measured) -> list[Figure]:
    """The whole of sending beside each bare client: by the clock, and by CPU time (a busy machine moves that less)."""
    others = [other for other in measured if other]
    return [
        *(Figure(f"sending, {name}", measured.rate(""), "messages/s", other, measured.rate(other)) for other in others),
        *(Figure(f"… CPU, {name}", measured.cpu(""), "µs", other, measured.cpu(other)) for other in others),
    ]


def compared(runtime: Runtime, provider_id: int, bare: Sequence[Bare], concurrency: int) -> Measured:
    """Send `PAIRS` distributions, each followed by as many posts of every bare client, in one process and one loop."""
    slices = [launched(runtime, provider_id, MESSAGES * n, MESSAGES) for n in range(PAIRS)]
    if not runtime.db.is_sqlite:
        with runtime.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    loop = new_loop()
    try:
        return loop.run_until_complete(_slices(runtime, slices, bare, concurrency))
    finally:
        loop.close()


async def _slices(runtime: Runtime, slices: Sequence[int], bare: Sequence[Bare], concurrency: int) -> Measured:
    options = Options(concurrency=concurrency, idle=0.02)
    stop = asyncio.Event()
    sender = asyncio.create_task(Sender(runtime, options=options).run(stop))
    measured = Measured()
    for each in bare:
        await each.post(min(200, MESSAGES))  # the first time imports and compiles
    for distribution_id in slices:
        for name, work, part in (Bare("", partial(whole, runtime, distribution_id)), *bare):
            count = max(1, int(MESSAGES * part))
            cpu = time.process_time()
            seconds = await work(count)
            cpu = time.process_time() - cpu
            measured.setdefault(name, []).append((count / seconds, cpu / count * 1e6))
    stop.set()
    await sender
    return measured


async def whole(runtime: Runtime, distribution_id: int, _count: int) -> float:
    """Seconds until a distribution that was held is done."""
    set_status(runtime, distribution_id, "sending")
    started = time.perf_counter()
    while True:
        await asyncio.sleep(0.05)
        with runtime.db.engine.connect() as connection:  # in a tenth of the time that a session takes
            status = connection.execute(STATUS, {"id": distribution_id}).scalar()
        if status == "done":
            return time.perf_counter() - started
        if status == "paused":
            raise RuntimeError("it paused itself")
