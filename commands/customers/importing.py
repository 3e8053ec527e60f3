"""Importing a file of customers: from the upload to the job."""

from typing import Any

from slack_bolt import App
from sqlalchemy.orm import Session

from commands.customers import import_views as views
from commands.customers.import_views import KIND
from commands.customers.views import IMPORT
from commands.importing import Steps, Typed
from commands.importing import register as begin
from commands.people import Person
from distribution import settings
from distribution.codes.intake import handed_over
from distribution.customers import clean, columns, importing, questions
from distribution.customers.columns import Column
from distribution.errors import Refused
from distribution.files import Table
from distribution.runtime import Runtime
from storage import customers


def register(app: App, runtime: Runtime) -> None:
    """The listeners of the import."""
    redraw = (views.COLUMN, views.REGION, views.DATES, views.WORD)
    begin(app, runtime, Steps(KIND, IMPORT, _columns_step, _start, views.errors, redraw))


def _columns_step(
    session: Session, table: Table, upload_id: int, person: Person, typed: Typed | None
) -> dict[str, Any]:
    """The step about the columns: as guessed, or as `typed`."""
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


def _start(runtime: Runtime, upload_id: int, typed: Typed, person: Person) -> None:
    """Begin the job, unless something is open that only a person knows: raises `Refused` then, field "dates".

    It reports to the person alone: the rows that it did not take hold whole numbers.
    """
    said = views.read_columns(typed)
    chosen = [Column(**each) for each in said]
    with runtime.db.read() as session:
        table = handed_over(session, upload_id)
    questions.must_be_answered(questions.questions(table, chosen), chosen)
    with runtime.db.write() as session:
        importing.import_file(
            runtime.jobs,
            session,
            upload_id,
            said,
            region=typed.get(views.REGION_BLOCK) or "",
            everyone_agreed=bool(typed.get(views.AGREED_BLOCK)),
            by=person.user_id,
            by_name=person.name,
            channel=person.user_id,
        )
