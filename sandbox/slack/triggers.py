"""Short-lived handles that an interaction gives the bot: trigger ids and response URLs."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from sandbox.knobs import RESPONSE_URL_SECONDS, RESPONSE_URL_USES, TRIGGER_SECONDS


class HandleError(Exception):
    """A handle that cannot be used; `name` is Slack's error name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass
class Trigger:
    """Who pressed what: the user, and the modal it was pressed in, if any."""

    user: str
    view_id: str | None
    created: float = field(default_factory=time.monotonic)
    used: bool = False


@dataclass
class ResponseUrl:
    """Where a `response_url` posts: the channel, and the message or ephemeral it came from, if any."""

    user: str
    channel: str
    message_ts: str | None = None
    is_ephemeral: bool = False
    thread_ts: str | None = None
    created: float = field(default_factory=time.monotonic)
    uses: int = 0


class Handles:
    """Hands out trigger ids and response URLs, and checks them when they come back."""

    def __init__(self, trigger_seconds: float = TRIGGER_SECONDS) -> None:
        self._trigger_seconds = trigger_seconds
        self._triggers: dict[str, Trigger] = {}
        self._urls: dict[str, ResponseUrl] = {}

    def new_trigger(self, user: str, view_id: str | None = None) -> str:
        """A trigger id for what `user` just did, good once and for three seconds."""
        trigger_id = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._triggers[trigger_id] = Trigger(user, view_id)
        return trigger_id

    def use_trigger(self, trigger_id: str) -> Trigger:
        """Exchange a trigger id. Raises HandleError: invalid_trigger_id, expired_trigger_id or exchanged_trigger_id."""
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise HandleError("invalid_trigger_id")
        if trigger.used:
            raise HandleError("exchanged_trigger_id")
        if time.monotonic() - trigger.created > self._trigger_seconds:
            raise HandleError("expired_trigger_id")
        trigger.used = True
        return trigger

    def new_response_url(self, url: ResponseUrl) -> str:
        """The token of a new response URL."""
        token = secrets.token_urlsafe(24)
        self._urls[token] = url
        return token

    def use_response_url(self, token: str) -> ResponseUrl:
        """Count one use of a response URL. Raises HandleError: used_url or expired_url."""
        url = self._urls.get(token)
        if url is None or time.monotonic() - url.created > RESPONSE_URL_SECONDS:
            raise HandleError("expired_url")
        if url.uses >= RESPONSE_URL_USES:
            raise HandleError("used_url")
        url.uses += 1
        return url
