"""Importing a file of events: from the upload to the job."""

from typing import Any

from slack_bolt import App
from sqlalchemy.orm import Session

from commands.customers import events_views as views
from commands.customers.events_views import KIND
from commands.customers.import_views import COLUMNS_SHOWN
from commands.customers.views import IMPORT_EVENTS
from commands.importing import Steps, Typed
from commands.importing import register as begin
from commands.people import Person
from commands.ui.importing import read_order
from distribution import events, events_columns, events_import, settings
from distribution.errors import Refused
from distribution.events_columns import Column
from distribution.files import Table
from distribution.runtime import Runtime


def register(app: App, runtime: Runtime) -> None:
    """The listeners of the import."""
    redraw = (views.COLUMN, views.NAME, views.ORDER)
    begin(app, runtime, Steps(KIND, IMPORT_EVENTS, _columns_step, _start, views.errors, redraw))


def _start(runtime: Runtime, upload_id: int, typed: Typed, person: Person) -> None:
    """Check the file as far as a person waits for it, and begin the job. Raises `Refused`."""
    layout = _layout(views.read_columns(typed), typed, person)
    with runtime.db.read() as session:
        events_import.check(session, upload_id, layout)
    with runtime.db.write() as session:
        # To the person alone: the rows that are not taken may hold whole numbers.
        events_import.import_file(runtime.jobs, session, upload_id, layout, by=person.user_id, channel=person.user_id)


def _columns_step(
    session: Session, table: Table, upload_id: int, person: Person, typed: Typed | None
) -> dict[str, Any]:
    """The step about the columns: as guessed, or as `typed`."""
    if typed is not None:
        chosen = [Column(**said) for said in views.read_columns(typed)]
    else:
        chosen = events_columns.guess(table, events.names(session))[:COLUMNS_SHOWN]
    typed = typed or {}
    name, waiting = str(typed.get(views.NAME_BLOCK) or ""), list[str]()
    seen: events_columns.Preview | str
    try:
        seen = events_columns.preview(table, _layout([each.to_json() for each in chosen], typed, person))
        waiting = events_import.waiting(session, seen.names)
    except Refused as refusal:  # the same is refused at its field on submit
        seen = str(refusal)
    return views.columns_step(
        table,
        chosen,
        seen,
        name=name,
        order=read_order(typed.get(views.ORDER_BLOCK)),
        sets_off=views.sets_off(waiting, settings.get(session, "trigger.oldest")),
        time_zone=person.time_zone,
        upload_id=upload_id,
    )


def _layout(columns: list[dict[str, Any]], typed: Typed, person: Person) -> events_columns.Layout:
    """How the file is to be read, as chosen. Raises `Refused`."""
    name = str(typed.get(views.NAME_BLOCK) or "").strip()
    return events_columns.checked(
        columns, name=name, order=read_order(typed.get(views.ORDER_BLOCK)), time_zone=person.time_zone
    )
