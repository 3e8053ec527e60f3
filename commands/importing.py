"""Importing a file of anything, up to its columns: the button, the file, and the step that follows it."""

from collections.abc import Callable, Mapping
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands import later, modals
from commands.people import Person, acting
from commands.ui import importing as views
from commands.ui.importing import Importing
from commands.uploads import check_size, fetch
from distribution.codes.intake import hand_over
from distribution.errors import Refused
from distribution.files import FILE_MAX, Table
from distribution.runtime import Runtime

# The step about the columns of a file, which is kept under an id.
Following = Callable[[Session, Table, int, Person], dict[str, Any]]


def register(app: App, runtime: Runtime, button: str, kind: Importing, following: Following) -> None:
    """What `button` begins: the first step, and after it what `following` makes of the file. It takes who may edit."""

    @app.action(button)
    def begin(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        acting(runtime, body, "edit")
        modals.show(client, body, views.file_step(kind))

    @app.view(kind.file_callback)
    def chosen(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        _take_over(runtime, ack, client, view, kind, acting(runtime, body, "edit"), following)


def _take_over(
    runtime: Runtime,
    ack: Ack,
    client: WebClient,
    view: Mapping[str, Any],
    kind: Importing,
    person: Person,
    following: Following,
) -> None:
    """Ack at once, however large the file is; fetch and keep it, and show what follows, or why it cannot."""
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
        with runtime.db.write() as session:
            now = runtime.clock.now()
            upload_id, table = hand_over(session, upload.data, upload.name, by=person.user_id, now=now)
            next_step = following(session, table, upload_id, person)
    except Refused as refusal:
        next_step = views.file_step(kind, str(refusal))
    later.replace(client, mark, next_step)
