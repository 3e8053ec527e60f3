"""Counting segments beside the best statements written by hand for the same questions, in the same run.

A million customers with three codes, ten events and two messages each, on average; `BENCH_CUSTOMERS=100000` makes all
of it smaller in proportion. The statements by hand know what the compiler cannot: that a value is text, that nobody is
asked about but customers who exist.
"""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, TextClause, func, select, text

from benchmarks.databases import databases, kinds
from benchmarks.figure import Figure, alternating
from distribution.segments import counting
from distribution.segments.rules import parse
from storage.database import Database
from storage.patience import TooSlow, at_most
from storage.tables import Customer

CUSTOMERS = int(os.environ.get("BENCH_CUSTOMERS", "1000000"))
CODES, EVENTS, MESSAGES = 3 * CUSTOMERS, 10 * CUSTOMERS, 2 * CUSTOMERS
ROUNDS = 5
PATIENCE = 60.0  # seconds that a statement by hand gets
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)

# One to `n`, and a large number that looks drawn, alike on both databases.
SERIES = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {n}) SELECT n FROM s)",
    "postgresql": "(SELECT n::bigint FROM generate_series(1, {n}) n)",
}
MIXED = "((n * 7919 + {salt} * 104729) % 2147483647)"
DRAWN = f"({MIXED} * {MIXED} % 2147483647 * 16807 % 2147483647 * 48271 % 2147483647)"
# A moment up to a year before NOW.
PAST = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', '2026-06-15 12:00:00', '-' || ({seconds}) || ' seconds')",
    "postgresql": "timestamptz '2026-06-15 12:00:00+00' - ({seconds}) * interval '1 second'",
}
YEAR = 365 * 86400
NAMES = [
    "Anna Kowalska",
    "Ben Smith",
    "Cleo Berg",
    "Łukasz Żak",
    "Maria Rossi",
    "Zofia Nowak",
    "Olaf Lind",
    "Dan Silva",
]
CITIES = ["Warsaw", "Łódź", "Kraków", "Gdańsk", "Berlin", "London"]
EVENT_NAMES = ["cart_abandoned", *(f"event_{number}" for number in range(9))]


CITY: dict[str, Any] = {"field": "attribute", "attribute": "city", "type": "text", "op": "is", "value": "Warsaw"}
TWICE: dict[str, Any] = {"field": "codes_issued", "op": "ge", "value": 2}
LATELY: dict[str, Any] = {"field": "event", "event": "cart_abandoned", "op": "did", "days": 30}

# The rules, and the statements by hand: the quickest of them is the ceiling.
DID = "SELECT {} customer_id FROM event WHERE name = 'cart_abandoned' AND at >= {{since}}"
IS_CITY = "c.attributes ->> 'city' = 'Warsaw'"
HELD = "FROM promo_code p WHERE p.customer_id = c.id AND p.issued_at IS NOT NULL"
ISSUED = "FROM promo_code WHERE customer_id IS NOT NULL AND issued_at IS NOT NULL"
IN_ORDER = f"{DID.format('DISTINCT')} ORDER BY customer_id"
QUESTIONS: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "attribute, 2 codes issued, an event in 30 days": (
        [CITY, TWICE, LATELY],
        [
            f"SELECT count(*) FROM customer c WHERE c.id IN ({DID.format('')}) AND {IS_CITY} "
            f"AND EXISTS (SELECT 1 {HELD} LIMIT 1 OFFSET 1)",
            f"SELECT count(*) FROM customer c WHERE c.id IN ({IN_ORDER}) AND {IS_CITY} "
            f"AND EXISTS (SELECT 1 {HELD} LIMIT 1 OFFSET 1)",
            f"WITH e AS MATERIALIZED ({DID.format('DISTINCT')}), x AS MATERIALIZED (SELECT c.id FROM e JOIN customer c "
            f"ON c.id = e.customer_id WHERE {IS_CITY}) SELECT count(*) FROM x c WHERE (SELECT count(*) {HELD}) >= 2",
            f"WITH e AS MATERIALIZED ({DID.format('DISTINCT')}), x AS MATERIALIZED (SELECT c.id FROM e JOIN customer c "
            f"ON c.id = e.customer_id WHERE {IS_CITY}) SELECT count(*) FROM (SELECT p.customer_id FROM x JOIN "
            "promo_code p ON p.customer_id = x.id WHERE p.issued_at IS NOT NULL GROUP BY 1 HAVING count(*) >= 2) found",
        ],
    ),
    "an attribute": ([CITY], [f"SELECT count(*) FROM customer c WHERE {IS_CITY}"]),
    "2 codes issued": (
        [TWICE],
        [f"SELECT count(*) FROM (SELECT customer_id {ISSUED} GROUP BY customer_id HAVING count(*) >= 2) found"],
    ),
    "no code issued": (
        [TWICE | {"op": "eq", "value": 0}],
        [
            f"SELECT count(*) FROM customer c WHERE NOT EXISTS (SELECT 1 {HELD})",
            f"SELECT count(*) FROM customer c WHERE c.id NOT IN (SELECT customer_id {ISSUED})",
        ],
    ),
    "an event in 30 days": ([LATELY], [f"SELECT count(*) FROM ({DID.format('DISTINCT')}) found"]),
    "an event in 30 days, by a property": (
        [LATELY | {"where": [{"property": "total", "type": "number", "op": "gt", "value": 100}]}],
        [f"SELECT count(*) FROM ({DID.format('DISTINCT')} AND {{total}} > 100) found"],
    ),
    "no event in 30 days": (
        [LATELY | {"op": "did_not"}],
        [f"SELECT count(*) FROM customer c WHERE NOT EXISTS (SELECT 1 FROM ({DID.format('')}) e "
         "WHERE e.customer_id = c.id)",
         f"SELECT count(*) FROM customer c WHERE c.id NOT IN ({DID.format('')})"],
    ),
    "received a distribution": (
        [{"field": "received", "distribution_id": 1, "op": "did"}],
        ["SELECT count(DISTINCT customer_id) FROM message WHERE distribution_id = 1 AND state IN (2, 3)"],
    ),
    "texted in 7 days": (
        [{"field": "texted", "op": "last_days", "value": 7}],
        ["SELECT count(DISTINCT customer_id) FROM message WHERE state IN (2, 3, 4, 6) AND settled_at >= {week}"],
    ),
}  # fmt: skip


def run() -> list[Figure]:
    """Every question on each database."""
    figures: list[Figure] = []
    for kind in kinds():
        with databases(kind) as (db,):
            fill(db)
            figures += measure(db)
    return figures


def measure(db: Database) -> list[Figure]:
    """Every question on a database that `fill` filled. Raises `AssertionError` where an answer is not the same."""
    kind = "sqlite" if db.is_sqlite else "postgresql"
    figures: list[Figure] = []
    for name, (rules, by_hand) in QUESTIONS.items():
        works = [_ours(db, rules), *(_by_hand(db, statement) for statement in by_hand if _in_time(db, statement))]
        answers = [work() for work in works]
        assert len(set(answers)) == 1, (name, answers)
        ours, *theirs = alternating(works, ROUNDS)
        figures.append(Figure(f"{kind}: {name}", ours * 1000, "ms", "by hand", min(theirs) * 1000))
    return figures


def _ours(db: Database, rules: list[dict[str, Any]]) -> Callable[[], int]:
    """Compile rules and count who matches."""

    def work() -> int:
        with db.read() as session:
            where = counting.matching(session, parse({"rules": rules}), NOW)
            return session.scalar(select(func.count()).select_from(Customer).where(where)) or 0

    return work


def _in_time(db: Database, statement: str) -> bool:
    """Whether a statement by hand ends in reasonable time: some that are good on one database never end on the other.

    (PostgreSQL compares each customer with a list after NOT IN that does not fit into `work_mem`.)
    """
    try:
        with db.read() as session, at_most(session, PATIENCE):
            session.execute(_written(db, statement)).scalar()
    except TooSlow:
        return False
    return True


def _by_hand(db: Database, statement: str) -> Callable[[], int]:
    """Run a statement as it is."""
    written = _written(db, statement)

    def work() -> int:
        with db.read() as session:
            return int(session.execute(written).scalar() or 0)

    return work


def _written(db: Database, statement: str) -> TextClause:
    """A statement by hand with the database's way to write moments and properties."""
    if db.is_sqlite:
        since, week = "'2026-05-16 12:00:00.000000'", "'2026-06-08 12:00:00.000000'"
        total = "properties ->> 'total'"
    else:
        since, week = "timestamptz '2026-05-16 12:00:00+00'", "timestamptz '2026-06-08 12:00:00+00'"
        total = "(properties ->> 'total')::float"
    return text(statement.format(since=since, week=week, total=total))


def fill(db: Database) -> None:
    """Customers, codes issued to them, what they did, and what they were sent; indexes are made again afterwards."""
    with db._writer.begin() as connection:
        dropped = _without_indexes(connection, ("customer", "promo_code", "event", "message"))
        for statement in _statements("sqlite" if db.is_sqlite else "postgresql"):
            connection.execute(text(statement))
        for statement in dropped:
            connection.exec_driver_sql(statement)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not db.is_sqlite:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _without_indexes(connection: Connection, tables: Sequence[str]) -> list[str]:
    """Drop the indexes of some tables (those of constraints stay); returns the statements that make them."""
    found: list[tuple[str, str]] = []
    for table in tables:
        if connection.dialect.name == "sqlite":
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = :table"
        else:
            query = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = :table AND indexname LIKE 'ix\\_%'"
        found += [(name, sql) for name, sql in connection.execute(text(query), {"table": table})]
    for name, _ in found:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    return [sql for _, sql in found]


def _statements(kind: str) -> list[str]:
    """The data, as `INSERT … SELECT`."""

    def drawn(salt: int, below: int) -> str:
        return f"({DRAWN.format(salt=salt)} % {below})"

    def past(seconds: str) -> str:
        return PAST[kind].format(seconds=seconds)

    def chosen(salt: int, words: Sequence[str]) -> str:
        whens = " ".join(f"WHEN {place} THEN '{word}'" for place, word in enumerate(words))
        return f"CASE {drawn(salt, len(words))} {whens} END"

    def series(n: int) -> str:
        return SERIES[kind].format(n=n) + (" s" if kind == "postgresql" else "")

    as_json = "" if kind == "sqlite" else "::jsonb"
    attributes = (
        f"""'{{"city": "' || {chosen(1, CITIES)} || '", "visits": ' || {drawn(2, 50)} || ', "birthday": "19' || """
        f"""(50 + {drawn(3, 50)}) || '-0' || (1 + {drawn(4, 9)}) || '-1' || {drawn(5, 9)} || '"}}'"""
    )
    name = chosen(6, NAMES)
    folded = chosen(6, [each.lower().translate(str.maketrans("łż", "lz")) for each in NAMES])
    fake = ", ".join(
        [
            "n", "'+48' || (500000000 + n)", "'CRM-' || (100000000 + n)", name, folded, folded,
            chosen(7, ["PL", "PL", "PL", "GB", "DE"]), "'Europe/Warsaw'",
            chosen(8, ["given", "given", "given", "unknown", "opted_out"]),
            f"({attributes}){as_json}", past(drawn(9, 2 * YEAR)), past("0"),
        ]
    )  # fmt: skip
    return [
        f"""INSERT INTO customer (id, phone, source_id, name, search, search_last, region, time_zone, consent,
        attributes, created_at, updated_at) SELECT {fake} FROM {series(CUSTOMERS)}""",
        f"""INSERT INTO promo_code (id, code, group_id, lot_id, state, customer_id, issued_at, redeemed_at)
        SELECT n, 'CODE-' || (1000000000 + n), 1 + {drawn(11, 20)}, 1, 2, 1 + {drawn(12, CUSTOMERS)},
        {past(drawn(13, YEAR))}, CASE WHEN {drawn(14, 4)} = 0 THEN {past("0")} END FROM {series(CODES)}""",
        f"""INSERT INTO event (id, customer_id, name, at, properties, received_at)
        SELECT n, 1 + {drawn(21, CUSTOMERS)}, {chosen(22, EVENT_NAMES)},
        {past(f"({EVENTS} - n) * {YEAR} / {EVENTS}")}, ('{{"total": ' || {drawn(24, 200)} || '}}'){as_json},
        {past("0")} FROM {series(EVENTS)}""",
        f"""INSERT INTO message (id, distribution_id, customer_id, step, occurrence, state, settled_at)
        SELECT n, 1 + (n - 1) / {CUSTOMERS // 2}, 1 + ((n - 1) * 3) % {CUSTOMERS}, 0, 0,
        CASE WHEN {drawn(31, 20)} = 0 THEN 5 ELSE 3 END, {past(f"{MESSAGES} - n")} FROM {series(MESSAGES)}""",
        f"""INSERT INTO event_name (name, properties, first_at, created_at)
        VALUES ('cart_abandoned', '{{"total": "number"}}', {past("0")}, {past("0")})""",
        f"""INSERT INTO customer_attribute (name, type, created_at) VALUES ('city', 'text', {past("0")}),
        ('visits', 'number', {past("0")}), ('birthday', 'date', {past("0")})""",
    ]
