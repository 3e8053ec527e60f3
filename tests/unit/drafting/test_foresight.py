"""What an automatic distribution would have done lately, and the texts that its review shows."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from distribution import approvals, drafts, events, review, settings
from distribution.automatic import foresight
from distribution.automatic import trigger as triggers
from distribution.automatic.foresight import would_fire
from distribution.limits import zone_of
from storage.tables import PromoCodeGroup
from tests.unit.drafting.shop import MAYA, Shop
from tests.unit.drafting.test_automatic_drafts import CART, LAST, automatic

UTC = zone_of("UTC", "UTC")


def at(hours: float) -> datetime:
    """So many hours after a Monday's noon."""
    return datetime(2026, 6, 15, 12, tzinfo=UTC) + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("more", "made", "called_off", "held_back"),
    [
        ({"reentry": "always"}, 4, 0, 0),
        ({"reentry": "once"}, 2, 0, 2),
        ({"reentry": "days", "days": 1}, 3, 0, 1),
        ({"reentry": "always", "unless": {"event": "order_paid"}}, 3, 1, 0),
        ({"reentry": "once", "unless": {"event": "order_paid"}}, 2, 1, 1),
        ({"reentry": "always", "most": 1}, 1, 0, 3),
        ({"reentry": "always", "most_daily": 2}, 3, 0, 1),
    ],
)
def test_re_entry_ceilings_and_what_calls_off_are_played_through(
    more: dict[str, Any], made: int, called_off: int, held_back: int
) -> None:
    """Customer 1 leaves a cart at 0, 1 and 30 hours, customer 2 at 2; 1 pays an hour after the first."""
    trigger = triggers.parse(CART | more)
    happened = [(1, at(30)), (1, at(0)), (2, at(2)), (1, at(1))]
    paid = [(1, at(0.5)), (2, at(1))] if trigger.unless else []
    assert would_fire(trigger, happened, paid, UTC) == (made, called_off, held_back)


def test_the_same_second_calls_off_in_the_review_as_when_it_is_live() -> None:
    """But an event does not call itself off."""
    for unless, made in (("order_paid", 0), (CART["event"], 1)):
        trigger = triggers.parse(CART | {"unless": {"event": unless}})
        assert would_fire(trigger, [(1, at(0))], [(1, at(0))], UTC)[0] == made


def test_the_review_shows_those_who_did_it_with_these_properties(shop: Shop) -> None:
    """Their newest event is what their text tells of; codes are masked; reminders and the other text follow."""
    anna, _bea = shop.customers("Anna Kowalska", "Bea Nowak")
    shop.codes(3)
    now = shop.clock.now()
    carts = [(anna, 150, 3), (anna, 250, 2), (_bea, 40, 1)]
    with shop.db.write() as session:
        said = [
            {
                "customer": f"+4850{who:07d}",
                "name": "cart_abandoned",
                "at": (now - timedelta(days=days)).isoformat(),
                "properties": {"cart_total": total},
            }
            for who, total, days in carts
        ]
        assert {each.status for each in events.record(session, said, now=now)} == {"recorded"}
        draft = automatic(
            shop,
            session,
            body="{{ event.cart_total }}: {{ client.promocode('Summer 10%') }}",
            reminders=[{"after": 2880, "body": "{{ event.cart_total }} " + LAST}],
            when_dry="fallback",
            fallback_body="No code for {{ client.first_name }}",
        )
        where = [{"property": "cart_total", "type": "number", "op": "ge", "value": 100}]
        drafts.set_trigger(session, draft, CART | {"where": where, "reentry": "always"}, now=now)
        found = review.review(session, shop.runtime, draft.id, by=MAYA)
        assert isinstance(found, review.Review)
        again = review.latest(session, draft)
    assert again == found  # as JSON and back
    assert found.foreseen is not None
    assert (found.foreseen.made, found.foreseen.made_up) == (2, False)
    (sample,) = found.samples
    assert sample.customer == "Anna Kowalska"
    assert sample.text.startswith("250: SUMMER-")
    assert "AAAA" not in sample.text + sample.reminders[0]
    assert sample.reminders[0].startswith("250 Still yours: SUMMER-")
    assert sample.fallback == "No code for Anna"
    assert found.refusals == []


def test_without_anybody_one_customer_is_made_up_and_it_may_still_be_set_live(shop: Shop) -> None:
    with shop.db.write() as session:
        settings.put(session, "approvals.required", "never")
        draft = automatic(shop, session)
        found = review.review(session, shop.runtime, draft.id, by=MAYA)
        assert isinstance(found, review.Review)
        assert found.foreseen is not None
        assert (found.foreseen.made, found.foreseen.made_up, len(found.samples)) == (0, True, 1)
        assert approvals.submit(session, shop.runtime, draft.id, by=MAYA).status == "sending"
        assert draft.status == "sending"


def test_what_takes_long_is_looked_at_while_others_write(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at in a transaction that reads; of a draft that was changed since, it is looked at anew."""
    with shop.db.write() as session:
        draft_id = automatic(shop, session).id
    with shop.db.read() as session:
        looked = review.look(session, shop.runtime, draft_id, by=MAYA)
    looks = list[bool]()
    foresee = foresight.foresee
    monkeypatch.setattr(foresight, "foresee", lambda *asked: (looks.append(True), foresee(*asked))[1])
    with shop.db.write() as session:
        assert review.review(session, shop.runtime, draft_id, by=MAYA, looked=looked) == looked
        assert looks == []
        drafts.set_subject(session, drafts.get(session, draft_id, by=MAYA), "Another", now=shop.clock.now())
        anew = review.review(session, shop.runtime, draft_id, by=MAYA, looked=looked)
        assert isinstance(anew, review.Review)
        assert (len(looks), anew.seal == looked.seal if looked else True) == (1, False)
    with shop.db.read() as session:
        assert review.look(session, shop.runtime, draft_id, by=MAYA) is None  # it was counted just now


def test_a_reminder_before_an_expiry_that_nothing_has_is_pointed_out(shop: Shop) -> None:
    shop.customers("Anna Kowalska")
    shop.codes(1)
    with shop.db.write() as session:
        draft = shop.draft(session)
        reminders = [{"before_expiry": 1440, "body": LAST}]
        message = {"provider_id": shop.provider_id, "body": draft.body, "reminders": reminders, "now": shop.clock.now()}
        drafts.set_message(session, draft, **message)
        found = review.review(session, shop.runtime, draft.id, by=MAYA)
        assert isinstance(found, review.Review)
        assert any("Reminder 1 goes before the code expires" in each for each in found.warnings)
        session.get_one(PromoCodeGroup, shop.group_id).validity_days = 30
        again = review.review(session, shop.runtime, draft.id, by=MAYA, again=True)
        assert isinstance(again, review.Review)
        assert again.hints == ()


def test_a_limit_for_approvals_holds_for_what_nobody_can_count(shop: Shop) -> None:
    """Automatic and repeated ones may text more than any limit, unless a ceiling says less."""
    with shop.db.write() as session:
        settings.put(session, "approvals.required", "above:100")
        draft = automatic(shop, session)
        assert approvals.needed(session, approvals.reach(draft, 1))
        drafts.set_trigger(session, draft, CART | {"most": 100}, now=shop.clock.now())
        assert not approvals.needed(session, approvals.reach(draft, 1))
        manual = shop.draft(session)
        assert not approvals.needed(session, approvals.reach(manual, 1))
        manual.repeat = {"every": "day", "at": "09:00"}
        assert approvals.needed(session, approvals.reach(manual, 1))


def test_a_segment_tells_how_many_are_in_it_and_how_many_entered_lately(shop: Shop) -> None:
    shop.customers("Anna Kowalska", "Bea Nowak")
    shop.customers("Piotr Lis", consent="opted_out")
    with shop.db.write() as session:
        draft = automatic(shop, session)
        trigger = {"kind": "segment", "segment_id": shop.segment_id, "members": "all"}
        drafts.set_trigger(session, draft, trigger, now=shop.clock.now())
        found = review.review(session, shop.runtime, draft.id, by=MAYA)
    assert isinstance(found, review.Review)
    assert found.foreseen is not None
    assert (found.foreseen.members, found.foreseen.made, found.foreseen.at_once) == (2, 2, True)
    assert len(found.samples) == 2


@pytest.mark.parametrize(
    ("ceilings", "at_once", "made"),
    [({}, 3, 3), ({"most_daily": 1}, 1, 3), ({"most_daily": 2, "most": 1}, 1, 1), ({"most": 9}, 3, 3)],
)
def test_ceilings_bound_what_todays_members_and_a_month_get(
    shop: Shop, ceilings: dict[str, int], at_once: int, made: int
) -> None:
    """Who is in the segment is counted as ever; the others are said to be over a limit."""
    shop.customers("Anna Kowalska", "Bea Nowak", "Cleo Lis")
    with shop.db.write() as session:
        draft = automatic(shop, session)
        trigger = {"kind": "segment", "segment_id": shop.segment_id, "members": "all", **ceilings}
        drafts.set_trigger(session, draft, trigger, now=shop.clock.now())
        found = review.review(session, shop.runtime, draft.id, by=MAYA)
    assert isinstance(found, review.Review)
    assert found.foreseen is not None
    assert (found.foreseen.members, found.foreseen.begins, found.foreseen.made) == (3, at_once, made)
    assert found.foreseen.held_back == 3 - made
