"""`/promo team` and `/promo settings`."""

from distribution import settings
from storage.tables import TeamMember
from tests.scenarios.conftest import World


def role_of(world: World, user_id: str) -> str | None:
    with world.runtime.db.read() as session:
        member = session.get(TeamMember, user_id)
        return member.role if member else None


def test_an_admin_gives_roles_and_the_change_holds_at_once(world: World) -> None:
    world.lee.command("/promo help")
    world.ada.command("/promo team")
    team = world.ada.view("Lee Okafor")
    team.fill("team.member:U0LEE/team.role", "Approver")
    world.wait_for(lambda: role_of(world, "U0LEE") == "approver", "the new role")


def test_the_last_admin_keeps_the_role_and_is_told_why(world: World) -> None:
    world.ada.command("/promo team")
    world.ada.view("Ada Novak").fill("team.member:U0ADA/team.role", "Marketer")
    assert "Make somebody else an admin first" in world.ada.view("only admin").text
    assert role_of(world, "U0ADA") == "admin"


def test_a_marketer_sees_the_team_and_changes_nothing(world: World) -> None:
    world.maya.command("/promo team")
    team = world.maya.view("Maya Lindqvist")
    assert "Give a role" not in team.text
    assert team.fields == ["Your own number, for test texts"]


def test_an_admin_gives_a_role_to_somebody_not_met_yet(world: World) -> None:
    world.ada.command("/promo team")
    team = world.ada.view("Team")
    team.fill("Give a role to somebody", "U0LEE")
    assert team.refused() == {"Their role": "Choose the role too."}
    team.fill("Their role", "Approver")
    team.submit()
    assert role_of(world, "U0LEE") == "approver"


def test_a_number_that_is_none_is_refused_where_it_was_typed(world: World) -> None:
    world.maya.command("/promo team")
    team = world.maya.view("Team")
    team.fill("Your own number", "12ab")
    assert "12ab" in team.refused()["Your own number, for test texts"]
    team.fill("Your own number", "501 234 218")
    assert team.submit() is None
    with world.runtime.db.read() as session:
        assert session.get_one(TeamMember, "U0MAYA").phone == "+48501234218"


def test_settings_are_for_admins(world: World) -> None:
    world.maya.command("/promo settings")
    assert "takes an admin" in world.maya.message(containing="You are a marketer here").text


def test_settings_are_kept_all_or_none(world: World) -> None:
    world.ada.command("/promo settings")
    view = world.ada.view("Settings")
    view.fill("What a second person must approve", "Those to more customers than…")
    view.fill("Country of numbers", "Poland")
    errors = view.refused()
    assert "not a country code" in errors["Country of numbers without a country code"]
    assert "above:100" in errors["More customers than"]
    view.fill("Country of numbers", "SE")
    view.fill("More customers than", "25")
    view.submit()
    with world.runtime.db.read() as session:
        assert settings.get(session, "approvals.required") == "above:25"
        assert settings.get(session, "region.default") == "SE"


def test_a_new_approvals_channel_is_told_what_it_is_for(world: World) -> None:
    world.ada.command("/promo settings")
    view = world.ada.view("Settings")
    view.fill("Where approvals are asked for", "C0GENERAL")
    view.submit()
    assert "approvals are asked for here" in world.maya.message("#general", "approvals").text
