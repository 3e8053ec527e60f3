"""Promo codes: making them, storing and taking in a million, and what a listener does beside that million."""

import json
import os
import resource
import secrets
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median

from benchmarks import others
from benchmarks.cache import runtime_over
from benchmarks.databases import databases, kinds
from benchmarks.figure import Figure, alternating, seconds
from distribution.ahead import ahead
from distribution.clock import SystemClock
from distribution.codes import groups, intake
from distribution.codes.format import Format
from distribution.codes.generate import Maker, generate, generate_into
from distribution.codes.importing import ready
from distribution.codes.intake import Line
from distribution.codes.listing import listing
from distribution.codes.ranges import Ranges
from distribution.codes.recipe import Recipe
from distribution.codes.rules import CHUNK, INLINE
from distribution.kinds import jobs_for
from storage import groups as rows
from storage.database import Database

MILLION = 1_000_000
# Codes that are there already where loading is measured at a shop's size, not into an empty table.
THERE = int(os.environ.get("BENCH_CODES", "4000000"))
ROUNDS = 3
FORMAT = Format.parse("SUMMER-{string('0-9', 4)}{string('a-Z', 10)}")
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
BY = {"by": "bench", "now": NOW}
LISTENER = ("what a listener may take", 1000.0)


def run() -> list[Figure]:
    """All figures of this module; some minutes."""
    figures = making()
    for kind in kinds():
        figures += loading(kind) + loading(kind, there=THERE)
        with databases(kind) as (db,):
            _loader(db, list(dict.fromkeys(FORMAT.codes(MILLION))))()
            figures += beside_a_million(db, kind)
    return figures


def making() -> list[Figure]:
    """Making a million unique codes, and making and storing them on SQLite, against npm's package, which stores none.

    Each is a process of its own, in turns; the time is that of the work inside of it, and the memory is what the
    process has at its peak above what it had before. Without node: against the operating system's random bytes alone.
    """
    theirs, ours, stored = [], [], []
    for _ in range(ROUNDS):
        compared = others.voucher_codes(MILLION)
        if compared is not None:
            theirs.append(compared)
        ours.append(_apart("make"))
        stored.append(_apart("store"))
    speed = MILLION / median(seconds for seconds, _ in ours)
    kept = MILLION / median(seconds for seconds, _ in stored)
    if theirs:
        ceiling = ("npm's package, making only", MILLION / median(seconds for seconds, _ in theirs))
    else:
        ceiling = ("os.urandom of as many bytes", MILLION / seconds(lambda: os.urandom(MILLION * 15)))
    memory = [("ours", ours), ("ours, storing them too", stored), ("npm's package", theirs)]
    return [
        Figure("make unique codes", speed, "codes/s", *ceiling),
        Figure("sqlite: make and store unique codes", kept, "codes/s", *ceiling),
        *(
            Figure(f"memory above the start, {whose}", median(mib for _, mib in taken), "MiB", "allowed", 60.0)
            for whose, taken in memory
            if taken
        ),
    ]


def _apart(what: str) -> tuple[float, float]:
    """Seconds and MiB of `work` in a process of its own."""
    command = [sys.executable, "-c", f"import benchmarks.codes as codes; codes.work({what!r}, {MILLION})"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    taken, mib = json.loads(said.splitlines()[-1])
    return taken, mib


def work(what: str, count: int) -> None:
    """In a process of its own: make codes, or "store" them too; prints seconds and MiB."""
    if what == "make":
        before = peak()
        ranges = Ranges(FORMAT, count)
        taken = seconds(lambda: [None for _ in range(0, count, CHUNK) if not ranges.draw(min(CHUNK, count))])
        print(json.dumps([taken, peak() - before]))
        return
    with databases("sqlite") as (db,):
        group_id, lot_id = _group(db)
        before = peak()
        with db.read() as session:
            maker = Maker(session, Recipe((FORMAT.text,)), count)

        def make() -> None:
            while maker.goes_on:
                for drawn in ahead(maker.chunks()):
                    with db.write(lasting=False) as session:
                        maker.store(session, group_id, lot_id, drawn)

        print(json.dumps([seconds(make), peak() - before]))


def peak() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def loading(kind: str, *, there: int = 0) -> list[Figure]:
    """Taking in a million codes in no order, as the job does it, against the bare unsorted statement; in turns.

    A thousandth of ours is there already, and another stands in the file twice: both are reported, line by line.
    `there`: so many other codes are in both tables before.
    """
    taken: dict[str, list[float]] = {"raw": [], "ours": []}
    before = sorted(FORMAT.codes(there)) if there else []
    for _ in range(ROUNDS):
        codes = list(set(FORMAT.codes(MILLION)).difference(before))
        with databases(kind, 2) as (raw, ours):
            load = _loader(ours, codes)
            for db in (raw, ours) if there else ():
                _unsorted(db, before, first_id=10 * MILLION)
                _settle(db)
            taken["raw"].append(seconds(lambda: _unsorted(raw, codes)))  # noqa: B023 -- called at once
            taken["ours"].append(seconds(load))
    statement = "executemany, unsorted, alone" if kind == "sqlite" else "COPY, unsorted, alone"
    speed = {whose: MILLION / median(times) for whose, times in taken.items()}
    beside = f" beside {there:,}" if there else ""
    return [Figure(f"{kind}: load codes{beside}", speed["ours"], "codes/s", statement, speed["raw"])]


def _settle(db: Database) -> None:
    """Let what was stored before be on disk and its statistics known, so that neither side pays for it."""
    statements = ["PRAGMA wal_checkpoint(TRUNCATE)"] if db.is_sqlite else ["VACUUM ANALYZE promo_code", "CHECKPOINT"]
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _loader(db: Database, codes: list[str]) -> Callable[[], None]:
    """What takes them in, and a thousandth of them a second time. Raises `AssertionError` where it does not say so."""
    group_id, lot_id = _group(db)
    with db.write() as session:
        intake.add(session, group_id, codes[500::1000], method="paste", **BY)
    lines = [Line(number, code) for number, code in enumerate([*codes, *codes[::1000]], 1)]

    def load() -> None:
        left = 0
        for chunk in ahead(ready(runtime_over(db), iter(lines), dated=False)):
            with db.write(lasting=False) as session:
                left += len(intake.take(session, group_id, lot_id, chunk.sifted, chunk.known))
        assert left == len(codes[500::1000]) + len(codes[::1000]), left

    return load


def beside_a_million(db: Database, kind: str) -> list[Figure]:
    """What listeners do while a million codes are stored, in milliseconds against their second."""
    tight = Format.parse("SUMMER-{string('0-9', 4)}{string('a-b', 8)}")
    jobs = jobs_for(SystemClock())
    with db.write() as session:
        group_id = groups.create(session, "Beside", formats=[FORMAT], **BY).id
        tight_id = groups.create(session, "Tight", formats=[tight], **BY).id
    pasted = [f"PASTE{number:012}" for number in range(170)]

    def list_groups() -> None:
        with db.read() as session:
            listing(session)

    def ask() -> None:
        with db.write() as session:  # of 2.56 million some may be taken: the job finds out
            generate(jobs, session, tight_id, 2_000_000, **BY)

    def make() -> None:
        with db.write() as session:
            generate_into(session, group_id, INLINE, **BY)

    def paste() -> None:
        with db.write() as session:
            intake.add(session, group_id, pasted, **BY)

    names = ("list the groups", "ask for most of a format", f"generate {INLINE:,} at once", "paste 170 codes")
    times = alternating([list_groups, ask, make, paste], 3)
    return [Figure(f"{kind}: {name}", 1000 * taken, "ms", *LISTENER) for name, taken in zip(names, times, strict=True)]


def _group(db: Database) -> tuple[int, int]:
    """A group with the format, and a lot to add to."""
    with db.write() as session:
        group = groups.create(session, f"Bench {secrets.token_hex(4)}", formats=[FORMAT], **BY)
        return group.id, rows.add_lot(session, group.id, "generate", {}, **BY).id


def _unsorted(db: Database, codes: list[str], first_id: int = 1) -> None:
    """The bare statement by chunks, in the order given: ids in order, nothing sorted, looked up or counted."""
    for start in range(0, len(codes), CHUNK):
        part = codes[start : start + CHUNK]
        with db.write() as session:
            driver = session.connection().connection.driver_connection
            assert driver is not None
            if db.is_sqlite:
                driver.executemany(
                    "INSERT INTO promo_code (id, code, group_id, lot_id, state) VALUES (?, ?, 1, 1, 0)",
                    list(enumerate(part, first_id + start)),
                )
                continue
            with (
                driver.cursor() as cursor,
                cursor.copy("COPY promo_code (id, code, group_id, lot_id, state) FROM STDIN") as copy,
            ):
                copy.write(
                    "".join([f"{number}\t{code}\t1\t1\t0\n" for number, code in enumerate(part, first_id + start)])
                )
