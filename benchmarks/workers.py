"""Two workers on PostgreSQL beside one, each a process with 100 requests at once, at a gateway that takes 80 ms.

python -m benchmarks.workers URL      # one worker: "go" and "stop" on its standard input, a line back for each
"""

import asyncio
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.cache import runtime_over
from benchmarks.campaign import launched, load, provider_at
from benchmarks.databases import databases, kinds
from benchmarks.figure import Figure
from benchmarks.sending import whole
from benchmarks.sink import sink
from distribution.sending.options import Options
from distribution.sending.worker import Sender, new_loop
from storage.database import Database

PAIRS = int(os.environ.get("PAIRS", "10"))
# Ten seconds for one worker: the last batches, which only one of two may have, take half of one.
MESSAGES = int(os.environ.get("MESSAGES", "12000"))
CONCURRENCY, LATENCY = 100, 80


def run() -> list[Figure]:
    """Goal (c)."""
    return [two_workers()] if "postgresql" in kinds() else []


def two_workers() -> Figure:
    """Messages a second of one worker and of two, in turns."""
    with databases("postgresql") as [db], sink(LATENCY) as url, ExitStack() as stack:
        runtime = runtime_over(db)
        load(runtime, MESSAGES * PAIRS * 2, MESSAGES * PAIRS * 2)
        provider_id, _ = provider_at(runtime, "sandbox", url)
        slices = [launched(runtime, provider_id, MESSAGES * n, MESSAGES) for n in range(PAIRS * 2)]
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
        crew = [stack.enter_context(_worker(db)) for _ in range(2)]
        rates: dict[int, list[float]] = {1: [], 2: []}
        for number, distribution_id in enumerate(slices):
            working = crew[: 1 + number % 2]
            for worker in working:
                _say(worker, "go")
            rates[len(working)].append(MESSAGES / asyncio.run(whole(runtime, distribution_id, MESSAGES)))
            for worker in working:
                _say(worker, "stop")
    name = f"two workers, postgresql, gateway {LATENCY} ms, {CONCURRENCY} at once each"
    return Figure(name, statistics.median(rates[2]), "messages/s", "one worker", statistics.median(rates[1]))


@contextmanager
def _worker(db: Database) -> Iterator[subprocess.Popen[str]]:
    """A process with a sender that waits for its word."""
    url = db.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "benchmarks.workers", url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _say(worker: subprocess.Popen[str], word: str) -> None:
    """Tell a worker to begin or to end, and wait until it has."""
    assert worker.stdin is not None and worker.stdout is not None
    worker.stdin.write(word + "\n")
    worker.stdin.flush()
    if not worker.stdout.readline():
        raise RuntimeError("a worker ended")


def work(url: str) -> None:
    """One worker, until its standard input ends."""
    db = Database(url)
    runtime = runtime_over(db)
    loop = new_loop()

    async def follow() -> None:
        stop, sender = asyncio.Event(), None
        while word := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
            if word == "go":
                stop = asyncio.Event()
                options = Options(concurrency=CONCURRENCY, idle=0.02)
                sender = asyncio.create_task(Sender(runtime, options=options).run(stop))
                await asyncio.sleep(0.2)  # it has looked which providers there are
            elif sender is not None:
                stop.set()
                await sender
            print(word, flush=True)

    loop.run_until_complete(follow())
    db.close()


if __name__ == "__main__":
    work(sys.argv[1])
