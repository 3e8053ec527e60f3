"""Importing a file of redemptions: from the upload to the job."""

from typing import Any

from slack_bolt import Ack, App
from sqlalchemy.orm import Session

from commands.codes import import_views as views
from commands.codes.import_views import KIND
from commands.codes.views import IMPORT
from commands.importing import register as begin_import
from commands.people import Person, acting
from commands.ui import blocks as ui
from commands.ui.importing import started, upload_of
from distribution.codes import redemption_import
from distribution.errors import Refused
from distribution.files import Table
from distribution.runtime import Runtime


def register(app: App, runtime: Runtime) -> None:
    """The two steps of the import."""
    begin_import(app, runtime, IMPORT, KIND, _columns_step)

    @app.view(views.COLUMNS_STEP)
    def start(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        person = acting(runtime, body, "edit")
        columns = views.read(ui.values(view["state"]["values"]), person.time_zone)
        try:
            with runtime.db.write() as session:
                # To the person alone: the rows that are not taken hold whole codes.
                redemption_import.import_file(
                    runtime.jobs, session, upload_of(view), columns, by=person.user_id, channel=person.user_id
                )
        except Refused as refusal:
            ack(response_action="errors", errors=views.errors(refusal))
            return
        ack(response_action="update", view=started(KIND))


def _columns_step(session: Session, table: Table, upload_id: int, person: Person) -> dict[str, Any]:
    """The second step, as guessed."""
    return views.columns_step(table, redemption_import.guess(table, person.time_zone), upload_id)
