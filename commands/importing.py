"""Taking over a file that somebody chose for an import: acked at once, then fetched, however large it is."""

from collections.abc import Callable, Mapping
from typing import Any

from slack_bolt import Ack
from slack_sdk import WebClient

from commands import later
from commands.ui import importing as views
from commands.ui.importing import Importing
from commands.uploads import Upload, check_size, fetch
from distribution.errors import Refused
from distribution.files import FILE_MAX


def take_over(
    ack: Ack,
    client: WebClient,
    view: Mapping[str, Any],
    kind: Importing,
    following: Callable[[Upload], dict[str, Any]],
) -> None:
    """Fetch the file of a submitted first step, and show what `following` makes of it; or that step with the reason.

    `following` keeps the file and returns the next step. Raises `Refused` itself where it is no table.
    """
    element = next(iter(view["state"]["values"][kind.file_block].values()))
    file = (element.get("files") or [{"name": "the file"}])[0]
    try:
        check_size(file, largest=FILE_MAX, field="file")
    except Refused as refusal:
        ack(response_action="errors", errors={kind.file_block: str(refusal)})
        return
    shown, mark = later.meanwhile(views.reading(kind, str(file["name"])))
    ack(response_action="update", view=shown)
    try:
        upload = fetch(client, str(file.get("id", "")), largest=FILE_MAX, field="file")
        next_step = following(upload)
    except Refused as refusal:
        next_step = views.file_step(kind, str(refusal))
    later.replace(client, mark, next_step)
