"""A manual distribution that is over but for its reminders: told in its report and in the list, held, stopped."""

import pytest
from sqlalchemy import select

from distribution import launch, settings
from sandbox.testing import MessageScreen
from storage.tables import Planned, PlannedState
from tests.scenarios.conftest import World
from tests.scenarios.live import hurry
from tests.scenarios.shop import Shop, open_shop
from tests.sending import seal_row

REMIND = [{"after": 60, "body": "Still yours: {{ client.last_promocode('Summer 10%') }}"}]


@pytest.fixture
def shop(world: World, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop of which everybody was sent a code, and is reminded of it an hour later."""
    hurry(world, monkeypatch)
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "never")
    shop = open_shop(world.runtime, customers=3, codes=10)
    now = world.runtime.clock.now()
    with world.runtime.db.write() as session:
        distribution_id = seal_row(
            session,
            now=now,
            subject="Summer thank-you",
            body="Your code: {{ client.promocode('Summer 10%') }}",
            reminders=REMIND,
            group_id=shop.group_id,
            purpose="unique_codes",
            audience={"kind": "segment", "segment_id": shop.segment_id},
            provider_id=world.provider_id,
            channel="C0MARKETING",
        )
        launch.launch(session, world.runtime, distribution_id)
    return shop


def report(world: World, words: str) -> MessageScreen:
    """The report, once it says so."""
    return world.maya.message("#marketing", words, timeout=15)


def test_the_report_and_the_list_say_what_is_to_come_and_a_reminder_follows(world: World, shop: Shop) -> None:
    first = report(world, "Planned: 3 reminders · the next")
    assert "Sent · Summer thank-you" in first
    assert "4 in the audience = 1 left out + 3 sent" in first
    world.maya.command("/promo distributions")
    assert "1 reminder to come, the next" in world.maya.view("Summer thank-you")
    world.maya.close(everything=True)
    world.clock.advance(hours=1, minutes=1)
    for number in shop.numbers:
        assert world.phone.wait_for_texts(number, 2)[-1].body.startswith("Still yours: SUMMER-")
    last = report(world, "4 in the audience + 3 reminders = 1 left out + 6 sent")
    assert "Reminder 1: 3 sent" in last
    assert not last.has_button("Stop reminders")


def test_reminders_to_come_are_held_and_stopped(world: World, shop: Shop) -> None:
    report(world, "Planned: 3 reminders · the next").click("Pause reminders")
    paused = report(world, "Paused by Maya Lindqvist.")
    assert "1 reminder to come, the next" in paused
    world.clock.advance(hours=1, minutes=1)
    paused.click("Resume…")
    world.maya.view("up to 3 reminders").choose("Only what comes from now").submit()
    stopped = report(world, "Reminders not sent: 3 fell due in a pause, and not sent after it")
    assert "3 sent" in stopped
    with world.runtime.db.read() as session:
        assert set(session.scalars(select(Planned.state))) == {PlannedState.DROPPED}
    assert [len(world.phone.texts(number)) for number in shop.numbers] == [1, 1, 1]


def test_stopping_them_asks_first(world: World, shop: Shop) -> None:
    first = report(world, "Planned: 3 reminders · the next")
    assert "1 reminder to come is not sent to anybody." in (first.confirmation("Stop reminders") or "")
    first.click("Stop reminders")
    over = report(world, "Reminders not sent: 3 stopped")
    assert "Stopped · Summer thank-you" in over
