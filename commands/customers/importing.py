"""Importing a file of customers: from the upload to the job."""

from collections.abc import Mapping
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands import modals
from commands.customers import import_views as views
from commands.customers.import_views import KIND
from commands.customers.views import IMPORT
from commands.importing import register as begin_import
from commands.people import Person, acting
from commands.ui import blocks as ui
from commands.ui.importing import started, upload_of
from distribution import settings
from distribution.codes.intake import handed_over
from distribution.customers import clean, columns, importing, questions
from distribution.customers.columns import Column
from distribution.errors import Refused
from distribution.files import Table
from distribution.runtime import Runtime
from storage import customers


def register(app: App, runtime: Runtime) -> None:
    """The two steps of the import."""
    begin_import(app, runtime, IMPORT, KIND, lambda session, table, at, _: _columns_step(session, table, at, None))

    @app.action(views.COLUMN)
    @app.action(views.REGION)
    @app.action(views.DATES)
    @app.action(views.WORD)
    def correct(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        view = body["view"]
        upload_id = upload_of(view)
        with runtime.db.read() as session:
            following = _columns_step(session, handed_over(session, upload_id), upload_id, _typed(view))
        modals.refresh(client, view["id"], following)

    @app.view(views.COLUMNS_STEP)
    def start(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        person = acting(runtime, body, "edit")
        try:
            _answered(runtime, view)
            with runtime.db.write() as session:
                _enqueue(runtime, session, view, person)
        except Refused as refusal:
            ack(response_action="errors", errors=views.errors(refusal))
            return
        ack(response_action="update", view=started(KIND))


def _columns_step(session: Session, table: Table, upload_id: int, typed: Mapping[str, Any] | None) -> dict[str, Any]:
    """The second step: as guessed, or as `typed` (values by block id)."""
    known = customers.attributes(session)
    default: str = settings.get(session, "region.default")
    if typed is None:
        chosen, region, agreed = columns.guess(table, known), default, False
    else:
        chosen = [Column(**said) for said in views.read_columns(typed)]
        region, agreed = typed.get(views.REGION_BLOCK) or "", bool(typed.get(views.AGREED_BLOCK))
    chosen = chosen[: views.COLUMNS_SHOWN]
    try:
        read_as = clean.region(region) if region else None
    except Refused:
        read_as = None  # it is refused at its field on submit; until then numbers without a country are
    seen = importing.preview(table, chosen, read_as)
    asked = questions.questions(table, chosen)
    return views.columns_step(
        table, chosen, seen, known=known, region=region, agreed=agreed, upload_id=upload_id, asked=asked
    )


def _answered(runtime: Runtime, view: Mapping[str, Any]) -> None:
    """Raise `Refused`, field "dates", while something is open that only a person knows."""
    chosen = [Column(**said) for said in views.read_columns(_typed(view))]
    with runtime.db.read() as session:
        table = handed_over(session, upload_of(view))
    questions.must_be_answered(questions.questions(table, chosen), chosen)


def _enqueue(runtime: Runtime, session: Session, view: Mapping[str, Any], person: Person) -> int:
    """Start the job. It reports to the person alone: the rows that it did not take hold whole numbers."""
    typed = _typed(view)
    return importing.import_file(
        runtime.jobs,
        session,
        upload_of(view),
        views.read_columns(typed),
        region=typed.get(views.REGION_BLOCK) or "",
        everyone_agreed=bool(typed.get(views.AGREED_BLOCK)),
        by=person.user_id,
        by_name=person.name,
        channel=person.user_id,
    )


def _typed(view: Mapping[str, Any]) -> dict[str, Any]:
    """What the second step's inputs hold, by block id."""
    return ui.values(view["state"]["values"])
