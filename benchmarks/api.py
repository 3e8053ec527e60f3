"""The HTTP API: loading codes beside the same intake without HTTP, and provider callbacks while it is loaded."""

import http.client
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from benchmarks.databases import databases, kinds
from benchmarks.figure import Figure, seconds
from distribution import tokens
from distribution.codes import groups
from distribution.codes.format import Format
from distribution.codes.intake import add_codes
from distribution.codes.rules import INLINE
from distribution.links import Links
from distribution.vault import Vault
from storage import groups as rows
from storage.database import Database
from tests.ports import free_ports

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
KEY = "a secret key for benchmarks"
FORMAT = Format.parse("SUMMER-{string('0-9', 4)}{string('a-Z', 10)}")
REQUESTS = 10  # of INLINE codes each
CALLBACKS = 100
# Milliseconds that Twilio waits for an answer (twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
PATIENCE = 15_000.0


def run() -> list[Figure]:
    """All figures of this module; about half a minute."""
    figures = []
    for kind in kinds():
        with databases(kind) as (db,), serving(db) as port:
            figures += loading(db, kind, port) + beside_loading(db, kind, port)
    return figures


def loading(db: Database, kind: str, port: int) -> list[Figure]:
    """Codes a second over HTTP, from one client and from four, beside `add_codes` in a transaction of its own each."""
    token, group_id = _prepared(db)

    def direct() -> None:
        with db.write() as session:
            add_codes(session, group_id, FORMAT.codes(INLINE), method="api", by="bench", now=NOW)

    def post() -> None:
        _post(port, token, FORMAT.codes(INLINE))

    def four() -> None:
        _together(4, post)

    alone = over = several = 0.0
    for _ in range(REQUESTS):  # in turns: what slows the machine down slows all of them
        alone += seconds(direct)
        over += seconds(post)
        several += seconds(four) / 4
    codes = REQUESTS * INLINE
    ceiling = ("add_codes, without HTTP", codes / alone)
    return [
        Figure(f"{kind}: load codes, one client", codes / over, "codes/s", *ceiling),
        Figure(f"{kind}: load codes, four clients", codes / several, "codes/s", *ceiling),
    ]


def beside_loading(db: Database, kind: str, port: int) -> list[Figure]:
    """A provider's callback, in milliseconds: while eight clients load codes without a pause, and with nobody there."""
    token, _ = _prepared(db)
    path = Links("http://x", Vault(KEY).derive("qr links")).callback(1).removeprefix("http://x")
    quiet = _callbacks(port, path, "quiet")
    stop = threading.Event()

    loading = threading.Event()

    def load() -> None:
        while not stop.is_set():
            _post(port, token, FORMAT.codes(INLINE))
            loading.set()

    loaders = [threading.Thread(target=load) for _ in range(8)]
    for loader in loaders:
        loader.start()
    loading.wait()
    busy = _callbacks(port, path, "busy")
    stop.set()
    for loader in loaders:
        loader.join()
    said = f"{kind}: a callback beside eight loaders"
    median, late = statistics.median(busy), statistics.quantiles(busy, n=100)[98]
    return [
        Figure(f"{said}, 99 %", late, "ms", "what a provider waits", PATIENCE),
        Figure(f"{said}, median", median, "ms", "what a provider waits", PATIENCE),
        Figure(f"{said}, median", median, "ms", "with nobody there", statistics.median(quiet)),
    ]


@contextmanager
def serving(db: Database) -> Iterator[int]:
    """A process of the role `web` on the database; its port."""
    port = free_ports()
    env = os.environ | {"DATABASE_URL": db.url.render_as_string(hide_password=False), "SECRET_KEY": KEY}
    env |= {"PORT": str(port), "LOG_LEVEL": "ERROR", "PUBLIC_URL": "http://x"}
    command = [sys.executable, "-c", "from bot.cli import main; main()", "run", "--roles", "web"]
    process = subprocess.Popen(command, env=env)
    try:
        while process.poll() is None:
            try:
                http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def _prepared(db: Database) -> tuple[str, int]:
    """A token and an empty group "Bench", made anew."""
    with db.write() as session:
        token = tokens.create(session, f"bench {time.monotonic()}", by="bench", now=NOW)[1]
        group = rows.by_name(session, "Bench") or groups.create(session, "Bench", by="bench", now=NOW)
        return token, group.id


def _post(port: int, token: str, codes: list[str]) -> None:
    """Load codes as text, as docs/api.md does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
    connection.request("POST", "/v1/promo-code-groups/Bench/codes", "\n".join(codes), headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {body[:500]!r}")


def _callbacks(port: int, path: str, word: str) -> list[float]:
    """How long each of some callbacks takes, in milliseconds, one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    taken = []
    for number in range(CALLBACKS):
        started = time.perf_counter()
        connection.request("POST", path, f"id={word}{number}", {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        answer.read()
        taken.append((time.perf_counter() - started) * 1000)
        if answer.status != 204:
            raise RuntimeError(f"{answer.status}")
    return taken


def _together(count: int, work: Callable[[], object]) -> None:
    """Do `work` in so many threads at once."""
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
