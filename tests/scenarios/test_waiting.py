"""Quiet hours and the time to give up after, as Ada sets them and Maya meets them."""

from datetime import timedelta

from distribution import settings
from tests.scenarios.conftest import World
from tests.scenarios.shop import open_shop
from tests.scenarios.wizard import TEXT, to_message


def test_texts_that_meet_quiet_hours_wait_and_everybody_is_told(world: World) -> None:
    """Ada sets the hours, Maya's review says who sleeps, the channel until when, and nobody's phone rings."""
    shop = open_shop(world.runtime, customers=3, codes=5)
    local = world.runtime.clock.now()
    quiet = f"{local - timedelta(hours=2):%H:00}-{local + timedelta(hours=3):%H:00}"
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "never")
        settings.put(session, "time_zone", "UTC")
    world.ada.command("/promo settings")
    view = world.ada.view("Settings")
    view.fill("Quiet hours", "all night")
    view.fill("Most texts for one customer", "three")
    errors = view.refused()
    assert "21:00-09:00" in errors["Quiet hours"]
    assert "3 in 7 days" in errors["Most texts for one customer"]
    view.fill("Quiet hours", quiet)
    view.fill("Most texts for one customer", "3 in 7 days")
    view.submit()
    world.ada.no_view()

    step = to_message(world.maya)
    step.fill("Message", TEXT)
    step.fill("Give up after", "1 hour")
    world.maya.view("Step 5 of 5").submit()
    review = world.maya.view("Sample 1 of")
    assert "Given up after 1 hour" in review
    assert f"3 customers have quiet hours then, and wait until {quiet[6:]} by their own clock." in review
    assert "3 texts of these are given up before that." in review
    review.submit()
    told = world.maya.message("#marketing", "3 texts waiting for the end of quiet hours")
    assert "is given up" in told.text
    assert not any(world.phone.texts(number) for number in shop.numbers)
