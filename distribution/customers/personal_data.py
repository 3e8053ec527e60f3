"""Everything that is kept about one customer, as one JSON object: what they may ask for (GDPR, articles 15 and 20)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from distribution import reasons
from distribution.customers.profile import get
from distribution.segments import counting
from storage import codes, customers, events, planned_counts

PAGE = 1_000


def export(session: Session, customer_id: int, now: datetime) -> dict[str, Any]:
    """What is known about a customer; times in UTC. Raises `Refused`, field "customer", where there is no such."""
    customer = get(session, customer_id)
    return {
        "customer": {
            "source_id": customer.source_id,
            "phone": customer.phone,
            "name": customer.name,
            "country": customer.region,
            "locale": customer.locale,
            "time_zone": customer.time_zone,
            "attributes": customer.attributes,
            "consent": customer.consent,
            "consent_since": _when(customer.consent_at),
            "added": _when(customer.created_at),
            "changed": _when(customer.updated_at),
            "erased": _when(customer.erased_at),
        },
        "consent_history": [
            {"consent": change.consent, "on_the_word_of": change.source, "at": _when(change.at)}
            for change in customers.history(session, customer_id, limit=None)
        ],
        "segments": [segment.name for segment in counting.of_customer(session, customer_id, now)],
        "promo_codes": [
            {
                "code": line.code,
                "group": line.group,
                "issue": line.issue,
                "distribution": line.distribution,
                "at": _when(line.at),
                "state": line.state.name.lower(),
                "redeemed": _when(line.redeemed_at),
            }
            for line in codes.of_customer(session, customer_id)
        ],
        "messages": [
            {
                "distribution": line.subject,
                "phone": line.phone,
                "state": line.state.name.lower(),
                "reason": reasons.words(line.reason) if line.reason else None,
                "sms_segments": line.segments,
                "at": _when(line.settled_at),
                "delivered": _when(line.delivered_at),
            }
            for line in customers.messages(session, customer_id, None)
        ],
        "planned": [
            {
                "distribution": line.subject,
                "reminder": line.step or None,
                "state": line.state.name.lower(),
                "reason": reasons.dropped(line.reason) if line.reason else None,
                "due": _when(line.due_at),
            }
            for line in planned_counts.of_customer(session, customer_id, None)
        ],
        "replies": [
            {"text": reply.body, "at": _when(reply.received_at), "answer": reply.answer}
            for reply in customers.replies(session, customer_id, None)
        ],
        "events": list(_events(session, customer_id)),
    }


def _events(session: Session, customer_id: int) -> Iterator[dict[str, Any]]:
    """Every event, the latest first."""
    offset = 0
    while page := events.of_customer(session, customer_id, PAGE, offset):
        for event in page:
            yield {
                "name": event.name,
                "at": _when(event.at),
                "source_id": event.source_id,
                "properties": event.properties,
            }
        offset += len(page)


def _when(at: datetime | None) -> str | None:
    """A moment as ISO 8601."""
    return at.isoformat() if at else None
