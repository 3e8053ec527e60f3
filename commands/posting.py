"""Messages that change over time: posted once, edited in place, never more often than Slack likes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block

from commands.ui.blocks import as_dicts
from commands.ui.text import is_person

log = structlog.get_logger(__name__)

Blocks = Sequence[Block | dict[str, Any]]

# Where a channel does not take a message from us, and never will until a person does something about it.
CLOSED = frozenset({"not_in_channel", "channel_not_found", "is_archived", "restricted_action", "no_permission"})
GONE = frozenset({"message_not_found", "channel_not_found", "cant_update_message", "edit_window_closed"})

# A second between edits of one message is Slack's advice (chat.update is tier 3, about 50 a minute for all of them).
EVERY = 3.0


class Busy(Exception):
    """Slack asked us to wait (429), or the message was edited a moment ago: try again at a later look."""


class Nobody(Exception):
    """There is nobody to show a message to: a system asked for it, and has no channel that takes it."""


@dataclass
class Pace:
    """How often messages are edited: each at most `every` so many seconds, none while Slack asks us to wait.

    `monotonic` is a clock in seconds that only moves forward.
    """

    monotonic: Callable[[], float] = time.monotonic
    every: float = EVERY
    _edited: dict[str, float] = field(default_factory=dict)
    _quiet_until: float = 0.0

    def may(self, key: str) -> bool:
        """Whether the message called `key` may be posted or edited now."""
        now = self.monotonic()
        return now >= self._quiet_until and now - self._edited.get(key, -self.every) >= self.every

    def once(self, key: str) -> bool:
        """Whether `every` so many seconds have passed since this was last asked for `key`; the first time, yes."""
        if not self.may(key):
            return False
        self._note(key)
        return True

    def forget(self, key: str) -> None:
        """As if `key` had never been asked for."""
        self._edited.pop(key, None)

    def call(self, key: str, slack: Callable[[], Any]) -> Any:
        """Call Slack for the message `key`. Raises `Busy` when Slack asks to wait, `SlackApiError` for the rest."""
        if not self.may(key):
            raise Busy
        try:
            answer = slack()
        except SlackApiError as error:
            if error.response.status_code == 429 or error.response.get("error") == "ratelimited":
                self._quiet_until = self.monotonic() + float(error.response.headers.get("Retry-After", 5))
                log.info("Slack asks to wait", message=key)
                raise Busy from error
            raise
        self._note(key)
        return answer

    def _note(self, key: str) -> None:
        self._edited[key] = self.monotonic()
        if len(self._edited) > 1000:
            self._edited = {k: at for k, at in self._edited.items() if self.monotonic() - at < self.every}


def post(client: WebClient, channel: str | None, person: str, text: str, blocks: Blocks) -> tuple[str, str]:
    """Post in `channel`, or to `person` where there is none or it is closed to us; returns channel and `ts`.

    A `person` that is a system with a token cannot be written to. Raises `Nobody` where there is no channel either,
    `SlackApiError` when neither takes it.
    """
    if channel:
        try:
            answer = client.chat_postMessage(channel=channel, text=text, blocks=as_dicts(blocks))
            return str(answer["channel"]), str(answer["ts"])
        except SlackApiError as error:
            if error.response.get("error") not in CLOSED:
                raise
            if not is_person(person):
                raise Nobody from error
            log.info("channel is closed to us, telling the person", channel=channel, why=error.response.get("error"))
    if not is_person(person):
        raise Nobody
    answer = client.chat_postMessage(channel=person, text=text, blocks=as_dicts(blocks))
    return str(answer["channel"]), str(answer["ts"])


def refused_blocks(error: SlackApiError) -> bool:
    """Whether Slack took the request but not its blocks (a chart, where a workspace has none)."""
    return error.response.get("error") in ("invalid_blocks", "invalid_blocks_format", "block_mismatch")
