"""The Web API's answers and refusals, by Slack's own names, through slack_sdk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from sandbox.server import Sandbox
from sandbox.testing import Stage
from tests.scenarios.sandbox.bolt_app import BoltApp, button, field, modal

Json = dict[str, Any]


@pytest.fixture
def client(sandbox: Sandbox) -> WebClient:
    """A client with the bot's token."""
    return WebClient("xoxb-sandbox", base_url=sandbox.api_url)


def refusal(call: Callable[[], object]) -> str:
    """The error that a call is refused with."""
    with pytest.raises(SlackApiError) as caught:
        call()
    return str(caught.value.response["error"])


HEADER = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}

LONG, HUGE = "A title of over 24 letters", "x" * 250_000


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"channel": "#nowhere", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "#general"}, "no_text"),
        ("chat.postMessage", {"channel": "#general", "text": "x" * 40_001}, "msg_too_long"),
        ("chat.postMessage", {"channel": "#general", "text": "x", "blocks": [HEADER]}, "invalid_blocks"),
        ("chat.postMessage", {"channel": "#general", "text": "x", "blocks": "[{"}, "invalid_blocks_format"),
        ("chat.postMessage", {"channel": "#general", "attachments": [{}] * 101}, "too_many_attachments"),
        ("chat.postMessage", {"channel": "#general", "text": "x", "thread_ts": "1.1"}, "thread_not_found"),
        ("chat.update", {"channel": "C0GENERAL", "ts": "1.1", "text": "x"}, "message_not_found"),
        ("chat.delete", {"channel": "C0GENERAL", "ts": "1.1"}, "message_not_found"),
        ("chat.postEphemeral", {"channel": "#general", "user": "U0NOBODY", "text": "x"}, "user_not_found"),
        ("chat.postEphemeral", {"channel": "D0MAYA", "user": "U0LEE", "text": "x"}, "user_not_in_channel"),
        ("chat.getPermalink", {"channel": "C0GENERAL", "message_ts": "1.1"}, "message_not_found"),
        ("reactions.add", {"channel": "C0GENERAL", "timestamp": "1.1", "name": "eyes"}, "message_not_found"),
        ("users.info", {"user": "U0NOBODY"}, "user_not_found"),
        ("users.lookupByEmail", {"email": "who@sandbox.example"}, "users_not_found"),
        ("bots.info", {"bot": "B0OTHER"}, "bot_not_found"),
        ("conversations.open", {}, "users_list_not_supplied"),
        ("conversations.list", {"types": "rooms"}, "invalid_types"),
        ("conversations.list", {"limit": "many"}, "invalid_limit"),
        ("users.list", {"cursor": "%%%"}, "invalid_cursor"),
        ("conversations.replies", {"channel": "C0GENERAL", "ts": "1.1"}, "thread_not_found"),
        ("files.info", {"file": "F0"}, "file_not_found"),
        ("files.getUploadURLExternal", {"filename": "a.csv", "length": 0}, "invalid_arguments"),
        ("files.completeUploadExternal", {"files": [{"id": "F0"}]}, "file_not_found"),
        ("views.update", {"view_id": "V0", "view": modal("x", [])}, "not_found"),
        ("views.open", {"view": modal("x", [])}, "invalid_arguments"),
        (
            "views.open",
            {"trigger_id": "1.1.a", "view": modal("x", [], LONG)},
            "invalid_arguments",
        ),
        (
            "views.open",
            {"trigger_id": "1.1.a", "view": modal("x", [], private_metadata=HUGE)},
            "view_too_large",
        ),
        ("views.publish", {"user_id": "U0MAYA", "view": modal("x", [])}, "invalid_arguments"),
        ("chat.invent", {}, "unknown_method"),
    ],
)
def test_refusals_have_slacks_names(client: WebClient, method: str, arguments: Json, error: str) -> None:
    """Each wrong call is refused as Slack refuses it."""
    assert refusal(lambda: client.api_call(method, json=arguments)) == error


def test_tokens_are_checked(sandbox: Sandbox) -> None:
    """No token, a wrong one, and the wrong kind."""
    assert requests.post(sandbox.api_url + "auth.test", timeout=5).json()["error"] == "not_authed"
    assert refusal(WebClient("xoxb-other", base_url=sandbox.api_url).auth_test) == "invalid_auth"
    wrong_kind = WebClient("xapp-sandbox", base_url=sandbox.api_url)
    assert refusal(lambda: wrong_kind.chat_postMessage(channel="#general", text="x")) == "not_allowed_token_type"
    bot = WebClient("xoxb-sandbox", base_url=sandbox.api_url)
    assert refusal(lambda: bot.apps_connections_open(app_token="xoxb-sandbox")) == "not_allowed_token_type"


def test_a_form_and_a_json_body_say_the_same(sandbox: Sandbox) -> None:
    """Blocks may come as a JSON string in a form, or as JSON; malformed JSON is invalid_json."""
    token = {"Authorization": "Bearer xoxb-sandbox"}
    blocks = '[{"type": "divider"}]'
    form = requests.post(
        sandbox.api_url + "chat.postMessage",
        data={"channel": "#general", "text": "x", "blocks": blocks, "token": "xoxb-sandbox"},
        timeout=5,
    ).json()
    assert form["message"]["blocks"][0]["type"] == "divider"
    headers = token | {"Content-Type": "application/json; charset=utf-8"}
    bad = requests.post(sandbox.api_url + "chat.postMessage", data="{", headers=headers, timeout=5).json()
    assert bad == {"ok": False, "error": "invalid_json"}


def test_only_its_own_messages_can_be_changed(client: WebClient, stage: Stage) -> None:
    """A person's message is not the bot's to change or to delete."""
    said = stage.maya.say("mine", channel="#general")
    assert refusal(lambda: client.chat_update(channel="C0GENERAL", ts=said.ts, text="x")) == "cant_update_message"
    assert refusal(lambda: client.chat_delete(channel="C0GENERAL", ts=said.ts)) == "cant_delete_message"


def test_the_bot_must_be_in_a_channel(client: WebClient) -> None:
    """After leaving, posting and reading are not_in_channel; joining helps."""
    client.conversations_leave(channel="C0GENERAL")
    assert refusal(lambda: client.chat_postMessage(channel="#general", text="x")) == "not_in_channel"
    assert refusal(lambda: client.conversations_history(channel="C0GENERAL")) == "not_in_channel"
    client.conversations_join(channel="C0GENERAL")
    assert client.chat_postMessage(channel="#general", text="x")["ok"]


def test_lists_come_in_pages(client: WebClient) -> None:
    """Cursors walk through users, channels, history and replies."""
    names = [user["name"] for page in client.users_list(limit=3) for user in page["members"]]
    assert names == ["maya", "lee", "ada", "promobot"]
    kinds = client.conversations_list(types="public_channel,im")["channels"]
    assert [c["id"] for c in kinds][:4] == ["C0GENERAL", "C0MARKETING", "C0APPROVALS", "D0MAYA"]
    stamps = [client.chat_postMessage(channel="#general", text=str(i))["ts"] for i in range(5)]
    newest = client.conversations_history(channel="C0GENERAL", limit=2)
    assert [m["text"] for m in newest["messages"]] == ["4", "3"]
    assert newest["has_more"] is True
    older = client.conversations_history(channel="C0GENERAL", latest=stamps[3], limit=2)
    assert [m["text"] for m in older["messages"]] == ["2", "1"]
    for i in range(3):
        client.chat_postMessage(channel="#general", thread_ts=stamps[0], text=f"reply {i}")
    thread = client.conversations_replies(channel="C0GENERAL", ts=stamps[0])["messages"]
    assert [m["text"] for m in thread] == ["0", "reply 0", "reply 1", "reply 2"]
    assert (thread[0]["reply_count"], thread[0]["latest_reply"]) == (3, thread[3]["ts"])


def test_who_is_who(client: WebClient) -> None:
    """auth.test, team.info, users.info, members, e-mail look-up and the bot's own conversations."""
    assert client.auth_test()["bot_id"] == "B0PROMOBOT"
    assert client.team_info()["team"]["id"] == "T0SANDBOX"
    assert client.users_info(user="U0ADA")["user"]["is_admin"] is True
    assert client.users_lookupByEmail(email="maya@sandbox.example")["user"]["tz"] == "Europe/Warsaw"
    assert client.conversations_members(channel="D0LEE")["members"] == ["U0LEE", "U0PROMOBOT"]
    group = client.conversations_open(users="U0MAYA,U0LEE")["channel"]["id"]
    assert client.conversations_info(channel=group)["channel"]["is_mpim"] is True
    assert client.conversations_open(users=["U0LEE", "U0MAYA"])["channel"]["id"] == group


def test_reactions(client: WebClient, stage: Stage) -> None:
    """Adding twice and removing what is not there are refused."""
    message = client.chat_postMessage(channel="#general", text="x")
    where = {"channel": message["channel"], "timestamp": message["ts"], "name": "eyes"}
    client.reactions_add(**where)
    assert stage.maya.messages("#general")[0].raw["reactions"] == [
        {"name": "eyes", "users": ["U0PROMOBOT"], "count": 1}
    ]
    assert refusal(lambda: client.reactions_add(**where)) == "already_reacted"
    client.reactions_remove(**where)
    assert refusal(lambda: client.reactions_remove(**where)) == "no_reaction"


def test_an_update_replaces_blocks_as_slack_does(client: WebClient) -> None:
    """Text alone takes blocks away and marks the message edited; with blocks it does not."""
    message = client.chat_postMessage(channel="#general", text="x", blocks=[{"type": "divider"}])
    again = client.chat_update(
        channel=message["channel"], ts=message["ts"], text="y", blocks=[{"type": "divider", "block_id": "b"}]
    )["message"]
    assert "edited" not in again
    plain = client.chat_update(channel=message["channel"], ts=message["ts"], text="z")["message"]
    assert ("blocks" in plain, plain["edited"]["user"]) == (False, "U0PROMOBOT")


def test_plain_text_comes_back_with_entities(stage: Stage, bolt: BoltApp) -> None:
    """What a bot would copy from a payload is not what it sent: `&` comes back as `&amp;`."""
    blocks = [{"type": "actions", "block_id": "row", "elements": [button("R & D", "pick")]}]
    bolt.client.chat_postMessage(channel="#general", text="x", blocks=blocks)
    stage.maya.message("#general").click("R & D")
    [payload] = bolt.wait_for("block_actions")
    assert payload["actions"][0]["text"]["text"] == "R &amp; D"
    assert payload["message"]["blocks"][0]["elements"][0]["text"]["text"] == "R &amp; D"


def test_views_by_external_id_and_twice_the_same(stage: Stage, bolt: BoltApp) -> None:
    """views.update finds a modal by external_id; a second modal of the same is refused."""
    stage.maya.command("/promo nothing")
    view = modal("steps", [field("s1", "Name", {"type": "plain_text_input"})], external_id="wizard")
    bolt.client.views_open(trigger_id=bolt.wait_for("command")[0]["trigger_id"], view=view)
    bolt.client.views_update(external_id="wizard", view=view | {"title": {"type": "plain_text", "text": "Changed"}})
    assert stage.maya.view().title == "Changed"
    stage.lee.command("/promo nothing")
    trigger = bolt.wait_for("command", 2)[1]["trigger_id"]
    assert refusal(lambda: bolt.client.views_open(trigger_id=trigger, view=view)) == "duplicate_external_id"


MANIFEST = """
display_information: {name: promobot}
features:
  app_home: {home_tab_enabled: false}
  slash_commands:
    - {command: /codes, description: Codes, usage_hint: send}
oauth_config: {scopes: {bot: ["chat:write", "commands"]}}
settings:
  socket_mode_enabled: true
  interactivity: {is_enabled: true}
  event_subscriptions: {bot_events: [app_mention]}
"""


def test_the_manifest_decides(tmp_path: Path) -> None:
    """Commands, scopes, events and the home tab are those of the manifest; what is missing is named."""
    path = tmp_path / "manifest.yml"
    path.write_text(MANIFEST)
    with Sandbox(manifest=path) as sandbox, BoltApp(sandbox.api_url) as bolt:
        stage = Stage(sandbox.url)
        assert stage.maya._http.get("/sandbox/state", user="U0MAYA")["commands"] == [
            {"command": "/codes", "description": "Codes", "usage_hint": "send"}
        ]
        assert bolt.client.chat_postMessage(channel="#general", text="x")["ok"]
        with pytest.raises(SlackApiError, match="missing_scope") as caught:
            bolt.client.users_info(user="U0MAYA")
        assert caught.value.response["needed"] == "users:read"
        home = {"type": "home", "blocks": []}
        assert refusal(lambda: bolt.client.views_publish(user_id="U0MAYA", view=home)) == "not_enabled"
        stage.maya.say("to the app", channel="@promobot")
        stage.maya.say("@promobot hello", channel="#general")
        bolt.wait_for("app_mention")
        assert bolt.payloads("message") == []
    path.write_text(MANIFEST.replace("socket_mode_enabled: true", "socket_mode_enabled: false"))
    with pytest.raises(ValueError, match="socket_mode_enabled must be true"):
        Sandbox(manifest=path)
