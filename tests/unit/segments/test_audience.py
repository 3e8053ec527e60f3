"""Who a distribution is for, how many can be texted, and lists."""

import pytest

from distribution import audience, settings
from distribution.customers import lists, profile
from distribution.errors import Refused
from distribution.files import read_table
from distribution.runtime import Runtime
from distribution.segments import counting, editing
from distribution.segments.rules import parse
from storage.tables import Segment
from tests.conftest import NOON as NOW
from tests.unit.customers.people import customer

POLES = parse({"rules": [{"field": "region", "op": "is", "value": "PL"}]})


@pytest.fixture
def people(runtime: Runtime) -> Runtime:
    """Five Poles: two can be texted, one opted out, one was not asked, one has no number; and one Briton."""
    with runtime.db.write() as session:
        settings.put(session, "region.default", "PL")
        now = runtime.clock.now()
        for number, given in enumerate(
            [
                {"name": "Anna"},
                {"name": "Ben"},
                {"name": "Cleo", "consent": "opted_out"},
                {"name": "Dan", "consent": "unknown"},
                {"name": "Eve", "phone": None},
                {"name": "Fay", "phone": "+447700900123", "region": "GB"},
            ],
            1,
        ):
            customer(
                session, now, **({"phone": f"+4850123421{number}", "region": "PL", "source_id": f"S{number}"} | given)
            )
    return runtime


def _segment(runtime: Runtime) -> Segment:
    with runtime.db.write() as session:
        return editing.create(session, "Poles", POLES, by="U0MAYA", now=runtime.clock.now())


def test_a_count_adds_up_and_says_why(people: Runtime) -> None:
    chosen = {"kind": "segment", "segment_id": _segment(people).id}
    with people.db.read() as session:
        found = audience.count(session, chosen, NOW)
        assert (found.total, found.textable) == (5, 2)
        assert found.excluded == {"no_consent": 1, "no_number": 1, "opted_out": 1}
        assert len(session.scalars(audience.members(session, chosen, NOW)).all()) == 5
        assert audience.name(session, chosen) == "Poles"


def test_one_customer_is_an_audience(people: Runtime) -> None:
    with people.db.read() as session:
        fay = profile.find(session, "fay", 1)[0]
        chosen = {"kind": "customer", "customer_id": fay.id}
        assert session.scalars(audience.members(session, chosen, NOW)).all() == [fay.id]
        assert audience.name(session, chosen) == "Fay"
        assert audience.count(session, chosen, NOW).textable == 1


def test_a_deleted_or_missing_audience_is_refused(people: Runtime) -> None:
    segment = _segment(people)
    with people.db.write() as session:
        editing.delete_segment(session, segment.id, now=people.clock.now())
    for chosen in ({"kind": "segment", "segment_id": segment.id}, {"kind": "customer", "customer_id": 404}, {}):
        with people.db.read() as session, pytest.raises(Refused) as refused:
            audience.members(session, chosen, NOW)
        assert refused.value.field == "audience"


def test_a_pasted_list_finds_each_once_however_written(people: Runtime) -> None:
    pasted = "+48 501 234 211\n48501234211, 501-234-212\nS6\n\n501234999\n+48 5O1\nhello there\n12"
    with people.db.write() as session:
        found = audience.from_list(session, pasted, "PL", by="U0MAYA", now=people.clock.now())
    assert (found.matched, found.repeated, found.unmatched) == (3, 1, ["+48501234999"])
    assert [(line, text) for line, text, _ in found.bad] == [(6, "+48 5O1"), (7, "hello there"), (8, "12")]
    assert "neither a phone number nor a customer's source id" in found.bad[1][2]
    assert "too short for Poland" in found.bad[2][2]
    chosen = {"kind": "list", "segment_id": found.segment_id}
    with people.db.read() as session:
        assert audience.count(session, chosen, NOW).total == 3
        assert audience.name(session, chosen) == "List of 3"
        assert all(segment.id != found.segment_id for segment in counting.of_customer(session, 1, NOW))


def test_an_uploaded_list_is_read_by_its_numbers(people: Runtime) -> None:
    table = read_table("Name;Phone\nAnna;+48501234211\nNobody;+48501234998\n".encode("utf-16"), "list.csv")
    with people.db.write() as session:
        found = audience.from_list(session, table.rows(), "PL", by="U0MAYA", now=people.clock.now())
    assert (found.matched, found.unmatched, found.bad) == (1, ["+48501234998"], [])


@pytest.mark.parametrize(
    ("pasted", "why"),
    [("", "The list is empty"), ("12", "Line 1"), ("nobody", "Line 1"), ("+48501234999", "Import them")],
)
def test_a_list_of_nobody_is_refused_and_leaves_nothing(people: Runtime, pasted: str, why: str) -> None:
    with pytest.raises(Refused) as refused, people.db.write() as session:
        audience.from_list(session, f"{pasted}", "PL", by="U0MAYA", now=people.clock.now())
    assert why in str(refused.value)
    assert refused.value.field == "list"


def test_a_list_of_thousands_is_matched(people: Runtime) -> None:
    lines = [(number, f"+48 50 {number:07d}") for number in range(12_000)]
    lines += [(12_001, "+48501234211")]
    with people.db.write() as session:
        found = audience.from_list(session, iter(lines), "PL", by="U0MAYA", now=people.clock.now())
    assert found.matched == 1
    assert len(found.unmatched) + len(found.bad) == 12_000


def test_a_list_that_was_matched_before_is_made_without_matching_again(people: Runtime) -> None:
    """A long list is matched where nobody who writes waits for it."""
    with people.db.read() as session:
        matched = lists.match(session, "+48501234211\n+48501234299", "PL")
    with people.db.write() as session:
        found = audience.from_list(session, matched, None, by="U0MAYA", now=people.clock.now())
    assert (found.matched, found.unmatched) == (1, ["+48501234299"])
