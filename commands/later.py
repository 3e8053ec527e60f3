"""A view that an ack shows while work goes on, and what replaces it.

The ack travels over the socket, `views.update` over HTTP: whichever is quicker would win, and a quick result be covered
by "Reading the file". So the acked view has an `external_id` of its own, and is updated by that: until Slack shows it,
Slack does not know the id, and says so (docs.slack.dev/reference/methods/views.update, "external_id").
"""

import time
import uuid
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

# An ack arrives within a fraction of this; after it the person has closed the modal.
ARRIVES_WITHIN = 3.0
LOOK_EVERY = 0.05


def meanwhile(view: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The view to ack with, and the mark to replace it by."""
    mark = f"later:{uuid.uuid4().hex}"
    return {**view, "external_id": mark}, mark


def replace(client: WebClient, mark: str, view: dict[str, Any]) -> bool:
    """Show `view` in place of the acked one, once that is there; False when the person closed it."""
    deadline = time.monotonic() + ARRIVES_WITHIN
    while True:
        try:
            client.views_update(external_id=mark, view=view)
            return True
        except SlackApiError as error:
            if error.response.get("error") not in ("not_found", "view_not_found"):
                raise
        if time.monotonic() >= deadline:
            return False
        time.sleep(LOOK_EVERY)
