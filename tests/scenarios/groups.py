"""Groups for scenarios: one that is there, and the form for a new one."""

from sqlalchemy import select

from distribution.codes import groups, intake
from sandbox.testing import ViewScreen
from storage.tables import PromoCode
from tests.scenarios.conftest import World

METHODS = {"generate": "Generate by a format", "paste": "Paste codes", "file": "Upload a file"}


SUMMER = "SUMMER-{string('0-9', 4)}{string('a-Z', 10)}"


def codes_of(world: World, name: str) -> list[str]:
    with world.runtime.db.read() as session:
        group = groups.by_name(session, name)
        return sorted(session.scalars(select(PromoCode.code).where(PromoCode.group_id == group.id)))


def have(world: World, name: str, codes: list[str], **given: object) -> int:
    """A group that is there already."""
    now = world.runtime.clock.now()
    with world.runtime.db.write() as session:
        group = groups.create(session, name, by="U0ADA", now=now, **given)  # type: ignore[arg-type]
        intake.add(session, group.id, codes, by="U0ADA", now=now)
        return group.id


def new_group(world: World, name: str, method: str) -> ViewScreen:
    """The form for a new group, its name typed and the method chosen."""
    world.maya.command("/promo groups")
    world.maya.message(containing="Promo code groups").click("Create group")
    form = world.maya.view("Create a group").fill("Name", name)
    if method == "generate":
        return form
    form.choose(METHODS[method])
    return world.maya.view({"paste": "Codes to add", "file": "File"}[method])
