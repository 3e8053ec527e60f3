"""One customer: found, added, edited, and everything that is known about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distribution import settings
from distribution.customers import clean, consent, phone
from distribution.customers.consent import OPTED_OUT_BEFORE
from distribution.customers.erasing import not_erased
from distribution.errors import Refused
from distribution.segments import counting
from storage import codes, customers, suppressions
from storage.codes import CodeLine
from storage.customers import MessageLine
from storage.tables import ConsentChange, Customer, Segment

MESSAGES_SHOWN = 20


@dataclass(frozen=True)
class Profile:
    """What is known about a customer; each list is newest first, segments by name."""

    customer: Customer
    consents: list[ConsentChange]
    segments: list[Segment]
    codes: list[CodeLine]
    messages: list[MessageLine]


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


def profile(session: Session, customer_id: int, now: datetime) -> Profile:
    """Everything about one customer; the segments that they are in at `now`. Raises `Refused`, field "customer"."""
    return Profile(
        get(session, customer_id),
        customers.history(session, customer_id),
        counting.of_customer(session, customer_id, now),
        codes.of_customer(session, customer_id),
        customers.messages(session, customer_id, MESSAGES_SHOWN),
    )


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
    return customer


def edit(session: Session, customer_id: int, details: Details, *, now: datetime) -> Customer:
    """Make a customer what `details` say. Raises `Refused` as `add` does."""
    customer = not_erased(get(session, customer_id))
    before = customer.phone
    _apply(session, customer, details, now)
    _flush(session)
    if customer.phone != before:
        _wanted_no_texts(session, customer, now)
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
