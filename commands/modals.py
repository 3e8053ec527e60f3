"""Modals shown from anywhere: opened from a message, laid on another modal, or put in its place where that is full."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

View = dict[str, Any]


def show(client: WebClient, body: Mapping[str, Any], view: View) -> str:
    """Show `view` to who pressed something (`body`: the payload of the action); returns the view's id.

    From a message it opens; from a modal it is laid on top; from the third modal of a stack, which is as many as Slack
    allows (docs.slack.dev/surfaces/modals), it takes that one's place.
    """
    below = body.get("view")
    if not below or below.get("type") != "modal":
        return str(client.views_open(trigger_id=body["trigger_id"], view=view)["view"]["id"])
    if depth(below) == 3:
        return str(client.views_update(view_id=below["id"], view=view)["view"]["id"])
    return str(client.views_push(trigger_id=body["trigger_id"], view=view)["view"]["id"])


def refresh(client: WebClient, view_id: str | None, view: View) -> None:
    """Show `view` in place of an open one; nothing happens where that was closed."""
    if view_id:
        with gone_is_fine():
            client.views_update(view_id=view_id, view=view)


@contextlib.contextmanager
def gone_is_fine() -> Iterator[None]:
    """Slack's refusal to change a modal that somebody closed meanwhile is no error."""
    try:
        yield
    except SlackApiError as error:
        if error.response.get("error") not in ("not_found", "view_not_found"):
            raise


def depth(view: Mapping[str, Any]) -> int:
    """How many modals lie in the stack up to this one: 1, 2 or 3."""
    if view.get("root_view_id") in (None, view["id"]):
        return 1
    return 2 if view.get("previous_view_id") == view["root_view_id"] else 3
