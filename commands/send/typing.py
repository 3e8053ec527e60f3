"""Answers to typing that never come in the wrong order.

Slack sends an action for each character, and listeners run at once: a slow answer to an early character would replace
the answer to a later one, or step 5 would replace the review that came after it. So answers to one view wait for each
other, only the newest text is answered, and each update names the state it was made for (`hash`): Slack refuses it when
the view has moved on (docs.slack.dev/reference/methods/views.update, "hash").
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

KEPT = 500  # views that are remembered: more than are open at a time


@dataclass
class _View:
    lock: threading.Lock = field(default_factory=threading.Lock)
    newest: float = 0.0
    seen: set[str] = field(default_factory=set)  # states that our own answers made of the view
    hash: str = ""


class Typing:
    """One for each kind of modal; its memory is lost at a restart, which costs at most one late count."""

    def __init__(self) -> None:
        self._views: OrderedDict[str, _View] = OrderedDict()
        self._guard = threading.Lock()

    def answer(self, client: WebClient, view: dict[str, Any], at: float, show: Callable[[], dict[str, Any]]) -> bool:
        """Update `view` with `show()`; False when newer text has come or the view has moved on.

        `view` and `at` (the action's `action_ts`) are of the payload.
        """
        known = self._known(view["id"])
        known.newest = max(known.newest, at)
        with known.lock:
            if at < known.newest:
                return False
            ours = view["hash"] == known.hash or view["hash"] in known.seen
            try:
                answer = client.views_update(view_id=view["id"], view=show(), hash=known.hash if ours else view["hash"])
            except SlackApiError as error:
                if error.response.get("error") in ("hash_conflict", "not_found", "view_not_found"):
                    return False
                raise
            known.seen |= {view["hash"], known.hash}
            known.hash = answer["view"]["hash"]
            return True

    def _known(self, view_id: str) -> _View:
        with self._guard:
            known = self._views.setdefault(view_id, _View())
            self._views.move_to_end(view_id)
            while len(self._views) > KEPT:
                self._views.popitem(last=False)
            return known
