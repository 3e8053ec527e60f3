"""Drafts: kept after each step, refused at the field, continued where they were left."""

from datetime import timedelta
from typing import Any

import pytest

from distribution import drafts, promotions
from distribution.codes import groups
from distribution.errors import Refused
from storage.tables import Distribution, Provider, Segment, SegmentMember
from tests.unit.drafting.shop import MAYA, Shop


def test_a_draft_is_continued_at_the_step_after_the_last_accepted_one(shop: Shop) -> None:
    now = shop.clock.now()
    with shop.db.write() as session:
        draft = drafts.start(session, by=MAYA, channel="C1", now=now)
        assert drafts.reached(draft) == 1
        drafts.set_type(session, draft, mode="manual", now=now)
        drafts.set_purpose(session, draft, purpose="unique_codes", group_id=shop.group_id, now=now)
        drafts.keep_typed(session, draft, "audience", {"pasted": "+48 1"}, now=now)
        draft_id = draft.id
    with shop.db.write() as session:
        draft = drafts.get(session, draft_id, by=MAYA)
        assert drafts.reached(draft) == 3
        assert drafts.typed(draft, "audience") == {"pasted": "+48 1"}
        assert [each.id for each in drafts.open_of(session, MAYA)] == [draft_id]
        drafts.set_audience(session, draft, {"kind": "segment", "segment_id": shop.segment_id}, now=now)
        assert drafts.typed(draft, "audience") == {}


def test_what_is_missing_is_said_step_by_step(shop: Shop) -> None:
    with shop.db.write() as session:
        draft = drafts.start(session, by=MAYA, channel="C1", now=shop.clock.now())
        lacking = drafts.missing(session, draft, now=shop.clock.now())
    assert [(each.step, each.field) for each in lacking] == [
        ("purpose", "group"),
        ("audience", "audience"),
        ("subject", "subject"),
        ("message", "provider"),
        ("message", "body"),
    ]


def test_a_finished_draft_lacks_nothing_until_something_it_needs_goes(shop: Shop) -> None:
    now = shop.clock.now()
    with shop.db.write() as session:
        draft = shop.draft(session)
        assert drafts.missing(session, draft, now=now) == []
        # A segment that a draft uses is not deleted any more; one that was meanwhile by another process may be.
        session.get_one(Segment, shop.segment_id).deleted_at = now
        session.get_one(Provider, shop.provider_id).enabled = False
        groups.delete(shop.runtime.jobs, session, shop.group_id, by=MAYA, now=now)
        lacking = drafts.missing(session, draft, now=now)
    assert [each.field for each in lacking] == ["group", "audience", "provider", "body"]
    assert "was deleted" in lacking[0].text


@pytest.mark.parametrize(
    ("step", "values", "field", "says"),
    [
        ("purpose", {"purpose": "unique_codes", "group_id": 999}, "group", "Choose the group"),
        ("purpose", {"purpose": "promotion"}, "promotion", "Choose the promotion"),
        ("purpose", {"purpose": "promotion", "promotion_id": 999}, "promotion", "was deleted"),
        ("purpose", {"purpose": "gift"}, "purpose", "Choose what"),
        ("audience", {"audience": {"kind": "segment", "segment_id": 999}}, "audience", "does not exist"),
        ("audience", {"audience": {"kind": "customer", "customer_id": 999}}, "audience", "does not exist"),
        ("audience", {"audience": {}}, "audience", "Choose who"),
        ("subject", {"subject": "  "}, "subject", "Give it a subject"),
        ("subject", {"subject": "x" * 101}, "subject", "101 characters"),
        ("message", {"provider_id": None}, "provider", "Choose the provider"),
        ("message", {"body": " \n"}, "body", "Write the message"),
        ("message", {"body": "Hello"}, "body", "gives no code of 'Summer 10%'"),
        ("message", {"body": "{{ client.promocode('Sumer 10%') }}"}, "body", "Did you mean 'Summer 10%'?"),
        (
            "message",
            {"body": "{{ client.promocode('Summer 10%') }} {{ client.attributes.town }}"},
            "body",
            "no attribute",
        ),
        ("message", {"body": "{{ client.promocode('Summer 10%') }} {{ event.cart }}"}, "body", "automatic messages"),
        (
            "message",
            {"body": "{{ client.promocode('Summer 10%') }} {{ promotion.name }}"},
            "body",
            "not about a promotion",
        ),
        ("message", {"send_at": timedelta(0)}, "send_at", "has passed"),
        ("message", {"send_at": timedelta(days=400)}, "send_at", "a year ahead"),
        ("type", {"mode": "weekly"}, "mode", "manual or an automatic"),
    ],
)
def test_a_refusal_names_its_field_and_stores_nothing(
    shop: Shop, step: str, values: dict[str, Any], field: str, says: str
) -> None:
    now = shop.clock.now()
    with shop.db.write() as session:
        draft = shop.draft(session)
        before = {column.name: getattr(draft, column.name) for column in Distribution.__table__.columns}
        if isinstance(values.get("send_at"), timedelta):
            values = {**values, "send_at": now + values["send_at"]}
        if step == "message":
            values = {"provider_id": shop.provider_id, "body": draft.body, "send_at": None, **values}
        if step in ("subject", "audience"):
            setter, positional = getattr(drafts, f"set_{step}"), [values[step]]
            values = {}
        else:
            setter, positional = getattr(drafts, f"set_{step}"), []
        with pytest.raises(Refused) as refused:
            setter(session, draft, *positional, **values, now=now)
        assert refused.value.field == field
        assert says in str(refused.value)
        session.flush()
        session.expire(draft)
        assert {column.name: getattr(draft, column.name) for column in Distribution.__table__.columns} == before


def test_a_promotion_and_a_custom_message_take_no_codes(shop: Shop) -> None:
    now = shop.clock.now()
    with shop.db.write() as session:
        promotion = promotions.create(session, "Free shipping", "From 50 EUR", by=MAYA, now=now)
        for purpose, promotion_id in (("promotion", promotion.id), ("custom", None)):
            with pytest.raises(Refused, match="takes one from 'Summer 10%'"):
                shop.draft(session, purpose=purpose, promotion_id=promotion_id)
        draft = shop.draft(
            session, purpose="promotion", promotion_id=promotion.id, body="{{ promotion.name }}: {{ promotion.terms }}"
        )
        assert drafts.missing(session, draft, now=now) == []


def test_control_characters_are_taken_out_before_they_are_stored(shop: Shop) -> None:
    """PostgreSQL refuses a NUL in text and in JSON; nobody could read one anyway."""
    now = shop.clock.now()
    with shop.db.write() as session:
        draft = shop.draft(session, body="a\x00b\tc\r\nd {{ client.promocode('Summer\x00 10%') }}\x1b")
        drafts.set_subject(session, draft, "a\x00b\nc", now=now)
        drafts.keep_typed(session, draft, "message", {"body": "x\x00y", "when": 5}, now=now)
        promotion = promotions.create(session, "Fr\x00ee", "from\n50\x00", by=MAYA, now=now)
        draft_id = draft.id
    kept = shop.get(draft_id)
    assert (kept.subject, kept.body) == ("ab c", "ab c\nd {{ client.promocode('Summer 10%') }}")
    assert drafts.typed(kept, "message") == {"body": "xy", "when": 5}
    assert (promotion.name, promotion.terms) == ("Free", "from 50")


def test_choosing_another_group_renames_it_in_the_message(shop: Shop) -> None:
    now = shop.clock.now()
    with shop.db.write() as session:
        other = groups.create(session, "Winter's 5%", by=MAYA, now=now)
        draft = shop.draft(session)
        drafts.set_purpose(session, draft, purpose="unique_codes", group_id=other.id, now=now)
        assert 'client.promocode("Winter\'s 5%")' in draft.body
        assert drafts.missing(session, draft, now=now) == []


def test_choosing_another_group_renames_it_in_what_was_only_typed_too(shop: Shop) -> None:
    """Who goes back from step 5 to choose another group has not accepted that step yet."""
    now = shop.clock.now()
    code, last = "{{ client.promocode('Summer 10%') }}", "Still: {{ client.last_promocode('Summer 10%') }}"
    typed = {"body": code, "fallback_body": last, "reminders": [{"after": 60, "body": last}], "lifetime": None}
    with shop.db.write() as session:
        other = groups.create(session, "Winter 5%", by=MAYA, now=now)
        draft = shop.draft(session)
        draft.fallback_body = last
        drafts.keep_typed(session, draft, "message", typed, now=now)
        drafts.set_purpose(session, draft, purpose="unique_codes", group_id=other.id, now=now)
        renamed = "Still: {{ client.last_promocode('Winter 5%') }}"
        assert draft.fallback_body == renamed
        assert drafts.typed(draft, "message") == {
            "body": "{{ client.promocode('Winter 5%') }}",
            "fallback_body": renamed,
            "reminders": [{"after": 60, "body": renamed}],
            "lifetime": None,
        }


def test_only_its_author_goes_on_with_a_draft_and_only_while_it_is_one(shop: Shop) -> None:
    now = shop.clock.now()
    with shop.db.write() as session:
        draft = shop.draft(session)
        with pytest.raises(Refused, match="somebody else's"):
            drafts.get(session, draft.id, by="U0LEE")
        drafts.discard(session, draft.id, by=MAYA, now=now)
        with pytest.raises(Refused, match="was discarded"):
            drafts.get(session, draft.id, by=MAYA)
        with pytest.raises(Refused, match="does not exist"):
            drafts.get(session, 999, by=MAYA)
        assert drafts.open_of(session, MAYA) == []


def test_an_edit_drops_the_review_and_the_list_that_it_fixed(shop: Shop) -> None:
    shop.customers("Anna", "Jan")
    shop.codes(5)
    draft_id, _ = shop.reviewed()
    assert len(shop.all(SegmentMember)) == 2
    with shop.db.write() as session:
        draft = drafts.get(session, draft_id, by=MAYA)
        drafts.set_subject(session, draft, "Another", now=shop.clock.now())
        assert "review" not in draft.draft
        assert draft.audience == {"kind": "segment", "segment_id": shop.segment_id}
    assert shop.all(SegmentMember) == []


def test_a_copy_has_everything_but_the_time_and_whom_a_review_counted(shop: Shop) -> None:
    shop.customers("Anna")
    shop.codes(5)
    draft_id, _ = shop.reviewed(send_at=shop.clock.now() + timedelta(days=1))
    with shop.db.write() as session:
        copy = drafts.copy(session, draft_id, by="U0LEE", channel=None, now=shop.clock.now())
        assert (copy.created_by, copy.channel, copy.send_at, copy.status) == ("U0LEE", "C0MARKETING", None, "draft")
        assert copy.audience == {"kind": "segment", "segment_id": shop.segment_id}
        assert drafts.missing(session, copy, now=shop.clock.now()) == []


class TestPromotions:
    """Promotions."""

    def test_names_are_found_as_people_write_them(self, shop: Shop) -> None:
        now = shop.clock.now()
        with shop.db.write() as session:
            promotion = promotions.create(session, " Free  shipping ", by=MAYA, now=now)
            assert promotions.by_name(session, "free SHIPPING").id == promotion.id
            with pytest.raises(Refused, match="Did you mean 'Free shipping'"):
                promotions.by_name(session, "Fre shiping")
            with pytest.raises(Refused, match="already") as refused:
                promotions.create(session, "FREE shipping", by=MAYA, now=now)
            assert refused.value.field == "name"

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"name": " "}, "name"),
            ({"name": "x" * 101}, "name"),
            ({"name": "x", "terms": "y" * 301}, "terms"),
            ({"name": "x", "ends_at": timedelta(days=-1)}, "ends_at"),
            ({"name": "x", "starts_at": timedelta(days=2), "ends_at": timedelta(days=1)}, "ends_at"),
        ],
    )
    def test_bad_input_is_refused_at_its_field(self, shop: Shop, values: dict[str, Any], field: str) -> None:
        now = shop.clock.now()
        given = {key: now + value if isinstance(value, timedelta) else value for key, value in values.items()}
        with shop.db.write() as session, pytest.raises(Refused) as refused:
            promotions.create(session, **given, by=MAYA, now=now)
        assert refused.value.field == field

    def test_a_deleted_promotion_frees_its_name_unless_it_is_being_sent(self, shop: Shop) -> None:
        now = shop.clock.now()
        with shop.db.write() as session:
            promotion = promotions.create(session, "Free shipping", by=MAYA, now=now)
            draft = shop.draft(session, purpose="promotion", promotion_id=promotion.id, body="{{ promotion.name }}")
            draft.status = "scheduled"
            session.flush()
            with pytest.raises(Refused, match="Summer thank-you"):
                promotions.delete(session, promotion.id, now=now)
            draft.status = "draft"
            session.flush()
            promotions.delete(session, promotion.id, now=now)
            promotions.create(session, "Free shipping", by=MAYA, now=now)
            assert [each.name for each in promotions.listing(session)] == ["Free shipping"]
            assert [each.field for each in drafts.missing(session, draft, now=now)][:1] == ["promotion"]

    def test_standing(self, shop: Shop) -> None:
        now = shop.clock.now()
        with shop.db.write() as session:
            promotion = promotions.create(
                session, "x", starts_at=now + timedelta(1), ends_at=now + timedelta(2), by=MAYA, now=now
            )
        moments = (now, now + timedelta(1), now + timedelta(2))
        assert [promotions.standing(promotion, moment) for moment in moments] == ["upcoming", "running", "ended"]


def test_the_last_step_delivered_twice_leaves_its_review_standing(shop: Shop) -> None:
    """A second delivery of step 5 may come after the review: the draft can still be submitted."""
    draft_id, _ = shop.reviewed()
    before = shop.get(draft_id)
    with shop.db.write() as session:
        draft = drafts.get(session, draft_id, by=MAYA)
        drafts.set_message(
            session,
            draft,
            provider_id=before.provider_id,
            body=before.body,
            send_at=before.send_at,
            now=shop.runtime.clock.now(),
        )
    assert shop.get(draft_id).audience == before.audience and "fixed" in before.audience
    with shop.db.write() as session:
        draft = drafts.get(session, draft_id, by=MAYA)
        drafts.set_message(
            session,
            draft,
            provider_id=before.provider_id,
            body=before.body + " Bye.",
            send_at=before.send_at,
            now=shop.runtime.clock.now(),
        )
    assert "fixed" not in shop.get(draft_id).audience


def test_where_it_stands_tells_one_that_is_live_from_one_that_is_being_sent() -> None:
    assert drafts.stands(Distribution(mode="manual", status="sending")) == "is being sent"
    assert drafts.stands(Distribution(mode="automatic", status="sending")) == "is live"
    assert drafts.stands(Distribution(mode="automatic", status="paused")) == "is paused"
    assert drafts.stands(Distribution(mode="automatic", status="draft")) == "is a draft"
