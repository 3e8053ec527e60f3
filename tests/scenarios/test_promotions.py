"""`/promo promotions`: a list that can be added to, edited and deleted from."""

from distribution import settings
from storage.tables import Promotion, TeamMember
from tests.scenarios.conftest import World
from tests.scenarios.shop import open_shop
from tests.scenarios.wizard import PROMOTION, to_review


def test_a_promotion_is_made_changed_and_deleted(world: World) -> None:
    """Refusals at their fields, the list behind the form refreshed, the name free again in the end."""
    maya = world.maya
    maya.command("/promo promotions")
    maya.view("There is no promotion yet").click("New promotion…")
    form = maya.view("What customers get at checkout").fill("Name", "Free *shipping* <!here>")
    form.fill("Starts", 1_900_000_000).fill("Ends", 1_800_000_000)
    assert form.refused() == {"Ends": "It ends before it starts. Pick a later end."}
    maya.view("What customers get at checkout").fill("Ends", 1_950_000_000).submit()
    listed = maya.view("shipping")
    assert "&lt;!here&gt;" in str(listed.raw["blocks"])
    listed.click("Edit…")
    form = maya.view("Edit promotion")
    assert form.value("Name") == "Free *shipping* <!here>"
    form.fill("Name", "Free shipping").fill("What customers get", "Over 100 PLN").submit()
    listed = maya.view("Over 100 PLN")
    assert "Free shipping" in (listed.confirmation("Delete…") or "")
    listed.click("Delete…", confirm=False)
    assert "Over 100 PLN" in maya.view("Promotions")
    maya.view("Promotions").click("Delete…")
    maya.view("There is no promotion yet")
    maya.close()
    maya.command("/promo promotions new Free shipping")
    form = maya.view("What customers get at checkout")
    assert form.value("Name") == "Free shipping"
    form.submit()
    maya.message("@promobot", "is there")
    with world.runtime.db.read() as session:
        assert session.query(Promotion).filter(Promotion.name_key == "free shipping").count() == 1


def test_one_that_is_being_told_about_cannot_be_deleted(world: World) -> None:
    """The refusal names the distribution; somebody of support may only look."""
    open_shop(world.runtime)
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "always")
    to_review(world.maya, purpose=PROMOTION, body="Hi, {{ promotion.terms }}").submit()
    world.maya.no_view()
    world.maya.command("/promo promotions")
    world.maya.view("Free shipping").click("Delete…")
    world.maya.view("cannot be deleted while 'Summer thank-you' tells about it").close()
    world.maya.close(everything=True)
    with world.runtime.db.write() as session:
        session.get_one(TeamMember, "U0MAYA").role = "support"
    world.maya.command("/promo promotions")
    listed = world.maya.view("Free shipping")
    assert not listed.has_button("Delete…")
    assert not listed.has_button("New promotion…")
    world.maya.close()
    world.maya.command("/promo promotions new Another")
    world.maya.message("#marketing", "You are a support here and may not")
