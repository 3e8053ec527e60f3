"""One code: found however it is typed, its whole life, and what people do to it."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from distribution.check import check
from distribution.clock import ManualClock
from distribution.codes import life, redemptions, replacing
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage import codes, lives
from storage.tables import (
    CodeState,
    Customer,
    MessageState,
    PromoCode,
    PromoCodeChange,
    PromoCodeGroup,
    PromoCodePace,
    PromoCodeStock,
)
from tests.sending import make_customers, make_distribution, make_group, make_provider, messages_of, outcome, start

NOWHERE = "http://127.0.0.1:9"
ADA = "U0ADA"


def stock(runtime: Runtime, group: int) -> tuple[int, int, int, int]:
    """Active, blocked, issued, revoked."""
    with runtime.db.read() as session:
        row = session.get_one(PromoCodeStock, group)
        return row.active, row.blocked, row.issued, row.revoked


def give(runtime: Runtime, group: int, customer: int, request: str = "form 1") -> PromoCode:
    """A code, by hand."""
    with runtime.db.write() as session:
        return replacing.give(session, group, customer, by=ADA, now=runtime.clock.now(), request=request).code


def loaded(runtime: Runtime, words: list[str], group: int) -> None:
    """Some more codes, active and without a count."""
    with runtime.db.write() as session:
        first = (session.scalar(select(func.max(PromoCode.id))) or 0) + 1
        for place, code in enumerate(words):
            session.add(PromoCode(id=first + place, code=code, group_id=group, lot_id=1, state=CodeState.ACTIVE))


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("summer-4821kqwptbalm", ["SUMMER-4821KqwPtbaLM"]),
        ("SUMMER-4821KQWPTBALM", ["SUMMER-4821KqwPtbaLM"]),
        ("ab", ["AB", "aB", "ab"]),
        ("aB-", []),
        ("zz", []),
        ("a", []),
        ("summer-4821kqwptbal", []),
        ("summer-4821kqwptbalmm", []),
        ("éa", ["éA"]),
    ],
)
def test_every_spelling_that_differs_only_in_case_is_found(runtime: Runtime, typed: str, found: list[str]) -> None:
    group = make_group(runtime, "Summer 10%", 0)
    loaded(runtime, ["SUMMER-4821KqwPtbaLM", "SUMMER-4821Kq", "ab", "AB", "aB", "aBc", "éA", "A1", "b"], group)
    with runtime.db.read() as session:
        assert lives.spellings(session, typed) == found


def test_a_look_up_in_another_case_takes_few_seeks_among_many_codes(runtime: Runtime) -> None:
    """No index is kept for it, and nothing is scanned: the seeks do not grow with the codes."""
    group = make_group(runtime, "Summer 10%", 0)
    alphabet = "abcdefghijABCDEFGHIJ"
    many = {f"S-{a}{b}{c}{(a + b).swapcase()}" for a in alphabet for b in alphabet for c in alphabet}
    loaded(runtime, sorted(many), group)
    seeks = []
    with runtime.db.read() as session:
        event.listen(runtime.db.engine, "before_cursor_execute", lambda *args: seeks.append(args[2]))
        assert lives.spellings(session, "s-ABCba") == []
        # Each of the 8 spellings of the three letters has one code.
        assert len(lives.spellings(session, "s-abcab", most=20)) == 8
    seeks = [seek for seek in seeks if seek.startswith("SELECT")]
    assert 8 < len(seeks) < 60
    assert all("LIMIT" in seek for seek in seeks)


def test_a_slip_of_the_finger_is_answered_with_the_code_of_a_customer_and_never_with_a_free_one(
    runtime: Runtime,
) -> None:
    group = make_group(runtime, "Summer 10%", 2)
    (customer,) = make_customers(runtime, 1)
    code = give(runtime, group, customer).code
    with runtime.db.read() as session:
        now = runtime.clock.now()
        for typed in (code + "7", code[:-1], code[:-1] + "x", code[:-2] + code[-1] + code[-2]):
            with pytest.raises(Refused, match=f"There is no promo code '{typed}'. Did you mean '{code}'"):
                life.life(session, typed, now, suggest=True)
            with pytest.raises(Refused, match="Check it letter by letter"):
                life.life(session, typed, now)
        with pytest.raises(Refused, match="Check it letter by letter"):  # S1-1 is active, and nobody's to know
            life.life(session, "S1-17", now, suggest=True)


@pytest.mark.parametrize("typed", ["", "   ", "a b", "x" * 65, "a,b", "\x00", "'; DROP TABLE promo_code; --"])
def test_what_can_be_no_code_is_said_so(runtime: Runtime, typed: str) -> None:
    with runtime.db.read() as session, pytest.raises(Refused) as refused:
        life.life(session, typed, runtime.clock.now(), suggest=True)
    assert (refused.value.field, refused.value.reason) == ("code", "unknown")


def test_the_whole_life_of_a_code_is_told_in_its_order(runtime: Runtime, clock: ManualClock) -> None:
    group = make_group(runtime, "Summer 10%", 2)
    (customer,) = make_customers(runtime, 1)
    provider = make_provider(runtime, NOWHERE)
    clock.advance(timedelta(hours=1))
    first = make_distribution(runtime, provider, [customer], subject="Thank you")
    start(runtime, first)
    with runtime.db.read() as session:
        code = session.scalars(select(PromoCode.code).where(PromoCode.customer_id == customer)).one()
        told = life.life(session, code.lower(), clock.now())
    assert (told.state, [step.kind for step in told.steps]) == ("blocked", ["made", "blocked"])
    assert told.note == f"Written '{code}'; you typed '{code.lower()}'."
    outcome(runtime, messages_of(runtime, first), MessageState.ACCEPTED)
    clock.advance(timedelta(hours=1))
    body = "Still there: {{ client.last_promocode('Summer 10%') }}"
    again = make_distribution(runtime, provider, [customer], subject="Once more", body=body)
    start(runtime, again)
    with runtime.db.read() as session:
        assert [step.kind for step in life.life(session, code, clock.now()).steps][-1] == "planned"
    outcome(runtime, messages_of(runtime, again), MessageState.ACCEPTED)
    clock.advance(timedelta(hours=1))
    with runtime.db.write() as session:
        redemptions.redeem(session, code, source_id="order 17", place="Warsaw", by="api:shop", now=clock.now())
        clock.advance(timedelta(hours=1))
        redemptions.roll_back(session, code, why="cancelled", by=ADA, now=clock.now())
        session.get_one(PromoCodeGroup, group).expires_at = clock.now() + timedelta(days=1)
    clock.advance(timedelta(hours=1))
    with runtime.db.write() as session:
        new = replacing.replace(session, code, why="till was broken", by=ADA, now=clock.now()).new
    with runtime.db.read() as session:
        told = life.life(session, code, clock.now())
        replacement = life.life(session, new.code, clock.now())
    assert [(step.kind, step.subject, step.by, step.place, step.why, step.other) for step in told.steps] == [
        ("made", "", "U0MAYA", "", "", ""),
        ("blocked", "Thank you", "", "", "", ""),
        ("issued", "Thank you", "", "", "", ""),
        ("repeated", "Once more", "", "", "", ""),
        ("redeemed", "", "api:shop", "Warsaw", "", ""),
        ("rolled_back", "", ADA, "", "cancelled", ""),
        ("replaced", "", ADA, "", "till was broken", new.code),
    ]
    assert all(step.at is not None for step in told.steps)
    assert (told.state, told.customer and told.customer.id, told.redemption) == ("revoked", customer, None)
    assert [step.kind for step in replacement.steps] == ["made", "replacing", "expires"]
    assert replacement.steps[1].other == code
    assert check(runtime.db) == []


def test_a_code_is_given_by_hand_once_however_often_the_form_is_sent(runtime: Runtime, clock: ManualClock) -> None:
    group = make_group(runtime, "Summer 10%", 5)
    (customer,) = make_customers(runtime, 1)
    begin, got = threading.Barrier(4), []

    def submit() -> None:
        begin.wait()
        got.append(give(runtime, group, customer).code)

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    assert len(set(got)) == 1
    assert stock(runtime, group) == (4, 0, 1, 0)
    with runtime.db.write() as session:
        second = replacing.give(session, group, customer, by=ADA, now=clock.now(), request="form 2")
        assert second.others == (got[0],)
        assert session.scalar(select(PromoCodePace.issued)) == 2
        (line, _) = codes.of_customer(session, customer)
        assert (line.issue, line.distribution, line.standing(clock.now())) == ("initial", None, "issued")
    assert check(runtime.db) == []


def test_a_certain_code_is_given_by_hand_or_nothing_where_somebody_was_quicker(runtime: Runtime) -> None:
    group = make_group(runtime, "Summer 10%", 3)
    customers = make_customers(runtime, 2)
    with runtime.db.read() as session:
        wanted = session.scalars(select(PromoCode).order_by(PromoCode.id.desc())).first()
    assert wanted is not None

    def submit(customer: int, request: str) -> str:
        with runtime.db.write() as session:
            return replacing.give(
                session, group, customer, by=ADA, now=runtime.clock.now(), request=request, code_id=wanted.id
            ).code.code

    assert submit(customers[0], "form 1") == submit(customers[0], "form 1") == wanted.code
    with pytest.raises(Refused, match="not active any more") as refused:
        submit(customers[1], "form 2")
    assert refused.value.reason == "missing"
    assert stock(runtime, group) == (2, 0, 1, 0)
    assert check(runtime.db) == []


def test_giving_and_replacing_want_an_active_code_and_change_nothing_without_one(
    runtime: Runtime, clock: ManualClock
) -> None:
    group = make_group(runtime, "Summer 10%", 1)
    (customer,) = make_customers(runtime, 1)
    code = give(runtime, group, customer).code
    with pytest.raises(Refused, match="'Summer 10%' has no active code") as refused:
        give(runtime, group, customer, "form 2")
    assert (refused.value.field, refused.value.reason) == ("group", "missing")
    with pytest.raises(Refused, match="has no active code"), runtime.db.write() as session:
        replacing.replace(session, code, why="lost", by=ADA, now=clock.now())
    assert stock(runtime, group) == (0, 0, 1, 0)
    with runtime.db.write() as session:
        session.get_one(PromoCodeGroup, group).expires_at = clock.now()
    with pytest.raises(Refused, match="The codes of 'Summer 10%' have expired"):
        give(runtime, group, customer, "form 2")
    with runtime.db.write() as session:
        session.get_one(Customer, customer).erased_at = clock.now()
    with pytest.raises(Refused, match="erased") as refused:
        give(runtime, group, customer, "form 2")
    assert refused.value.field == "customer"
    assert check(runtime.db) == []


def test_a_code_is_replaced_once_by_two_people_at_once(runtime: Runtime, clock: ManualClock) -> None:
    group = make_group(runtime, "Summer 10%", 6)
    (customer,) = make_customers(runtime, 1)
    code = give(runtime, group, customer).code
    begin, got = threading.Barrier(4), []

    def click() -> None:
        begin.wait()
        with runtime.db.write() as session:
            done = replacing.replace(session, code, why="lost", by=ADA, now=clock.now())
            got.append((done.new.code, done.again))

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({new for new, _ in got}) == 1
    assert sorted(again for _, again in got) == [False, True, True, True]
    assert stock(runtime, group) == (4, 0, 1, 1)
    assert check(runtime.db) == []


def test_a_revoked_code_says_so_twice_and_one_that_was_used_or_is_on_its_way_is_not_revoked(
    runtime: Runtime, clock: ManualClock
) -> None:
    group = make_group(runtime, "Summer 10%", 4)
    (customer,) = make_customers(runtime, 1)
    code = give(runtime, group, customer).code

    def revoke(text: str, why: str = "leaked") -> bool:
        with runtime.db.write() as session:
            return replacing.revoke(session, text, why=why, by=ADA, now=clock.now()).again

    with pytest.raises(Refused, match="Say why") as refused:
        revoke(code, "  ")
    assert refused.value.field == "why"
    with runtime.db.write() as session:
        redemptions.redeem(session, code, by="api:shop", now=clock.now())
    with pytest.raises(Refused, match=r"was redeemed on 15 Jun 2026 at 12:00 UTC. Roll the redemption back first"):
        revoke(code)
    with runtime.db.write() as session:
        redemptions.roll_back(session, code, by=ADA, now=clock.now())
    provider = make_provider(runtime, NOWHERE)
    body = "Still there: {{ client.last_promocode('Summer 10%') }}"
    again = make_distribution(runtime, provider, [customer], subject="Once more", body=body)
    start(runtime, again)
    with pytest.raises(Refused, match="is about to be sent again, with 'Once more'"):
        revoke(code)
    outcome(runtime, messages_of(runtime, again), MessageState.ACCEPTED)
    assert (revoke(code), revoke(code)) == (False, True)
    new = make_distribution(runtime, provider, [customer])
    start(runtime, new)
    with runtime.db.read() as session:
        held = session.scalars(select(PromoCode.code).where(PromoCode.state == CodeState.BLOCKED)).one()
        free = session.scalars(select(PromoCode.code).where(PromoCode.state == CodeState.ACTIVE)).first()
    with pytest.raises(Refused, match="is held for a message that is not sent yet"):
        revoke(held)
    assert not revoke(free or "")  # leaked before anybody had it
    assert stock(runtime, group) == (1, 1, 0, 2)
    with pytest.raises(Refused, match="without another in its place"), runtime.db.write() as session:
        replacing.replace(session, code, why="lost", by=ADA, now=clock.now())
    with runtime.db.read() as session:
        assert session.scalar(select(func.count()).select_from(PromoCodeChange)) == 3  # given, and revoked twice
    assert check(runtime.db) == []
