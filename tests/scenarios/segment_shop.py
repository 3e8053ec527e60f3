"""A shop with three customers for scenarios about segments, and segments in it."""

import threading
from datetime import datetime, timedelta
from typing import Any

from commands.segments import live
from distribution.codes import groups
from distribution.segments import editing
from distribution.segments.looking import Look, look
from distribution.segments.rules import parse
from storage import customers
from storage.patience import TooSlow
from storage.tables import CodeState, Event, EventName, PromoCode, Segment
from tests.scenarios.conftest import World
from tests.unit.customers.people import customer

PEOPLE: list[dict[str, Any]] = [
    {"name": "Anna", "attributes": {"city": "Warsaw", "visits": 5}},
    {"name": "Ben", "attributes": {"city": "Łódź", "visits": 1}, "consent": "opted_out"},
    {"name": "<!channel> *x* 😀", "attributes": {"city": "O'Brien; DROP TABLE customer; --"}, "region": "GB"},
]


def with_customers(world: World) -> World:
    """Three customers with attributes; Anna has a code of "Summer 10%" and left a cart of 80."""
    now: datetime = world.runtime.clock.now()
    with world.runtime.db.write() as session:
        for name, kind in (("city", "text"), ("visits", "number")):
            customers.add_attribute(session, name, kind, at=now)
        for number, given in enumerate(PEOPLE, 1):
            customer(
                session, now, **({"phone": f"+4850123421{number}", "region": "PL", "source_id": f"S{number}"} | given)
            )
        group = groups.create(session, "Summer 10%", formats=[], by="U0ADA", now=now)
        session.add(
            PromoCode(
                id=1, code="A1", group_id=group.id, lot_id=1, state=CodeState.ISSUED, customer_id=1, issued_at=now
            )
        )
        known = {"cart_total": "number"}
        session.add(EventName(name="cart_abandoned", properties=known, first_at=now, created_at=now))
        for number, total in ((1, 80), (2, 20)):
            left = Event(
                id=number,
                customer_id=number,
                name="cart_abandoned",
                at=now - timedelta(days=3),
                properties={"cart_total": total},
                received_at=now,
            )
            session.add(left)
    return world


def named(world: World, name: str) -> Segment:
    """A segment, as it is stored."""
    with world.runtime.db.read() as session:
        return editing.by_name(session, name)


def begin(shop: World, name: str = "Warsaw regulars") -> None:
    """The builder, with a name typed."""
    shop.maya.command("/promo segments")
    shop.maya.view("Segments").click("New segment…")
    shop.maya.view("Not counted yet").fill("Name", name)


def made(shop: World, name: str, rules: dict[str, Any]) -> int:
    """A dynamic segment."""
    with shop.runtime.db.write() as session:
        return editing.create(session, name, parse(rules), by="U0MAYA", now=shop.runtime.clock.now()).id


POLES = {"rules": [{"field": "region", "op": "is", "value": "PL"}]}


class Slow:
    """Counting that ends only when it is stopped, as long as it is `on`."""

    def __init__(self) -> None:
        self.on = threading.Event()
        self.on.set()
        self.stops: list[threading.Event] = []

    def look(self, *args: Any, **given: Any) -> Look:
        """As `distribution.segments.looking.look`."""
        if not self.on.is_set():
            return look(*args, **given)
        if given["seconds"] > live.QUICK:
            self.stops.append(args[2])
            assert args[2].wait(20)
        raise TooSlow
