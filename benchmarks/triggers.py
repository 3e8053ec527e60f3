"""What live distributions cost: events recorded and fired beside bare inserts, and a sweep beside statements by hand.

Twenty live triggers wait for four kinds of event, five for each, by a property: an event sets off two and a half of
them. The ceiling is the same events through the driver alone, in transactions of the same size.

Twenty live segments are swept over a million customers (`BENCH_CUSTOMERS=100000` makes it smaller), as `segments` fills
them: once when a day has passed, which finds and writes who entered and left, and then again and again when nothing has
changed, as a sweep mostly is. The statements by hand look for the same differences, and write nothing.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import TextClause, insert, select, text

from benchmarks import segments
from benchmarks.databases import databases, kinds
from benchmarks.figure import Figure, alternating, seconds
from benchmarks.segments import CITY, HELD, IS_CITY, LATELY, NOW, TWICE, fill
from distribution import events
from distribution.automatic import entering, firing
from distribution.clock import ManualClock
from distribution.kinds import jobs_for
from distribution.links import Links
from distribution.runtime import Runtime
from distribution.segments import counting, editing
from distribution.segments.rules import parse
from distribution.vault import Vault
from storage import trigger_members
from storage.database import Database
from storage.loading import load, moment
from storage.tables import Customer, Distribution, Planned

EVENTS, CALL = 20_000, 100  # in all, and in one call of the API
LIVE = 20
ROUNDS = 3

NAMES = ("cart_abandoned", "order_paid", "page_seen", "app_opened")
EVENT = ("id", "customer_id", "name", "at", "properties", "source_id", "received_at")

DID = "SELECT customer_id AS id FROM event WHERE name = '{}' AND at >= {}"
IDS = "SELECT c.id FROM customer c WHERE {}"
RECEIVED: dict[str, Any] = {"field": "received", "op": "did"}
TEXTED: dict[str, Any] = {"field": "texted", "op": "last_days"}


def _attribute(name: str, kind: str, op: str, value: Any) -> dict[str, Any]:
    """A rule about an attribute."""
    return {"field": "attribute", "attribute": name, "type": kind, "op": op, "value": value}


# Rules, and the ids of those who match by hand; {0} stands for the moment so many days ago, {visits} for a number.
QUESTIONS: list[tuple[list[dict[str, Any]], int, str]] = [
    *(
        ([CITY | {"value": city}], 0, IDS.format(f"c.attributes ->> 'city' = '{city}'"))
        for city in ("Warsaw", "Berlin", "London")
    ),
    *(([LATELY | {"days": days}], days, DID.format("cart_abandoned", "{0}")) for days in (7, 30, 90)),
    *(
        (
            [LATELY | {"op": "did_not", "days": days}],
            days,
            f"SELECT id FROM customer EXCEPT {DID.format('cart_abandoned', '{0}')}",
        )
        for days in (7, 30, 90)
    ),
    *(
        (
            [TWICE | {"value": number}],
            0,
            "SELECT customer_id AS id FROM promo_code WHERE customer_id IS NOT NULL AND issued_at IS NOT NULL "
            f"GROUP BY 1 HAVING count(*) >= {number}",
        )
        for number in (2, 5)
    ),
    ([TWICE | {"op": "eq", "value": 0}], 0, IDS.format(f"NOT EXISTS (SELECT 1 {HELD})")),
    *(
        (
            [RECEIVED | {"distribution_id": number}],
            0,
            f"SELECT DISTINCT customer_id AS id FROM message WHERE distribution_id = {number} AND state IN (2, 3)",
        )
        for number in (1, 2)
    ),
    *(
        (
            [TEXTED | {"value": days}],
            days,
            "SELECT DISTINCT customer_id AS id FROM message WHERE state IN (2, 3, 4, 6) AND settled_at >= {0}",
        )
        for days in (7, 30)
    ),
    ([{"field": "created", "op": "older_days", "value": 365}], 365, IDS.format("c.created_at < {0}")),
    ([{"field": "created", "op": "last_days", "value": 30}], 30, IDS.format("c.created_at >= {0}")),
    ([_attribute("visits", "number", "ge", 40)], 0, IDS.format("{visits} >= 40")),
    (
        [CITY, TWICE, LATELY],
        30,
        f"{IDS.format(IS_CITY)} AND c.id IN ({DID.format('cart_abandoned', '{0}')}) "
        f"AND EXISTS (SELECT 1 {HELD} LIMIT 1 OFFSET 1)",
    ),
]  # fmt: skip


def run() -> list[Figure]:
    """Both figures on each database."""
    figures: list[Figure] = []
    for kind in kinds():
        with databases(kind, 2) as (small, large):
            figures += fired(kind, small)
            fill(large)
            figures += swept(kind, large)
    return figures


def fired(kind: str, db: Database) -> list[Figure]:
    """Events a second, recorded while nothing is live, and recorded and fired; beside bare inserts."""
    runtime = _runtime(db, NOW)
    with db.write() as session:
        row = {"name": "", "consent": "given", "attributes": {}, "created_at": NOW, "updated_at": NOW}
        session.execute(insert(Customer), [row | {"source_id": f"C{number}"} for number in range(1000)])
    bare = seconds(lambda: _bare(db))
    recorded = seconds(lambda: _record(runtime, "a"))
    with db.write() as session:
        for number in range(LIVE):
            session.add(live(on_event(number), NOW - timedelta(days=1)))
    taken = seconds(lambda: _recorded_and_fired(runtime))
    with db.read() as session:
        assert len(session.scalars(select(Planned.id)).all()) > EVENTS
    ceiling = ("bare inserts", EVENTS / bare)
    return [
        Figure(f"{kind}: events recorded, nothing live", EVENTS / recorded, "events/s", *ceiling),
        Figure(f"{kind}: events recorded and fired, {LIVE} live", EVENTS / taken, "events/s", *ceiling),
    ]


def swept(kind: str, db: Database) -> list[Figure]:
    """Seconds of a sweep of a filled database, beside statements by hand. Raises `AssertionError` where they find
    others than we do."""
    runtime = _runtime(db, NOW - timedelta(days=1))
    with db.write() as session:
        for number, (rules, _, _) in enumerate(QUESTIONS):
            made = editing.create(session, f"Watched {number}", parse({"rules": rules}), by="U0ADA", now=NOW)
            session.add(live({"kind": "segment", "segment_id": made.id, "reentry": "always"}, NOW - timedelta(days=1)))
    noted = seconds(lambda: entering.begin(runtime))
    if not db.is_sqlite:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE trigger_member")
    runtime = _runtime(db, NOW)
    works = [_by_hand(db, number) for number in range(1, LIVE + 1)]
    changed = 0
    for number, ways in enumerate(works, 1):
        found = [_ours(db, number), *(sorted(way()) for way in ways)]
        assert found[0] == found[1] == found[2], QUESTIONS[number - 1]
        changed += len(found[0])
    quickest = [min(ways, key=seconds) for ways in works]
    by_hand = seconds(lambda: [way() for way in quickest])
    first = seconds(lambda: entering.sweep(runtime))
    again, theirs = alternating([lambda: entering.sweep(runtime), lambda: [way() for way in quickest]], ROUNDS)
    size = f"{segments.CUSTOMERS:,} customers, {LIVE} live segments"
    return [
        Figure(f"{kind}: members noted, {size}", noted, "s", "found by hand", by_hand),
        Figure(f"{kind}: a sweep after a day, {changed:,} came or went, {size}", first, "s", "found by hand", by_hand),
        Figure(f"{kind}: a sweep that finds nobody, {size}", again, "s", "found by hand", theirs),
    ]


def _runtime(db: Database, now: datetime) -> Runtime:
    """A runtime whose clock stands still."""
    clock, vault = ManualClock(now), Vault("a secret key for benchmarks")
    return Runtime(db, clock, jobs_for(clock), Links("https://promo.example", vault.derive("qr links")), vault)


def live(trigger: dict[str, Any], at: datetime) -> Distribution:
    """A live distribution, set live at a time."""
    given = {"created_by": "U0ADA", "created_at": at, "updated_at": at, "started_at": at}
    return Distribution(mode="automatic", status="sending", subject="Live", trigger=trigger, **given)


def on_event(number: int) -> dict[str, Any]:
    """One of the triggers that wait for events, an hour long."""
    where = [{"property": "cart_total", "type": "number", "op": "ge", "value": 20 + 40 * (number % 5)}]
    return {"kind": "event", "event": NAMES[number % len(NAMES)], "where": where, "reentry": "always", "delay": 60}


def _bare(db: Database) -> None:
    """The same events, through the driver alone."""
    for start in range(0, EVENTS, CALL):
        with db.write() as session:
            at = moment(session, NOW)
            load(session, "event", EVENT, [
                (10**9 + n, 1 + n % 1000, NAMES[n % 4], at, json.dumps({"cart_total": n % 200}), f"bare{n}", at)
                for n in range(start, start + CALL)
            ])  # fmt: skip


def _record(runtime: Runtime, run: str) -> None:
    """The same events, as the API takes them."""
    for start in range(0, EVENTS, CALL):
        told = [
            {
                "customer": f"C{n % 1000}",
                "name": NAMES[n % 4],
                "properties": {"cart_total": n % 200},
                "source_id": f"{run}{n}",
            }
            for n in range(start, start + CALL)
        ]
        with runtime.db.write() as session:
            events.record(session, told, now=NOW)


def _recorded_and_fired(runtime: Runtime) -> None:
    """The same events again, with what they set off."""
    _record(runtime, "b")
    firing.look(runtime)


def _ours(db: Database, distribution_id: int) -> Sequence[int]:
    """Who came and went, as the sweep finds them."""
    with db.read() as session:
        segment_id = session.get_one(Distribution, distribution_id).trigger["segment_id"]
        where = counting.belongs(session, editing.get(session, segment_id), NOW)
        return trigger_members.changed(session, distribution_id, where)


def _by_hand(db: Database, distribution_id: int) -> list[Callable[[], Sequence[int]]]:
    """The same by hand, in two ways: set operations, and anti-joins with what matches written down once."""
    _, days, matching = QUESTIONS[distribution_id - 1]
    since = (NOW - timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S.000000")
    at = f"'{since}'" if db.is_sqlite else f"timestamptz '{since}+00'"
    visits = "c.attributes ->> 'visits'" if db.is_sqlite else "(c.attributes ->> 'visits')::float"
    written = matching.format(at, visits=visits)
    mine = f"SELECT customer_id FROM trigger_member WHERE distribution_id = {distribution_id}"
    sets = (
        f"WITH m AS MATERIALIZED ({written}) SELECT * FROM (SELECT id FROM m EXCEPT {mine}) came "
        f"UNION ALL SELECT * FROM ({mine} EXCEPT SELECT id FROM m) went"
    )
    joins = (
        f"WITH m AS MATERIALIZED (SELECT DISTINCT id FROM ({written}) found) SELECT id FROM m "
        f"WHERE NOT EXISTS ({mine} AND customer_id = m.id) "
        f"UNION ALL {mine} AND NOT EXISTS (SELECT 1 FROM m WHERE m.id = customer_id)"
    )
    return [_work(db, text(statement.replace(":", "\\:"))) for statement in (sets, joins)]


def _work(db: Database, statement: TextClause) -> Callable[[], Sequence[int]]:
    """Run a statement as it is; the customers that it finds."""

    def work() -> Sequence[int]:
        with db.read() as session:
            return session.scalars(statement).all()

    return work
