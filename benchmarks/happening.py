"""Events a second that one machine takes in and fires while people use Slack, and how long these wait for an ack then.

The whole bot in one process, as `promobot run` is, beside a sandbox; twenty live distributions wait for the events (as
in `triggers`). Another process posts them over HTTP, a hundred a call, at the pace that is asked of us. Somebody types
`/promo help` all the time, first while nothing happens.

python -m benchmarks.happening URL TOKEN     # the other process: post, and say how many events a second were taken

BENCH_EVENTS and BENCH_SECONDS say how many events a second, and for how long.
"""

import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

from sqlalchemy import func, insert, select

from benchmarks.ack import Times, stopwatch
from benchmarks.databases import databases, kinds
from benchmarks.figure import Figure
from benchmarks.triggers import LIVE, NAMES, live, on_event
from bot.runner import LOOK_EVERY
from distribution import tokens
from storage.database import Database
from storage.tables import Customer, Planned, Touched
from tests.world import World, running

PACE = int(os.environ.get("BENCH_EVENTS", "1000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))
CALL, CUSTOMERS = 100, 1000
ALLOWED_MS, ALLOWED_S = 1000.0, 5.0
QUIET, BREATH = 30, 0.5  # how often it is typed while nothing happens, and seconds between two
PATIENCE = 300.0
COMMAND = "command /promo help"


def run() -> list[Figure]:
    """On each database: events a second taken, acks meanwhile, and how long after the last event all had fired."""
    return [figure for kind in kinds() for figure in sustained(kind)]


def sustained(kind: str) -> list[Figure]:
    """The figures on one database."""
    with databases(kind) as [db]:
        url = db.url.render_as_string(hide_password=False)
        with stopwatch() as times, running(url, look_every=LOOK_EVERY) as world:
            token = _prepared(world)
            _typing(world, QUIET)
            quiet = times.pop(COMMAND)
            command = [sys.executable, "-m", "benchmarks.happening", world.web, token]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as poster:
                stop = threading.Event()
                typing = threading.Thread(target=_typing, args=(world, 2, stop))
                typing.start()
                said, _ = poster.communicate()
                ended = time.perf_counter()
                late = _all_fired(db) - ended
                stop.set()
                typing.join()
            return _figures(kind, float(said), quiet, times, late)


def _figures(kind: str, rate: float, quiet: list[float], times: Times, late: float) -> list[Figure]:
    busy = times[COMMAND]
    name = f"{kind}: {LIVE} live distributions"
    return [
        Figure(f"{name}, events taken in", rate, "events/s", "asked", PACE),
        Figure(f"{name}, the last has fired after", late, "s", "allowed", ALLOWED_S),
        Figure(f"{name}, ack of /promo help, p99 of {len(busy)}", _p99(busy), "ms", "allowed", ALLOWED_MS),
        Figure(f"{name}, … its median", statistics.median(busy), "ms", "nothing happens", statistics.median(quiet)),
    ]


def _prepared(world: World) -> str:
    """Customers and live distributions; a token for the events."""
    now = world.runtime.clock.now()
    with world.runtime.db.write() as session:
        row = {"name": "", "consent": "given", "attributes": {}, "created_at": now, "updated_at": now}
        session.execute(insert(Customer), [row | {"source_id": f"C{number}"} for number in range(CUSTOMERS)])
        session.add_all(live(on_event(number), now) for number in range(LIVE))
        return tokens.create(session, "bench", by="bench", now=now)[1]


def _typing(world: World, least: int, stop: threading.Event | None = None) -> None:
    """Type `/promo help` so many times at least, and until `stop`."""
    typed, pause = 0, threading.Event()
    while typed < least or (stop is not None and not stop.is_set()):
        world.ada.command("/promo help")
        typed += 1
        (stop or pause).wait(BREATH)


def _all_fired(db: Database) -> float:
    """When nothing was left that had to be looked at, by `time.perf_counter`. Raises `RuntimeError` after minutes, or
    where too little was planned."""
    until = time.perf_counter() + PATIENCE
    while time.perf_counter() < until:
        with db.read() as session:
            waits = session.scalar(select(Touched.id).limit(1))
            planned = session.scalar(select(func.count()).select_from(Planned)) or 0
        if waits is None:
            if planned < PACE * SECONDS:  # an event sets off two and a half of them
                raise RuntimeError(f"{planned} were planned")
            return time.perf_counter()
        time.sleep(0.05)
    raise RuntimeError("not all events have fired")


def _p99(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=100)[98]


def post(url: str, token: str) -> float:
    """Post events at the pace that is asked; how many a second were taken. Raises `RuntimeError` for a refused one."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    begins, calls = time.perf_counter(), int(PACE * SECONDS / CALL)
    for call in range(calls):
        time.sleep(max(0.0, begins + call * CALL / PACE - time.perf_counter()))
        events = [
            {
                "customer": f"C{n % CUSTOMERS}",
                "name": NAMES[n % len(NAMES)],
                "properties": {"cart_total": n % 200},
                "source_id": f"event {n}",
            }
            for n in range(call * CALL, (call + 1) * CALL)
        ]
        connection.request("POST", "/v1/events", json.dumps({"events": events}), headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {body[:500]!r}")
    return calls * CALL / (time.perf_counter() - begins)


if __name__ == "__main__":
    print(post(*sys.argv[1:]))
