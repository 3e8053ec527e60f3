"""One customer: found, added, edited, and everything that is known about them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distribution import settings
from distribution.automatic import watching
from distribution.customers import clean, consent, phone
from distribution.customers.consent import OPTED_OUT_BEFORE
from distribution.customers.erasing import not_erased
from distribution.errors import Refused
from distribution.segments import counting
from distribution.segments.describing import describe
from distribution.segments.rules import parse
from storage import codes, customers, events, planned_counts, suppressions
from storage.customers import MessageLine
from storage.planned_counts import PlannedLine
from storage.rules import Rules
from storage.tables import Customer, Segment

# What a profile shows, a page of one at a time: a customer may have hundreds of each.
TABS = ("about", "attributes", "codes", "messages", "events", "replies", "consent")
PAGE = 15


@dataclass(frozen=True)
class Membership:
    """A segment that a customer is in, and by which of its rules, in words."""

    segment: Segment
    why: str


@dataclass(frozen=True)
class Profile:
    """A customer, and a page of one tab: newest first; segments and attributes by name.

    `lines`: "about": `Membership`; "attributes": (name, value); "codes": `CodeLine`; "messages": `PlannedLine` and
    `MessageLine`; "events": `Event`; "replies": `Reply`; "consent": `ConsentChange`. `more`: there is another page.
    """

    customer: Customer
    tab: str = "about"
    page: int = 0
    lines: Sequence[Any] = ()
    more: bool = False


@dataclass(frozen=True)
class Details:
    """A customer as a person types them: text, empty where there is nothing. `attributes`: text by name."""

    name: str = ""
    phone: str = ""
    source_id: str = ""
    region: str = ""
    locale: str = ""
    time_zone: str = ""
    attributes: Mapping[str, str] | None = None  # None: leave them


def get(session: Session, customer_id: int) -> Customer:
    """A customer. Raises `Refused`, field "customer"."""
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise Refused("This customer does not exist any more.", field="customer")
    return customer


def find(session: Session, query: str, limit: int) -> list[Customer]:
    """Up to `limit` customers by name, number (with or without country code) or source id: see `storage.customers`."""
    text = query.strip()
    digits = sum(char.isdecimal() for char in text)
    looks_like_number = digits >= 3 and not any(char.isalpha() for char in text)
    prefixes = phone.prefixes(text, settings.get(session, "region.default")) if looks_like_number else []
    return customers.find(session, text, limit, phones=prefixes)


def profile(session: Session, customer_id: int, now: datetime, tab: str = "about", page: int = 0) -> Profile:
    """A page (from 0) of what is known about a customer at `now`. Raises `Refused`, field "customer"."""
    customer, skipped = get(session, customer_id), max(page, 0) * PAGE
    lines = _TABS[tab](session, customer, now, skipped)
    return Profile(customer, tab, max(page, 0), lines[:PAGE], len(lines) > PAGE)


def _memberships(session: Session, customer: Customer, now: datetime, skipped: int) -> Sequence[Membership]:
    """The segments that a customer is in, and why."""
    segments = [] if customer.erased_at else counting.of_customer(session, customer.id, now)
    shown = segments[skipped : skipped + PAGE]
    why = [Membership(segment, _why(session, segment, customer.id, now)) for segment in shown]
    return [*why, *(Membership(segment, "") for segment in segments[skipped + PAGE :][:1])]


def _why(session: Session, segment: Segment, customer_id: int, now: datetime) -> str:
    """Why a customer is in a segment: on its list, or the rules that hold for them."""
    if segment.kind != "dynamic":
        return "on its list"
    rules = parse(segment.rules)
    if rules.match == "all" or rules.negate or len(rules.parts) < 2:
        return describe(session, rules)
    holding = []
    for part in rules.parts:
        alone = Rules(parts=(part,))
        where = counting.matching(session, alone, now, few=True)
        if session.scalar(select(Customer.id).where(Customer.id == customer_id, where)) is not None:
            holding.append(part)
    return describe(session, Rules(parts=tuple(holding) or rules.parts))


def _messages(session: Session, customer_id: int, skipped: int) -> Sequence[MessageLine | PlannedLine]:
    """What is planned for a customer and was not made (yet), then the messages to them."""
    planned = planned_counts.of_customer(session, customer_id, PAGE + 1, skipped)
    room = PAGE + 1 - len(planned)
    if not room:
        return planned
    before = planned_counts.count_of_customer(session, customer_id) if skipped else 0
    return [*planned, *customers.messages(session, customer_id, room, max(0, skipped - before))]


_TABS: dict[str, Callable[[Session, Customer, datetime, int], Sequence[Any]]] = {
    "about": _memberships,
    "attributes": lambda _, customer, __, skipped: sorted(customer.attributes.items())[skipped:][: PAGE + 1],
    "codes": lambda session, customer, _, skipped: codes.of_customer(session, customer.id)[
        skipped : skipped + PAGE + 1
    ],
    "messages": lambda session, customer, _, skipped: _messages(session, customer.id, skipped),
    "events": lambda session, customer, _, skipped: events.of_customer(session, customer.id, PAGE + 1, skipped),
    "replies": lambda session, customer, _, skipped: customers.replies(session, customer.id, PAGE + 1, skipped),
    "consent": lambda session, customer, _, skipped: customers.history(session, customer.id, PAGE + 1, skipped),
}


def add(
    session: Session, details: Details, *, agreed: bool, by: str, by_name: str, statement: str, now: datetime
) -> Customer:
    """A new customer. `agreed`: the person `by` states that they agreed to texts, with `statement` in their words.

    Raises `Refused`: fields "name", "phone", "source_id", "region", "locale", "time_zone", "attribute.NAME".
    """
    customer = Customer(consent="unknown", attributes={}, created_at=now, updated_at=now)
    _apply(session, customer, details, now)
    session.add(customer)
    _flush(session)
    if _wanted_no_texts(session, customer, now) and agreed:
        raise Refused(
            "The owner of this number opted out, and was erased since. Save without this; if they asked to be texted "
            "again, record it in their profile.",
            field="agreed",
        )
    if agreed:
        consent.change(session, customer.id, "given", consent.by_person(by_name, by, statement), now)
    watching.touch(session, "profile", [customer.id])
    return customer


def edit(session: Session, customer_id: int, details: Details, *, now: datetime) -> Customer:
    """Make a customer what `details` say. Raises `Refused` as `add` does."""
    customer = not_erased(get(session, customer_id))
    before = customer.phone
    _apply(session, customer, details, now)
    _flush(session)
    if customer.phone != before:
        _wanted_no_texts(session, customer, now)
    watching.touch(session, "profile", [customer.id])
    return customer


def _wanted_no_texts(session: Session, customer: Customer, now: datetime) -> bool:
    """Whether a number that is new here is of somebody who opted out and was erased; then the customer opts out too."""
    if customer.phone is None or not suppressions.among(session, [customer.phone]):
        return False
    suppressions.remove(session, [customer.phone])
    consent.change(session, customer.id, "opted_out", OPTED_OUT_BEFORE, now)
    return True


def _apply(session: Session, customer: Customer, details: Details, now: datetime) -> None:
    """Check everything, then set everything. Raises `Refused`."""
    name, source_id = clean.name(details.name), clean.source_id(details.source_id) or None
    region = clean.region(details.region) if details.region.strip() else None
    default = region or settings.get(session, "region.default")
    number = phone.parse(details.phone, default) if details.phone.strip() else None
    if not number and not source_id:
        raise Refused("Write a phone number, such as +48 501 234 218, or at least a source id.", field="phone")
    with session.no_autoflush:
        _is_free(customers.by_phone(session, number) if number else None, customer, number, "phone")
        _is_free(customers.by_source_id(session, source_id) if source_id else None, customer, source_id, "source_id")
    zone = clean.time_zone(details.time_zone) if details.time_zone.strip() else None
    locale = clean.locale(details.locale) if details.locale.strip() else None
    attributes = _attributes(session, customer.attributes, details.attributes)
    customer.name, customer.source_id, customer.phone, customer.locale = name, source_id, number, locale
    customer.search, customer.search_last = customers.search_keys(name)
    customer.region = region or (phone.region_of(number) if number else None)
    customer.time_zone = zone or (phone.time_zone_of(number) if number else None)
    customer.attributes, customer.updated_at = attributes, now


def _attributes(session: Session, stored: Mapping[str, Any], typed: Mapping[str, str] | None) -> dict[str, Any]:
    """The stored attributes with what was typed; an emptied one goes. Raises `Refused`, field "attribute.NAME"."""
    result = dict(stored)
    kinds = customers.attributes(session) if typed else {}
    for name, text in (typed or {}).items():
        if name not in kinds:
            raise Refused(f"There is no attribute '{name}'.", field=f"attribute.{name}")
        if not text.strip():
            result.pop(name, None)
            continue
        try:
            result[name] = clean.attribute(text, kinds[name])
        except Refused as refusal:
            raise Refused(str(refusal), field=f"attribute.{name}") from None
    return result


def _is_free(holder: Customer | None, customer: Customer, value: str | None, field: str) -> None:
    """Raise `Refused` where another customer has this number or id."""
    if holder is not None and holder is not customer:
        known = holder.name or holder.source_id or f"customer {holder.id}"
        raise Refused(f"{value} is {known}'s already. Find them with /promo customers {value}.", field=field)


def _flush(session: Session) -> None:
    """Write. Raises `Refused` where somebody else took the number or id a moment ago."""
    try:
        session.flush()
    except IntegrityError:
        raise Refused(
            "Another customer got this number or source id a moment ago. Search for it.", field="phone"
        ) from None
