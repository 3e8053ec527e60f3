"""When something fails, whoever asked is told in words, where they look, and nothing typed is lost."""

from typing import Any

import pytest
from slack_sdk import WebClient

from commands.ui.blocks import actions, as_dicts, button
from sandbox.people import BOT_TOKEN
from tests.world import World


def broken(*_args: Any, **_more: Any) -> Any:
    raise RuntimeError("broken on purpose; the customer was +48732100218")


def test_a_command_that_fails_says_so_with_a_number_for_the_admin(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.allow_errors = True
    monkeypatch.setattr("commands.home.summary", broken)
    world.maya.command("/promo")
    said = world.maya.message(containing="Something went wrong on our side")
    assert said.is_ephemeral
    mark = said.text.rstrip(".").split()[-1]
    assert mark.isdigit() and mark in caplog.text


def test_a_submit_that_fails_keeps_the_window_and_what_was_typed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.allow_errors = True
    monkeypatch.setattr("distribution.team.set_phone", broken)
    world.maya.command("/promo team")
    view = world.maya.view("Team")
    view.fill("Your own number", "+48 501 234 218")
    assert "Something went wrong" in view.refused()["Your own number, for test texts"]
    assert world.maya.view("Team").value("Your own number") == "+48 501 234 218"


def test_a_button_in_a_window_that_fails_says_so_above_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.allow_errors = True
    world.ada.command("/promo team")
    view = world.ada.view("Ada Novak")
    monkeypatch.setattr("distribution.team.change_role", broken)
    view.fill("team.member:U0ADA/team.role", "Approver")
    world.ada.view("Something went wrong").close()
    assert world.ada.view("Ada Novak").title == "Team"


def test_a_button_of_an_older_version_says_what_to_do(world: World) -> None:
    client = WebClient(token=BOT_TOKEN, base_url=world.sandbox.api_url)
    old = as_dicts([actions(button("Do it", "no.longer.there", 1))])
    client.chat_postMessage(channel="C0MARKETING", text="old", blocks=old)
    world.maya.message("#marketing", "Do it").click("Do it")
    assert "older version" in world.maya.message("#marketing", "older version").text


def test_slacks_own_refusal_is_translated(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.allow_errors = True
    monkeypatch.setattr("commands.home.summary", lambda ask: ask.client.chat_postMessage(channel="C0NOPE", text="x"))
    world.maya.command("/promo")
    assert "/invite @promobot" in world.maya.message(containing="cannot see that channel").text


def test_a_click_that_slack_delivers_twice_opens_one_window_and_says_nothing(world: World) -> None:
    world.stage.behave(duplicate_events=True)
    world.maya.command("/promo team")
    world.maya.view("Team").close()
    world.maya.no_view()
    world.maya.command("/promo help")
    world.maya.message(containing="What promobot does")
    assert not [message for message in world.maya.messages() if "wrong" in message.text]


def test_a_dropped_connection_comes_back_by_itself(world: World) -> None:
    world.stage.behave(drop_socket=True)
    world.wait_for(lambda: world.sandbox.connected, "the connection", timeout=20)
    world.maya.command("/promo help")
    assert world.maya.message(containing="What promobot does")


def test_everybody_is_met_once_and_by_slacks_word_for_who_is_an_admin(world: World) -> None:
    for _ in range(2):
        world.ada.command("/promo help")
        world.maya.command("/promo help")
    asked = [sent.payload.get("user") for sent in world.sandbox.payloads if sent.method == "users.info"]
    assert sorted(asked) in ([], ["U0ADA", "U0MAYA"])  # reads may not be recorded
    assert "You are an admin here" in world.ada.message(containing="What promobot does").text
    assert "You are a marketer here" in world.maya.message(containing="What promobot does").text
