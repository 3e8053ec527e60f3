"""Sample data: what a shop would have after its first months, for the demo and for measuring at scale."""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any

from sqlalchemy import insert, literal, select
from sqlalchemy.orm import Session

from bot.sample import events, scale
from bot.sample.people import customers as people
from bot.sample.size import BASE_GROUPS, Say, Size, silent
from distribution import promotions, settings
from distribution.codes import generate, groups, intake
from distribution.codes.format import Format
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.segments import editing
from storage import customers
from storage.plain import table_of
from storage.rules import Condition, Rules
from storage.tables import ConsentChange, Customer, TeamMember

DEMO = Size(events=3_000)
CUSTOMERS, CODES = DEMO.customers, DEMO.codes
CHUNK = 20_000
# Since when the shop has had customers, and how long ago the newest came.
OPEN_FOR, NEWEST = timedelta(days=730), timedelta(days=10)
BY = "U0ADA"

ATTRIBUTES = {"city": "text", "tier": "text", "orders": "number", "last_order": "date", "newsletter": "boolean"}

# The people of the sandbox's workspace (sandbox/people.py) and what they are to promobot.
TEAM = (
    ("U0MAYA", "Maya Lindqvist", "marketer", "+46701740697"),
    ("U0LEE", "Lee Okafor", "approver", "+46701740698"),
    ("U0ADA", "Ada Novak", "admin", "+46701740699"),
)

SETTINGS = {
    "approvals.required": "above:10",  # one customer goes at once, a segment asks Lee
    "approvals.channel": "C0APPROVALS",
    "sending.hold": "10",  # seconds: long enough to be seen
    "region.default": "PL",
    "time_zone": "Europe/Warsaw",
    "cost.per_segment": "0.035",
    "cost.currency": "USD",
}

SUMMER, SCHOOL, WELCOME = "Summer 10%", "School 30%", "Welcome back"
REGULARS = "Warsaw regulars"


def load(runtime: Runtime, size: Size = DEMO, *, say: Say = silent) -> None:
    """Fill an empty database with a shop of that size. Raises `Refused` if it is not empty.

    The sandbox's phone is not added here: it has an address of its own (`bot.demo`).
    """
    now = runtime.clock.now()
    rows = _chunks(_customers(size.customers, now))
    with runtime.db.write() as session:
        if session.scalar(select(Customer.id).limit(1)) is not None:
            raise Refused("There are customers here already: sample data is for an empty database.")
        for user_id, name, role, phone in TEAM:
            session.merge(TeamMember(user_id=user_id, name=name, role=role, time_zone="Europe/Warsaw", phone=phone))
        for key, text in SETTINGS.items():
            settings.put(session, key, text)
        for name, kind in ATTRIBUTES.items():
            customers.add_attribute(session, name, kind, at=now - OPEN_FOR)
        session.execute(insert(table_of(Customer)), next(rows))
        _groups(session, size.codes if size.groups <= BASE_GROUPS else CODES, now - NEWEST)
        _segments(session, now)
        promotions.create(
            session, "Free shipping over 150 zł", "Free shipping on orders over 150 zł, until Sunday", by=BY, now=now
        )
    done = min(CHUNK, size.customers)
    say("customers", done, size.customers)
    for chunk in rows:  # each in a transaction of its own: a million in one would keep everybody else waiting
        with runtime.db.write() as session:
            session.execute(insert(table_of(Customer)), chunk)
        done += len(chunk)
        say("customers", done, size.customers)
    with runtime.db.write() as session:
        first = select(Customer.id, Customer.consent, literal("sample data"), Customer.consent_at)
        session.execute(
            insert(ConsentChange).from_select(
                ["customer_id", "consent", "source", "at"], first.where(Customer.consent != "unknown")
            )
        )
    if size.groups > BASE_GROUPS:
        scale.grow(runtime, size, say=say)
    if size.events:
        events.load(runtime, size.events, seed=size.seed, say=say)


def contacts(runtime: Runtime) -> dict[str, str]:
    """Names by phone number, for the sandbox's phone: the team's own and the customers', at most a few thousand."""
    with runtime.db.read() as session:
        rows = session.execute(select(Customer.phone, Customer.name).where(Customer.phone.is_not(None)).limit(5000))
        found = {phone: name for phone, name in rows if phone and name}
        team = select(TeamMember.phone, TeamMember.name).where(TeamMember.phone.is_not(None))
        return found | {phone: name for phone, name in session.execute(team) if phone}


def _customers(total: int, now: datetime) -> Iterator[dict[str, Any]]:
    """Customers as rows, who came one by one over the time that the shop is open."""
    keys = lru_cache(100_000)(customers.search_keys)
    for place, row in enumerate(people(total)):
        came = now - OPEN_FOR + (OPEN_FOR - NEWEST) * ((place * 7919) % 10_007 / 10_007)
        row["search"], row["search_last"] = keys(row["name"])
        row["consent_at"] = came if row["consent"] != "unknown" else None
        row["created_at"] = row["updated_at"] = came
        yield row


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _groups(session: Session, codes: int, now: datetime) -> None:
    """One group with plenty, made by its format; one that was uploaded; one that is nearly used up."""
    summer = groups.create(
        session,
        SUMMER,
        formats=[Format.parse("SUMMER-{string('0-9', 4)}{string('a-Z', 10)}")],
        low_stock_level=200,
        by=BY,
        now=now,
    )
    generate.generate_into(session, summer.id, codes, by=BY, now=now)
    school = groups.create(session, SCHOOL, low_stock_level=100, by=BY, now=now)
    form = Format.parse("SCHOOL30-{string('A-Z', 3)}{string('0-9', 4)}")
    made = sorted(map(form.nth, secrets.SystemRandom().sample(range(form.room), 500)))  # no two alike
    intake.add(session, school.id, made, by=BY, now=now, method="file", detail={"file": "school-codes.csv"})
    welcome = groups.create(
        session,
        WELCOME,
        formats=[Format.parse("HELLO-{string('A-Z', 4)}-{string('0-9', 4)}")],
        low_stock_level=50,
        by=BY,
        now=now,
    )
    generate.generate_into(session, welcome.id, 12, by=BY, now=now)


def _segments(session: Session, now: datetime) -> None:
    """Rules over attributes, and over the codes that a customer had."""
    city = Condition("attribute", "is", "Warsaw", attribute="city", type="text")
    often = Condition("attribute", "ge", 3, attribute="orders", type="number")
    editing.create(session, REGULARS, Rules(parts=(city, often)), by=BY, now=now)
    gold = Condition("attribute", "one_of", ("gold", "silver"), attribute="tier", type="text")
    none_yet = Condition("codes_issued", "le", 0)
    editing.create(session, "Loyal, no code yet", Rules(parts=(gold, none_yet)), by=BY, now=now)
