"""What a review says of schedules that together need more codes than their group has."""

from datetime import timedelta

from distribution import approvals, settings
from distribution.findings import Review
from distribution.review import latest, review
from tests.conftest import NOON
from tests.unit.drafting.shop import MAYA, Shop


def test_a_second_schedule_that_finds_too_few_codes_is_told_so_when_it_is_planned(shop: Shop) -> None:
    """Five codes, and two sendings to three customers: each alone has enough."""
    shop.customers("Anna Nowak", "Jan Kowalski", "Ewa Lis")
    shop.codes(5)
    with shop.db.write() as session:
        settings.put(session, "approvals.required", "never")
        settings.put(session, "time_zone", "Europe/Warsaw")
    first, alone = shop.reviewed(send_at=NOON + timedelta(days=1))
    assert alone.warnings == []
    with shop.db.write() as session:
        approvals.submit(session, shop.runtime, first, by=MAYA)
    second, found = shop.reviewed(send_at=NOON + timedelta(days=2))
    day = NOON + timedelta(days=1)
    assert found.refusals == []
    assert found.warnings == [
        f"'Summer 10%' has 5 active codes. 'Summer thank-you' takes 3 on {day.day} {day:%b} at 14:00; 'Summer "
        f"thank-you' on {day.day + 1} {day:%b} at 14:00 needs 3: 1 is missing. (Europe/Warsaw)"
    ]
    with shop.db.read() as session:
        kept = latest(session, shop.get(second))
    assert isinstance(kept, Review) and kept.warnings == found.warnings
    _, earlier = shop.reviewed()
    assert [each for each in earlier.warnings if "'Summer thank-you' on" in each] == earlier.warnings != []


def test_a_review_that_is_shown_again_is_told_what_was_planned_since(shop: Shop) -> None:
    """It is not counted again within ten minutes; somebody else planned for the same codes meanwhile."""
    shop.customers("Anna Nowak", "Jan Kowalski", "Ewa Lis")
    shop.codes(5)
    with shop.db.write() as session:
        settings.put(session, "approvals.required", "never")
    draft, alone = shop.reviewed(send_at=NOON + timedelta(days=2))
    assert alone.warnings == []
    other, _ = shop.reviewed(send_at=NOON + timedelta(days=1))
    with shop.db.write() as session:
        approvals.submit(session, shop.runtime, other, by=MAYA)
    with shop.db.write() as session:
        again = review(session, shop.runtime, draft, by=MAYA)
    assert isinstance(again, Review) and again.made_at == alone.made_at
    assert "needs 3: 1 is missing." in again.warnings[0]


def test_an_automatic_one_is_told_whom_it_leaves_too_few(shop: Shop) -> None:
    """Today's members get a code at once; what is scheduled for tomorrow would find none."""
    shop.customers("Anna Nowak", "Jan Kowalski", "Ewa Lis")
    shop.codes(5)
    with shop.db.write() as session:
        settings.put(session, "approvals.required", "never")
    first, _ = shop.reviewed(send_at=NOON + timedelta(days=1))
    with shop.db.write() as session:
        approvals.submit(session, shop.runtime, first, by=MAYA)
    with shop.db.write() as session:
        draft = shop.draft(session)
        draft.mode, draft.audience = "automatic", {}
        draft.trigger = {"kind": "segment", "segment_id": shop.segment_id, "members": "all", "reentry": "once"}
        found = review(session, shop.runtime, draft.id, by=MAYA)
    assert isinstance(found, Review) and found.refusals == []
    assert [each for each in found.warnings if "needs 3: 1 is missing." in each]
