"""What fell due while nothing ran waits on a card in its channel: sent, sent later, or given up."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from distribution import settings
from sandbox.testing import MessageScreen
from storage.tables import Distribution, Planned, PlannedState, TeamMember
from tests.scenarios.conftest import World
from tests.scenarios.live import happens, hurry, set_live
from tests.scenarios.shop import Shop, open_shop


@pytest.fixture
def shop(world: World, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop that needs no approvals, with a live distribution of which two texts fell due while nothing ran."""
    hurry(world, monkeypatch)
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "never")
    shop = open_shop(world.runtime, customers=3, codes=10)
    trigger = {"kind": "event", "event": "cart_abandoned", "reentry": "always", "delay": 60}
    distribution_id = set_live(world, shop, trigger=trigger)
    for number in shop.numbers[:2]:
        happens(world, number, cart_total=120)

    def planned() -> bool | None:
        with world.runtime.db.read() as session:
            return session.query(Planned).count() == 2 or None

    world.wait_for(planned, "both to be planned")
    with world.runtime.db.write() as session:
        due = world.runtime.clock.now() - timedelta(hours=3)
        mine = Planned.distribution_id == distribution_id
        session.execute(update(Planned).where(mine).values(state=PlannedState.LATE, due_at=due))
    return shop


def asked(world: World) -> MessageScreen:
    """The card."""
    return world.maya.message(
        "#marketing", "2 texts of Abandoned cart fell due while promobot was not running", timeout=15
    )


def test_sent_now_by_a_click_that_arrives_twice(world: World, shop: Shop) -> None:
    """Everybody is texted once, and the card says on whose word."""
    late = asked(world)
    world.maya.message("#marketing", "⚠ 2 texts fell due while promobot was not running. They are not sent before")
    world.stage.behave(duplicate_events=True)
    late.click("Send now")
    settled = world.maya.message("#marketing", "had 2 late texts sent.", timeout=15)
    assert "@maya had 2 late texts sent." in settled and not settled.has_button("Send now")
    for number in shop.numbers[:2]:
        world.phone.wait_for_texts(number)
    world.maya.message("#marketing", "2 sent · 2 delivered", timeout=15)
    assert [len(world.phone.texts(number)) for number in shop.numbers] == [1, 1, 0]


def test_another_time_is_asked_for_and_one_that_has_passed_refused(world: World, shop: Shop) -> None:
    asked(world).click("Reschedule…")
    form = world.maya.view("2 late texts of Abandoned cart go out then")
    now = world.runtime.clock.now()
    form.fill("Date and time", int((now - timedelta(hours=1)).timestamp()))
    assert "This time has passed." in form.refused()["Date and time"]
    form.fill("Date and time", int((now + timedelta(hours=2)).timestamp()))
    form.submit()
    world.maya.no_view()
    world.maya.message("#marketing", "@maya put 2 late texts off to ", timeout=15)
    world.maya.message("#marketing", "Planned: 2 texts · the next", timeout=15)
    assert not any(world.phone.texts(number) for number in shop.numbers)
    world.clock.advance(hours=2)
    for number in shop.numbers[:2]:
        world.phone.wait_for_texts(number)


def test_given_up_once_asked(world: World, shop: Shop) -> None:
    late = asked(world)
    assert late.confirmation("Cancel") is not None
    late.click("Cancel", confirm=False)
    assert asked(world).has_button("Send now")
    late.click("Cancel")
    world.maya.message("#marketing", "@maya cancelled 2 late texts: they are not sent.", timeout=15)
    world.maya.message("#marketing", "Not sent: 2 fell due while promobot was not running", timeout=15)
    assert not any(world.phone.texts(number) for number in shop.numbers)


def test_another_marketer_may_not_decide(world: World, shop: Shop) -> None:
    """Lee is a marketer for once, and told whose it is; an admin decides, whoever made it."""
    asked(world)
    with world.runtime.db.write() as session:
        for user_id, name in (("U0LEE", "Lee"), ("U0MAYA", "Maya Lindqvist")):
            session.add(TeamMember(user_id=user_id, name=name, role="marketer", time_zone="Europe/Warsaw"))
    late = "2 texts of Abandoned cart fell due while promobot was not running"
    for n, button in enumerate(("Send now", "Reschedule…", "Cancel"), 1):
        world.lee.message("#marketing", late).click(button)
        world.lee.wait_for(lambda n=n: refusals(world) == n or None, f"{button} to be refused")
    assert asked(world).has_button("Send now")
    assert not any(world.phone.texts(number) for number in shop.numbers)
    world.ada.message("#marketing", late).click("Cancel")
    world.maya.message("#marketing", "@ada cancelled 2 late texts: they are not sent.", timeout=15)


def refusals(world: World) -> int:
    """How often Lee was told whose it is."""
    words = "This is Maya Lindqvist's: they, an approver or an admin may decide about what is late."
    return sum(words in each.text for each in world.lee.messages("#marketing"))


def test_a_scheduled_one_waits_for_a_word_too(world: World, shop: Shop) -> None:
    """It was to go out while nothing ran: its own message says so, and Cancel stops it."""
    now = world.runtime.clock.now()
    with world.runtime.db.write() as session:
        session.add(
            Distribution(
                status="scheduled",
                subject="Spring sale",
                body="Spring is here",
                purpose="custom",
                provider_id=world.provider_id,
                audience={"kind": "segment", "segment_id": shop.segment_id},
                send_at=now - timedelta(hours=5),
                late_since=now,
                seal="x",
                channel="C0MARKETING",
                created_by="U0MAYA",
                created_at=now,
                updated_at=now,
            )
        )
    late = world.maya.message("#marketing", "Spring sale was to go out", timeout=15)
    assert "but promobot was not running. It is not sent before somebody decides." in late
    world.maya.message("#marketing", "while promobot was not running. Its card asks what now", timeout=15)
    late.click("Cancel")
    stopped = world.maya.message(
        "#marketing", "It fell due while promobot was not running, and Maya Lindqvist cancelled it.", timeout=15
    )
    assert "Spring sale" in stopped
    world.maya.message("#marketing", "@maya cancelled it: it is not sent.", timeout=15)
