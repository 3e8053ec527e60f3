"""Answering a submit in time: a view that an ack shows while work goes on, and what replaces it.

The ack travels over the socket, `views.update` over HTTP: whichever is quicker would win, and a quick result be covered
by "Reading the file". So the acked view has an `external_id` of its own, and is updated by that: until Slack shows it,
Slack does not know the id, and says so (docs.slack.dev/reference/methods/views.update, "external_id").
"""

import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

# Slack waits three seconds for an ack (docs.slack.dev/interactivity/handling-user-interaction, "Acknowledgment
# response"); what is left of them is for the way there and back, and for what passes a request before its listener.
IN_TIME = 2.0

# An ack arrives within a fraction of this; after it the person has closed the modal.
ARRIVES_WITHIN = 3.0
LOOK_EVERY = 0.05


@dataclass(frozen=True)
class Answer:
    """What a submit is acked with (`ack`'s arguments), and `late`, what makes the view that says the same where
    something else was acked meanwhile; `then` is done after either."""

    ack: Mapping[str, Any]
    late: Callable[[], dict[str, Any]]
    then: Callable[[], None] = lambda: None


def update(view: dict[str, Any]) -> Answer:
    """The answer that shows a view in the place of the submitted one."""
    return Answer({"response_action": "update", "view": view}, lambda: view)


def in_time(ack: Ack, client: WebClient, waiting: dict[str, Any], work: Callable[[], Answer]) -> None:
    """Ack a submit with what `work` answers, however long that takes: after `IN_TIME` seconds Slack is shown `waiting`,
    and the answer in its place once it is there.

    Raises what `work` raises.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="answer") as worker:
        answering = worker.submit(copy_context().run, work)
        if wait([answering], IN_TIME).done:
            answer = answering.result()
            ack(**answer.ack)
        else:
            shown, mark = meanwhile(waiting)
            ack(response_action="update", view=shown)
            answer = answering.result()
            replace(client, mark, answer.late())
    answer.then()


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
