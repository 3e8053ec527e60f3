"""Promo codes: making them, storing and taking in a million, and what a listener does beside that million."""

import json
import os
import secrets
import string
from datetime import UTC, datetime

from benchmarks.databases import databases, kinds
from benchmarks.figure import Figure, alternating, seconds
from distribution.clock import SystemClock
from distribution.codes import groups, intake
from distribution.codes.format import Format
from distribution.codes.listing import listing
from distribution.codes.recipe import Recipe
from distribution.codes.generate import Maker, generate, generate_into
from distribution.codes.rules import CHUNK, INLINE
from distribution.kinds import jobs_for
from storage import groups as rows
from storage.database import Database

MILLION = 1_000_000
FORMAT = Format.parse("SUMMER-{string('0-9', 4)}{string('a-Z', 10)}")
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
BY = {"by": "bench", "now": NOW}
LISTENER = ("what a listener may take", 1000.0)


def run() -> list[Figure]:
    """All figures of this module; about two minutes."""
    figures = making()
    for kind in kinds():
        with databases(kind, 3) as (bare, made, taken):
            figures += storing(bare, made, taken, kind) + beside_a_million(made, kind)
    return figures


def making() -> list[Figure]:
    """Codes a second, against the operating system's random bytes alone, and one character at a time."""

    def ours() -> None:
        for _ in range(MILLION // CHUNK):
            FORMAT.codes(CHUNK)

    def bytes_alone() -> None:
        for _ in range(MILLION // CHUNK):
            os.urandom(CHUNK * 15)  # 14 characters are drawn, and a few bytes thrown away

    def one_by_one() -> None:
        for _ in range(MILLION // 50):
            "".join(secrets.choice(string.digits) for _ in range(4))
            "".join(secrets.choice(string.ascii_letters) for _ in range(10))

    mine, ceiling, naive = alternating([ours, bytes_alone, one_by_one], 3)
    return [
        Figure("make codes", MILLION / mine, "codes/s", "os.urandom of as many bytes", MILLION / ceiling),
        Figure("secrets.choice per character", MILLION / 50 / naive, "codes/s", "ours", MILLION / mine),
    ]


def storing(bare: Database, made: Database, taken: Database, kind: str) -> list[Figure]:
    """Making and storing, and taking in, a million codes, against the bare statement; a chunk of each in turns."""
    seconds_of = {"bare": 0.0, "make": 0.0, "take": 0.0}
    group_id, lot_id = _group(made)
    with made.read() as session:
        maker = Maker(session, Recipe((FORMAT.text,)), MILLION)
    intake_group, intake_lot = _group(taken)

    def make() -> None:
        with made.write() as session:
            maker.make(session, group_id, lot_id)

    for at in range(MILLION // CHUNK):
        codes = sorted(set(FORMAT.codes(CHUNK)))
        lines = list(enumerate(FORMAT.codes(CHUNK), 1 + at * CHUNK))
        seconds_of["bare"] += seconds(lambda: _bare(bare, at * CHUNK, codes))  # noqa: B023 -- called at once
        seconds_of["make"] += seconds(make)
        seconds_of["take"] += seconds(lambda: _take_in(taken, intake_group, intake_lot, lines))  # noqa: B023
    statement = "INSERT … SELECT json_each, sorted" if kind == "sqlite" else "COPY, sorted"
    ceiling = (f"{statement}, alone", MILLION / seconds_of["bare"])
    return [
        Figure(f"{kind}: make and store a million", MILLION / seconds_of["make"], "codes/s", *ceiling),
        Figure(f"{kind}: take in a million", MILLION / seconds_of["take"], "codes/s", *ceiling),
    ]


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


def _take_in(db: Database, group_id: int, lot_id: int, lines: list[tuple[int, str]]) -> None:
    with db.write() as session:
        intake._take(session, group_id, lot_id, lines)


def _bare(db: Database, first: int, codes: list[str]) -> None:
    """The statement alone: ids in order, nothing looked up and nothing counted."""
    with db.write() as session:
        connection = session.connection()
        if db.is_sqlite:
            connection.exec_driver_sql(
                "INSERT INTO promo_code (id, code, group_id, lot_id, state) "
                f"SELECT {first} + key, value, 1, 1, 0 FROM json_each(?)",
                (json.dumps(codes),),
            )
            return
        driver = connection.connection.driver_connection
        assert driver is not None
        with (
            driver.cursor() as cursor,
            cursor.copy("COPY promo_code (id, code, group_id, lot_id, state) FROM STDIN") as copy,
        ):
            copy.write("".join([f"{first + place}\t{code}\t1\t1\t0\n" for place, code in enumerate(codes)]))
