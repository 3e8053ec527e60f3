"""What rules may ask about here and now: attributes, events and their properties, groups, distributions, segments."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution.segments.fields import LABELS
from distribution.segments.names import MIXED
from storage import customers
from storage import segments as rows
from storage.tables import ATTRIBUTE_TYPES, Customer, Distribution, EventName, PromoCodeGroup

# Of so many customers the values of an attribute are suggested: read in milliseconds, whatever there is.
SAMPLE = 2_000


@dataclass(frozen=True)
class Known:
    """Attributes (name → type), events (name → property → type), and by id the names of promo code groups,
    distributions that were begun (the newest first) and segments."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    groups: Mapping[int, str] = field(default_factory=dict)
    distributions: Mapping[int, str] = field(default_factory=dict)
    segments: Mapping[int, str] = field(default_factory=dict)

    def fields(self) -> Iterator[str]:
        """Every field that a rule may ask about, as a key: "region", "attribute:city"."""
        yield from LABELS
        yield from (f"attribute:{name}" for name in self.attributes)

    def properties(self, event: str) -> Iterator[str]:
        """Every property of an event, as a key: "property:total"; with a type where events disagree about it."""
        for name, kind in self.events.get(event, {}).items():
            if kind == MIXED:
                yield from (f"property:{name}:{each}" for each in ATTRIBUTE_TYPES)
            else:
                yield f"property:{name}"


def known(session: Session, *, but: int | None = None) -> Known:
    """What there is to ask about. `but`: a segment that is not offered, because it is the one that asks."""
    groups = select(PromoCodeGroup.id, PromoCodeGroup.name).where(PromoCodeGroup.deleted_at.is_(None))
    begun = select(Distribution.id, Distribution.subject).where(Distribution.status.not_in(("draft", "discarded")))
    return Known(
        attributes=customers.attributes(session),
        events=events(session),
        groups={row.id: row.name for row in session.execute(groups.order_by(PromoCodeGroup.name))},
        distributions={row.id: row.subject for row in session.execute(begun.order_by(Distribution.id.desc()))},
        segments={each.id: each.name for each in rows.live(session) if each.id != but},
    )


def events(session: Session) -> dict[str, dict[str, str]]:
    """Every event that came in, by name, with the types of its properties by theirs."""
    found = session.execute(select(EventName.name, EventName.properties).order_by(EventName.name))
    return {row.name: dict(sorted(row.properties.items())) for row in found}


def values(session: Session, attribute: str) -> list[str]:
    """Texts that customers have as an attribute, by the alphabet: those of the customers who were added last."""
    lately = select(Customer.attributes).order_by(Customer.id.desc()).limit(SAMPLE)
    found = {given.get(attribute) for given in session.scalars(lately)}
    return sorted(value for value in found if isinstance(value, str) and value)
