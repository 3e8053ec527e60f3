"""Importing a file of events: from the upload to the job."""

from collections.abc import Mapping
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands import modals
from commands.customers import events_views as views
from commands.customers.events_views import KIND
from commands.customers.import_views import COLUMNS_SHOWN
from commands.customers.views import IMPORT_EVENTS
from commands.importing import register as begin_import
from commands.people import Person, acting
from commands.ui import blocks as ui
from commands.ui.importing import read_order, started, upload_of
from distribution import events, events_columns, events_import, settings
from distribution.codes.intake import handed_over
from distribution.errors import Refused
from distribution.events_columns import Column
from distribution.files import Table
from distribution.runtime import Runtime


def register(app: App, runtime: Runtime) -> None:
    """The two steps of the import."""
    begin_import(
        app,
        runtime,
        IMPORT_EVENTS,
        KIND,
        lambda session, table, upload_id, person: _columns_step(session, table, upload_id, {}, person),
    )

    @app.action(views.COLUMN)
    @app.action(views.NAME)
    @app.action(views.ORDER)
    def correct(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        person, view = acting(runtime, body, "edit"), body["view"]
        upload_id = upload_of(view)
        with runtime.db.read() as session:
            following = _columns_step(session, handed_over(session, upload_id), upload_id, _typed(view), person)
        modals.refresh(client, view["id"], following)

    @app.view(views.COLUMNS_STEP)
    def start(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        person, typed = acting(runtime, body, "edit"), _typed(view)
        try:
            layout = _layout(views.read_columns(typed), typed, person)
            with runtime.db.read() as session:
                events_import.check(session, upload_of(view), layout)
            with runtime.db.write() as session:
                # To the person alone: the rows that are not taken may hold whole numbers.
                events_import.import_file(
                    runtime.jobs, session, upload_of(view), layout, by=person.user_id, channel=person.user_id
                )
        except Refused as refusal:
            ack(response_action="errors", errors=views.errors(refusal))
            return
        ack(response_action="update", view=started(KIND))


def _columns_step(
    session: Session, table: Table, upload_id: int, typed: Mapping[str, Any], person: Person
) -> dict[str, Any]:
    """The second step: as guessed, or as `typed` (values by block id)."""
    if typed:
        chosen = [Column(**said) for said in views.read_columns(typed)]
    else:
        chosen = events_columns.guess(table, events.names(session))[:COLUMNS_SHOWN]
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


def _layout(columns: list[dict[str, Any]], typed: Mapping[str, Any], person: Person) -> events_columns.Layout:
    """How the file is to be read, as chosen. Raises `Refused`."""
    name = str(typed.get(views.NAME_BLOCK) or "").strip()
    return events_columns.checked(
        columns, name=name, order=read_order(typed.get(views.ORDER_BLOCK)), time_zone=person.time_zone
    )


def _typed(view: Mapping[str, Any]) -> dict[str, Any]:
    """What the second step's inputs hold, by block id."""
    return ui.values(view["state"]["values"])
