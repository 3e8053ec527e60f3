"""Importing a file of anything: the button, the file, the step about its columns, and the job that takes it in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands import later, modals
from commands.people import Person, acting
from commands.ui import blocks as ui
from commands.ui import importing as views
from commands.ui.importing import Importing
from commands.uploads import check_size, fetch
from distribution.codes.intake import hand_over, handed_over
from distribution.errors import Refused
from distribution.files import FILE_MAX, Table
from distribution.runtime import Runtime

Typed = Mapping[str, Any]  # values by block id


@dataclass(frozen=True)
class Steps:
    """What an import has of its own: its kind, the button that begins it, and what is done with the file.

    `columns` makes the step about the columns of a table that is kept under an id: as guessed, or as `typed`. `start`
    has a job take the file in, by what was typed; it raises `Refused`, which `errors` puts at its input. `redraw`:
    actions after which the step is drawn anew.
    """

    kind: Importing
    button: str
    columns: Callable[[Session, Table, int, Person, Typed | None], dict[str, Any]]
    start: Callable[[Runtime, int, Typed, Person], None]
    errors: Callable[[Refused], dict[str, str]]
    redraw: Sequence[str] = ()


def register(app: App, runtime: Runtime, steps: Steps) -> None:
    """The listeners of an import. Who may edit may import."""
    importing = _Import(runtime, steps)
    app.action(steps.button)(importing.begin)
    app.view(steps.kind.file_callback)(importing.chosen)
    app.view(steps.kind.columns_callback)(importing.submitted)
    for action_id in steps.redraw:
        app.action(action_id)(importing.corrected)


class _Import:
    """The listeners, on one runtime."""

    def __init__(self, runtime: Runtime, steps: Steps) -> None:
        self.runtime, self.steps, self.kind = runtime, steps, steps.kind

    def begin(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """The first step: a file."""
        ack()
        acting(self.runtime, body, "edit")
        modals.show(client, body, views.file_step(self.kind))

    def chosen(self, ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        """Ack at once, however large the file is; fetch and keep it, and show its columns, or why it cannot be read."""
        person = acting(self.runtime, body, "edit")
        element = next(iter(view["state"]["values"][self.kind.file_block].values()))
        file = (element.get("files") or [{"name": "the file"}])[0]
        try:
            check_size(file, largest=FILE_MAX, field="file")
        except Refused as refusal:
            ack(response_action="errors", errors={self.kind.file_block: str(refusal)})
            return
        shown, mark = later.meanwhile(views.reading(self.kind, str(file["name"])))
        ack(response_action="update", view=shown)
        try:
            upload = fetch(client, str(file.get("id", "")), largest=FILE_MAX, field="file")
            with self.runtime.db.write() as session:
                now = self.runtime.clock.now()
                upload_id, table = hand_over(session, upload.data, upload.name, by=person.user_id, now=now)
                next_step = self.steps.columns(session, table, upload_id, person, None)
        except Refused as refusal:
            next_step = views.file_step(self.kind, str(refusal))
        later.replace(client, mark, next_step)

    def corrected(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """A column means something else: the first rows are read anew."""
        ack()
        modals.redraw(client, body, self._drawn(body["view"], acting(self.runtime, body, "edit")))

    def submitted(self, ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        """Have it taken in. A long file is looked through for what it leaves open: Slack is answered meanwhile."""
        person = acting(self.runtime, body, "edit")

        def started() -> later.Answer:
            try:
                self.steps.start(self.runtime, views.upload_of(view), ui.values(view["state"]["values"]), person)
            except Refused as refusal:
                why, errors = str(refusal), {"response_action": "errors", "errors": self.steps.errors(refusal)}
                return later.Answer(errors, lambda: self._drawn(view, person, why))
            return later.update(views.started(self.kind))

        later.in_time(ack, client, views.reading(self.kind, "the file"), started)

    def _drawn(self, view: Mapping[str, Any], person: Person, why: str = "") -> dict[str, Any]:
        """The step about the columns as it was typed, `why` it was refused on top; the first step where the file is
        gone."""
        upload_id, typed = views.upload_of(view), ui.values(view["state"]["values"])
        try:
            with self.runtime.db.read() as session:
                step = self.steps.columns(session, handed_over(session, upload_id), upload_id, person, typed)
        except Refused as refusal:
            return views.file_step(self.kind, str(refusal))
        return views.with_reason(step, why)
