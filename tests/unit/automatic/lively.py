"""What tests of live distributions share: one that is live, events that customers do, and what became of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from distribution import events, seal
from distribution.automatic import due, firing
from distribution.launch import launch
from distribution.runtime import Runtime
from storage.tables import Customer, Distribution, Message, Planned, PromoCode

CART: Mapping[str, Any] = {"kind": "event", "event": "cart_abandoned"}
BODY = "Hi {{ client.first_name }}, {{ client.promocode('Summer 10%') }} for your {{ event.cart_total }} cart"


def sealed(runtime: Runtime, provider_id: int, trigger: Mapping[str, Any] = CART, **chosen: Any) -> int:
    """An automatic distribution that may be set live; its id."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        fields: dict[str, Any] = {
            "status": "pending",
            "mode": "automatic",
            "subject": "Come back",
            "body": BODY,
            "provider_id": provider_id,
            "purpose": "unique_codes",
            "trigger": {"delay": 0, "reentry": "always", **trigger},
            "audience": {},
            "channel": "C0MARKETING",
            "created_by": "U0MAYA",
            "created_at": now,
            "updated_at": now,
        }
        row = Distribution(**(fields | chosen))
        session.add(row)
        session.flush()
        seal.put(session, row)
        return row.id


def set_live(runtime: Runtime, distribution_id: int) -> int:
    """Launch it; its id."""
    with runtime.db.write() as session:
        launch(session, runtime, distribution_id)
    return distribution_id


def make_live(runtime: Runtime, provider_id: int, trigger: Mapping[str, Any] = CART, **chosen: Any) -> int:
    """A live distribution; its id."""
    return set_live(runtime, sealed(runtime, provider_id, trigger, **chosen))


def happens(
    runtime: Runtime,
    customer_ids: Sequence[int],
    name: str = "cart_abandoned",
    *,
    at: datetime | None = None,
    **properties: Any,
) -> None:
    """Customers do something, told as the API tells it."""
    with runtime.db.write() as session:
        told = [
            {
                "customer": session.get_one(Customer, customer_id).phone,
                "name": name,
                "at": (at or runtime.clock.now()).isoformat(),
                "properties": properties,
            }
            for customer_id in customer_ids
        ]
        assert all(each.status == "recorded" for each in events.record(session, told, now=runtime.clock.now()))


def look(runtime: Runtime) -> None:
    """What the clock does every second or two."""
    firing.look(runtime)
    due.look(runtime)


def planned(runtime: Runtime, distribution_id: int) -> list[Planned]:
    """What is planned of a distribution, in the order in which it was."""
    with runtime.db.read() as session:
        mine = select(Planned).where(Planned.distribution_id == distribution_id)
        return list(session.scalars(mine.order_by(Planned.id)))


def states(runtime: Runtime, distribution_id: int) -> list[str]:
    """Where each of them stands: "MADE", or "DROPPED ceiling"."""
    return [f"{each.state.name} {each.reason or ''}".strip() for each in planned(runtime, distribution_id)]


def messages(runtime: Runtime, distribution_id: int) -> list[Message]:
    """Its messages, in the order in which they were made."""
    with runtime.db.read() as session:
        mine = select(Message).where(Message.distribution_id == distribution_id)
        return list(session.scalars(mine.order_by(Message.id)))


def codes(runtime: Runtime, message_ids: Sequence[int]) -> dict[int, str]:
    """The new codes of messages."""
    with runtime.db.read() as session:
        rows = session.execute(
            select(PromoCode.message_id, PromoCode.code).where(PromoCode.message_id.in_(message_ids))
        )
        return {message_id or 0: code for message_id, code in rows}


def row_of(runtime: Runtime, distribution_id: int) -> Distribution:
    """The distribution's row."""
    with runtime.db.read() as session:
        return session.get_one(Distribution, distribution_id)
