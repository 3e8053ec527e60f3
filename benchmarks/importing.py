"""A file of new customers with everybody's consent, from its bytes to the last row: rate and memory.

The ceiling is the same customers through the driver alone, into the same table with its indexes: `executemany` on
SQLite, COPY on PostgreSQL, of rows that are made already and checked by nobody, without their consents.

`BENCH_ROWS=100000 python -m benchmarks importing` takes fewer than a million.
"""

import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select

from benchmarks.customers import CITIES, FIRST, LAST, NOW
from benchmarks.databases import databases, kinds
from benchmarks.figure import Figure, seconds
from distribution.clock import SystemClock
from distribution.customers import columns, importing
from distribution.files import read_table
from distribution.kinds import jobs_for
from distribution.links import Links
from distribution.runtime import Runtime
from distribution.vault import Vault
from storage import uploads
from storage.customers import search_keys
from storage.database import Database
from storage.loading import load, moment
from storage.tables import ConsentChange, Customer, Job

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
PART = 50_000
# Above the file itself: SQLite's page cache (128 MiB), a chunk of rows, what phone numbers begin with.
ALLOWED = 256.0
COLUMNS = ("phone", "source_id", "name", "search", "search_last", "region", "time_zone", "consent", "attributes")


def run() -> list[Figure]:
    """Rate and memory on each database."""
    figures: list[Figure] = []
    for kind in kinds():
        with databases(kind) as (db,):
            figures += _import(kind, db)
    return figures


def _people() -> Iterator[tuple[str, str, str, str]]:
    """Source id, name, number, city."""
    chance = random.Random(7)
    for number in range(ROWS):
        name = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
        yield f"CRM-{number}", name, f"+48{500_000_000 + number}", chance.choice(CITIES)


def _import(kind: str, db: Database) -> list[Figure]:
    """Ours, then the bare load into the emptied table."""
    clock, vault = SystemClock(), Vault("a secret key for benchmarks")
    runtime = Runtime(db, clock, jobs_for(clock), Links("https://promo.example", vault.derive("qr links")), vault)
    size = _hand_over(runtime)
    watch = _Memory()
    with watch:
        ours = seconds(lambda: runtime.jobs.run_next(runtime))
    with db.read() as session:
        job = session.scalars(select(Job)).one()
        assert job.result["created"] == ROWS, job.error
    with db.write() as session:
        session.execute(delete(ConsentChange))
        session.execute(delete(Customer))
    bare = sum(_bare(db))
    return [
        Figure(f"{kind}: import {ROWS:,} new customers", ROWS / ours, "/s", "the driver alone", ROWS / bare),
        Figure(f"{kind}: memory above the start and the file", max(watch.most - size, 1.0), "MiB", "allowed", ALLOWED),
    ]


def _hand_over(runtime: Runtime) -> float:
    """Keep the file and enqueue its import; returns its size in MiB."""
    data = b"id,name,phone,city\n" + b"".join(f"{','.join(row)}\n".encode() for row in _people())
    with runtime.db.write() as session:
        upload_id = uploads.keep(session, "bench.csv", data, by="U0MAYA", now=runtime.clock.now())
        guessed = [column.to_json() for column in columns.guess(read_table(data, "bench.csv"), {})]
        importing.import_file(
            runtime.jobs, session, upload_id, guessed, region="PL", everyone_agreed=True, by="U0MAYA", by_name="Maya"
        )
    return len(data) / 2**20


def _bare(db: Database) -> Iterator[float]:
    """Seconds of each part through the driver alone."""
    part: list[tuple[Any, ...]] = []
    for number, (source_id, name, phone, city) in enumerate(_people(), 1):
        search, search_last = search_keys(name)
        attributes = f'{{"city": "{city}"}}'
        part.append((phone, source_id, name, search, search_last, "PL", "Europe/Warsaw", "given", attributes))
        if number % PART == 0 or number == ROWS:
            rows = part
            yield seconds(lambda rows=rows: _load(db, rows))
            part = []


def _load(db: Database, rows: list[tuple[Any, ...]]) -> None:
    with db.write() as session:
        at = moment(session, NOW)
        load(session, "customer", (*COLUMNS, "created_at", "updated_at"), [(*row, at, at) for row in rows])


class _Memory:
    """The most anonymous memory that this process takes during a block, in MiB above its start (Linux)."""

    def __enter__(self) -> "_Memory":
        self.most, self._start, self._stop = 0.0, _anonymous(), threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            self.most = max(self.most, _anonymous() - self._start)


def _anonymous() -> float:
    """Anonymous memory in MiB: what files map in is the system's to take back."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))
