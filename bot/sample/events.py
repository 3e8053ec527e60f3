"""What sample customers did in the last year: the same events at every run, counted back from now."""

import json
import random
from array import array
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.sample.size import Say
from distribution.runtime import Runtime
from storage import bulk
from storage.sequences import take
from storage.tables import Customer, Event, EventName

CHUNK = 100_000
DAYS = 365
# Properties are drawn from so many of each kind of event.
KINDS_OF_PROPERTIES = 2_000

COLUMNS = ("id", "customer_id", "name", "at", "properties", "source_id", "received_at")

CATEGORIES = ("shoes", "shirts", "coats", "bags", "socks", "hats", "sale")


def _viewed(chance: random.Random) -> dict[str, Any]:
    return {"sku": f"SKU-{chance.randrange(5_000):04d}", "category": chance.choice(CATEGORIES)}


def _abandoned(chance: random.Random) -> dict[str, Any]:
    return {"cart_total": round(chance.expovariate(1 / 180) + 5, 2), "items": chance.randint(1, 9)}


def _ordered(chance: random.Random) -> dict[str, Any]:
    return {
        "total": round(chance.expovariate(1 / 220) + 5, 2),
        "currency": chance.choice(("PLN", "PLN", "PLN", "EUR", "SEK", "USD")),
        "first": chance.random() < 0.2,
        "deliver_on": (date(2026, 6, 15) + timedelta(days=chance.randrange(30))).isoformat(),
    }


def _none(_chance: random.Random) -> dict[str, Any]:
    return {}


Make = Callable[[random.Random], dict[str, Any]]

# Name, of a hundred events so many, its properties and their types.
NAMES: tuple[tuple[str, int, Make, dict[str, str]], ...] = (
    ("product_viewed", 55, _viewed, {"sku": "text", "category": "text"}),
    ("logged_in", 20, _none, {}),
    ("cart_abandoned", 12, _abandoned, {"cart_total": "number", "items": "number"}),
    ("order_paid", 11, _ordered, {"total": "number", "currency": "text", "first": "boolean", "deliver_on": "date"}),
    ("newsletter_opened", 2, _none, {}),
)


def load(runtime: Runtime, total: int, *, seed: int, say: Say) -> None:
    """`total` events of the customers there are, evenly over the last year, the oldest first."""
    now = runtime.clock.now().replace(microsecond=0)
    with runtime.db.write() as session:
        customer_ids = array("q", session.scalars(select(Customer.id).order_by(Customer.id)))
        for name, _share, _make, properties in NAMES:
            first_at = now - timedelta(days=DAYS)
            session.merge(EventName(name=name, properties=properties, first_at=first_at, created_at=now))
    rows = _rows(customer_ids, total, now, random.Random(seed))  # noqa: S311 - nothing secret, the same at every run
    done = 0
    while done < total:
        with runtime.db.write() as session:
            done += _chunk(session, rows, min(CHUNK, total - done))
        say("events", done, total)


def _chunk(session: Session, rows: Iterator[tuple[Any, ...]], count: int) -> int:
    """Store the next `count`; returns that."""
    first = take(session, "event", count)
    moment = bulk.moments(session)
    made = [
        (first + place, customer_id, name, moment(at), properties, source_id, moment(at))
        for place, (customer_id, name, at, properties, source_id) in zip(range(count), rows, strict=False)
    ]
    bulk.load(session, Event, COLUMNS, made)
    return count


def _rows(
    customer_ids: Sequence[int], total: int, now: datetime, chance: random.Random
) -> Iterator[tuple[int, str, datetime, str, str]]:
    """Customer, name, time (whole seconds), properties as JSON, source id."""
    kinds = [
        (name, [json.dumps(make(chance)) for _ in range(KINDS_OF_PROPERTIES)]) for name, _share, make, _types in NAMES
    ]
    shares = [share for _name, share, _make, _types in NAMES]
    step = DAYS * 86_400 / max(total, 1)
    start = now - timedelta(days=DAYS)
    at, second = start, 0
    for begun in range(0, total, CHUNK):
        size = min(CHUNK, total - begun)
        who = chance.choices(customer_ids, k=size)
        what = chance.choices(kinds, shares, k=size)
        which = chance.choices(range(KINDS_OF_PROPERTIES), k=size)
        for place in range(size):
            passed = int((begun + place) * step)
            if passed != second:  # many share a second where there are many
                at, second = start + timedelta(seconds=passed), passed
            name, properties = what[place]
            yield who[place], name, at, properties[which[place]], f"evt-{begun + place:09d}"
