"""Approvals: decided once, by somebody else, on exactly what was sealed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distribution import approvals, drafts, promotions, recipients, review, seal, settings
from distribution.codes import groups
from distribution.errors import Refused
from distribution.segments import editing
from distribution.templates import render
from storage import approvals as rows
from storage.rules import Condition, Rules
from storage.tables import Approval, Customer, Distribution, Message, PromoCodeGroup, Provider, Segment, SegmentMember
from tests.conftest import run_jobs
from tests.unit.drafting.shop import LEE, MAYA, Shop, Someone


@pytest.fixture
def asked(shop: Shop) -> tuple[Shop, int, int]:
    """A request that waits: the shop, the approval's id, the distribution's."""
    shop.customers("Anna Nowak", "Jan Kowalski")
    shop.codes(5)
    draft_id, _ = shop.reviewed()
    with shop.db.write() as session:
        done = approvals.submit(session, shop.runtime, draft_id, by=MAYA)
    assert done.status == "pending"
    assert done.approval is not None
    return shop, done.approval.id, draft_id


def test_approving_launches(asked: tuple[Shop, int, int]) -> None:
    shop, approval_id, distribution_id = asked
    assert shop.get(distribution_id).status == "pending"
    with shop.db.write() as session:
        decision = approvals.approve(session, shop.runtime, approval_id, Someone(LEE))
    assert decision.outcome == "approved"
    assert (decision.approval.state, decision.approval.decided_by) == ("approved", LEE)
    assert shop.get(distribution_id).status == "blocking"
    run_jobs(shop.runtime)
    assert shop.get(distribution_id).status == "sending"
    assert len(shop.all(Message)) == 2


def test_a_scheduled_one_waits_for_its_time(shop: Shop) -> None:
    shop.customers("Anna")
    shop.codes(5)
    draft_id, _ = shop.reviewed(send_at=shop.clock.now() + timedelta(hours=2))
    with shop.db.write() as session:
        done = approvals.submit(session, shop.runtime, draft_id, by=MAYA)
        assert done.approval is not None
        approvals.approve(session, shop.runtime, done.approval.id, Someone(LEE))
    assert shop.get(draft_id).status == "scheduled"


def test_nobody_approves_or_rejects_their_own(asked: tuple[Shop, int, int]) -> None:
    shop, approval_id, _ = asked
    with shop.db.write() as session:
        with pytest.raises(Refused, match="a colleague has to decide"):
            approvals.approve(session, shop.runtime, approval_id, Someone(MAYA))
        with pytest.raises(Refused, match="a colleague has to decide"):
            approvals.reject(session, approval_id, Someone(MAYA), "no", now=shop.clock.now())
    with pytest.raises(IntegrityError), shop.db.write() as session:
        session.get_one(Approval, approval_id).decided_by = MAYA


def test_only_those_who_may_approve_do(asked: tuple[Shop, int, int]) -> None:
    shop, approval_id, _ = asked
    with shop.db.write() as session, pytest.raises(Refused, match="may not approve"):
        approvals.approve(session, shop.runtime, approval_id, Someone("U0X", frozenset({"send"})))


def test_a_rejection_needs_a_reason_and_tells_it(asked: tuple[Shop, int, int]) -> None:
    shop, approval_id, distribution_id = asked
    with shop.db.write() as session:
        for reason in ("  ", "x" * 501):
            with pytest.raises(Refused) as refused:
                approvals.reject(session, approval_id, Someone(LEE), reason, now=shop.clock.now())
            assert refused.value.field == "reason"
        approval = approvals.reject(session, approval_id, Someone(LEE), "Wrong\n segment", now=shop.clock.now())
        assert (approval.state, approval.reason, approval.decided_by) == ("rejected", "Wrong segment", LEE)
    rejected = shop.get(distribution_id)
    assert (rejected.status, rejected.status_reason) == ("refused", f"Rejected by {LEE}: Wrong segment")


def test_what_is_decided_stays_decided(asked: tuple[Shop, int, int]) -> None:
    shop, approval_id, _ = asked
    with shop.db.write() as session:
        approvals.approve(session, shop.runtime, approval_id, Someone(LEE))
    with shop.db.write() as session:
        with pytest.raises(Refused, match="U0LEE approved this already"):
            approvals.approve(session, shop.runtime, approval_id, Someone("U0ADA"))
        with pytest.raises(Refused, match="U0LEE approved this already"):
            approvals.reject(session, approval_id, Someone("U0ADA"), "no", now=shop.clock.now())
        with pytest.raises(Refused, match="does not exist"):
            approvals.approve(session, shop.runtime, 999, Someone("U0ADA"))


def test_a_decision_is_one_conditional_update(asked: tuple[Shop, int, int]) -> None:
    """Whatever was read before: the update itself matches only what waits, and nobody's own."""
    shop, approval_id, _ = asked
    now = shop.clock.now()
    with shop.db.write() as session:
        assert not rows.decide(session, approval_id, state="approved", by=MAYA, reason=None, at=now)
        assert rows.decide(session, approval_id, state="approved", by=LEE, reason=None, at=now)
        assert not rows.decide(session, approval_id, state="rejected", by="U0ADA", reason="no", at=now)
        assert session.get_one(Approval, approval_id).state == "approved"


def test_of_many_clicks_at_once_one_counts(asked: tuple[Shop, int, int]) -> None:
    shop, approval_id, distribution_id = asked

    def click(person: str) -> str:
        try:
            with shop.db.write() as session:
                if person.endswith("0"):
                    approvals.reject(session, approval_id, Someone(person), "no", now=shop.clock.now())
                else:
                    approvals.approve(session, shop.runtime, approval_id, Someone(person))
        except Refused as refusal:
            return str(refusal)
        return "counted"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(click, [f"U{n}" for n in range(8)]))
    assert outcomes.count("counted") == 1
    assert all("already" in outcome for outcome in outcomes if outcome != "counted")
    assert shop.get(distribution_id).status in ("blocking", "refused")


def delete_group(session: Session, shop: Shop) -> None:
    group = session.get_one(PromoCodeGroup, shop.group_id)
    group.deleted_at, group.name_key = shop.clock.now(), None


def other_rules(session: Session, shop: Shop) -> None:
    rules = Rules(parts=(Condition("attribute", "is", "Kraków", attribute="city", type="text"),))
    editing.change_rules(session, shop.segment_id, rules, now=shop.clock.now())


def delete_segment(session: Session, shop: Shop) -> None:
    session.get_one(Segment, shop.segment_id).deleted_at = shop.clock.now()


def lose_a_member(session: Session, shop: Shop) -> None:
    session.execute(
        delete(SegmentMember).where(SegmentMember.customer_id == select(Customer.id).limit(1).scalar_subquery())
    )


def reconfigure(session: Session, shop: Shop) -> None:
    session.get_one(Provider, shop.provider_id).config = {"from": "EVIL"}


def remove_provider(session: Session, shop: Shop) -> None:
    session.get_one(Provider, shop.provider_id).name_key = None


def edit_column(column: str, value: object) -> Callable[[Session, Shop], None]:
    """Change the row behind the engine's back, as a bug would."""

    def change(session: Session, shop: Shop) -> None:
        setattr(session.scalars(select(Distribution)).one(), column, value)

    return change


CHANGES = [
    (delete_group, "group 'Summer 10%' was deleted"),
    (other_rules, "the rules of segment 'Warsaw regulars' were changed"),
    (delete_segment, "the audience 'Warsaw regulars' was deleted"),
    (lose_a_member, "the audience has 1 customers, not 2"),
    (reconfigure, "the provider 'Sandbox' was set up differently"),
    (remove_provider, "the provider 'Sandbox' was removed"),
    (edit_column("body", "Something else {{ client.promocode('Summer 10%') }}"), "the text was changed"),
    (edit_column("purpose", "custom"), "the purpose was changed"),
    (edit_column("subject", "Other"), "the subject is 'Other', not 'Summer thank-you'"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES, ids=[words for _, words in CHANGES])
def test_any_change_voids_the_request_and_says_what(
    asked: tuple[Shop, int, int], change: Callable[[Session, Shop], None], words: str
) -> None:
    shop, approval_id, distribution_id = asked
    with shop.db.write() as session:
        change(session, shop)
    with shop.db.write() as session:
        decision = approvals.approve(session, shop.runtime, approval_id, Someone(LEE))
    assert decision.outcome == "void"
    assert decision.changes == (words,)
    with shop.db.read() as session:
        approval = session.get_one(Approval, approval_id)
        assert (approval.state, approval.reason, approval.decided_by) == ("void", words, None)
    draft = shop.get(distribution_id)
    assert (draft.status, draft.seal, draft.status_reason) == ("draft", None, f"Back to a draft: {words}.")
    assert "fixed" not in draft.audience
    assert shop.all(Message) == []
    with shop.db.write() as session, pytest.raises(Refused, match="This request is void"):
        approvals.approve(session, shop.runtime, approval_id, Someone(LEE))


def test_people_who_join_or_opt_out_void_nothing(asked: tuple[Shop, int, int]) -> None:
    """Those who were reviewed are meant: who joined is not texted, who opted out is left out."""
    shop, approval_id, _distribution_id = asked
    shop.customers("Late")
    with shop.db.write() as session:
        session.scalars(select(Customer).where(Customer.name == "Anna Nowak")).one().consent = "opted_out"
    with shop.db.write() as session:
        assert approvals.approve(session, shop.runtime, approval_id, Someone(LEE)).outcome == "approved"
    run_jobs(shop.runtime)
    assert sorted(message.reason or "" for message in shop.all(Message)) == ["", "opted_out"]


def test_an_edit_takes_the_request_back(asked: tuple[Shop, int, int]) -> None:
    shop, approval_id, distribution_id = asked
    now = shop.clock.now()
    with shop.db.write() as session:
        with pytest.raises(Refused, match="Only the person who made this"):
            approvals.reopen(session, distribution_id, by=LEE, now=now)
        draft = approvals.reopen(session, distribution_id, by=MAYA, now=now)
        assert draft.status == "draft"
        assert drafts.missing(session, draft, now=now) == []
    with shop.db.write() as session, pytest.raises(Refused, match="it was taken back to be edited"):
        approvals.approve(session, shop.runtime, approval_id, Someone(LEE))
    with shop.db.write() as session, pytest.raises(Refused, match="cannot be taken back"):
        approvals.reopen(session, distribution_id, by=MAYA, now=now)
    with shop.db.write() as session, pytest.raises(Refused, match="Review it first"):
        approvals.submit(session, shop.runtime, distribution_id, by=MAYA)


def test_a_change_between_approval_and_launch_voids_too(shop: Shop) -> None:
    shop.customers("Anna")
    shop.codes(5)
    draft_id, _ = shop.reviewed(send_at=shop.clock.now() + timedelta(hours=2))
    with shop.db.write() as session:
        done = approvals.submit(session, shop.runtime, draft_id, by=MAYA)
        assert done.approval is not None
        approvals.approve(session, shop.runtime, done.approval.id, Someone(LEE))
    with shop.db.write() as session:
        assert seal.void_if_changed(session, session.get_one(Distribution, draft_id), now=shop.clock.now()) == []
        other_rules(session, shop)
    with shop.db.write() as session:
        draft = session.get_one(Distribution, draft_id)
        assert seal.void_if_changed(session, draft, now=shop.clock.now())
    with shop.db.read() as session:
        approval = rows.latest_of(session, draft_id)
        assert approval is not None
        assert (approval.state, approval.decided_by) == ("void", LEE)
    assert shop.get(draft_id).status == "draft"


@pytest.mark.parametrize(("late", "outcome"), [(timedelta(minutes=59), "approved"), (timedelta(minutes=61), "void")])
def test_an_approval_long_after_the_time_does_not_text_at_night(shop: Shop, late: timedelta, outcome: str) -> None:
    shop.customers("Anna")
    shop.codes(5)
    draft_id, _ = shop.reviewed(send_at=shop.clock.now() + timedelta(hours=2))
    with shop.db.write() as session:
        done = approvals.submit(session, shop.runtime, draft_id, by=MAYA)
        assert done.approval is not None
    shop.clock.advance(timedelta(hours=2) + late)
    with shop.db.write() as session:
        decision = approvals.approve(session, shop.runtime, done.approval.id, Someone(LEE))
    assert decision.outcome == outcome
    assert shop.get(draft_id).status == {"approved": "blocking", "void": "draft"}[outcome]


@pytest.mark.parametrize(
    ("policy", "recipients", "needs"),
    [
        ("always", 1, True),
        ("never", 10**6, False),
        ("above:100", 100, False),
        ("above:100", 101, True),
        ("above:0", 1, True),
    ],
)
def test_the_policy(shop: Shop, policy: str, recipients: int, needs: bool) -> None:
    with shop.db.write() as session:
        settings.put(session, "approvals.required", policy)
        assert approvals.needed(session, recipients) is needs


def test_where_none_is_needed_it_goes_at_once(shop: Shop) -> None:
    shop.customers("Anna")
    shop.codes(5)
    with shop.db.write() as session:
        settings.put(session, "approvals.required", "never")
    draft_id, _ = shop.reviewed()
    with shop.db.write() as session:
        done = approvals.submit(session, shop.runtime, draft_id, by=MAYA)
    assert (done.status, done.approval) == ("blocking", None)
    sent = shop.get(draft_id)
    assert sent.status == "blocking"
    assert sent.sealed["audience"]["size"] == 1
    with shop.db.write() as session, pytest.raises(Refused, match="no draft any more"):
        approvals.submit(session, shop.runtime, draft_id, by=MAYA)


def test_what_was_not_reviewed_as_it_is_cannot_be_submitted(shop: Shop) -> None:
    shop.customers("Anna", "Jan")
    with shop.db.write() as session:
        draft = shop.draft(session)
        with pytest.raises(Refused, match="Review it first"):
            approvals.submit(session, shop.runtime, draft.id, by=MAYA)
        review.review(session, shop.runtime, draft.id, by=MAYA)
        with pytest.raises(Refused, match="2 codes are missing in 'Summer 10%'"):
            approvals.submit(session, shop.runtime, draft.id, by=MAYA)
    shop.codes(2)
    with shop.db.write() as session:
        reconfigure(session, shop)
    with shop.db.write() as session:
        with pytest.raises(Refused, match="Something changed since this was reviewed"):
            approvals.submit(session, shop.runtime, draft.id, by=MAYA)
        assert session.get_one(Distribution, draft.id).seal is None
    shop.clock.advance(timedelta(hours=25))
    with shop.db.write() as session, pytest.raises(Refused, match="Review it first"):
        approvals.submit(session, shop.runtime, draft.id, by=MAYA)


def test_a_promotion_edited_after_the_seal_breaks_it_and_is_not_what_is_sent(shop: Shop) -> None:
    (anna,) = shop.customers("Anna")
    now = shop.clock.now()
    with shop.db.write() as session:
        promotion_id = promotions.create(session, "Free shipping", "from 50 EUR", by=MAYA, now=now).id
    draft_id, _ = shop.reviewed(purpose="promotion", promotion_id=promotion_id, body="{{ promotion.terms }}")
    with shop.db.write() as session:
        approvals.submit(session, shop.runtime, draft_id, by=MAYA)
    with shop.db.write() as session:
        promotions.edit(session, promotion_id, name="Free shipping", terms="from 500 EUR", now=now)
        words = seal.broken(session, session.get_one(Distribution, draft_id))
        session.add(Message(id=1, distribution_id=draft_id, customer_id=anna, phone="+48501"))
        session.flush()
        sealed = session.get_one(Distribution, draft_id)
        (loaded,) = recipients.for_messages(session, sealed, [1], shop.runtime.links)
    assert words == ["the promotion 'Free shipping' was edited"]
    assert render.compile("{{ promotion.terms }}").render(loaded.recipient) == "from 50 EUR"


@pytest.mark.parametrize("moment", ["before the approval", "while texts go out"])
def test_a_group_that_is_renamed_voids_nothing_and_leaves_no_hole(asked: tuple[Shop, int, int], moment: str) -> None:
    shop, approval_id, distribution_id = asked

    def rename() -> None:
        with shop.db.write() as session:
            named = {"name": "Autumn", "by": MAYA, "now": shop.clock.now()}
            used = groups.edit(shop.runtime.jobs, session, shop.group_id, **named)
            assert [use.distribution_id for use in used] == [distribution_id]

    if moment == "before the approval":
        rename()
    with shop.db.write() as session:
        approvals.approve(session, shop.runtime, approval_id, Someone(LEE))
    run_jobs(shop.runtime)
    if moment != "before the approval":
        rename()
    with shop.db.read() as session:
        sent = session.get_one(Distribution, distribution_id)
        ids = [message.id for message in session.query(Message)]
        texts = [
            render.compile(sent.body).render(loaded.recipient)
            for loaded in recipients.for_messages(session, sent, ids, shop.runtime.links)
        ]
    assert len(texts) == 2
    assert all("SUMMER-1234AAAA" in text for text in texts)


def test_what_a_seal_says_about_times_providers_and_groups(shop: Shop) -> None:
    """The words for changes that only an engine gone wrong could make."""
    with shop.db.write() as session:
        groups.create(session, "Other", by=MAYA, now=shop.clock.now())
        draft = shop.draft(session)
        before = seal.facts(session, draft)
        draft.send_at = shop.clock.now()
        draft.body += " {{ client.promocode('Other') }}"
        draft.mode = "automatic"
        after = seal.facts(session, draft)
    assert seal.changes(before, after) == [
        "it is automatic, not manual",
        "the text was changed",
        "it takes codes from 'Other' now",
        "it is to be sent on 15 Jun 2026 at 12:00 UTC, not at once",
    ]
    assert seal.seal_of(before) != seal.seal_of(after)
