"""`/promo`: help, typos, and the home tab, in a real workspace."""

from tests.scenarios.conftest import World


def test_help_lists_what_there_is(world: World) -> None:
    world.maya.command("/promo help")
    answer = world.maya.message(containing="What promobot does")
    assert answer.is_ephemeral
    assert "/promo help" in answer.text


def test_a_typo_is_answered_with_the_nearest_word(world: World) -> None:
    world.maya.command("/promo  HALP ")
    answer = world.maya.message(containing="Did you mean")
    assert "/promo help" in answer.text
    answer.click("Run /promo help")
    assert world.maya.message(containing="What promobot does").is_ephemeral


def test_promo_alone_shows_what_waits(world: World) -> None:
    world.maya.command("/promo")
    assert "Nothing" in world.maya.message(containing="Waiting for you").text


def test_the_home_tab_greets_by_name(world: World) -> None:
    assert "Maya" in world.maya.home("Stock").text
