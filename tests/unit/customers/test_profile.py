"""Customers found, added, edited; consent given and taken back."""

import pytest
from sqlalchemy import event

from commands.customers import profile_views
from commands.customers.views import Reader
from distribution import settings
from distribution.customers import consent, personal_data, profile
from distribution.customers.profile import Details
from distribution.errors import Refused
from distribution.runtime import Runtime
from sandbox.testing.words import describe
from storage import customers
from storage.customers import fold
from storage.database import Database
from storage.tables import Distribution, Message, Planned, PlannedState
from tests.conftest import NOON
from tests.unit.customers.people import customer

STATED = {"by": "U0MAYA", "by_name": "Maya Lindqvist", "statement": "asked at the till"}


def _names(runtime: Runtime, query: str, limit: int = 10) -> list[str]:
    with runtime.db.read() as session:
        return [found.name for found in profile.find(session, query, limit)]


@pytest.fixture
def people(runtime: Runtime) -> Runtime:
    """A few customers, and Poland as the default country."""
    with runtime.db.write() as session:
        settings.put(session, "region.default", "PL")
        now = runtime.clock.now()
        for number, name in enumerate(
            ["Anna Kowalska", "Anna Maria Nowak", "Łukasz Żak", "Hannah Smith", "<!channel> *x* 😀", "O'Brien 100%_"]
        ):
            customer(session, now, name=name, phone=f"+4850123421{number}", source_id=f"CRM-{number}")
    return runtime


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("anna", ["Anna Kowalska", "Anna Maria Nowak"]),
        ("KOWAL", ["Anna Kowalska"]),
        ("kowalska anna", ["Anna Kowalska"]),
        ("maria now", ["Anna Maria Nowak"]),
        ("nowak an", ["Anna Maria Nowak"]),
        ("lukasz zak", ["Łukasz Żak"]),
        ("żak", ["Łukasz Żak"]),
        ("nna", []),
        ("501 234 212", ["Łukasz Żak"]),
        ("+48501234213", ["Hannah Smith"]),
        ("48501234213", ["Hannah Smith"]),
        ("CRM-3", ["Hannah Smith"]),
        ("channel", ["<!channel> *x* 😀"]),
        ("100%", ["O'Brien 100%_"]),
        ("%", []),
        ("_", []),
        ("'; DROP TABLE customer; --", []),
        ("", []),
        ("😀", []),
    ],
)
def test_customers_are_found_by_name_number_and_source_id(people: Runtime, query: str, found: list[str]) -> None:
    assert _names(people, query) == found


def test_a_search_gives_no_more_than_asked_and_nobody_twice(people: Runtime) -> None:
    assert _names(people, "anna", limit=1) == ["Anna Kowalska"]
    assert len(_names(people, "+4850123421")) == 6


def test_every_search_reads_an_index_and_never_the_whole_table(people: Runtime) -> None:
    """A million customers must be as quick as ten: the plan of each statement names an index and scans nothing."""
    statements: list[tuple[str, object]] = []
    engine = people.db.engine
    event.listen(
        engine, "before_cursor_execute", lambda c, cur, sql, params, ctx, many: statements.append((sql, params))
    )
    with people.db.read() as session:
        profile.find(session, "anna 501", 10)
        profile.find(session, "501 234", 10)
    searches = [(sql, params) for sql, params in statements if "FROM customer" in sql]
    assert len(searches) >= 4
    with people.db.engine.connect() as connection:
        if not people.db.is_sqlite:
            connection.exec_driver_sql("SET enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN " if people.db.is_sqlite else "EXPLAIN "
        for sql, params in searches:
            plan = "\n".join(str(row) for row in connection.exec_driver_sql(explain + sql, params))
            assert ("USING INDEX" in plan) if people.db.is_sqlite else ("Index" in plan and "Seq Scan" not in plan), (
                plan
            )
            assert "SCAN customer" not in plan


def test_names_are_folded_alike() -> None:
    assert fold("  ŁUKASZ  Żak-Nowak ") == "lukasz zak nowak"
    assert fold("Straße") == fold("STRASSE") == "strasse"


def test_an_added_customer_has_what_was_typed_and_what_the_number_tells(runtime: Runtime) -> None:
    with runtime.db.write() as session:
        settings.put(session, "region.default", "PL")
        customers.add_attribute(session, "visits", "number", at=runtime.clock.now())
        details = Details(name="Anna", phone="501 234 218", attributes={"visits": "3"})
        added = profile.add(session, details, agreed=True, now=runtime.clock.now(), **STATED)
    with runtime.db.read() as session:
        found = profile.profile(session, added.id, NOON, "consent")
    assert (found.customer.phone, found.customer.region, found.customer.time_zone) == (
        "+48501234218",
        "PL",
        "Europe/Warsaw",
    )
    assert found.customer.attributes == {"visits": 3}
    assert found.customer.consent == "given"
    assert [change.source for change in found.lines] == ["Maya Lindqvist (U0MAYA): asked at the till"]


@pytest.mark.parametrize(
    ("details", "field"),
    [
        (Details(name="Anna"), "phone"),
        (Details(phone="+48 12"), "phone"),
        (Details(phone="+48501234210"), "phone"),
        (Details(source_id="CRM-1"), "source_id"),
        (Details(phone="+48501234299", region="Atlantis"), "region"),
        (Details(phone="+48501234299", time_zone="Mars"), "time_zone"),
        (Details(phone="+48501234299", name="x" * 201), "name"),
        (Details(phone="+48501234299", attributes={"nope": "1"}), "attribute.nope"),
    ],
)
def test_bad_details_are_refused_at_their_field(people: Runtime, details: Details, field: str) -> None:
    with pytest.raises(Refused) as refused, people.db.write() as session:
        profile.add(session, details, agreed=False, now=people.clock.now(), **STATED)
    assert refused.value.field == field


def test_an_edit_changes_what_it_names_and_may_keep_the_number(people: Runtime) -> None:
    with people.db.write() as session:
        anna = profile.find(session, "kowalska", 1)[0]
        profile.edit(session, anna.id, Details(name="Anna Nowa", phone=anna.phone or ""), now=people.clock.now())
    assert _names(people, "nowa") == ["Anna Nowa", "Anna Maria Nowak"]
    assert _names(people, "kowalska") == []


def test_consent_changes_once_and_is_written_down(people: Runtime) -> None:
    now = people.clock.now()
    with people.db.write() as session:
        anna = profile.find(session, "kowalska", 1)[0]
        assert consent.change(session, anna.id, "opted_out", "STOP reply", now)
        assert not consent.change(session, anna.id, "opted_out", "STOP reply", now)
        assert anna.consent == "opted_out"
    with people.db.read() as session:
        assert [(each.consent, each.source, each.at) for each in customers.history(session, anna.id)] == [
            ("opted_out", "STOP reply", now)
        ]


def test_a_customer_who_is_not_there_is_refused(db: Database) -> None:
    with db.read() as session, pytest.raises(Refused):
        profile.get(session, 404)


def test_what_is_planned_stands_above_the_messages_page_by_page_with_why_it_was_dropped(people: Runtime) -> None:
    """Eighteen planned ones and two messages: fifteen on the first page, five on the second."""
    now = people.clock.now()
    with people.db.write() as session:
        anna = profile.find(session, "Anna Kowalska", 1)[0].id
        row = Distribution(mode="automatic", status="sending", subject="Cart", created_by="U0MAYA", created_at=now,
                           updated_at=now, launched_at=now)  # fmt: skip
        session.add(row)
        session.flush()
        for n in range(18):
            dropped = {"state": PlannedState.DROPPED, "reason": "redeemed", "settled_at": now} if n == 17 else {}
            session.add(
                Planned(distribution_id=row.id, customer_id=anna, occurrence=n, step=n % 2, due_at=now, fired_at=now,
                        **dropped)
            )  # fmt: skip
        made = Planned(distribution_id=row.id, customer_id=anna, occurrence=99, due_at=now, fired_at=now,
                       state=PlannedState.MADE, message_id=1)  # fmt: skip
        session.add(made)
        session.add_all(Message(id=n, distribution_id=row.id, customer_id=anna, occurrence=98 + n) for n in (1, 2))
    reader = Reader("Europe/Warsaw", now, may_edit=True, may_erase=False)
    with people.db.read() as session:
        first = profile.profile(session, anna, now, "messages")
        second = profile.profile(session, anna, now, "messages", 1)
        planned = personal_data.export(session, anna, now)["planned"]
    assert (len(first.lines), first.more, len(second.lines), second.more) == (15, True, 5, False)
    text = describe(profile_views.profile(second, reader)["blocks"])
    assert "Cart · reminder 1 · not sent: used their code already" in text
    assert text.count("waits to be sent") == 2
    assert "Cart · planned for 14:00" in describe(profile_views.profile(first, reader)["blocks"])
    assert len(planned) == 18 and planned[-1]["reason"] == "used their code already"
