"""One that is sent again and again, as its channel sees it: each time its own message, paused, resumed, stopped."""

from datetime import UTC, datetime, timedelta

import pytest

from distribution import settings
from distribution.schedule import repeat, repeating
from storage.tables import Distribution
from tests.scenarios.conftest import World
from tests.scenarios.live import hurry
from tests.scenarios.shop import open_shop
from tests.sending import seal_row


def test_each_time_has_its_own_message_and_a_pause_keeps_the_next_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every Monday to whoever is in the segment then: paused over one, sent on the next, then stopped."""
    hurry(world, monkeypatch)
    shop = open_shop(world.runtime, customers=2, codes=10)
    repeated(world, shop.segment_id, {"every": "week", "weekdays": [0], "at": "09:00"})
    card = world.maya.message("#marketing", "Scheduled · Weekly news")
    assert "Sent every Monday at 09:00 (UTC). Next" in card
    card.click("Pause")
    card = world.maya.message("#marketing", "Paused · Weekly news")
    assert "Nothing of it is sent until somebody resumes it." in card
    world.clock.advance(days=8)
    card.click("Resume")
    world.maya.message("#marketing", "Scheduled · Weekly news")
    assert not any(world.phone.texts(number) for number in shop.numbers)
    world.clock.advance(days=7)
    for number in shop.numbers:
        world.phone.wait_for_texts(number, 1)
    world.maya.message("#marketing", "Sent · Weekly news")
    card = world.maya.message("#marketing", "Sent 1 time so far.")
    card.click("Cancel the sending")
    over = world.maya.message("#marketing", "Stopped · Weekly news")
    assert "Sent 1 time: each has a report of its own." in over
    assert all(len(world.phone.texts(number)) == 1 for number in shop.numbers)
    over.click("Send again as a new one…")
    assert "Again and again" in world.maya.view("Step 5 of 5")
    world.maya.close()


def test_one_that_was_changed_since_its_approval_says_so_in_the_channel(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is texted what nobody has approved: it is a draft again, and says what is different."""
    hurry(world, monkeypatch)
    shop = open_shop(world.runtime, customers=1, codes=10)
    row_id = repeated(world, shop.segment_id, {"every": "day", "at": "09:00"})
    world.maya.message("#marketing", "Scheduled · Weekly news")
    with world.runtime.db.write() as session:
        session.get_one(Distribution, row_id).body += " Now with more."
    world.clock.advance(days=1)
    world.maya.message("#marketing", "Back to a draft: the text was changed.")
    assert not world.phone.texts(shop.numbers[0])


def repeated(world: World, segment_id: int, rule: dict[str, object]) -> int:
    """Maya's "Weekly news" in #marketing, approved; its id."""
    now = datetime.now(UTC) - timedelta(hours=1)
    with world.runtime.db.write() as session:
        settings.put(session, "sending.hold", "0")
        settings.put(session, "time_zone", "UTC")
        rule_ = repeat.parse(rule)
        assert rule_ is not None
        return seal_row(
            session,
            now=now,
            subject="Weekly news",
            status="scheduled",
            body="News for {{ client.first_name }}: {{ client.promocode('Summer 10%') }}",
            purpose="unique_codes",
            audience={"kind": "segment", "segment_id": segment_id},
            provider_id=world.provider_id,
            repeat=repeat.to_json(rule_),
            send_at=repeat.first(rule_, world.runtime.clock.now(), repeating.zone_here(session)),
            channel="C0MARKETING",
        )
