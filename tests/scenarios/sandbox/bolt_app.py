"""A small Bolt app with one of everything, to prove the sandbox against the real slack_bolt."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from sandbox.testing import Stage

Json = dict[str, Any]


def plain(text: str) -> Json:
    """A plain_text object."""
    return {"type": "plain_text", "text": text}


def option(text: str, value: str | None = None) -> Json:
    """An option."""
    return {"text": plain(text), "value": value or text.lower()}


def field(block_id: str, label: str, element: Json, **more: Any) -> Json:
    """An input block whose action id is "a"."""
    element = {"action_id": "a", **element}
    return {"type": "input", "block_id": block_id, "label": plain(label), "element": element, **more}


def modal(callback_id: str, blocks: list[Json], title: str = "Test", **more: Any) -> Json:
    """A modal with a submit button."""
    return {
        "type": "modal",
        "callback_id": callback_id,
        "title": plain(title),
        "submit": plain("Go"),
        "close": plain("Cancel"),
        "blocks": blocks,
        **more,
    }


FRUIT = [option("Apple"), option("Pear"), option("Plum")]


def every_field() -> list[Json]:
    """Every kind of input that a modal can hold."""
    return [
        field("text", "Text", {"type": "plain_text_input", "max_length": 20}),
        field("lines", "Lines", {"type": "plain_text_input", "multiline": True}, optional=True),
        field("number", "Number", {"type": "number_input", "is_decimal_allowed": False, "min_value": "1"}),
        field("email", "Email", {"type": "email_text_input"}, optional=True),
        field("link", "Link", {"type": "url_text_input"}, optional=True),
        field("one", "One", {"type": "static_select", "options": FRUIT}),
        field("many", "Many", {"type": "multi_static_select", "options": FRUIT}, optional=True),
        field("radio", "Radio", {"type": "radio_buttons", "options": FRUIT, "initial_option": FRUIT[1]}),
        field("checks", "Checks", {"type": "checkboxes", "options": FRUIT}, optional=True),
        field("day", "Day", {"type": "datepicker"}, optional=True),
        field("hour", "Hour", {"type": "timepicker"}, optional=True),
        field("moment", "Moment", {"type": "datetimepicker"}, optional=True),
        field("person", "Person", {"type": "users_select"}, optional=True),
        field("search", "Search", {"type": "external_select", "min_query_length": 1}, optional=True),
        field("grouped", "Grouped", {"type": "multi_external_select"}, optional=True),
        field("upload", "Upload", {"type": "file_input", "filetypes": ["csv"], "max_files": 1}, optional=True),
    ]


class BoltApp:
    """The app, its connection, and what it was sent (`seen`: payloads by type)."""

    def __init__(self, api_url: str) -> None:
        self.client = WebClient("xoxb-sandbox", base_url=api_url)
        self.app = App(client=self.client, logger=logging.getLogger("bolt-test-app"))
        self.stage = Stage(api_url.removesuffix("/api/"))
        self.seen: list[Json] = []
        self.silent = False
        self._register()
        self.handler = SocketModeHandler(self.app, "xapp-sandbox", ping_interval=1)
        self._changed = threading.Condition()

    def payloads(self, kind: str) -> list[Json]:
        """What was received of one type."""
        return [body for body in self.seen if _kind(body) == kind]

    def wait_for(self, kind: str, count: int = 1, timeout: float = 5.0) -> list[Json]:
        """Wait until `count` payloads of a type have come."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while len(self.payloads(kind)) < count:
                left = deadline - time.monotonic()
                in_time = self._changed.wait(left) if left > 0 else False
                assert in_time, f"no {kind}; got {[_kind(b) for b in self.seen]}"
        return self.payloads(kind)

    def __enter__(self) -> BoltApp:
        self.handler.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.stage.hang_up(self.handler.client)

    def _register(self) -> None:
        app = self.app

        @app.middleware
        def remember(body: Json, next: Any) -> None:
            with self._changed:
                self.seen.append(body)
                self._changed.notify_all()
            next()

        @app.command("/promo")
        def command(ack: Any, body: Json, client: WebClient, respond: Any) -> None:
            verb = body["text"].partition(" ")[0]
            if self.silent:
                return
            if verb == "say":
                ack("said " + body["text"])
                return
            ack()
            if verb == "fields":
                client.views_open(trigger_id=body["trigger_id"], view=modal("fields", every_field()))
            elif verb == "steps":
                step = field("s1", "Name", {"type": "plain_text_input"})
                view = modal("steps", [step], "Step 1", notify_on_close=True)
                client.views_open(trigger_id=body["trigger_id"], view=view)
            elif verb == "card":
                client.chat_postMessage(channel=body["channel_id"], text="A card", blocks=card())
            elif verb == "only":
                respond(text="Just you", blocks=card())

        @app.view("fields")
        def fields(ack: Any) -> None:
            ack()

        @app.view("steps")
        def steps(ack: Any, view: Json) -> None:
            entries = view["state"]["values"]
            name = entries.get("s1", {}).get("a", {}).get("value")
            answers: dict[str | None, Json] = {
                "update": {"response_action": "update", "view": _step("s2", "Step 2")},
                "push": {"response_action": "push", "view": _step("s3", "On top")},
                "clear": {"response_action": "clear"},
                "wrong": {"response_action": "errors", "errors": {"nowhere": "This block does not exist"}},
                "bad": {"response_action": "errors", "errors": {"s1": "Bad is not a name."}},
            }
            ack(**answers.get(name, {}))

        @app.view_closed("steps")
        def closed(ack: Any) -> None:
            ack()

        @app.action({"block_id": "buttons", "action_id": "ok"})
        def ok(ack: Any, body: Json, client: WebClient, respond: Any) -> None:
            ack()
            if body["container"].get("is_ephemeral"):
                respond(text="Replaced", replace_original=True)
            else:
                message = body["message"]
                client.chat_update(channel=body["channel"]["id"], ts=message["ts"], text="Done", blocks=[])

        @app.action("gone")
        def gone(ack: Any, respond: Any) -> None:
            ack()
            respond(delete_original=True)

        @app.action("loud")
        def loud(ack: Any, respond: Any) -> None:
            ack()
            respond(text="Heard by all", response_type="in_channel", replace_original=False)

        @app.action("pick")
        def pick(ack: Any) -> None:
            ack()

        @app.action("more")
        def more(ack: Any, body: Json, client: WebClient) -> None:
            ack()
            view = body["view"]
            blocks = [block for block in view["blocks"] if block["block_id"] != "extra"]
            blocks.append({"type": "section", "block_id": "extra", "text": plain("More is here")})
            content = modal("steps", blocks, view["title"]["text"])
            client.views_update(view_id=view["id"], hash=view["hash"], view=content)

        @app.options("a")
        def options(ack: Any, body: Json) -> None:
            found = [o for o in FRUIT if body["value"].lower() in o["value"]]
            if body["block_id"] == "grouped":
                ack(option_groups=[{"label": plain("Fruit"), "options": found}])
            else:
                ack(options=found)

        @app.event("app_home_opened")
        def home(event: Json, client: WebClient) -> None:
            blocks = [
                {"type": "header", "text": plain("Good morning")},
                {"type": "actions", "block_id": "home", "elements": [button("Press", "pick")]},
            ]
            client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

        @app.event("message")
        def message(event: Json, say: Any) -> None:
            if "bot_id" not in event:
                say(text=f"You said: {event['text']}")

        @app.event("app_mention")
        def mention(event: Json, say: Any) -> None:
            say(text="You called", thread_ts=event["ts"])


def button(text: str, action_id: str, **more: Any) -> Json:
    """A button."""
    return {"type": "button", "text": plain(text), "action_id": action_id, "value": action_id, **more}


def card() -> list[Json]:
    """A message with one of everything to press."""
    confirm = {"title": plain("Sure?"), "text": plain("It is final."), "confirm": plain("Yes"), "deny": plain("No")}
    words = {"type": "mrkdwn", "text": "*Two* &lt;words&gt; for <@U0MAYA>"}
    return [
        {
            "type": "section",
            "block_id": "words",
            "text": words,
        },
        {
            "type": "actions",
            "block_id": "buttons",
            "elements": [
                button("OK", "ok", style="primary"),
                button("Gone", "gone", confirm=confirm),
                button("Loud", "loud"),
                {"type": "static_select", "action_id": "pick", "options": FRUIT, "placeholder": plain("Fruit")},
                {"type": "overflow", "action_id": "menu", "options": [option("Edit"), option("Delete")]},
            ],
        },
    ]


def _step(block_id: str, title: str) -> Json:
    blocks = [
        field(block_id, "Next name", {"type": "plain_text_input"}, optional=True),
        {"type": "actions", "block_id": "row", "elements": [button("More", "more")]},
    ]
    return modal("steps", blocks, title, notify_on_close=True)


def _kind(body: Json) -> str:
    if "command" in body:
        return "command"
    return str(body["event"]["type"] if "event" in body else body["type"])
