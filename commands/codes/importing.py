"""Importing a file of redemptions: from the upload to the job."""

import json
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from commands import later, modals
from commands.codes import import_views as views
from commands.codes.views import IMPORT
from commands.people import Person, acting
from commands.ui import blocks as ui
from commands.uploads import check_size, fetch
from distribution.codes import redemption_import
from distribution.codes.intake import hand_over
from distribution.errors import Refused
from distribution.files import FILE_MAX
from distribution.runtime import Runtime


def register(app: App, runtime: Runtime) -> None:
    """The two steps of the import."""

    @app.action(IMPORT)
    def begin(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        acting(runtime, body, "edit")
        modals.show(client, body, views.file_step())

    @app.view(views.FILE_STEP)
    def file_chosen(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        person = acting(runtime, body, "edit")
        element = next(iter(view["state"]["values"][views.FILE_BLOCK].values()))
        file = (element.get("files") or [{"name": "the file"}])[0]
        try:
            check_size(file, largest=FILE_MAX, field="file")
        except Refused as refusal:
            ack(response_action="errors", errors={views.FILE_BLOCK: str(refusal)})
            return
        shown, mark = later.meanwhile(views.reading(str(file["name"])))
        ack(response_action="update", view=shown)
        try:
            following = _take_in(runtime, client, str(file.get("id", "")), person)
        except Refused as refusal:
            following = views.file_step(str(refusal))
        later.replace(client, mark, following)

    @app.view(views.COLUMNS_STEP)
    def start(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        person = acting(runtime, body, "edit")
        columns = views.read(ui.values(view["state"]["values"]), person.time_zone)
        upload_id = int(json.loads(view["private_metadata"])["upload"])
        try:
            with runtime.db.write() as session:
                # To the person alone: the rows that are not taken hold whole codes.
                redemption_import.import_file(
                    runtime.jobs, session, upload_id, columns, by=person.user_id, channel=person.user_id
                )
        except Refused as refusal:
            ack(response_action="errors", errors=views.errors(refusal))
            return
        ack(response_action="update", view=views.started())


def _take_in(runtime: Runtime, client: WebClient, file_id: str, person: Person) -> dict[str, Any]:
    """Fetch and keep a file, and return the step about its columns. Raises `Refused`."""
    upload = fetch(client, file_id, largest=FILE_MAX, field="file")
    with runtime.db.write() as session:
        upload_id, table = hand_over(session, upload.data, upload.name, by=person.user_id, now=runtime.clock.now())
    return views.columns_step(table, redemption_import.guess(table, person.time_zone), upload_id)
