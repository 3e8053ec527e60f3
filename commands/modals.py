"""Modals shown from anywhere: opened from a message, laid on another modal, or put in its place where that is full."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

View = dict[str, Any]

KEPT = 500  # modals that are remembered: more than are open at a time


def show(client: WebClient, body: Mapping[str, Any], view: View, *, above: int = 0) -> Mapping[str, Any]:
    """Show `view` to who pressed something (`body`: the payload of the action); returns it as Slack has it.

    From a message it opens; from a modal it is laid on top; from the third modal of a stack, which is as many as Slack
    allows (docs.slack.dev/surfaces/modals), it takes that one's place. `above`: how many are to find room on top of it.
    """
    below = body.get("view")
    if not below or below.get("type") != "modal":
        answer = client.views_open(trigger_id=body["trigger_id"], view=view)
    elif depth(below) + above >= 3:
        answer = client.views_update(view_id=below["id"], view=view)
    else:
        answer = client.views_push(trigger_id=body["trigger_id"], view=view)
    shown: Mapping[str, Any] = answer["view"]
    return shown


def show_in_time(
    client: WebClient, body: Mapping[str, Any], waiting: View, work: Callable[[], View], *, above: int = 0
) -> None:
    """As `show`, where finding out what there is to show may take longer than the three seconds in which a press can
    open a modal: `waiting` is shown first."""
    refresh(client, str(show(client, body, waiting, above=above)["id"]), work())


def refresh(client: WebClient, view_id: str | None, view: View, *, seen: str | None = None) -> Mapping[str, Any] | None:
    """Show `view` in place of an open one; returns it as Slack has it, None where there is none or it was closed.

    `seen`: the hash of what it replaces; where it shows something newer by now, it is left alone.
    """
    if view_id:
        with gone_is_fine():
            shown: Mapping[str, Any] = client.views_update(view_id=view_id, view=view, hash=seen)["view"]
            return shown
    return None


def redraw(client: WebClient, body: Mapping[str, Any], view: View) -> Mapping[str, Any] | None:
    """`refresh` for the modal in which something was pressed, unless it shows the answer to a later press already: what
    is pressed is answered in threads beside each other, and the first may come last. None then, too."""
    shown, at = _shown_in(body["view"]["id"]), float(body["actions"][0]["action_ts"])
    with shown.lock:
        if at < shown.at:
            return None
        shown.at = at
        return refresh(client, body["view"]["id"], view)


@dataclass
class _Shown:
    """What an open modal shows: the answer to what was pressed at `at`, the action's time at Slack."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    at: float = 0.0


_shown: OrderedDict[str, _Shown] = OrderedDict()
_guard = threading.Lock()


def _shown_in(view_id: str) -> _Shown:
    """What a modal shows."""
    with _guard:
        shown = _shown.setdefault(view_id, _Shown())
        _shown.move_to_end(view_id)
        while len(_shown) > KEPT:
            _shown.popitem(last=False)
        return shown


@contextlib.contextmanager
def gone_is_fine() -> Iterator[None]:
    """Slack's refusal to change a modal that was closed or changed meanwhile is no error."""
    try:
        yield
    except SlackApiError as error:
        if error.response.get("error") not in ("not_found", "view_not_found", "hash_conflict"):
            raise


def depth(view: Mapping[str, Any]) -> int:
    """How many modals lie in the stack up to this one: 1, 2 or 3."""
    if view.get("root_view_id") in (None, view["id"]):
        return 1
    return 2 if view.get("previous_view_id") == view["root_view_id"] else 3
