"""Customers and segments beside 100,000 customers and 1,000,000 issued codes: what a listener does has a second.

Importing is beside its own ceiling: the same rows, already read, through a bare `executemany` of the same driver.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select

from benchmarks.databases import databases, kinds
from benchmarks.figure import Figure, alternating, seconds
from distribution import audience
from distribution.clock import SystemClock
from distribution.codes.intake import hand_over
from distribution.customers import columns, importing, profile
from distribution.files import read_table
from distribution.kinds import jobs_for
from distribution.links import Links
from distribution.runtime import Runtime
from distribution.segments import counting, editing
from distribution.segments.rules import parse
from distribution.vault import Vault
from storage import customers
from storage.customers import search_keys
from storage.database import Database
from storage.tables import CodeState, ConsentChange, Customer, Job, PromoCode, PromoCodeGroup

CUSTOMERS, CODES, IMPORTED = 100_000, 1_000_000, 50_000
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
FIRST = ["Anna", "Ben", "Cleo", "Dan", "Łukasz", "Maria", "Zofia", "Olaf"]
LAST = ["Kowalska", "Nowak", "Smith", "Żak", "Berg", "Rossi", "Novák", "Silva", "Okafor", "Lind"]
CITIES = ["Warsaw", "Łódź", "Kraków", "Gdańsk", "Berlin", "London"]


def run() -> list[Figure]:
    """Every figure on each database."""
    figures: list[Figure] = []
    for kind in kinds():
        with databases(kind, 2) as (db, empty):
            _fill(db)
            figures += [
                Figure(f"{kind}: {name}", alternating([work])[0] * 1000, "ms", "a listener's second", 1000)
                for name, work in _listeners(db)
            ]
            figures.append(_import(kind, empty))
    return figures


def _listeners(db: Database) -> list[tuple[str, Callable[[], object]]]:
    """What listeners do."""
    city = {"field": "attribute", "attribute": "city", "type": "text", "op": "is", "value": "Warsaw"}
    twice = {"field": "codes_issued", "op": "ge", "value": 12, "group_id": 1}
    never = {"field": "codes_issued", "op": "lt", "value": 8}
    asked: dict[str, dict[str, Any]] = {
        "count by attribute": {"rules": [city]},
        "count by codes issued, at least": {"rules": [twice]},
        "count by codes issued, fewer than": {"rules": [never]},
        "count by attribute, codes and not a name": {
            "rules": [city, twice, {"negate": True, "rules": [{"field": "name", "op": "contains", "value": "kow"}]}]
        },
    }
    with db.write() as session:
        made = {
            name: editing.create(session, name, parse(rules), by="U0MAYA", now=NOW).id for name, rules in asked.items()
        }

    def counted(segment_id: int) -> object:
        with db.read() as session:
            return counting.count(session, counting.belongs(session, editing.get(session, segment_id), NOW))

    def found(query: str) -> object:
        with db.read() as session:
            return profile.find(session, query, 21)

    def textable() -> object:
        with db.read() as session:
            return audience.count(session, {"kind": "segment", "segment_id": made["count by attribute"]}, NOW)

    def shown() -> object:
        with db.read() as session:
            return profile.profile(session, CUSTOMERS // 2, NOW)

    works: list[tuple[str, Callable[[], object]]] = [
        (name, lambda segment_id=segment_id: counted(segment_id)) for name, segment_id in made.items()
    ]
    works += [(f"find '{query}'", lambda query=query: found(query)) for query in ("anna", "silva ol", "501 04", "zzz")]
    return [*works, ("audience: who can be texted", textable), ("a profile, in four segments", shown)]


def _fill(db: Database) -> None:
    """Customers, and ten codes or so each, issued."""
    chance = random.Random(7)
    with db.write() as session:
        customers.add_attribute(session, "city", "text", at=NOW)
        session.add(PromoCodeGroup(id=1, name="Summer", name_key="summer", created_at=NOW, created_by="U0ADA"))
        session.execute(insert(Customer), [_customer(number, chance) for number in range(CUSTOMERS)])
        for start in range(0, CODES, 100_000):
            session.execute(
                insert(PromoCode),
                [
                    {
                        "id": number + 1,
                        "code": f"SUMMER{number:08d}",
                        "group_id": number % 2,
                        "lot_id": 1,
                        "state": CodeState.ISSUED,
                        "customer_id": chance.randrange(CUSTOMERS) + 1,
                        "issued_at": NOW,
                    }
                    for number in range(start, start + 100_000)
                ],
            )
    if not db.is_sqlite:
        with db.engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")


def _customer(number: int, chance: random.Random) -> dict[str, Any]:
    """A row of `customer`."""
    name = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
    search, search_last = search_keys(name)
    return {
        "id": number + 1,
        "phone": f"+48501{number:06d}",
        "source_id": f"CRM-{number}",
        "name": name,
        "search": search,
        "search_last": search_last,
        "region": "PL",
        "time_zone": "Europe/Warsaw",
        "consent": chance.choice(["given", "given", "given", "unknown", "opted_out"]),
        "attributes": {"city": chance.choice(CITIES), "visits": chance.randrange(20)},
        "created_at": NOW,
        "updated_at": NOW,
    }


def _import(kind: str, db: Database) -> Figure:
    """A file of new customers with consent, from its bytes to the last row."""
    clock, vault = SystemClock(), Vault("a secret key for benchmarks")
    runtime = Runtime(db, clock, jobs_for(clock), Links("https://promo.example", vault.derive("qr links")), vault)
    chance = random.Random(7)
    made = [_customer(number, chance) for number in range(IMPORTED)]
    lines = [f"{row['source_id']},{row['name']},{row['phone']},{row['attributes']['city']}" for row in made]
    data = ("id,name,phone,city\n" + "\n".join(lines)).encode()
    with db.write() as session:
        upload_id, table = hand_over(session, data, "bench.csv", by="U0MAYA", now=clock.now())
        guessed = [column.to_json() for column in columns.guess(read_table(data, table.filename), {})]
        importing.import_file(
            runtime.jobs, session, upload_id, guessed, region="PL", everyone_agreed=True, by="U0MAYA", by_name="Maya"
        )
    ours = seconds(lambda: runtime.jobs.run_next(runtime))
    with db.read() as session:
        job = session.scalars(select(Job)).one()
        assert job.result["created"] == IMPORTED, job.error
    with db.write() as session:
        session.execute(delete(ConsentChange))
        session.execute(delete(Customer))

    def bare() -> None:
        with db.write() as session:
            session.execute(insert(Customer), made)

    return Figure(
        f"{kind}: import {IMPORTED:,} new customers",
        IMPORTED / ours,
        "/s",
        "executemany of read rows",
        IMPORTED / seconds(bare),
    )
