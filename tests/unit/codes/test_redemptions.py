"""That a code was used: once, by whom it is, in time; and that it was not, after all."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from distribution.check import check
from distribution.clock import ManualClock
from distribution.codes import redemptions, replacing
from distribution.codes.redemptions import Redeemed, Use, redeem, redeem_many, roll_back
from distribution.errors import Refused
from distribution.report import report
from distribution.runtime import Runtime
from storage import issuing
from storage import redemptions as rows
from storage.tables import (
    CodeState,
    Distribution,
    MessageState,
    PromoCode,
    PromoCodeGroup,
    PromoCodeLot,
    PromoCodeStock,
    Redemption,
)
from tests.sending import make_customers, make_distribution, make_group, make_provider, messages_of, outcome, start

SHOP = "api:shop"


def given(runtime: Runtime, codes: int = 3) -> tuple[int, list[str]]:
    """A group with codes that a customer got by hand, and two active ones; the group and the codes."""
    group = make_group(runtime, "Summer 10%", codes + 2)
    (customer,) = make_customers(runtime, 1)
    with runtime.db.write() as session:
        got = [
            replacing.give(session, group, customer, by="U0ADA", now=runtime.clock.now(), request=f"r{n}").code.code
            for n in range(codes)
        ]
    return group, got


def use(runtime: Runtime, code: str, **more: object) -> Redeemed:
    """Redeem a code, now."""
    with runtime.db.write() as session:
        return redeem(session, code, by=SHOP, now=runtime.clock.now(), **more)  # type: ignore[arg-type]


def redeemed(runtime: Runtime, group: int) -> int:
    """What the stock says."""
    with runtime.db.read() as session:
        return session.get_one(PromoCodeStock, group).redeemed


def test_a_code_that_was_used_says_when_and_where_and_is_refused_the_second_time(runtime: Runtime) -> None:
    group, codes = given(runtime)
    answer = use(runtime, codes[0], place="Warsaw shop")
    assert not answer.again
    assert redeemed(runtime, group) == 1
    with pytest.raises(Refused, match="was redeemed before: on 15 Jun 2026 at 12:00 UTC, Warsaw shop") as refused:
        use(runtime, codes[0])
    assert (refused.value.field, refused.value.reason) == ("code", "redeemed")
    assert redeemed(runtime, group) == 1
    assert check(runtime.db) == []


def test_a_use_that_is_said_twice_by_its_source_id_is_one(runtime: Runtime, clock: ManualClock) -> None:
    group, codes = given(runtime)
    first = use(runtime, codes[0], source_id="order 17", place="Warsaw")
    clock.advance(timedelta(hours=1))
    again = use(runtime, codes[0], source_id="order 17", place="Krakow")
    assert again.again
    assert (again.redemption.id, again.redemption.at, again.redemption.place) == (
        first.redemption.id,
        first.redemption.at,
        "Warsaw",
    )
    with pytest.raises(Refused, match="Source id 'order 17' was said of another code") as refused:
        use(runtime, codes[1], source_id="order 17")
    assert (refused.value.field, refused.value.reason) == ("source_id", "taken")
    assert redeemed(runtime, group) == 1


def test_a_use_that_was_rolled_back_does_not_come_back_when_it_is_said_again(runtime: Runtime) -> None:
    group, codes = given(runtime)
    use(runtime, codes[0], source_id="order 17")
    with runtime.db.write() as session:
        roll_back(session, codes[0], why="order cancelled", by="U0ADA", now=runtime.clock.now())
    again = use(runtime, codes[0], source_id="order 17")
    assert again.again
    assert again.redemption.rolled_back_why == "order cancelled"
    assert redeemed(runtime, group) == 0
    assert not use(runtime, codes[0], source_id="order 18").again  # another use is another
    assert redeemed(runtime, group) == 1
    assert check(runtime.db) == []


def test_a_roll_back_counts_once_and_only_of_what_stands(runtime: Runtime) -> None:
    group, codes = given(runtime)
    use(runtime, codes[0], source_id="order 17")

    def back(**more: object) -> redemptions.RolledBack:
        with runtime.db.write() as session:
            return roll_back(session, codes[0], by="U0ADA", now=runtime.clock.now(), **more)  # type: ignore[arg-type]

    with pytest.raises(Refused, match=r"No redemption of '.*' has the source id 'order 18'"):
        back(source_id="order 18")
    assert not back(source_id="order 17").again
    assert back(source_id="order 17").again
    with pytest.raises(Refused, match="was rolled back on 15 Jun 2026 at 12:00 UTC already") as refused:
        back()
    assert refused.value.reason == "not_redeemed"
    with pytest.raises(Refused, match="was not redeemed"), runtime.db.write() as session:
        roll_back(session, codes[1], by="U0ADA", now=runtime.clock.now())
    assert redeemed(runtime, group) == 0
    assert check(runtime.db) == []


def test_a_roll_back_says_which_other_codes_the_customer_can_still_use(runtime: Runtime) -> None:
    _, codes = given(runtime, 3)
    for code in codes[:2]:
        use(runtime, code)
    with runtime.db.write() as session:
        done = roll_back(session, codes[0], by="U0ADA", now=runtime.clock.now())
        assert done.others == (codes[2],)  # not the one that is used up
        replacing.revoke(session, codes[2], why="two are too many", by="U0ADA", now=runtime.clock.now())
        replacing.revoke(session, codes[0], why="two are too many", by="U0ADA", now=runtime.clock.now())
        assert roll_back(session, codes[1], by="U0ADA", now=runtime.clock.now()).others == ()
    assert check(runtime.db) == []


def test_a_code_is_held_for_a_text_that_waits_or_for_one_that_may_have_arrived(runtime: Runtime) -> None:
    group = make_group(runtime, "Summer 10%", 2)
    customers = make_customers(runtime, 1)
    distribution = make_distribution(
        runtime, make_provider(runtime, "http://127.0.0.1:9"), customers, subject="Thanks", code_policy="same"
    )
    start(runtime, distribution)
    with runtime.db.read() as session:
        code = session.scalars(
            select(PromoCode.code).where(PromoCode.group_id == group, PromoCode.state == CodeState.BLOCKED)
        ).one()
    with pytest.raises(Refused, match="it is held for a message of 'Thanks' that is not sent yet") as refused:
        use(runtime, code)
    assert refused.value.reason == "blocked"
    outcome(runtime, messages_of(runtime, distribution), MessageState.UNKNOWN)
    with pytest.raises(Refused, match="nobody knows yet whether that text arrived") as refused:
        use(runtime, code)
    assert refused.value.reason == "blocked"
    with pytest.raises(Refused, match="nobody knows yet"), runtime.db.write() as session:
        replacing.revoke(session, code, why="leaked", by="U0ADA", now=runtime.clock.now())


def test_a_wrong_case_is_found_and_said_where_one_code_is_meant(runtime: Runtime) -> None:
    _, codes = given(runtime)
    answer = use(runtime, f" {codes[0].lower()} ")
    assert answer.code == codes[0]
    assert answer.note == f"Written '{codes[0]}'; you typed '{codes[0].lower()}'."


def test_a_wrong_case_that_could_be_two_codes_redeems_neither(runtime: Runtime) -> None:
    group, _ = given(runtime)
    with runtime.db.write() as session:
        lot = session.scalars(select(PromoCodeLot.id)).first()
        for number, code in enumerate(("AbCd", "aBcD")):
            row = PromoCode(id=9000 + number, code=code, group_id=group, lot_id=lot, state=CodeState.EXPIRED)
            session.add(row)
    with pytest.raises(Refused, match="could be 'AbCd', 'aBcD'") as refused:
        use(runtime, "abcd")
    assert refused.value.reason == "ambiguous"


def test_what_cannot_be_redeemed_is_refused_with_its_own_reason(runtime: Runtime, clock: ManualClock) -> None:
    group, codes = given(runtime)
    with runtime.db.write() as session:
        replacing.revoke(session, codes[1], why="leaked", by="U0ADA", now=clock.now())
        free = session.scalars(
            select(PromoCode.code).where(PromoCode.group_id == group, PromoCode.state == CodeState.ACTIVE)
        ).first()
        blocked = PromoCode(
            id=9001, code="HELD-1", group_id=group, lot_id=1, state=CodeState.BLOCKED, customer_id=1, message_id=77
        )
        session.add(blocked)
    reasons = {}
    for code in (free or "", "HELD-1", codes[1], "NO-SUCH", ""):
        with pytest.raises(Refused) as refused:
            use(runtime, code)
        reasons[code] = refused.value.reason
        assert refused.value.field == "code"
    assert reasons == {free: "active", "HELD-1": "blocked", codes[1]: "revoked", "NO-SUCH": "unknown", "": "unknown"}
    assert set(reasons.values()) <= set(redemptions.REASONS)
    assert redeemed(runtime, group) == 0


def test_a_code_that_expired_is_good_for_a_use_before_that(runtime: Runtime, clock: ManualClock) -> None:
    group, codes = given(runtime)
    with runtime.db.write() as session:
        session.get_one(PromoCodeGroup, group).expires_at = clock.now() + timedelta(days=2)
    clock.advance(timedelta(days=3))
    with pytest.raises(Refused, match="expired on 17 Jun 2026 at 12:00 UTC") as refused:
        use(runtime, codes[0])
    assert refused.value.reason == "expired"
    assert not use(runtime, codes[0], at=clock.now() - timedelta(days=2)).again


def test_a_use_before_the_issue_or_in_the_future_is_refused_at_its_time(runtime: Runtime, clock: ManualClock) -> None:
    _, codes = given(runtime)
    for at in (clock.now() - timedelta(days=3), clock.now() + timedelta(days=3)):
        with pytest.raises(Refused, match="cannot have been used") as refused:
            use(runtime, codes[0], at=at)
        assert (refused.value.field, refused.value.reason) == ("at", "time")


def test_many_uses_are_answered_one_by_one_and_in_their_order(runtime: Runtime) -> None:
    group, codes = given(runtime)
    with runtime.db.write() as session:
        answers = redeem_many(
            session,
            [
                Use(codes[0], "a"),
                Use(codes[0], "a"),
                Use(codes[0], "b"),
                Use(codes[1], "a"),
                Use("NO-SUCH"),
                Use(codes[2].lower()),
            ],
            by=SHOP,
            now=runtime.clock.now(),
        )
    told = [answer.reason if isinstance(answer, Refused) else answer.again for answer in answers]
    assert told == [False, True, "redeemed", "taken", "unknown", False]
    assert redeemed(runtime, group) == 2
    assert check(runtime.db) == []


@pytest.mark.parametrize("same_source", [True, False])
def test_a_code_that_two_tills_redeem_at_once_is_redeemed_once(runtime: Runtime, same_source: bool) -> None:
    group, codes = given(runtime)
    start, told = threading.Barrier(4), []

    def till(number: int) -> None:
        start.wait()
        try:
            told.append(use(runtime, codes[0], source_id="order" if same_source else f"order {number}").again)
        except Refused as refused:
            told.append(refused.reason)

    threads = [threading.Thread(target=till, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, told)) == ["False", *(["True"] * 3 if same_source else ["redeemed"] * 3)]
    assert redeemed(runtime, group) == 1
    with runtime.db.read() as session:
        assert len(session.scalars(select(Redemption)).all()) == 1
    assert check(runtime.db) == []


def test_one_source_id_said_of_two_codes_at_once_redeems_one_of_them(runtime: Runtime) -> None:
    group, codes = given(runtime)
    start, told = threading.Barrier(3), []

    def till(code: str) -> None:
        start.wait()
        try:
            told.append(use(runtime, code, source_id="order 17").again)
        except Refused as refused:
            told.append(refused.reason)

    threads = [threading.Thread(target=till, args=(code,)) for code in codes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, told)) == ["False", "taken", "taken"]
    assert redeemed(runtime, group) == 1
    assert check(runtime.db) == []


def test_the_validity_of_a_group_counts_from_the_issue_and_overrides_its_expiry(
    runtime: Runtime, clock: ManualClock
) -> None:
    group = make_group(runtime, "Summer 10%", 2)
    (customer,) = make_customers(runtime, 1)
    with runtime.db.write() as session:
        row = session.get_one(PromoCodeGroup, group)
        row.expires_at, row.validity_days = clock.now() + timedelta(days=1), 7
    with runtime.db.write() as session:
        code = issuing.issue_one(session, group, customer, clock.now())
        assert code is not None
        assert code.expires_at == clock.now() + timedelta(days=7)
    clock.advance(timedelta(days=6))
    assert not use(runtime, code.code).again


def test_reports_that_redemptions_change_are_found_by_the_latest_uses_alone(runtime: Runtime) -> None:
    """However long a distribution has been over; one without a message in Slack has nothing to bring up to date."""
    make_group(runtime, "Summer 10%", 4)
    customers = make_customers(runtime, 2)
    provider = make_provider(runtime, "http://127.0.0.1:9")
    both = [make_distribution(runtime, provider, customers, subject=subject) for subject in ("One", "Two")]
    for distribution in both:
        start(runtime, distribution)
        outcome(runtime, messages_of(runtime, distribution), MessageState.ACCEPTED)
    with runtime.db.write() as session:
        session.get_one(Distribution, both[0]).progress_ts = "1.0"
        codes = session.scalars(select(PromoCode.code).where(PromoCode.state == CodeState.ISSUED)).all()
        before = rows.latest_id(session)
    for code in codes:
        use(runtime, code)
    with runtime.db.read() as session:
        last, found = rows.distributions_after(session, before)
        assert (last, found) == (rows.latest_id(session), {both[0]})
        assert rows.distributions_after(session, last) == (last, set())
        assert [report(session, distribution).redeemed for distribution in both] == [2, 2]


def test_a_report_says_how_many_of_a_groups_codes_were_used_and_how_many_expired(
    runtime: Runtime, clock: ManualClock
) -> None:
    group = make_group(runtime, "Summer 10%", 4)
    provider = make_provider(runtime, "http://127.0.0.1:9")
    distribution = make_distribution(runtime, provider, make_customers(runtime, 4))
    start(runtime, distribution)
    messages = messages_of(runtime, distribution)
    outcome(runtime, messages[:3], MessageState.ACCEPTED)
    with runtime.db.write() as session:
        codes = session.scalars(select(PromoCode.code).where(PromoCode.state == CodeState.ISSUED)).all()
        session.get_one(PromoCodeGroup, group).expires_at = clock.now() + timedelta(days=1)
    use(runtime, codes[0])

    def told() -> list[tuple[int, ...]]:
        with runtime.db.read() as session:
            lines = report(session, distribution, now=clock.now()).codes
        return [(line.issued, line.held, line.returned, line.redeemed, line.expired) for line in lines]

    assert told() == [(3, 1, 0, 1, 0)]
    clock.advance(timedelta(days=2))
    assert told() == [(3, 1, 0, 1, 2)]
    outcome(runtime, messages[3:], MessageState.REJECTED)
    with runtime.db.write() as session:
        replacing.revoke(session, codes[1], why="leaked", by="U0ADA", now=clock.now() - timedelta(days=2))
    assert told() == [(3, 0, 1, 1, 1)]
