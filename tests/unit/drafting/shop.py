"""A small shop: customers, a segment, groups with codes, a provider, and people who send and decide."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from distribution import drafts, review
from distribution.clock import ManualClock
from distribution.codes import groups, intake
from distribution.codes.format import Format
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.segments import editing
from storage.customers import search_keys
from storage.rules import Condition, Rules
from storage.tables import Customer, CustomerAttribute, Distribution, Provider

MAYA, LEE = "U0MAYA", "U0LEE"
BODY = "Hi {{ client.first_name | default('there') }}, your code: {{ client.promocode('Summer 10%') }}."


@dataclass
class Someone:
    """A person who may do some things."""

    user_id: str
    may: frozenset[str] = field(default_factory=lambda: frozenset({"send", "approve"}))

    def must(self, action: str) -> None:
        """Raise `Refused` unless they may."""
        if action not in self.may:
            raise Refused(f"You may not {action}.")


class Shop:
    """The database with a few rows, and the steps of the wizard in one call."""

    def __init__(self, runtime: Runtime, clock: ManualClock) -> None:
        self.runtime, self.db, self.clock = runtime, runtime.db, clock
        with self.db.write() as session:
            session.add(CustomerAttribute(name="city", type="text", created_at=clock.now()))
            group = groups.create(
                session,
                "Summer 10%",
                formats=[Format.parse("SUMMER-{string('0-9', 4)}{string('A-Z', 6)}")],
                by=MAYA,
                now=clock.now(),
            )
            provider = Provider(
                name="Sandbox", name_key="sandbox", kind="sandbox", config={}, created_at=clock.now(), created_by=MAYA
            )
            session.add(provider)
            rules = Rules(parts=(Condition("attribute", "is", "Warsaw", attribute="city", type="text"),))
            segment = editing.create(session, "Warsaw regulars", rules, by=MAYA, now=clock.now())
            session.flush()
            self.group_id, self.provider_id, self.segment_id = group.id, provider.id, segment.id

    def customers(self, *names: str, consent: str = "given", phones: bool = True, **attributes: Any) -> list[int]:
        """Add customers of Warsaw, or of elsewhere when `city` says so; returns their ids."""
        with self.db.write() as session:
            added = []
            for name in names:
                search, search_last = search_keys(name)
                customer = Customer(
                    name=name,
                    search=search,
                    search_last=search_last,
                    consent=consent,
                    attributes={"city": "Warsaw", **attributes},
                    created_at=self.clock.now(),
                    updated_at=self.clock.now(),
                )
                session.add(customer)
                session.flush()
                if phones:
                    customer.phone = f"+4850{customer.id:07d}"
                added.append(customer.id)
            return added

    def codes(self, count: int, *, group_id: int | None = None, prefix: str = "SUMMER-1234AAAA") -> list[str]:
        """Add codes to a group."""
        made = [f"{prefix}{chr(65 + number // 26)}{chr(65 + number % 26)}" for number in range(count)]
        with self.db.write() as session:
            intake.add(session, group_id or self.group_id, made, by=MAYA, now=self.clock.now())
        return made

    def draft(self, session: Session, *, by: str = MAYA, body: str = BODY, **changes: Any) -> Distribution:
        """A draft with every step done."""
        now = self.clock.now()
        draft = drafts.start(session, by=by, channel="C0MARKETING", now=now)
        purpose = changes.get("purpose", "unique_codes")
        drafts.set_type(session, draft, mode="manual", now=now)
        drafts.set_purpose(
            session,
            draft,
            purpose=purpose,
            group_id=changes.get("group_id", self.group_id) if purpose == "unique_codes" else None,
            promotion_id=changes.get("promotion_id"),
            now=now,
        )
        audience = changes.get("audience", {"kind": "segment", "segment_id": self.segment_id})
        drafts.set_audience(session, draft, audience, now=now)
        drafts.set_subject(session, draft, "Summer thank-you", now=now)
        when = {name: changes.get(name) for name in ("send_at", "local_at")}
        drafts.set_message(session, draft, provider_id=self.provider_id, body=body, now=now, **when)
        return draft

    def reviewed(self, **changes: Any) -> tuple[int, review.Review]:
        """A draft and its review."""
        with self.db.write() as session:
            draft = self.draft(session, **changes)
            found = review.review(session, self.runtime, draft.id, by=draft.created_by)
            assert isinstance(found, review.Review)
            return draft.id, found

    def get(self, distribution_id: int) -> Distribution:
        """A distribution as it is now."""
        with self.db.read() as session:
            return session.get_one(Distribution, distribution_id)

    def all(self, kind: type[Any]) -> Sequence[Any]:
        """Every row of a table."""
        with self.db.read() as session:
            return session.query(kind).all()
