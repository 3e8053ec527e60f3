"""Each kind of provider, from lease to record on SQLite at an instant sink, beside bare clients that post the same.

Twilio's are beside the `twilio` package too: its asynchronous client, and its synchronous one in threads.
"""

import asyncio
from functools import partial

from benchmarks import clients, sending
from benchmarks.cache import runtime_over
from benchmarks.campaign import SETUPS, load, provider_at
from benchmarks.databases import databases
from benchmarks.figure import Figure
from benchmarks.sending import Bare, compared, figures
from benchmarks.sink import sink

CONCURRENCY = 100
THREADS = 20  # more make the synchronous client slower


def run() -> list[Figure]:
    """Goal (d), and the other kinds."""
    return [figure for kind in SETUPS for figure in through(kind)]


def through(kind: str) -> list[Figure]:
    """Messages a second through a kind of provider, and CPU for each."""
    with databases("sqlite") as [db], sink(0) as url:
        runtime = runtime_over(db)
        count = sending.MESSAGES * sending.PAIRS
        load(runtime, count, count)
        provider_id, provider = provider_at(runtime, kind, url)
        bare = [Bare("tuned aiohttp", lambda count: clients.tuned(url, kind, provider, count, CONCURRENCY))]
        if kind == "twilio":
            bare += [
                Bare("twilio's async client", lambda count: clients.twilio_async(url, count, CONCURRENCY), 0.2),
                Bare("twilio's sync client, 20 threads", partial(_in_threads, url), 0.05),
            ]
        measured = compared(runtime, provider_id, bare, CONCURRENCY)
    return figures(f"{kind}, sqlite, gateway 0 ms, {CONCURRENCY} at once", measured)


async def _in_threads(url: str, count: int) -> float:
    return await asyncio.to_thread(clients.twilio_sync, url, count, THREADS)
