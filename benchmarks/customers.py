"""Customers and segments beside 100,000 customers and 1,000,000 issued codes: what a listener does has a second."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert

from benchmarks.databases import databases, kinds
from benchmarks.figure import Figure, alternating
from distribution import audience
from distribution.customers import profile
from distribution.segments import counting, editing
from distribution.segments.rules import parse
from storage import customers
from storage.customers import search_keys
from storage.database import Database
from storage.tables import CodeState, Customer, PromoCode, PromoCodeGroup

CUSTOMERS, CODES = 100_000, 1_000_000
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
FIRST = ["Anna", "Ben", "Cleo", "Dan", "Łukasz", "Maria", "Zofia", "Olaf"]
LAST = ["Kowalska", "Nowak", "Smith", "Żak", "Berg", "Rossi", "Novák", "Silva", "Okafor", "Lind"]
CITIES = ["Warsaw", "Łódź", "Kraków", "Gdańsk", "Berlin", "London"]


def run() -> list[Figure]:
    """Every figure on each database."""
    figures: list[Figure] = []
    for kind in kinds():
        with databases(kind) as (db,):
            _fill(db)
            figures += [
                Figure(f"{kind}: {name}", alternating([work])[0] * 1000, "ms", "a listener's second", 1000)
                for name, work in _listeners(db)
            ]
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
