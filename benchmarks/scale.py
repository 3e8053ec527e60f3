"""What a large distribution does to the process: its memory, and how soon `/promo help` is acked meanwhile.

Memory is the most that a process of its own ever had, launch and sending together, for 10,000 recipients and for
100,000; BENCH_FULL=1 takes 1,000,000. The acks are Slack's, over a real Socket Mode connection to the real bot, which
sends in the same process.

python -m benchmarks.scale URL ID      # launch and send one distribution; prints how much memory that took, in MiB
"""

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import threading
import time

from sqlalchemy import select, update

from benchmarks.cache import runtime_over
from benchmarks.campaign import UNLIMITED, load, provider_at, sealed
from benchmarks.databases import databases
from benchmarks.figure import Figure
from benchmarks.sending import whole
from benchmarks.sink import sink
from distribution.launch import launch
from distribution.sending.options import Options
from distribution.sending.worker import Sender, new_loop
from sandbox.testing import Person
from storage.database import Database
from storage.tables import Distribution, Provider
from tests.world import running

FULL = bool(os.environ.get("BENCH_FULL"))
SIZES = (10_000, 1_000_000 if FULL else 100_000)
RECIPIENTS = int(os.environ.get("MESSAGES", "100000"))  # of the distribution beside which acks are timed
GROWTH_MIB, ACK_MS = 100.0, 300.0
PAUSE = 0.02  # seconds between two commands


def run() -> list[Figure]:
    """Memory by recipients, on SQLite, and the acks' p99."""
    small, large = (memory(size) for size in SIZES)
    times = acks()
    p99 = sorted(times)[min(len(times) - 1, int(len(times) * 0.99))]
    told = f"{len(times)}×, p50 {statistics.median(times):.0f} ms"
    return [
        Figure(
            f"memory for {SIZES[1]:,} recipients above {SIZES[0]:,}", large - small, "MiB", "the issue's", GROWTH_MIB
        ),
        Figure(f"… for {SIZES[0]:,}", small, "MiB", f"for {SIZES[1]:,}", large),
        Figure(f"/promo help while {RECIPIENTS:,} texts leave, p99 ({told})", p99, "ms", "allowed", ACK_MS),
    ]


def memory(recipients: int) -> float:
    """MiB at most of a process that launches and sends a distribution to so many."""
    with databases("sqlite") as [db], sink(0) as url:
        runtime = runtime_over(db)
        load(runtime, recipients, recipients)
        provider_id, _ = provider_at(runtime, "sandbox", url)
        distribution_id = sealed(runtime, provider_id, 0, recipients)
        db.close()
        command = [sys.executable, "-m", "benchmarks.scale", db.url.render_as_string(), str(distribution_id)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def send(url: str, distribution_id: int) -> None:
    """Launch and send a distribution; say how much memory that took."""
    db = Database(url)
    runtime = runtime_over(db)
    with db.write() as session:
        launch(session, runtime, distribution_id)
    while runtime.jobs.run_next(runtime):
        pass

    async def until_sent() -> None:
        stop = asyncio.Event()
        sender = asyncio.create_task(Sender(runtime, options=Options(idle=0.02)).run(stop))
        await whole(runtime, distribution_id, 0)
        stop.set()
        await sender

    new_loop().run_until_complete(until_sent())
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def acks() -> list[float]:
    """Milliseconds from `/promo help` to its ack, as Slack sees it, while a distribution is sent."""
    with databases("sqlite") as [db], sink(0) as url, running(db.url.render_as_string()) as world:
        world.allow_errors = True
        runtime = world.runtime
        load(runtime, RECIPIENTS, RECIPIENTS)
        with db.write() as session:
            values = {"rate": UNLIMITED, "config": {"base_url": url}}
            session.execute(update(Provider).where(Provider.id == world.provider_id).values(values))
        distribution_id = sealed(runtime, world.provider_id, 0, RECIPIENTS)
        times: list[float] = []
        over = threading.Event()
        asking = threading.Thread(target=_ask, args=(world.maya, times, over))
        with db.write() as session:
            launch(session, runtime, distribution_id)
        asking.start()
        try:
            while _status(db, distribution_id) != "done":
                time.sleep(0.1)
        finally:
            over.set()
            asking.join()
        return times


def _ask(person: Person, times: list[float], over: threading.Event) -> None:
    """Type `/promo help` again and again: from the key to Slack's answer, which waits for the ack."""
    while not over.is_set():
        started = time.perf_counter()
        person.command("/promo help")
        times.append((time.perf_counter() - started) * 1000)
        over.wait(PAUSE)


def _status(db: Database, distribution_id: int) -> str | None:
    with db.read() as session:
        return session.scalar(select(Distribution.status).where(Distribution.id == distribution_id))


if __name__ == "__main__":
    send(sys.argv[1], int(sys.argv[2]))
