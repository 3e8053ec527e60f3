"""What a person does, carried to the bot and its answer carried back: the Slack between the two.

Each method takes what the page sends, delivers the payload over Socket Mode, and applies the ack. A refusal that
the person would see is an InteractionError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox import people
from sandbox.blocks import Json, Values, find, input_block_ids, merged_state
from sandbox.browser import checks
from sandbox.limits import Problem
from sandbox.slack import chat, payloads
from sandbox.slack.calls import SlackError
from sandbox.slack.slack import Slack
from sandbox.slack.sockets import Ack, NotAcknowledged, NotConnected
from sandbox.slack.triggers import ResponseUrl
from sandbox.slack.views import ViewError


class InteractionError(Exception):
    """What the person sees instead of the effect: an error name, and a sentence."""

    def __init__(self, name: str, detail: str, status: int = 400) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail
        self.status = status


@dataclass(frozen=True)
class Where:
    """The message or view that something was done in."""

    view: Json | None = None
    message: Json | None = None

    @property
    def blocks(self) -> list[Json]:
        """Its blocks."""
        holder = self.view or self.message or {}
        blocks: list[Json] = holder.get("blocks", [])
        return blocks


class Interactions:
    """Carries commands, clicks, submissions and messages to the bot."""

    def __init__(self, slack: Slack) -> None:
        self.slack = slack
        self._held: dict[tuple[str, str], Values] = {}
        """What each person has chosen in each message, by (user, ts)."""

    async def _ask(self, kind: str, payload: Json, failed: str) -> Ack:
        try:
            return await self.slack.sockets.ask(kind, payload)
        except NotConnected:
            raise InteractionError("dispatch_failed", f"{failed} The app is not connected.", 502) from None
        except NotAcknowledged:
            raise InteractionError(
                "operation_timeout", f"{failed} The app did not respond in 3 seconds.", 504
            ) from None

    def _response_url(self, base_url: str, where: ResponseUrl) -> str:
        return f"{base_url}/response/{self.slack.handles.new_response_url(where)}"

    # Commands and messages

    async def command(self, *, user: str, channel: people.Channel, line: str, base_url: str) -> None:
        """Run a slash command line such as "/promo send vip"."""
        typed, _, text = line.partition(" ")
        name = typed.lower()
        if all(command["command"] != name for command in self.slack.manifest.commands):
            known = ", ".join(command["command"] for command in self.slack.manifest.commands)
            raise InteractionError("unknown_command", f"{typed} is not a valid command. There is: {known}.", 404)
        where = ResponseUrl(user, channel.id)
        payload = payloads.command(
            user=user,
            channel=channel,
            command=name,
            text=payloads.escaped(text.strip()),
            trigger_id=self.slack.handles.new_trigger(user),
            response_url=self._response_url(base_url, where),
        )
        ack = await self._ask("slash_commands", payload, f"{name} failed.")
        if any(ack.payload.get(key) for key in ("text", "blocks", "attachments")):
            try:
                chat.respond(self.slack, where, ack.payload, via="ack:slash_commands")
            except SlackError as error:
                raise InteractionError(error.name, f"{name} failed: its answer is not valid.", 502) from None

    def message(
        self, *, user: str, channel: people.Channel, text: str, thread_ts: str | None, files: list[Json]
    ) -> Json:
        """Post a person's message; the bot hears of it where the manifest subscribes it. Returns the message."""
        body: Json = {"user": user, "text": payloads.escaped(text)}
        if thread_ts:
            body["thread_ts"] = thread_ts
        if files:
            for file in files:
                self.slack.workspace.share_file(file, channel)
            body |= {
                "subtype": "file_share",
                "files": [self.slack.workspace.files[f["id"]] for f in files],
                "upload": False,
            }
        message = self.slack.workspace.post(channel.id, body)
        self.slack.workspace.mark_read(user, channel.id)
        if people.BOT_USER_ID in channel.members:
            self._tell_of_message(message, channel)
        return message

    def _tell_of_message(self, message: Json, channel: people.Channel) -> None:
        events = self.slack.manifest.events
        kind = "message.im" if channel.is_im else "message.mpim" if channel.is_mpim else "message.channels"
        if kind in events:
            self.slack.sockets.tell(payloads.message_event(message, channel, "message"))
        mentioned = f"<@{people.BOT_USER_ID}>" in message["text"] and not channel.is_im
        if mentioned and "app_mention" in events:
            self.slack.sockets.tell(payloads.message_event(message, channel, "app_mention"))

    def home_opened(self, user: str) -> Json | None:
        """A person opens the home tab: returns what was last published, and tells the bot."""
        view = self.slack.workspace.homes.get(user)
        channel = self.slack.workspace.channel(user)
        if channel is not None and "app_home_opened" in self.slack.manifest.events:
            event_ts = f"{self.slack.workspace.clock.time():.6f}"
            self.slack.sockets.tell(payloads.home_opened(user=user, channel=channel.id, view=view, event_ts=event_ts))
        return view

    # Clicks and choices

    async def act(self, *, user: str, where: Where, action: Json, state: Values, base_url: str) -> None:
        """A click or a choice in a message or a view (block_actions)."""
        placed = find(where.blocks, str(action.get("block_id")), str(action.get("action_id")))
        if placed is None:
            what = f"block '{action.get('block_id')}', action '{action.get('action_id')}'"
            raise InteractionError("not_found", f"There is no such element any more: {what}.", 404)
        entry = checks.chosen(placed.element, action)
        sent = {block: dict(entries) for block, entries in state.items()}
        if placed.element["type"] not in ("button", "overflow", "workflow_button"):
            sent.setdefault(placed.block_id, {})[placed.action_id] = entry
        actions = [payloads.action(placed, entry, f"{self.slack.workspace.clock.time():.6f}")]
        if where.view is not None:
            view = self.slack.views.hold(user, where.view, sent)
            trigger_id = self.slack.handles.new_trigger(user, view["id"])
            payload = payloads.view_action(user=user, view=view, actions=actions, trigger_id=trigger_id)
        else:
            payload = self._message_action(user, where.message or {}, actions, sent, base_url)
        await self._ask("interactive", payload, "We had some trouble connecting. Try again?")

    def _message_action(self, user: str, message: Json, actions: list[Json], sent: Values, base_url: str) -> Json:
        key = (user, message["ts"])
        held = self._held[key] = merged_state(message["blocks"], self._held.get(key, {}), sent)
        back = ResponseUrl(
            user,
            message["channel"],
            message_ts=message["ts"],
            is_ephemeral=bool(message.get("is_ephemeral")),
            thread_ts=message.get("thread_ts"),
        )
        return payloads.message_action(
            user=user,
            channel=self.slack.workspace.channels[message["channel"]],
            message=message,
            actions=actions,
            state=held,
            trigger_id=self.slack.handles.new_trigger(user),
            response_url=self._response_url(base_url, back),
        )

    async def options(
        self, *, user: str, where: Where, block_id: str, action_id: str, value: str, state: Values
    ) -> Json:
        """The options of an external select for what was typed (block_suggestion): `options` or `option_groups`."""
        placed = find(where.blocks, block_id, action_id)
        if placed is None or not placed.element["type"].endswith("external_select"):
            raise InteractionError("not_found", f"There is no external select '{action_id}' here.", 404)
        channel = None
        if where.message is not None:
            found = self.slack.workspace.channels[where.message["channel"]]
            channel = {"id": found.id, "name": "directmessage" if found.is_im else found.name}
        view = self.slack.views.hold(user, where.view, state) if where.view is not None else None
        payload = payloads.suggestion(
            user=user, placed=placed, value=value, view=view, message=where.message, channel=channel
        )
        ack = await self._ask("interactive", payload, "We had some trouble loading these options.")
        problems = checks.suggestions(ack.payload)
        self.slack.record("ack:block_suggestion", ack.payload, problems, "invalid_options" if problems else None)
        if problems:
            raise InteractionError("invalid_options", f"The app's options are not valid: {_told(problems)}", 502)
        return {key: ack.payload[key] for key in ("options", "option_groups") if key in ack.payload}

    # Modals

    async def submit(self, *, user: str, view: Json, state: Values) -> Json:
        """Submit a modal: Slack's own checks first, then view_submission and its `response_action`."""
        held = self.slack.views.hold(user, view, state)
        errors = checks.required_and_valid(held)
        if errors:
            return {"response_action": "errors", "errors": errors}
        trigger_id = self.slack.handles.new_trigger(user, view["id"])
        payload = payloads.submission(user=user, view=held, trigger_id=trigger_id)
        ack = await self._ask("interactive", payload, "We had some trouble connecting. Try again?")
        return self._applied(user, held, ack.payload)

    def _applied(self, user: str, view: Json, answer: Json) -> Json:
        action = answer.get("response_action")
        problems: list[Problem] = []
        if action in ("update", "push"):
            problems = self.slack.check_view(answer.get("view"))
        elif action == "errors":
            problems = _wrong_errors(view, answer.get("errors"))
        elif action not in (None, "clear"):
            problems = [Problem("/response_action", "must be one of: update, push, clear, errors")]
        wrong = any(p.is_error for p in problems)
        self.slack.record("ack:view_submission", answer, problems, "invalid_response_action" if wrong else None)
        if wrong:
            raise _trouble(_told(problems))
        if action is None:
            self.slack.views.close(user, view["id"])
        elif action == "clear":
            self.slack.views.close(user)
        elif action == "errors":
            return {"response_action": "errors", "errors": answer["errors"]}
        else:
            try:
                self._show(user, view, action, answer["view"])
            except ViewError as error:
                raise _trouble(error.name) from None
        return {"response_action": action}

    def _show(self, user: str, view: Json, action: str, payload: Json) -> None:
        if action == "push":
            self.slack.views.open(user, payload, on_top=True)
            return
        found = self.slack.views.find(view_id=view["id"])
        if found is not None:
            self.slack.views.update(found[1], user, payload, None)

    async def close(self, *, user: str, view: Json, everything: bool) -> None:
        """Close a modal, or all of them; those with `notify_on_close` tell the bot (view_closed)."""
        everything = everything or bool(view["clear_on_close"])
        gone = self.slack.views.close(user, None if everything else view["id"])
        for closed in gone:
            if closed["notify_on_close"]:
                payload = payloads.closed(user=user, view=closed, is_cleared=everything)
                await self._ask("interactive", payload, "We had some trouble connecting.")


def _wrong_errors(view: Json, errors: Any) -> list[Problem]:
    """What is wrong with the `errors` of an ack: each key must be an input block of the view, each value a text."""
    if not isinstance(errors, dict) or not errors:
        return [Problem("/errors", "must be an object with at least one error")]
    inputs = input_block_ids(view["blocks"])
    unknown = [Problem(f"/errors/{key}", "names no input block of this view") for key in errors if key not in inputs]
    empty = [
        Problem(f"/errors/{key}", "must be a text")
        for key, text in errors.items()
        if not isinstance(text, str) or not text
    ]
    return unknown + empty


def _told(problems: list[Problem]) -> str:
    return "; ".join(f"{p.path} {p.message}" for p in problems if p.is_error)


def _trouble(detail: str) -> InteractionError:
    return InteractionError(
        "trouble_connecting", f"We had some trouble connecting. Try again? (The app's answer: {detail})", 502
    )
