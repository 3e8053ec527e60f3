"""What rules may ask about: what there is, without what was deleted or never begun."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from distribution.runtime import Runtime
from distribution.segments import asking, editing
from distribution.segments.rules import parse
from storage import customers
from storage.tables import Distribution, EventName, PromoCodeGroup
from tests.conftest import NOON
from tests.unit.customers.people import customer


def distribution(session: Session, subject: str, status: str) -> None:
    """A distribution that got so far."""
    fields: dict[str, Any] = {"mode": "manual", "purpose": "custom", "body": "Hi", "created_by": "U1", "audience": {}}
    session.add(Distribution(subject=subject, status=status, created_at=NOON, updated_at=NOON, **fields))
    session.flush()


def test_what_there_is_is_known_and_what_is_gone_is_not(runtime: Runtime) -> None:
    with runtime.db.write() as session:
        customers.add_attribute(session, "city", "text", at=NOON)
        for id, deleted in ((1, None), (2, NOON)):
            _group(session, id, deleted)
        properties = {"total": "number", "ref": "mixed"}
        session.add(EventName(name="cart_left", properties=properties, first_at=NOON, created_at=NOON))
        for subject, status in (("Spring", "done"), ("Draft", "draft"), ("Summer", "sending")):
            distribution(session, subject, status)
        mine = editing.create(session, "Mine", parse({}), by="U1", now=NOON)
        other = editing.create(session, "Other", parse({}), by="U1", now=NOON)
        known = asking.known(session, but=mine.id)
    assert known.attributes == {"city": "text"}
    assert known.groups == {1: "Group 1"}
    assert list(known.distributions.values()) == ["Summer", "Spring"]
    assert known.segments == {other.id: "Other"}
    assert "attribute:city" in known.fields()
    assert list(known.properties("cart_left")) == [
        "property:ref:text", "property:ref:number", "property:ref:boolean", "property:ref:date", "property:total"
    ]  # fmt: skip


def _group(session: Session, id: int, deleted: datetime | None) -> None:
    """A promo code group, deleted or not."""
    key = None if deleted else f"group {id}"
    session.add(
        PromoCodeGroup(id=id, name=f"Group {id}", name_key=key, created_at=NOON, created_by="U1", deleted_at=deleted)
    )


def test_values_are_suggested_once_each_and_only_texts(runtime: Runtime) -> None:
    with runtime.db.write() as session:
        for number, city in enumerate(["Warsaw", "Łódź", "Warsaw", "", 7, None]):
            customer(session, NOON, source_id=f"S{number}", attributes={"city": city})
        assert asking.values(session, "city") == ["Warsaw", "Łódź"]
        assert asking.values(session, "nothing") == []
