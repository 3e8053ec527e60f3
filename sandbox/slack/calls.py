"""One call of the Web API: its arguments, and Slack's way to say no."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox import people
from sandbox.blocks import Json
from sandbox.limits import Problem
from sandbox.slack.slack import Slack


class SlackError(Exception):
    """A refusal: `{"ok": false, "error": name, …extra}`."""

    def __init__(self, name: str, messages: list[str] | None = None, **extra: Any) -> None:
        super().__init__(name)
        self.name = name
        self.extra: Json = dict(extra)
        if messages:
            self.extra["response_metadata"] = {"messages": messages}


@dataclass
class Call:
    """A method's arguments (form fields are strings, JSON bodies are not), and what it may work with."""

    slack: Slack
    method: str
    args: Json
    base_url: str
    problems: list[Problem] = field(default_factory=list)
    """What the validator found in the arguments, for the record."""

    def text(self, name: str) -> str:
        """A string argument; "" when it is not there."""
        value = self.args.get(name)
        return "" if value is None else str(value)

    def required(self, *names: str) -> str:
        """The first of these arguments that is there. Raises SlackError invalid_arguments when none is."""
        for name in names:
            if self.text(name):
                return self.text(name)
        raise SlackError("invalid_arguments", [f"[ERROR] missing required field: {names[0]}"])

    def flag(self, name: str) -> bool:
        """A boolean argument, in any of the ways that clients send one."""
        return str(self.args.get(name, "")).lower() in ("1", "true", "t")

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number between 1 and `most`. Raises SlackError invalid_limit."""
        raw = self.args.get(name)
        if raw in (None, ""):
            return default
        try:
            value = int(raw)
        except (TypeError, ValueError):
            raise SlackError("invalid_limit") from None
        if not 1 <= value <= most:
            raise SlackError("invalid_limit")
        return value

    def data(self, name: str, wrong: str = "invalid_arguments") -> Any:
        """An argument that is JSON, also when it came as a string; None when it is not there."""
        value = self.args.get(name)
        if isinstance(value, str) and value:
            try:
                return json.loads(value)
            except ValueError:
                raise SlackError(wrong, [f"[ERROR] {name} is not valid JSON"]) from None
        return value or None

    def channel(self, name: str = "channel") -> people.Channel:
        """The conversation an argument names. Raises SlackError channel_not_found."""
        channel = self.slack.workspace.channel(self.required(name))
        if channel is None or (channel.is_im and people.BOT_USER_ID not in channel.members):
            raise SlackError("channel_not_found")
        return channel

    def joined_channel(self, name: str = "channel") -> people.Channel:
        """As `channel`, and the bot is in it. Raises SlackError not_in_channel."""
        channel = self.channel(name)
        if people.BOT_USER_ID not in channel.members:
            raise SlackError("not_in_channel")
        return channel


Method = Callable[[Call], Json]


def refusal(problems: list[Problem], name: str, prefix: str = "") -> SlackError | None:
    """The error for what a validator found, or None if nothing of it makes Slack refuse.

    `name` is the error for anything that has no name of its own; `prefix` goes before each path.
    """
    errors = [p for p in problems if p.is_error]
    if not errors:
        return None
    special = next((p.slack_error for p in errors if p.slack_error), None)
    return SlackError(special or name, [f"[ERROR] {p.message} [json-pointer:{prefix}{p.path}]" for p in errors])
