"""Blocking codes: 100,000 of a million for 100,000 recipients, beside two plain updates of as many rows, in turns.

A launch is more: it looks at the seal, writes the messages, and then blocks. It is timed whole as well, and its parts.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from benchmarks.cache import runtime_over
from benchmarks.campaign import NOW, load, sealed
from benchmarks.databases import databases, kinds
from benchmarks.figure import Figure, seconds
from distribution import providers
from distribution.jobs import JobRun
from distribution.launch import launch
from distribution.runtime import Runtime
from storage.database import Database
from storage.tables import PromoCode, PromoCodeStock

CODES, RECIPIENTS, ROUNDS = 1_000_000, 100_000, 3


def run() -> list[Figure]:
    """Blocking alone, and the whole launch, on each database."""
    figures = []
    for kind in kinds():
        with databases(kind) as [db]:
            figures += measured(db, kind)
    return figures


def measured(db: Database, kind: str) -> list[Figure]:
    """The figures of one database."""
    runtime = runtime_over(db)
    group_id = load(runtime, RECIPIENTS, CODES)
    with db.write() as session:
        config = {"base_url": "http://127.0.0.1:9"}
        provider_id = providers.add(
            session, runtime.vault, name="Sink", kind="sandbox", config=config, by="bench", now=NOW
        ).id
    parts: dict[str, list[float]] = {"codes": [], "audience": [], "whole": [], "floor": []}
    for round_ in range(1, ROUNDS + 1):
        distribution_id = sealed(runtime, provider_id, 0, RECIPIENTS)
        with phases() as taken:
            parts["whole"].append(seconds(lambda: _launched(runtime, distribution_id)))  # noqa: B023 -- called at once
        parts["codes"].append(taken["codes"])
        parts["audience"].append(taken["audience"])
        with db.read() as session:
            blocked = session.scalar(select(PromoCodeStock.blocked).where(PromoCodeStock.group_id == group_id))
            last = session.scalar(select(func.max(PromoCode.id)).where(PromoCode.state == 0)) or 0
        assert blocked == round_ * RECIPIENTS, blocked
        parts["floor"].append(seconds(lambda: _floor(db, distribution_id, last)))  # noqa: B023
    ceiling = ("two plain range updates", median(parts["floor"]))
    size = f"{RECIPIENTS:,} of {CODES:,}"
    return [
        Figure(f"{kind}: block {size}", median(parts["codes"]), "s", *ceiling),
        Figure(f"{kind}: write the messages for that", median(parts["audience"]), "s", *ceiling),
        Figure(f"{kind}: the whole launch", median(parts["whole"]), "s", *ceiling),
    ]


def _launched(runtime: Runtime, distribution_id: int) -> None:
    with runtime.db.write() as session:
        launch(session, runtime, distribution_id)
    while runtime.jobs.run_next(runtime):
        pass


def _floor(db: Database, distribution_id: int, last: int) -> None:
    """As many rows of the same tables changed, with nothing chosen; what is changed are other codes each time."""
    with db.write() as session:
        session.execute(
            text(
                "UPDATE promo_code SET state = 1, customer_id = id, message_id = 1000000000 + id "
                "WHERE id > :after AND id <= :last"
            ),
            {"after": last - RECIPIENTS, "last": last},
        )
        session.execute(text("UPDATE message SET segments = 1 WHERE distribution_id = :id"), {"id": distribution_id})


@contextmanager
def phases() -> Iterator[Counter[str]]:
    """The seconds of a job's chunks, commits and all, by the phase that they began in."""
    taken: Counter[str] = Counter()
    original = JobRun.chunk

    @contextmanager
    def timed(self: JobRun, runtime: Runtime) -> Iterator[Session]:
        phase = str(self.progress.get("phase", "start"))
        with _added_to(taken, phase), original(self, runtime) as session:
            yield session

    JobRun.chunk = timed
    try:
        yield taken
    finally:
        JobRun.chunk = original


@contextmanager
def _added_to(taken: Counter[str], phase: str) -> Iterator[Any]:
    """Add the seconds of the block."""
    began = time.perf_counter()
    yield
    taken[phase] += time.perf_counter() - began
