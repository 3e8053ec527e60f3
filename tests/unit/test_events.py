"""Events: bound to their customers, written once, refused one by one, their names and properties remembered."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from distribution import events, settings
from distribution.customers import erasing
from distribution.errors import Refused
from distribution.events import Recorded
from distribution.runtime import Runtime
from storage import events as rows
from storage.tables import Event, EventName
from tests.conftest import NOON
from tests.unit.customers.people import customer


@pytest.fixture(autouse=True)
def anna(runtime: Runtime) -> int:
    """A customer with a source id and a number."""
    with runtime.db.write() as session:
        settings.put(session, "region.default", "PL")
        return customer(session, NOON, source_id="C1", phone="+48501234211").id


def _record(runtime: Runtime, *given: Mapping[str, Any]) -> list[Recorded]:
    with runtime.db.write() as session:
        return events.record(session, given, now=runtime.clock.now())


def _all(runtime: Runtime) -> list[Event]:
    with runtime.db.read() as session:
        return list(session.scalars(select(Event).order_by(Event.id)))


def test_an_event_is_bound_to_its_customer_by_source_id_or_number(runtime: Runtime, anna: int) -> None:
    told = _record(runtime, *({"customer": who, "name": "visited"} for who in ("C1", "+48501234211", "501-234-211")))
    assert [each.status for each in told] == ["recorded"] * 3
    assert {event.customer_id for event in _all(runtime)} == {anna}
    assert {event.at for event in _all(runtime)} == {NOON}


def test_properties_and_times_are_kept_as_they_were_told(runtime: Runtime) -> None:
    properties = {"total": 59.9, "items": 3, "gift": True, "day": "2026-06-14", "shop": "Łódź '; --", "none": None}
    _record(
        runtime,
        {"customer": "C1", "name": "paid", "at": "2026-06-14T10:00:00.5+02:00", "properties": properties},
        {"customer": "C1", "name": "paid", "at": NOON - timedelta(days=400)},
    )
    paid, late = _all(runtime)
    assert paid.at == datetime(2026, 6, 14, 8, 0, 0, 500_000, tzinfo=UTC)
    assert paid.properties == {name: value for name, value in properties.items() if value is not None}
    assert (late.at, late.received_at) == (NOON - timedelta(days=400), NOON)
    with runtime.db.read() as session:
        assert session.scalars(select(Event.id).where(Event.at == late.at)).one() == late.id
        assert session.scalars(select(EventName.first_at)).one() == late.at


def test_an_event_told_twice_is_one(runtime: Runtime) -> None:
    event = {"customer": "C1", "name": "paid", "source_id": "order-1"}
    assert [told.status for told in _record(runtime, event, event)] == ["recorded", "again"]
    assert [told.status for told in _record(runtime, event, event | {"source_id": "order-2"})] == ["again", "recorded"]
    assert [event.source_id for event in _all(runtime)] == ["order-1", "order-2"]


def test_an_event_that_two_tell_at_once_is_one(runtime: Runtime) -> None:
    """The second writes between the first one's look and its own writing."""
    batch = [{"customer": "C1", "name": "paid", "source_id": f"order-{number}"} for number in range(50)]
    told: list[str] = []

    def tell() -> None:
        told.extend(each.status for each in _record(runtime, *batch))

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_all(runtime)) == 50
    assert (told.count("recorded"), told.count("again")) == (50, 150)


@pytest.mark.parametrize(
    ("event", "field", "why"),
    [
        ({"name": "paid"}, "customer", "Say whose event it is"),
        ({"customer": "nobody", "name": "paid"}, "customer", "No customer has the source id or phone number 'nobody'"),
        ({"customer": "+48501234299", "name": "paid"}, "customer", "Send the customer first"),
        ({"customer": "C1"}, "name", "Say what it is called"),
        ({"customer": "C1", "name": ["paid"]}, "name", "cannot be a name"),
        ({"customer": "C1", "name": "Cart abandoned!"}, "name", "Call it 'cart_abandoned'"),
        ({"customer": "C1", "name": "x" * 61}, "name", "at most 60"),
        ({"customer": "C1", "name": "paid", "at": "yesterday"}, "at", "Write it as 2026-06-15T12:00:00Z"),
        ({"customer": "C1", "name": "paid", "at": "2026-06-15T12:00:00"}, "at", "has no time zone"),
        ({"customer": "C1", "name": "paid", "at": 1781524800}, "at", "is not a time"),
        ({"customer": "C1", "name": "paid", "at": "2027-06-15T12:00:00Z"}, "at", "more than a day ahead"),
        ({"customer": "C1", "name": "paid", "at": "1970-01-01T00:00:00Z"}, "at", "before 1990"),
        ({"customer": "C1", "name": "paid", "source_id": 7}, "source_id", "is a text"),
        ({"customer": "C1", "name": "paid", "source_id": " "}, "source_id", "is empty"),
        ({"customer": "C1", "name": "paid", "properties": [1]}, "properties", "are an object"),
        ({"customer": "C1", "name": "paid", "properties": {"a b": 1}}, "properties.a b", "Call it 'a_b'"),
        ({"customer": "C1", "name": "paid", "properties": {"a": [1]}}, "properties.a", "not a list"),
        ({"customer": "C1", "name": "paid", "properties": {"a": float("nan")}}, "properties.a", "too large"),
        ({"customer": "C1", "name": "paid", "properties": {"a": "x" * 501}}, "properties.a", "500 is the limit"),
        (
            {"customer": "C1", "name": "paid", "properties": {f"p{n}": n for n in range(51)}},
            "properties",
            "51 properties are too many",
        ),
        ({"customer": "C1", "name": "paid", "total": 5}, "total", "There is no field 'total'"),
    ],
)
def test_a_wrong_event_is_refused_at_its_field_and_the_others_are_taken(
    runtime: Runtime, event: dict[str, Any], field: str, why: str
) -> None:
    wrong, good = _record(runtime, event, {"customer": "C1", "name": "visited"})
    assert (wrong.status, wrong.field, good.status) == ("refused", field, "recorded")
    assert why in (wrong.reason or "")
    assert [each.name for each in _all(runtime)] == ["visited"]
    with runtime.db.read() as session:
        assert list(events.names(session)) == ["visited"]


def test_names_and_the_types_of_their_properties_are_remembered(runtime: Runtime) -> None:
    _record(runtime, {"customer": "C1", "name": "paid", "properties": {"total": 5, "shop": "x", "day": "2026-06-15"}})
    _record(
        runtime,
        {"customer": "C1", "name": "paid", "properties": {"total": 5.5, "shop": "2026-06-15", "gift": False}},
        {"customer": "C1", "name": "visited"},
    )
    with runtime.db.read() as session:
        assert events.names(session) == {
            "paid": {"day": "date", "gift": "boolean", "shop": "mixed", "total": "number"},
            "visited": {},
        }


def test_texts_with_signs_that_mean_something_elsewhere_are_kept(runtime: Runtime) -> None:
    signs = ["'; DROP TABLE event; --", '"', "\\", "%_", "{}[]$.", "👩‍👩‍👧", "a\x00b", "a\nb"]
    _record(runtime, *({"customer": "C1", "name": "said", "properties": {"text": sign}} for sign in signs))
    kept = [event.properties["text"] for event in _all(runtime)]
    assert kept == [*signs[:-2], "ab", "a b"]


def test_more_than_ten_thousand_are_refused(runtime: Runtime) -> None:
    with pytest.raises(Refused, match="10,001 events are too many at once") as refused:
        _record(runtime, *[{"customer": "C1", "name": "paid"}] * 10_001)
    assert refused.value.field == "events"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({}, None),
        ({"at": None, "properties": {"total": 5.0}}, None),
        ({"at": "2026-06-15T12:00:00.4+00:00", "properties": {}}, None),
        ({"customer": "+48501234212"}, "of another customer"),
        ({"name": "left"}, "as 'paid'"),
        ({"at": "2026-06-15T13:00:00Z"}, "of 2026-06-15 12:00:00 UTC"),
        ({"properties": {"total": 6}}, "with another 'total'"),
        ({"properties": {"total": 5, "gift": True}}, "without 'gift'"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_an_id_that_is_told_again_for_another_thing_is_told_so(
    runtime: Runtime, changes: dict[str, Any], what: str | None, together: bool
) -> None:
    """What was told first stays, and nobody thinks that the second was taken."""
    with runtime.db.write() as session:
        customer(session, NOON, phone="+48501234212")
    first = {"customer": "C1", "name": "paid", "source_id": "a", "at": NOON.isoformat(), "properties": {"total": 5}}
    again = _record(runtime, first, first | changes)[1] if together else None
    if again is None:
        _record(runtime, first)
        (again,) = _record(runtime, first | changes)
    assert again.status == "again" and len(_all(runtime)) == 1
    said = f"The id 'a' was told before, {what}: that stays. Give each event an id of its own." if what else None
    assert (again.field, again.reason) == ("source_id" if what else None, said)


@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
def test_of_many_who_tell_one_id_at_once_with_different_content_one_is_taken_and_the_others_are_told(
    runtime: Runtime,
) -> None:
    """Eight at once, each with properties of its own."""
    told: list[Recorded] = []
    begin = threading.Barrier(8)

    def tell(number: int) -> None:
        event = {"customer": "C1", "name": "paid", "source_id": "order-1", "properties": {"total": number}}
        begin.wait()
        told.extend(_record(runtime, event, {"customer": "C1", "name": "paid"}))

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.status for each in told].count("recorded") == 1 + 8
    again = [each.reason or "" for each in told if each.status == "again"]
    assert len(again) == 7 and all("with another 'total'" in reason for reason in again)


@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
def test_an_event_that_is_told_while_its_customer_is_erased_does_not_stay(
    runtime: Runtime, anna: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is first, the other waits for it; SQLite has one writer at a time."""
    known = rows.known

    def meanwhile(*given: Any) -> Any:
        monkeypatch.undo()
        with runtime.db.write() as session:
            assert erasing.erase(session, anna, "Ada", NOON)
        return known(*given)

    monkeypatch.setattr(rows, "known", meanwhile)
    (said,) = _record(runtime, {"customer": "C1", "name": "paid", "source_id": "a", "properties": {"shop": "Łódź"}})
    assert (said.status, said.field) == ("refused", "customer") and _all(runtime) == []


@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
def test_erasing_waits_for_who_tells_an_event_of_that_customer(runtime: Runtime, anna: int) -> None:
    """What is told, and not committed yet, is deleted with the others."""
    erased: list[bool] = []

    def erase() -> None:
        with runtime.db.write() as session:
            erased.append(erasing.erase(session, anna, "Ada", NOON))

    with runtime.db.write() as session:
        events.record(session, [{"customer": "C1", "name": "paid"}], now=NOON)
        thread = threading.Thread(target=erase)
        thread.start()
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        while thread.is_alive() and not session.scalar(waiting):
            session.execute(text("SELECT pg_stat_clear_snapshot()"))
    thread.join()
    assert erased == [True] and _all(runtime) == []
