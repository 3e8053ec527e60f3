"""Customers told by other systems: created, changed, refused one by one, and merged as a file's rows are."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from distribution.customers import consent, upsert
from distribution.customers.upsert import Upserted
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage import customers
from storage.tables import Customer


def _upsert(runtime: Runtime, *rows: Mapping[str, Any]) -> list[Upserted]:
    with runtime.db.write() as session:
        return upsert.upsert(session, rows, by="token 'CRM'", source="API", now=runtime.clock.now(), region="PL")


def _one(runtime: Runtime) -> Customer:
    with runtime.db.read() as session:
        return session.scalars(select(Customer)).one()


def test_a_row_creates_a_customer_and_says_their_id(runtime: Runtime) -> None:
    (told,) = _upsert(
        runtime,
        {
            "source_id": "C1",
            "phone": "501 234 211",
            "name": "Anna Kowalska",
            "consent": "given",
            "locale": "pl_pl",
            "attributes": {"city": "Łódź", "visits": 3, "vip": True, "born": "1990-05-01"},
        },
    )
    anna = _one(runtime)
    assert told == Upserted(0, "created", anna.id, "C1")
    assert (anna.phone, anna.name, anna.locale, anna.consent) == ("+48501234211", "Anna Kowalska", "pl-PL", "given")
    assert anna.attributes == {"city": "Łódź", "visits": 3, "vip": True, "born": "1990-05-01"}
    with runtime.db.read() as session:
        assert customers.attributes(session) == {"born": "date", "city": "text", "vip": "boolean", "visits": "number"}
        assert [change.source for change in customers.history(session, anna.id)] == ["API by token 'CRM'"]


def test_the_same_row_again_is_unchanged_and_another_updates_what_it_names(runtime: Runtime) -> None:
    row = {"source_id": "C1", "phone": "+48501234211", "name": "Anna", "attributes": {"city": "Łódź", "visits": 3}}
    _upsert(runtime, row)
    before = _one(runtime)
    runtime.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    assert [told.status for told in _upsert(runtime, row)] == ["unchanged"]
    assert _one(runtime).updated_at == before.updated_at
    assert [told.status for told in _upsert(runtime, {"phone": "48501234211", "attributes": {"visits": 4}})] == [
        "updated"
    ]
    anna = _one(runtime)
    assert (anna.source_id, anna.name, anna.attributes) == ("C1", "Anna", {"city": "Łódź", "visits": 4})


@pytest.mark.parametrize(
    ("said", "then"),
    [({}, ("DE", "Europe/Berlin")), ({"time_zone": "Asia/Tokyo", "region": "JP"}, ("JP", "Asia/Tokyo"))],
)
def test_another_number_tells_another_country_and_clock(
    runtime: Runtime, said: dict[str, str], then: tuple[str, str]
) -> None:
    """Who moved abroad was left in peace by the clock of their old number; what somebody said of them stays."""
    _upsert(runtime, {"source_id": "C1", "phone": "+48501234211", **said})
    _upsert(runtime, {"source_id": "C1", "phone": "+4915112345678"})
    anna = _one(runtime)
    assert (anna.region, anna.time_zone) == then
    _upsert(runtime, {"source_id": "C1", "phone": None})
    assert (_one(runtime).region, _one(runtime).time_zone) == then


def test_null_takes_away_what_was_there(runtime: Runtime) -> None:
    _upsert(
        runtime, {"source_id": "C1", "phone": "+48501234211", "name": "Anna", "locale": "pl", "attributes": {"a": 1}}
    )
    _upsert(runtime, {"source_id": "C1", "phone": None, "name": None, "locale": None, "attributes": {"a": None}})
    anna = _one(runtime)
    assert (anna.phone, anna.name, anna.locale, anna.attributes) == (None, "", None, {})
    assert [told.status for told in _upsert(runtime, {"source_id": "C2", "phone": "+48501234211"})] == ["created"]


@pytest.mark.parametrize(
    ("row", "field", "why"),
    [
        ({}, "source_id", "Give a source_id or a phone"),
        ({"source_id": ""}, "source_id", "is empty"),
        ({"source_id": 7}, "source_id", "is a text, not the number 7"),
        ({"phone": "501 2"}, "phone", "too short for Poland"),
        ({"phone": None}, "source_id", "Give a source_id or a phone"),
        ({"phone": "+48501234211", "emial": "x"}, "emial", "There is no field 'emial'"),
        ({"phone": "+48501234211", "consent": "perhaps"}, "consent", "'perhaps' is not a consent"),
        ({"phone": "+48501234211", "consent": 1}, "consent", "is a text, not the number 1"),
        ({"phone": "+48501234211", "region": "Atlantis"}, "region", "is not a country"),
        ({"phone": "+48501234211", "time_zone": "Mars/Base"}, "time_zone", "is not a time zone"),
        ({"phone": "+48501234211", "name": "x" * 201}, "name", "200 is the limit"),
        ({"phone": "+48501234211", "attributes": []}, None, ""),
        ({"phone": "+48501234211", "attributes": [1]}, "attributes", "are an object"),
        ({"phone": "+48501234211", "attributes": {"visits": "many"}}, "attributes.visits", "'many' is not a number"),
        ({"phone": "+48501234211", "attributes": {"visits": True}}, "attributes.visits", "it is a number, and true"),
        ({"phone": "+48501234211", "attributes": {"visits": 1e300}}, "attributes.visits", "too large"),
        ({"phone": "+48501234211", "attributes": {"visits": 10**400}}, "attributes.visits", "too large"),
        ({"phone": "+48501234211", "attributes": {"city": 5}}, "attributes.city", "it is a text, and the number 5"),
        ({"phone": "+48501234211", "attributes": {"city": ["a"]}}, "attributes.city", "a list"),
        ({"phone": "+48501234211", "attributes": {"new": {"a": 1}}}, "attributes.new", "not an object"),
        ({"phone": "+48501234211", "attributes": {"Home Town": "x"}}, "attributes.Home Town", "Call it 'home_town'"),
        ({"phone": "+48501234211", "attributes": {"1; DROP": "x"}}, "attributes.1; DROP", "cannot be an attribute"),
        ({"phone": "+48501234211", "attributes": {"born": "06/07/2026"}}, "attributes.born", "two different days"),
    ],
)
def test_a_bad_row_is_refused_at_its_field_and_the_others_are_taken(
    runtime: Runtime, row: dict[str, Any], field: str | None, why: str
) -> None:
    with runtime.db.write() as session:
        for name, kind in {"visits": "number", "city": "text", "born": "date"}.items():
            customers.add_attribute(session, name, kind, at=runtime.clock.now())
    told = _upsert(runtime, row, {"source_id": "good", "phone": "+48501234299"})
    assert told[1].status == "created"
    assert (told[0].status, told[0].field) == ("refused" if why else "created", field)
    assert why in (told[0].reason or "")


def test_rows_that_are_one_person_are_one_person(runtime: Runtime) -> None:
    told = _upsert(
        runtime,
        {"source_id": "C1", "phone": "+48 501 234 211"},
        {"phone": "48501234211", "name": "Anna"},
        {"source_id": "C2", "phone": "501-234-211"},
    )
    assert [each.status for each in told] == ["created", "updated", "refused"]
    assert told[0].customer_id == told[1].customer_id
    assert (told[2].field, told[2].source_id) == ("phone", "C2")
    assert "another customer, whose source id is 'C1'" in (told[2].reason or "")


def test_nobody_who_opted_out_is_opted_in_by_another_system(runtime: Runtime) -> None:
    (told,) = _upsert(runtime, {"phone": "+48501234211", "consent": "given"})
    with runtime.db.write() as session:
        consent.change(session, told.customer_id or 0, "opted_out", "STOP reply", runtime.clock.now())
    assert [each.status for each in _upsert(runtime, {"phone": "+48501234211", "consent": "given"})] == ["unchanged"]
    assert _one(runtime).consent == "opted_out"


@pytest.mark.parametrize("text", ["'; DROP TABLE customer; --", '"', "\\", "%_", "{}[]$.", "\x00NUL", "👩‍👩‍👧"])
def test_signs_that_mean_something_elsewhere_are_kept_as_they_are(runtime: Runtime, text: str) -> None:
    kept = text.replace("\x00", "")
    row = {"source_id": text, "phone": "+48501234211", "name": text, "attributes": {"city": text}}
    assert [told.status for told in _upsert(runtime, row)] == ["created"]
    assert [told.status for told in _upsert(runtime, row)] == ["unchanged"]
    anna = _one(runtime)
    assert (anna.source_id, anna.name, anna.attributes) == (kept, kept, {"city": kept})


def test_more_than_a_thousand_rows_are_refused(runtime: Runtime) -> None:
    with pytest.raises(Refused, match="1,001 customers are too many at once") as refused:
        _upsert(runtime, *[{"source_id": str(number)} for number in range(1_001)])
    assert refused.value.field == "customers"
