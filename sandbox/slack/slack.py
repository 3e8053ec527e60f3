"""What the Slack side is made of, in one hand: passed to the Web API's methods and to the interactions."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from sandbox import limits, people
from sandbox.blocks import Json
from sandbox.knobs import Knobs
from sandbox.limits import Problem
from sandbox.manifest import Manifest
from sandbox.slack.sockets import Sockets
from sandbox.slack.triggers import Handles
from sandbox.slack.views import Views
from sandbox.workspace import Workspace

RECORDED = 20_000
"""How many payloads are remembered: all of a test's, and not a whole month of a demo's."""


@dataclass(frozen=True)
class Recorded:
    """One payload that the bot sent, with what the validator found in it."""

    method: str
    """The Web API method, "response_url", or "ack" with the kind of interaction ("ack:view_submission")."""
    payload: Json
    problems: list[Problem]
    """All findings, warnings too (`problem.is_error` tells them apart)."""
    error: str | None
    """The error that the bot was answered, or None."""
    at: float
    """Seconds since the epoch."""


@dataclass
class Slack:
    """The parts of the Slack side."""

    workspace: Workspace
    sockets: Sockets
    views: Views
    handles: Handles
    knobs: Knobs
    manifest: Manifest
    recorded: deque[Recorded] = field(default_factory=lambda: deque(maxlen=RECORDED))
    uploads: dict[str, Json] = field(default_factory=dict)
    """Uploads under way, by token: what files.getUploadURLExternal was told."""
    recent_updates: dict[str, list[float]] = field(default_factory=dict)

    def record(self, method: str, payload: Json, problems: list[Problem], error: str | None = None) -> None:
        """Remember what the bot sent and what came of it, for the tests."""
        self.recorded.append(Recorded(method, payload, problems, error, time.time()))

    def check_message(self, payload: Json) -> list[Problem]:
        """The validator's findings on a message, with the blocks that this workspace is told to refuse."""
        return limits.check_message(payload) + self._refused(payload.get("blocks"))

    def check_view(self, view: Any) -> list[Problem]:
        """The validator's findings on a view."""
        return limits.check_view(view) + self._refused(view.get("blocks") if isinstance(view, dict) else None)

    def _refused(self, blocks: Any) -> list[Problem]:
        if not isinstance(blocks, list):
            return []
        return [
            Problem(f"/blocks/{i}/type", f"unsupported type: {block['type']}")
            for i, block in enumerate(blocks)
            if isinstance(block, dict) and block.get("type") in self.knobs.refuse_blocks
        ]

    def bot_message(self, payload: Json) -> Json:
        """A message of the bot's as stored: the parts of `payload` that show, and who it is from."""
        message: Json = {
            "user": people.BOT_USER_ID,
            "bot_id": people.BOT_ID,
            "app_id": people.APP_ID,
            "bot_profile": bot_profile(),
            "text": str(payload.get("text") or ""),
        }
        for key in ("blocks", "attachments", "thread_ts", "metadata", "files", "upload"):
            if payload.get(key):
                message[key] = payload[key]
        return message


def bot_profile() -> Json:
    """The bot as messages name it."""
    return {
        "id": people.BOT_ID,
        "app_id": people.APP_ID,
        "name": people.BOT.name,
        "deleted": False,
        "updated": 1767225600,
        "team_id": people.TEAM_ID,
    }
