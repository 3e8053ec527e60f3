"""A tiny real Bolt app that uses what the page must handle: fields, errors, a pushed view, own options, files."""

from __future__ import annotations

import threading
from typing import Any

from slack_bolt import Ack, App, Respond
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from bot import slack

CUSTOMERS = [f"Customer {n:03d}" for n in range(1, 301)]


def plain(text: str) -> dict[str, Any]:
    """A plain_text object."""
    return {"type": "plain_text", "text": text}


def field(block_id: str, label: str, element: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An input block whose element's action id is `value`."""
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(label),
        "element": {"action_id": "value", **element},
        **more,
    }


def first_view(note: str = "0 characters") -> dict[str, Any]:
    """The wizard's first step; `note` counts the message's characters as it is typed."""
    options = [{"text": plain("Manual"), "value": "manual"}, {"text": plain("Automatic"), "value": "auto"}]
    message = {
        "type": "plain_text_input",
        "multiline": True,
        "dispatch_action_config": {"trigger_actions_on": ["on_character_entered"]},
    }
    return {
        "type": "modal",
        "callback_id": "first",
        "title": plain("Send promo codes"),
        "submit": plain("Next"),
        "close": plain("Cancel"),
        "blocks": [
            field("subject", "Subject", {"type": "plain_text_input", "max_length": 40}, hint=plain("For approvers")),
            field("message", "Message", message, dispatch_action=True),
            {"type": "context", "elements": [{"type": "mrkdwn", "text": note}]},
            field(
                "customer",
                "Customer",
                {"type": "external_select", "min_query_length": 2, "placeholder": plain("Search")},
            ),
            field("kind", "Type", {"type": "radio_buttons", "options": options, "initial_option": options[0]}),
            field("codes", "Codes", {"type": "file_input", "filetypes": ["csv"], "max_files": 1}, optional=True),
        ],
    }


def second_view(summary: str) -> dict[str, Any]:
    """The wizard's second step, pushed above the first."""
    return {
        "type": "modal",
        "callback_id": "second",
        "title": plain("Review"),
        "submit": plain("Send"),
        "close": plain("Back"),
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": summary}},
            field("reason", "Reason", {"type": "plain_text_input"}, optional=True),
        ],
    }


class TinyBot:
    """The app and its Socket Mode connection; `submitted` holds the state of each submission."""

    def __init__(self, api_url: str) -> None:
        self.submitted: list[dict[str, Any]] = []
        self.actions: list[dict[str, Any]] = []
        self.release = threading.Event()
        client = WebClient(token="xoxb-sandbox", base_url=api_url)
        self.app = App(client=client, token_verification_enabled=False, request_verification_enabled=False)
        self._register()
        self._handler = SocketModeHandler(self.app, "xapp-sandbox", web_client=client)

    def __enter__(self) -> TinyBot:
        self._handler.connect()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.release.set()
        slack.close(self._handler)  # slack_sdk's own way may wait for a thread that waits for the other side

    def _register(self) -> None:
        app = self.app
        app.command("/promo")(self._command)
        app.options("value")(self._options)
        app.view("first")(self._first)
        app.view("second")(self._second)
        app.action("value")(self._typed)
        app.action("approve")(self._approve)
        app.event("app_home_opened")(self._home)
        app.event("message")(lambda: None)

    def _command(self, ack: Ack, command: dict[str, Any], client: WebClient, respond: Respond) -> None:
        word = command["text"]
        if word == "slow":
            self.release.wait(10)
            return
        ack()
        if word == "send":
            client.views_open(trigger_id=command["trigger_id"], view=first_view())
        elif word == "ask":
            client.chat_postMessage(channel=command["channel_id"], text="Approval requested", blocks=approval())
        else:
            respond(text=f"There is no '{word}'. Did you mean *send*?")

    def _options(self, ack: Ack, payload: dict[str, Any]) -> None:
        found = [name for name in CUSTOMERS if payload["value"].lower() in name.lower()][:100]
        ack(options=[{"text": plain(name), "value": name} for name in found])

    def _typed(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        action = body["actions"][0]
        self.actions.append(action)
        if action["block_id"] == "message":
            note = f"{len(action['value'] or '')} characters"
            client.views_update(view_id=body["view"]["id"], view=first_view(note))

    def _first(self, ack: Ack, view: dict[str, Any]) -> None:
        values = view["state"]["values"]
        self.submitted.append(values)
        if values["subject"]["value"]["value"] == "taken":
            ack(response_action="errors", errors={"subject": "There is already a subject 'taken'. Choose another."})
        elif values["subject"]["value"]["value"] == "slow":
            self.release.wait(10)
        elif values["subject"]["value"]["value"] == "look":
            ack(response_action="update", view=first_view("Looking"))
        else:
            customer = values["customer"]["value"]["selected_option"]["value"]
            files = [file["name"] for file in values["codes"]["value"]["files"]]
            ack(response_action="push", view=second_view(f"To *{customer}* with {', '.join(files) or 'no file'}"))

    def _second(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        self.submitted.append(body["view"]["state"]["values"])
        ack(response_action="clear")
        client.chat_postMessage(channel="C0MARKETING", text="Sending · Summer thank-you")

    def _approve(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        message = body["message"]
        client.chat_update(
            channel=body["channel"]["id"], ts=message["ts"], text=f"Approved by <@{body['user']['id']}>", blocks=[]
        )

    def _home(self, event: dict[str, Any], client: WebClient) -> None:
        hello = {"type": "header", "text": plain("Good morning")}
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [hello]})


def approval() -> list[dict[str, Any]]:
    """An approval card whose button asks first."""
    confirm = {
        "title": plain("Approve?"),
        "text": plain("398 customers are texted."),
        "confirm": plain("Approve"),
        "deny": plain("No"),
    }
    button = {
        "type": "button",
        "action_id": "approve",
        "style": "primary",
        "text": plain("Approve"),
        "confirm": confirm,
    }
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": "*Approval requested* · Summer thank-you"}},
        {"type": "actions", "elements": [button]},
    ]
