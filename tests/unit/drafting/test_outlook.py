"""What a review says of those who would wait or get nothing at the moment of sending."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from distribution import drafts, findings, seal, settings
from distribution.errors import Refused
from distribution.findings import Review
from distribution.outlook import Outlook
from storage.sequences import take
from storage.tables import Customer, Message, MessageState
from tests.conftest import NOON
from tests.unit.drafting.shop import BODY, Shop


def choose(shop: Shop, **chosen: str) -> None:
    with shop.db.write() as session:
        for key, value in chosen.items():
            settings.put(session, key.replace("__", "."), value)


def texted(shop: Shop, customer: int, times: int) -> None:
    """The customer had so many texts, an hour ago."""
    with shop.db.write() as session:
        first = take(session, "message", times)
        for n in range(times):
            session.add(
                Message(
                    id=first + n,
                    distribution_id=1000 + n,
                    customer_id=customer,
                    state=MessageState.DELIVERED,
                    settled_at=NOON - timedelta(hours=1),
                )
            )


def test_nothing_is_foreseen_where_nothing_is_switched_on(shop: Shop) -> None:
    shop.customers("Anna Nowak")
    shop.codes(1)
    _, found = shop.reviewed()
    assert found.outlook == Outlook()
    assert found.warnings == []


def test_who_sleeps_and_who_had_enough_is_said_in_numbers(shop: Shop) -> None:
    """Only those who could be texted are counted."""
    anna, jan, ewa, _, _ = shop.customers("Anna Nowak", "Jan Kowalski", "Ewa Lis", "Ola Nowa", "Ala Mała")
    (out,) = shop.customers("Out", consent="opted_out")
    with shop.db.write() as session:
        asleep = Customer.id.in_([anna, jan, out])
        session.execute(update(Customer).where(asleep).values(time_zone="Asia/Tokyo"))  # 21:00 there
    for customer, times in ((ewa, 3), (anna, 2), (out, 5)):
        texted(shop, customer, times)
    shop.codes(5)
    choose(shop, quiet_hours="20:30-09:00", cap="3 in 7 days", time_zone="Europe/Warsaw")
    _, found = shop.reviewed()
    assert found.outlook == Outlook(2, "09:00", 0, 1, "3 in 7 days")
    assert found.warnings == [
        "2 customers have quiet hours then, and wait until 09:00 by their own clock.",
        "1 customer has had 3 texts in 7 days, as many as anybody may, and gets none.",
    ]
    assert found.refusals == []


def test_it_looks_ahead_to_the_time_at_which_it_is_sent(shop: Shop) -> None:
    """At noon nobody sleeps; at eleven at night all do, and longer than these texts are worth sending."""
    shop.customers("Anna Nowak", "Jan Kowalski")
    shop.codes(2)
    choose(shop, quiet_hours="21:00-09:00", sending__lifetime="6")
    _, now = shop.reviewed()
    _, later = shop.reviewed(send_at=NOON + timedelta(hours=11))
    assert now.outlook.asleep == 0
    assert later.outlook[:3] == (2, "09:00", 2)
    assert later.warnings[1] == "2 texts of these are given up before that. Allow more time in step 5."


def test_by_each_customers_own_clock_they_are_given_up_by_that(shop: Shop) -> None:
    """At 20:00 on their own clock it is quiet for half a day, longer than these texts are worth sending."""
    shop.customers("Anna Nowak", "Jan Kowalski")
    shop.codes(2)
    choose(shop, quiet_hours="19:00-09:00", sending__lifetime="6")
    _, found = shop.reviewed(local_at=f"{NOON + timedelta(days=1):%Y-%m-%d}T20:00")
    assert found.outlook[:3] == (2, "09:00", 2)


def test_who_has_a_holiday_at_that_time_is_said_in_numbers(shop: Shop) -> None:
    shop.customers("Anna Nowak", "Jan Kowalski")
    shop.codes(2)
    choose(shop, quiet_hours__holidays=f"{NOON:%d %b} Founders' Day", sending__lifetime="6")
    _, found = shop.reviewed()
    assert found.warnings[0].startswith("2 customers have a holiday then (")
    assert "Founders' Day" in found.warnings[0]
    assert found.warnings[1] == "2 texts of these are given up before that. Allow more time in step 5."


def test_a_review_is_kept_with_its_outlook(shop: Shop) -> None:
    """It is JSON on the draft; one from before there was an outlook has none."""
    shop.customers("Anna Nowak")
    shop.codes(1)
    choose(shop, quiet_hours="11:00-13:00")
    draft_id, found = shop.reviewed()
    kept = shop.get(draft_id).draft["review"]
    assert findings.load(kept).outlook == found.outlook == Outlook(1, "13:00", 0, 0, "")
    del kept["outlook"]
    assert isinstance(findings.load(kept), Review)


def test_the_time_to_give_up_after_is_part_of_what_is_approved(shop: Shop) -> None:
    """If somebody chose it: the workspace's own may change."""
    shop.customers("Anna Nowak")
    with shop.db.write() as session:
        draft = shop.draft(session)
        usual = seal.facts(session, draft)
        assert "lifetime_minutes" not in usual
        more = {"provider_id": shop.provider_id, "body": BODY, "send_at": None, "now": NOON}
        drafts.set_message(session, draft, **more, lifetime_minutes=240)
        chosen = seal.facts(session, draft)
        assert seal.changes(usual, chosen) == [
            "texts that cannot be sent are given up after 4 hours, not when the workspace's time is over"
        ]
        again = drafts.copy(session, draft.id, by=draft.created_by, channel=None, now=NOON)
        assert again.lifetime_minutes == 240
        for minutes in (0, 4, 10_081):
            with pytest.raises(Refused, match="5 minutes to 7 days") as refused:
                drafts.set_message(session, draft, **more, lifetime_minutes=minutes)
            assert refused.value.field == "lifetime"
