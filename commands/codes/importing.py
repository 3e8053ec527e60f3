"""Importing a file of redemptions: from the upload to the job."""

from typing import Any

from slack_bolt import App
from sqlalchemy.orm import Session

from commands.codes import import_views as views
from commands.codes.import_views import KIND
from commands.codes.views import IMPORT
from commands.importing import Steps, Typed
from commands.importing import register as begin
from commands.people import Person
from distribution.codes import redemption_import
from distribution.files import Table
from distribution.runtime import Runtime


def register(app: App, runtime: Runtime) -> None:
    """The listeners of the import."""
    begin(app, runtime, Steps(KIND, IMPORT, _columns_step, _start, views.errors))


def _columns_step(
    session: Session, table: Table, upload_id: int, person: Person, typed: Typed | None
) -> dict[str, Any]:
    """The step about the columns: as guessed, or as `typed`."""
    guess = redemption_import.guess(table, person.time_zone)
    return views.columns_step(table, views.read(typed, person.time_zone) if typed else guess, upload_id)


def _start(runtime: Runtime, upload_id: int, typed: Typed, person: Person) -> None:
    """Begin the job. Raises `Refused`."""
    columns = views.read(typed, person.time_zone)
    with runtime.db.write() as session:
        # To the person alone: the rows that are not taken hold whole codes.
        redemption_import.import_file(
            runtime.jobs, session, upload_id, columns, by=person.user_id, channel=person.user_id
        )
