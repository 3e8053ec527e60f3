"""`/promo calendar`: what is planned when, and which codes will not suffice."""

from datetime import timedelta

from storage.tables import Distribution, PromoCodeGroup, TeamMember
from tests.scenarios.conftest import World
from tests.scenarios.shop import open_shop


def plan(world: World, subject: str, days: int, **more: object) -> int:
    """A distribution that is scheduled at noon, reviewed for 40 customers with a code each; its id."""
    now = world.runtime.clock.now()
    with world.runtime.db.write() as session:
        group = session.query(PromoCodeGroup.id).order_by(PromoCodeGroup.id).limit(1).scalar()
        codes = [{"group_id": group, "name": "", "needed": 40, "active": 0, "can_generate": False}]
        row = Distribution(
            subject=subject,
            status="scheduled",
            body="Hi, {{ client.promocode('Summer 10%') }}",
            send_at=now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=days),
            draft={"review": {"codes": codes, "recipients": 40}},
            created_by="U0MAYA",
            created_at=now,
            updated_at=now,
            **more,
        )
        session.add(row)
        session.flush()
        return row.id


def test_the_calendar_says_what_is_planned_and_which_codes_lack(world: World) -> None:
    """Two sendings of 40 codes out of 50: each is there on its day, in Maya's zone, and the second is short."""
    open_shop(world.runtime, customers=3, codes=50)
    plan(world, "News *now* <!here>", 2)
    world.maya.command("/promo calendar")
    alone = world.maya.view("News")
    assert "&lt;!here&gt;" in str(alone.raw["blocks"])
    assert "short of codes" not in alone
    world.maya.close()
    second = plan(world, "Sale", 3)
    world.maya.command("/promo schedule")
    shown = world.maya.view("1 group runs short of codes")
    assert "'Summer 10%' has 50 active codes." in shown
    assert "needs 40: 30 are missing." in shown
    assert "40 customers" in shown
    shown.click("Open what lacks them")
    world.maya.view("Back to the list").close()
    shown = world.maya.view("1 group runs short of codes")
    shown.click("Open the group")
    world.maya.view("Takes codes from it").close()
    with world.runtime.db.write() as session:
        session.get_one(Distribution, second).status = "discarded"
    world.maya.view("1 group runs short of codes").click("Open what lacks them")
    world.maya.view("It is not planned any more").close()
    world.maya.close(everything=True)


def test_what_repeats_fills_pages_that_are_turned(world: World) -> None:
    """Every day for 90 days, in the reader's zone, which is named; an empty calendar says how to fill it."""
    world.lee.command("/promo calendar")
    world.lee.view("Nothing is planned for the next 90 days").close()
    open_shop(world.runtime, customers=1, codes=10)
    daily = {"every": "day", "at": "12:00"}
    plan(world, "Daily", 1, repeat=daily)
    with world.runtime.db.read() as session:
        zone = session.get_one(TeamMember, "U0LEE").time_zone
    world.lee.command("/promo calendar")
    first = world.lee.view("1–20 of ")
    assert f"Times are those of {zone}." in first
    assert "Tomorrow, " in first and "repeats · about 40 customers" in first
    first.click("Next")
    second = world.lee.view("21–40 of ")
    assert "Tomorrow, " not in second
    second.click("Previous")
    world.lee.view("1–20 of ").close()
