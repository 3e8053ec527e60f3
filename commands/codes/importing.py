"""Importing a file of redemptions: from the upload to the job."""

import json
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from commands import modals
from commands.codes import import_views as views
from commands.codes.import_views import KIND
from commands.codes.views import IMPORT
from commands.importing import take_over
from commands.people import Person, acting
from commands.ui import blocks as ui
from commands.ui.importing import file_step, started
from commands.uploads import Upload
from distribution.codes import redemption_import
from distribution.codes.intake import hand_over
from distribution.errors import Refused
from distribution.runtime import Runtime


def register(app: App, runtime: Runtime) -> None:
    """The two steps of the import."""

    @app.action(IMPORT)
    def begin(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        acting(runtime, body, "edit")
        modals.show(client, body, file_step(KIND))

    @app.view(KIND.file_callback)
    def file_chosen(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        person = acting(runtime, body, "edit")
        take_over(ack, client, view, KIND, lambda upload: _columns_step(runtime, upload, person))

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
        ack(response_action="update", view=started(KIND))


def _columns_step(runtime: Runtime, upload: Upload, person: Person) -> dict[str, Any]:
    """Keep a file, and return the step about its columns. Raises `Refused`."""
    with runtime.db.write() as session:
        upload_id, table = hand_over(session, upload.data, upload.name, by=person.user_id, now=runtime.clock.now())
    return views.columns_step(table, redemption_import.guess(table, person.time_zone), upload_id)
