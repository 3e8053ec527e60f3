"""A small shop for scenarios: customers, a group with codes, a segment, a promotion."""

from dataclasses import dataclass
from datetime import UTC, datetime

from distribution import promotions
from distribution.codes import generate, groups
from distribution.codes.format import Format
from distribution.runtime import Runtime
from distribution.segments import editing
from storage.customers import search_keys
from storage.tables import Customer

BY = "U0ADA"


@dataclass(frozen=True)
class Shop:
    """What was made, by id."""

    group_id: int
    segment_id: int
    promotion_id: int
    numbers: tuple[str, ...]  # of those who can be texted, in the order of their ids


def open_shop(runtime: Runtime, *, customers: int = 5, codes: int = 10, without_consent: int = 1) -> Shop:
    """Customers Anna 1, Anna 2… in Warsaw with consent, then some without; "Summer 10%"; the segment "Regulars"."""
    now = runtime.clock.now()
    numbers = tuple(f"+4873210{at:04d}" for at in range(1101, 1101 + customers))
    with runtime.db.write() as session:
        group = groups.create(
            session, "Summer 10%", formats=[Format.parse("SUMMER-{string('0-9', 6)}")], by=BY, now=now
        )
        if codes:
            generate.generate_into(session, group.id, codes, by=BY, now=now)
        people = [_customer(f"Anna {at} Kowalska", number, "given", now) for at, number in enumerate(numbers, 1)]
        people += [
            _customer(f"Piotr {at} Nowak", f"+4873220{at:04d}", "unknown", now)
            for at in range(1101, 1101 + without_consent)
        ]
        session.add_all(people)
        session.flush()
        segment = editing.create_static(session, "Regulars", [each.id for each in people], by=BY, now=now)
        promotion = promotions.create(session, "Free shipping", "Free shipping over 100 PLN", by=BY, now=now)
        return Shop(group.id, segment.id, promotion.id, numbers)


def _customer(name: str, phone: str, consent: str, now: datetime) -> Customer:
    search, search_last = search_keys(name)
    return Customer(
        name=name,
        phone=phone,
        region="PL",
        consent=consent,
        search=search,
        search_last=search_last,
        attributes={"city": "Warsaw"},
        created_at=now,
        updated_at=datetime.now(UTC),
    )
