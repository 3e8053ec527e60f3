"""Messages, ephemerals, response URLs, files, events and the home tab over a real Socket Mode connection."""

from __future__ import annotations

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from sandbox.server import Sandbox
from sandbox.testing import NotOnScreen, Stage
from tests.scenarios.sandbox.bolt_app import BoltApp, button, card


def test_a_command_can_answer_in_its_ack_and_gets_text_escaped(stage: Stage, bolt: BoltApp) -> None:
    """The ack's text shows only to who typed the command; `& < >` came as entities, as in Slack."""
    stage.maya.command("/promo say <b> & c", channel="#marketing")
    message = stage.maya.message("#marketing", "said")
    assert message.is_ephemeral
    assert message.raw["text"] == "said say &lt;b&gt; &amp; c"
    assert message.text == "said say <b> & c"
    assert stage.lee.messages("#marketing") == []
    [payload] = bolt.payloads("command")
    assert {key: payload[key] for key in ("command", "channel_id", "channel_name", "user_id", "user_name")} == {
        "command": "/promo",
        "channel_id": "C0MARKETING",
        "channel_name": "marketing",
        "user_id": "U0MAYA",
        "user_name": "maya",
    }


def test_a_click_in_a_message_carries_all_that_slack_sends(stage: Stage, bolt: BoltApp) -> None:
    """block_actions of a message: container, channel, message, state, response_url, and the chosen value."""
    stage.maya.command("/promo card")
    message = stage.lee.message("#marketing", "Two <words> for @maya")
    message.fill("Fruit", "Pear")
    [picked] = bolt.wait_for("block_actions")
    assert picked["actions"][0]["selected_option"]["value"] == "pear"
    assert picked["actions"][0]["placeholder"]["text"] == "Fruit"
    assert picked["state"]["values"]["buttons"]["pick"]["selected_option"]["value"] == "pear"
    message.click("OK")
    assert stage.maya.message("#marketing", "Done").ts == message.ts
    payload = bolt.wait_for("block_actions", 2)[1]
    container = {"type": "message", "message_ts": message.ts, "channel_id": "C0MARKETING", "is_ephemeral": False}
    assert payload["container"] == container
    assert payload["channel"] == {"id": "C0MARKETING", "name": "marketing"}
    assert payload["message"]["ts"] == message.ts
    assert payload["user"]["id"] == "U0LEE"
    assert payload["state"]["values"]["buttons"]["pick"]["selected_option"]["value"] == "pear"
    entry = payload["actions"][0]
    assert (entry["action_id"], entry["block_id"], entry["value"], entry["style"]) == ("ok", "buttons", "ok", "primary")
    assert stage.lee.message("#marketing", "Done").raw["edited"]["user"] == "U0PROMOBOT"


def test_a_confirm_dialog_can_be_declined(stage: Stage, bolt: BoltApp) -> None:
    """Declining sends nothing; confirming does, and `delete_original` takes the message away."""
    stage.maya.command("/promo card")
    message = stage.maya.message("#marketing", "words")
    assert message.confirmation("Gone") == "Sure?\nIt is final.\nYes\nNo"
    message.click("Gone", confirm=False)
    message.click("Gone")
    stage.maya.wait_for(lambda: not stage.maya.messages("#marketing"), "the message's end")
    assert len(bolt.payloads("block_actions")) == 1


def test_an_ephemeral_is_replaced_and_deleted_by_its_response_url(stage: Stage, bolt: BoltApp) -> None:
    """Only its person sees it; the bot does not get its content back; replace and delete work."""
    stage.maya.command("/promo only")
    message = stage.maya.message("#marketing", "Two <words>")
    assert message.is_ephemeral
    message.click("Loud")
    assert stage.lee.message("#marketing", "Heard by all").is_ephemeral is False
    message.click("OK")
    replaced = stage.maya.message("#marketing", "Replaced")
    assert (replaced.ts, replaced.buttons) == (message.ts, [])
    payload = bolt.wait_for("block_actions", 2)[1]
    assert payload["container"]["is_ephemeral"] is True
    assert "message" not in payload
    stage.maya.command("/promo only")
    stage.maya.message("#marketing", "Two <words>").click("Gone")
    stage.maya.wait_for(lambda: not any("words" in m for m in stage.maya.messages("#marketing")), "the end")


def test_a_response_url_works_five_times(stage: Stage, bolt: BoltApp) -> None:
    """The sixth use is refused, as is one that breaks Slack's limits."""
    stage.maya.command("/promo nothing")
    webhook = WebhookClient(bolt.wait_for("command")[0]["response_url"])
    refused = webhook.send(blocks=[{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}])
    assert refused.status_code == 400
    assert "invalid_blocks" in refused.body
    assert [webhook.send(text=f"use {i}").status_code for i in range(5)] == [200, 200, 200, 200, 404]


def test_an_overflow_menu(stage: Stage, bolt: BoltApp, caplog: pytest.LogCaptureFixture) -> None:
    """An entry of the menu arrives as selected_option."""
    stage.maya.command("/promo card")
    bolt.app.action("menu")(lambda ack: ack())
    stage.maya.message("#marketing", "words").click("Delete")
    [payload] = bolt.wait_for("block_actions")
    assert payload["actions"][0]["selected_option"]["value"] == "delete"


def test_files_are_uploaded_into_a_thread_and_downloaded(stage: Stage, bolt: BoltApp) -> None:
    """files_upload_v2 puts a file in a thread; people download its bytes; the bot deletes it."""
    parent = bolt.client.chat_postMessage(channel="#marketing", text="Report")
    content = "number,state\n+48732100218,sent\n"
    bolt.client.files_upload_v2(
        channel="C0MARKETING", thread_ts=parent["ts"], filename="report.csv", content=content, initial_comment="Here"
    )
    [reply] = stage.maya.message("#marketing", "Report").replies()
    assert reply.text == "Here\n(report.csv)"
    [file] = reply.files
    assert stage.maya.download(file).decode() == content
    assert file["size"] == len(content)
    assert [m.text for m in stage.maya.messages("#marketing")] == ["Report"], "a reply shows in the thread only"
    bolt.client.files_delete(file=file["id"])
    with pytest.raises(SlackApiError, match="file_not_found"):
        bolt.client.files_info(file=file["id"])


def test_the_home_tab_is_published_when_it_is_opened(stage: Stage, bolt: BoltApp) -> None:
    """app_home_opened reaches the app; what it publishes shows, and its buttons work."""
    home = stage.ada.home("Good morning")
    home.click("Press")
    [payload] = bolt.wait_for("block_actions")
    assert payload["view"]["type"] == "home"
    assert payload["container"]["type"] == "view"
    first, again = bolt.wait_for("app_home_opened")[0], stage.ada.home()
    assert first["event"]["tab"] == "home"
    assert first["event"]["channel"] == "D0ADA"
    assert again.raw["id"] == home.raw["id"]


def test_direct_messages_and_mentions_reach_the_app(stage: Stage, bolt: BoltApp) -> None:
    """message.im in the DM, app_mention in a channel, nothing for other talk; files come along."""
    stage.maya.say("hello & welcome", channel="@promobot", files=[("list.csv", b"number\n")])
    assert stage.maya.message("@promobot", "You said").text == "You said: hello & welcome"
    [event] = [body["event"] for body in bolt.payloads("message")]
    assert (event["channel_type"], event["subtype"], event["files"][0]["name"]) == ("im", "file_share", "list.csv")
    stage.lee.say("just talk", channel="#general")
    said = stage.lee.say("@promobot are you there", channel="#general")
    assert said.raw["text"] == "<@U0PROMOBOT> are you there"
    [answer] = stage.lee.wait_for(said.replies, "an answer")
    assert answer.text == "You called"
    assert len(bolt.payloads("message")) == 1


def test_unread_counts_and_direct_messages_from_the_app(stage: Stage, bolt: BoltApp, sandbox: Sandbox) -> None:
    """A message of the app's counts as unread until the channel is looked at; a user id posts to the DM."""
    bolt.client.chat_postMessage(channel="U0MAYA", text="For you")
    channel = bolt.client.conversations_open(users="U0MAYA")["channel"]["id"]
    assert channel == "D0MAYA"

    def unread() -> int:
        rows = stage.maya._http.get("/sandbox/state", user="U0MAYA")["channels"]
        return int(next(row["unread"] for row in rows if row["id"] == "D0MAYA"))

    assert unread() == 1
    assert stage.maya.messages("@promobot")[0].text == "For you"
    assert unread() == 0
    assert all(m.text != "For you" for m in stage.lee.messages("@promobot"))


def test_every_payload_is_recorded_with_what_the_validator_found(bolt: BoltApp, sandbox: Sandbox) -> None:
    """Tests can ask for what was sent: blocks without text are a warning, a breach of a limit an error."""
    bolt.client.chat_postMessage(channel="#general", blocks=card(), text="A card")
    with pytest.warns(UserWarning, match="`text` argument is missing"):
        bolt.client.chat_postMessage(channel="#general", blocks=card())
    with pytest.raises(SlackApiError, match="invalid_blocks") as caught:
        crowd = [button(str(i), f"b{i}") for i in range(26)]
        bolt.client.chat_postMessage(channel="#general", text="x", blocks=[{"type": "actions", "elements": crowd}])
    messages = caught.value.response["response_metadata"]["messages"]
    assert messages == ["[ERROR] no more than 25 items allowed [json-pointer:/blocks/0/elements]"]
    sent = [recorded for recorded in sandbox.payloads if recorded.method == "chat.postMessage"]
    assert [[p.is_error for p in recorded.problems] for recorded in sent] == [[], [False], [True]]
    assert [recorded.error for recorded in sent] == [None, None, "invalid_blocks"]
    assert sent[0].payload["blocks"][0]["block_id"] == "words"


def test_a_click_on_what_is_gone_says_so(stage: Stage, bolt: BoltApp) -> None:
    """A button that is not there any more is named, with what is on the screen."""
    stage.maya.command("/promo card")
    message = stage.maya.message("#marketing", "words")
    with pytest.raises(NotOnScreen, match=r"no button 'Nope'(.|\n)*\[OK\]"):
        message.click("Nope")
