"""The life of a group: create, find, edit, delete, expire."""

from datetime import timedelta

import pytest
from sqlalchemy import event, select

from distribution.codes.format import parse_all
from distribution.codes.generate import generate_into
from distribution.codes.groups import by_name, check, create, delete, edit
from distribution.codes.intake import add
from distribution.codes.listing import listing
from distribution.codes.recipe import Recipe
from distribution.codes.uses import uses
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage import codes, pace
from storage.tables import CodeState, Customer, Distribution, Message, PromoCode, PromoCodeGroup, PromoCodeRepeat
from tests.conftest import NOON, run_jobs
from tests.unit.codes.stocked import BY, distribution, group, hold


def test_a_group_is_found_by_the_name_that_a_person_would_type(runtime: Runtime) -> None:
    group_id = group(runtime, "Summer 10%")
    group(runtime, "School 30%")
    with runtime.db.read() as session:
        assert by_name(session, "  sUMMER   10％ ").id == group_id
        with pytest.raises(Refused) as refusal:
            by_name(session, "Sumer 10%")
        assert str(refusal.value) == "Group 'Sumer 10%' does not exist. Did you mean 'Summer 10%'?"
        with pytest.raises(Refused) as refusal:
            by_name(session, "zzz")
        assert str(refusal.value) == "Group 'zzz' does not exist."


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"name": "summer  10%"}, "name", "There is a group 'Summer 10%' already"),
        ({"name": "  "}, "name", "Give the group a name"),
        ({"name": "x" * 61}, "name", "61 characters; 60 fit"),
        ({"name": 'a "quote"'}, "name", "cannot hold '\"'"),
        ({"name": "a\u200bb"}, "name", "an invisible character"),
        ({"name": "New", "low_stock_level": -1}, "low_stock", "from 0"),
        ({"name": "New", "expires_at": NOON}, "expires", "over already"),
        ({"name": "New", "validity_days": 0}, "validity", "1 to 3,650"),
        ({"name": "New", "prefix": "A B"}, "prefix", "a space inside"),
        ({"name": "New", "suffix": "x" * 62, "formats": parse_all("{string('0-9', 6)}")}, "prefix", "68 characters"),
        ({"name": "New", "shares": [1, 2], "formats": parse_all("{string('0-9', 6)}")}, "shares", "2 shares for 1"),
        ({"name": "New", "shares": [0], "formats": parse_all("{string('0-9', 6)}")}, "shares", "from 1"),
        (
            {"name": "New", "without_lookalikes": True, "formats": parse_all("{string('01', 6)}")},
            "formats",
            "Position 9",
        ),
        ({"name": "New", "top_up": 10}, "top_up", "has none"),
        ({"name": "New", "top_up": 10, "formats": parse_all("{string('0-9', 6)}")}, "low_stock", "level too"),
        (
            {"name": "New", "top_up": 10, "low_stock_level": 10, "formats": parse_all("{string('0-9', 6)}")},
            "top_up",
            "more than 10",
        ),
        ({"name": "New", "top_up_ceiling": 0}, "top_up_ceiling", "from 1"),
    ],
)
def test_a_group_that_cannot_be_is_refused_at_its_field(
    runtime: Runtime, given: dict[str, object], field: str, says: str
) -> None:
    group(runtime, "Summer 10%")
    with pytest.raises(Refused) as refusal, runtime.db.write() as session:
        create(session, **BY, **given)  # type: ignore[arg-type]
    assert refusal.value.field == field and says in str(refusal.value)


def test_any_visible_name_will_do(runtime: Runtime) -> None:
    name = "<!channel> *x* 👩‍👩‍👧 l'été"
    group(runtime, name)
    with runtime.db.read() as session:
        assert by_name(session, name).name == name


def test_the_list_shows_where_the_codes_stand(runtime: Runtime) -> None:
    first = group(runtime, "Summer 10%", 10, low_stock_level=6)
    group(runtime, "autumn", 5, low_stock_level=4)
    hold(runtime, first, distribution(runtime, "sending"), 3, CodeState.BLOCKED)
    hold(runtime, first, 1, 1, CodeState.ISSUED, message_id=9)
    with runtime.db.read() as session:
        lines = listing(session)
    assert [(line.name, line.total, line.active, line.blocked, line.issued, line.low) for line in lines] == [
        ("autumn", 5, 5, 0, 0, False),
        ("Summer 10%", 10, 6, 3, 1, True),
    ]


def test_a_new_format_holds_for_codes_made_from_then_on(runtime: Runtime) -> None:
    group_id = group(runtime, formats=parse_all("A{string('0-9', 6)}"))
    with runtime.db.write() as session:
        generate_into(session, group_id, 10, **BY)
        edit(runtime.jobs, session, group_id, formats=parse_all("B{string('0-9', 6)}"), **BY)
        generate_into(session, group_id, 5, **BY)
        first = [code[0] for code in session.scalars(select(PromoCode.code))]
    assert (first.count("A"), first.count("B")) == (10, 5)


@pytest.mark.parametrize("status", ["draft", "pending", "scheduled", "blocking", "sending", "paused"])
def test_a_group_that_is_renamed_is_found_by_its_old_name_and_the_edit_says_who_calls_it_so(
    runtime: Runtime, status: str
) -> None:
    group_id = group(runtime)
    distribution(runtime, status, 'Hi {{ client.promocode( "summer 10%" ) }}', subject="Says it")
    distribution(runtime, status, "Hi {{ client.promocode('Other') }}", group_id, subject="Only chose it")
    distribution(runtime, status, "promocode('Summer 10%') outside of a tag", subject="Means nothing")
    distribution(runtime, "done", "Hi {{ client.promocode('Summer 10%') }}", subject="Is over")
    with runtime.db.write() as session:
        used = edit(runtime.jobs, session, group_id, name="Sommer", **BY)
        assert [use.subject for use in used] == ["Says it"]
        assert by_name(session, "sommer").id == by_name(session, "SUMMER 10%").id == group_id
        assert edit(runtime.jobs, session, group_id, name="Sommer!", **BY) == []
        assert [use.subject for use in uses(session, session.get_one(PromoCodeGroup, group_id))] == [
            "Says it",
            "Only chose it",
        ]


def test_a_former_name_is_anothers_only_when_no_text_means_the_first_by_it(runtime: Runtime) -> None:
    first = group(runtime)
    draft = distribution(runtime, "draft", "Hi {{ client.promocode('Summer 10%') }}")
    with runtime.db.write() as session:
        edit(runtime.jobs, session, first, name="Sommer", **BY)
    for attempt in (create, check):
        given = {"now": NOON} if attempt is check else BY
        with (
            pytest.raises(Refused, match="'Sommer' was called so before, and 'VIP' still calls it") as refusal,
            runtime.db.write() as session,
        ):
            attempt(session, "summer 10%", **given)  # type: ignore[operator]
        assert refusal.value.field == "name"
    with runtime.db.write() as session:
        session.get_one(Distribution, draft).status = "done"
    second = group(runtime)
    with runtime.db.write() as session:
        assert by_name(session, "Summer 10%").id == second
        edit(runtime.jobs, session, second, name="Winter", **BY)
        edit(runtime.jobs, session, second, name="Summer 10%", **BY)  # back to its own
        assert by_name(session, "winter").id == second
        delete(runtime.jobs, session, second, **BY)
        with pytest.raises(Refused):
            by_name(session, "winter")


def test_what_an_edit_does_not_name_stays_as_it_is(runtime: Runtime) -> None:
    with runtime.db.write() as session:
        group_id = create(
            session,
            "Summer 10%",
            formats=parse_all("A{string('0-9', 6)}\nB{string('0-9', 6)}"),
            shares=[70, 30],
            prefix="X-",
            suffix="-Y",
            without_lookalikes=True,
            low_stock_level=5,
            validity_days=14,
            top_up=10,
            top_up_ceiling=100,
            **BY,
        ).id
        edit(runtime.jobs, session, group_id, name="Sommer", **BY)
        edit(runtime.jobs, session, group_id, expires_at=NOON + timedelta(days=1), **BY)
    with runtime.db.read() as session:
        (line,) = listing(session)
    assert line.recipe == Recipe(
        ("A{string('0-9', 6)}", "B{string('0-9', 6)}"), (70, 30), "X-", "-Y", without_lookalikes=True
    )
    assert (line.low_stock_level, line.validity_days, line.top_up, line.top_up_ceiling) == (5, 14, 10, 100)
    assert (line.name, line.expires_at) == ("Sommer", NOON + timedelta(days=1))


def test_an_expiry_that_has_passed_does_not_stand_in_the_way_of_another_edit(runtime: Runtime) -> None:
    group_id = group(runtime, expires_at=NOON + timedelta(days=1))
    later = {**BY, "now": NOON + timedelta(days=2)}
    with runtime.db.write() as session:
        edit(runtime.jobs, session, group_id, name="Summer 15%", expires_at=NOON + timedelta(days=1), **later)
    with pytest.raises(Refused, match="over already"), runtime.db.write() as session:
        edit(runtime.jobs, session, group_id, expires_at=NOON, **later)


def test_a_group_with_blocked_codes_is_not_deleted_and_the_distribution_is_named(runtime: Runtime) -> None:
    group_id = group(runtime, count=10)
    hold(runtime, group_id, distribution(runtime, "done", subject="Spring thanks"), 2, CodeState.BLOCKED)
    with pytest.raises(Refused) as refusal, runtime.db.write() as session:
        delete(runtime.jobs, session, group_id, **BY)
    assert str(refusal.value) == (
        "'Summer 10%' cannot be deleted: 2 codes are blocked for 'Spring thanks'. Let it finish, or stop it."
    )


def test_a_group_that_something_approved_counts_on_is_not_deleted(runtime: Runtime) -> None:
    group_id = group(runtime, count=10)
    distribution(runtime, "scheduled", group_id=group_id)
    with pytest.raises(Refused, match="'VIP' takes codes from it"), runtime.db.write() as session:
        delete(runtime.jobs, session, group_id, **BY)


def test_a_deleted_group_frees_its_name_and_its_issued_codes_keep_their_history(runtime: Runtime) -> None:
    group_id = group(runtime, count=10)
    sent = distribution(runtime, "done", subject="Spring thanks")
    hold(runtime, group_id, sent, 1, CodeState.ISSUED)
    with runtime.db.write() as session:
        assert delete(runtime.jobs, session, group_id, **BY).removed == 9
    with runtime.db.read() as session:
        assert listing(session) == []
        (line,) = codes.of_customer(session, 1)
        assert (line.group, line.issue, line.distribution, line.at, line.state) == (
            "Summer 10%",
            "initial",
            "Spring thanks",
            NOON,
            CodeState.ISSUED,
        )
    again = group(runtime, "Summer 10%")
    with runtime.db.write() as session:
        freed = "Summer10%-9" if line.code != "Summer10%-9" else "Summer10%-8"
        assert add(session, again, [freed, line.code], **BY).inserted == 1, "an active code is free, an issued one not"


def test_a_large_group_goes_in_chunks(runtime: Runtime) -> None:
    group_id = group(runtime, formats=parse_all("{string('a-Z', 12)}"))
    with runtime.db.write() as session:
        generate_into(session, group_id, 25_000, **BY)
        deleted = delete(runtime.jobs, session, group_id, **BY)
    assert (deleted.removed, deleted.job_id is not None) == (10_000, True)
    run_jobs(runtime)
    with runtime.db.read() as session:
        assert session.scalars(select(PromoCode.id)).all() == []


def test_a_customer_sees_codes_held_issued_and_sent_again(runtime: Runtime) -> None:
    group_id = group(runtime, count=2)
    first = distribution(runtime, "done", subject="First")
    second = distribution(runtime, "sending", subject="Again")
    with runtime.db.write() as session:
        session.add(Customer(id=1, phone="+48600100200", name="Anna", created_at=NOON, updated_at=NOON))
        session.add(Message(id=1, distribution_id=first, customer_id=1))
        session.add(Message(id=2, distribution_id=second, customer_id=1))
        one, two = session.scalars(select(PromoCode).order_by(PromoCode.code))
        one.state, one.customer_id, one.message_id, one.issued_at = CodeState.ISSUED, 1, 1, NOON
        two.state, two.customer_id, two.message_id = CodeState.BLOCKED, 1, 2
        session.add(PromoCodeRepeat(message_id=2, code_id=one.id, customer_id=1, issued_at=NOON + timedelta(days=1)))
        session.flush()
        lines = codes.of_customer(session, 1)
        assert [(line.code[-1], line.issue, line.distribution, line.state) for line in lines] == [
            ("1", "initial", "Again", CodeState.BLOCKED),
            ("0", "repeated", "Again", CodeState.ISSUED),
            ("0", "initial", "First", CodeState.ISSUED),
        ]
        found = codes.find(session, "Summer10%-0")
        assert found is not None and found.group_id == group_id
        assert codes.find(session, "summer10%-0") is None


def test_two_hundred_groups_are_listed_without_counting_a_code(runtime: Runtime) -> None:
    with runtime.db.write() as session:
        for number in range(200):
            create(session, f"Group {number}", low_stock_level=5, **BY)
        first = by_name(session, "Group 0").id
        pace.add(session, {first: 7}, NOON)
    asked: list[str] = []
    with runtime.db.read() as session:
        engine = session.connection().engine
        event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        lines = listing(session, NOON, "newest")
    assert len(lines) == 200 and lines[0].name == "Group 199"
    assert len(asked) == 2 and not any(" promo_code " in statement for statement in asked), asked
