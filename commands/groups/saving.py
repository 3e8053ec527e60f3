"""Submits: what was typed becomes a group, codes, an edit; each refusal at its field, nothing typed is lost."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block
from sqlalchemy.orm import Session

from commands import later, modals, uploads
from commands.groups import doing, forms, show, views
from commands.groups.forms import Wrong
from commands.groups.listeners import refresh_list
from commands.groups.place import FILE, NO_EXPIRY, Place, Typed
from commands.people import Person, acting
from commands.ui.blocks import section
from commands.ui.text import count, escape
from distribution.codes import groups, importing, intake
from distribution.codes.lots import Added
from distribution.errors import Refused
from distribution.files import FILE_MAX
from distribution.runtime import Runtime
from storage import groups as rows

Data = dict[str, Any]


def register(app: App, runtime: Runtime) -> None:
    """Every modal that is submitted."""
    saving = Saving(runtime)
    app.view(forms.SAVE_NEW)(saving.codes)
    app.view(forms.SAVE_CODES)(saving.codes)
    app.view(forms.SAVE_COLUMN)(saving.column)
    app.view(forms.SAVE_EDIT)(saving.edit)
    app.view(views.DELETED)(saving.delete)


class Saving:
    """The listeners, on one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def codes(self, ack: Ack, body: Data, client: WebClient, view: Data) -> None:
        """A new group with its codes, or codes for one that is there."""
        place, typed = Place.load(view["private_metadata"]), Typed.read(view)
        person = acting(self.runtime, body, "edit")
        try:
            if typed.method == FILE:
                self._check(place, typed, person)
            else:
                done = self._add(place, typed, person)
        except Refused as refusal:
            ack(response_action="errors", errors=forms.errors(view, refusal))
            return
        if typed.method == FILE:
            shown, mark = later.meanwhile(views.reading(place, _title(place)))
            ack(response_action="update", view=shown)
            later.replace(client, mark, self._read(client, place, typed, person))
            self._redraw(client, place, person)
        else:
            ack(response_action="update", view=views.result_view(place, _title(place), done))
            self._redraw(client, place, person)

    def column(self, ack: Ack, body: Data, client: WebClient, view: Data) -> None:
        """The column of an uploaded file was chosen."""
        place, typed = Place.load(view["private_metadata"]), Typed.read(view)
        person = acting(self.runtime, body, "edit")
        shown, mark = later.meanwhile(views.reading(place, _title(place)))
        ack(response_action="update", view=shown)
        later.replace(client, mark, self._import(place, typed, person))
        self._redraw(client, place, person)

    def edit(self, ack: Ack, body: Data, client: WebClient, view: Data) -> None:
        """A group's own facts."""
        place, typed = Place.load(view["private_metadata"]), Typed.read(view)
        person = acting(self.runtime, body, "edit")
        try:
            with self.runtime.db.write() as session:
                callers = doing.edit(self.runtime, session, place.group_id or 0, typed, person)
        except Refused as refusal:
            ack(response_action="errors", errors=forms.errors(view, refusal))
            return
        if callers:
            said = f"Saved. {count(len(callers), 'distribution')} {'calls' if len(callers) == 1 else 'call'} the group "
            said += f"by its old name and still {'finds' if len(callers) == 1 else 'find'} it: {views.uses(callers)}."
            ack(response_action="update", view=views.result_view(place, "Edit group", [section(said)]))
        else:
            ack()
        self._redraw(client, place, person, f"*{escape(' '.join(typed.name.split()))}* was saved.")

    def delete(self, ack: Ack, body: Data, client: WebClient, view: Data) -> None:
        """Yes, delete the group."""
        place = Place.load(view["private_metadata"])
        person = acting(self.runtime, body, "edit")
        try:
            with self.runtime.db.write() as session:
                deleted = groups.delete(
                    self.runtime.jobs, session, place.group_id or 0, by=person.user_id, now=self.runtime.clock.now()
                )
        except Refused as refusal:
            ack(
                response_action="update", view=views.result_view(place, "Delete group", [section(escape(str(refusal)))])
            )
            return
        said = f"Group *{escape(deleted.name)}* was deleted"
        rest = "; the rest of its codes follow" if deleted.job_id else ""
        said += f", with {count(deleted.removed, 'code')} that nobody had got{rest}."
        ack()
        if place.below:
            modals.refresh(client, place.below, views.result_view(Place(), "Promo code group", [section(said)]))
        if place.list_url:
            refresh_list(self.runtime, client, place, person.user_id, said)
        elif not place.below:
            client.chat_postMessage(channel=person.user_id, text=said)

    # Files

    def _check(self, place: Place, typed: Typed, person: Person) -> None:
        """Raise `Refused` for what can be known before the file is fetched."""
        with self.runtime.db.read() as session:
            if place.group_id is None:
                doing.check_new(session, typed, person, self.runtime.clock.now())
            else:
                groups.found(session, place.group_id)
        if not typed.files:
            raise Refused("Choose a file.", field="file")

    def _read(self, client: WebClient, place: Place, typed: Typed, person: Person) -> Data:
        """Fetch the file, keep it, and go on with its column; or back to the form with what is wrong."""
        try:
            file = uploads.fetch(client, typed.files[0], largest=FILE_MAX, field="file")
            with self.runtime.db.write() as session:
                upload_id, table = intake.hand_over(
                    session, file.data, file.name, by=person.user_id, now=self.runtime.clock.now()
                )
        except Refused as refusal:
            return self._form(place, typed, Wrong(refusal.field, str(refusal)))
        place, expiry = replace(place, upload_id=upload_id).keeping(typed), importing.guess_expiry(table)
        guess = Typed(column=str(importing.guess_column(table)), expiry=NO_EXPIRY if expiry is None else str(expiry))
        if table.width == 1:
            return self._import(place, Typed(column="0"), person, forms.odd_characters(table, 0))
        return forms.column_form(place, _title(place), table, guess)

    def _import(self, place: Place, chosen: Typed, person: Person, warned: Sequence[Block] = ()) -> Data:
        """Take the file in by the columns chosen; where that is refused, back to where it can be put right.

        `warned`: what is said of its codes besides, unless that was said before.
        """
        upload_id = place.upload_id or 0
        try:
            with self.runtime.db.write() as session:
                group_id, created = self._group(session, place, Typed.of_file(place), person)
                added = doing.import_file(
                    self.runtime, session, group_id, upload_id, doing.columns(chosen, person), person
                )
                done = _result(session, group_id, added, created=created)
        except Refused as refusal:
            return self._again(place, chosen, Wrong(refusal.field, str(refusal)))
        return views.result_view(place, _title(place), [*done, *warned])

    def _again(self, place: Place, chosen: Typed, wrong: Wrong) -> Data:
        """The columns' form for what is wrong with a column, else the first form."""
        if wrong.field in ("column", "expiry", "dates"):
            with self.runtime.db.read() as session:
                try:
                    table = intake.handed_over(session, place.upload_id or 0)
                except Refused as gone:
                    wrong = Wrong(gone.field, str(gone))
                else:
                    return forms.column_form(place, _title(place), table, chosen, wrong)
        return self._form(place, Typed.of_file(place), wrong)

    # Tools

    def _form(self, place: Place, typed: Typed, wrong: Wrong) -> Data:
        """The first form again, with what was typed and what is wrong."""
        if place.group_id is None:
            return forms.create_form(place, typed, wrong)
        with self.runtime.db.read() as session:
            try:
                group, _ = groups.found(session, place.group_id)
            except Refused as deleted:
                return views.result_view(place, _title(place), [section(str(deleted))])
        return forms.add_form(place, group.name, group.formats, typed, wrong)

    def _add(self, place: Place, typed: Typed, person: Person) -> list[Block]:
        """Paste or generate; returns what to say. Raises `Refused`, and then nothing has changed."""
        with self.runtime.db.write() as session:
            group_id, created = self._group(session, place, typed, person)
            added = doing.add(self.runtime, session, group_id, typed, person)
            return _result(session, group_id, added, created=created)

    def _group(self, session: Session, place: Place, typed: Typed, person: Person) -> tuple[int, bool]:
        """The group to add to, made where it is not there yet, and whether it was."""
        if place.group_id is not None:
            return place.group_id, False
        return doing.create(self.runtime, session, typed, person).id, True

    def _redraw(self, client: WebClient, place: Place, person: Person, note: str = "") -> None:
        """What the form lay on, and the list that it came from, with what they show now."""
        if place.below and place.group_id is not None:
            with self.runtime.db.read() as session:
                detail = show.detail(self.runtime, session, person, place.group_id)
            below = replace(place, below="", upload_id=None, kept=())
            modals.refresh(client, place.below, views.detail_view(below, detail, note))
        refresh_list(self.runtime, client, place, person.user_id, note)


def _result(session: Session, group_id: int, added: Added, *, created: bool) -> list[Block]:
    group, stock = groups.found(session, group_id)
    session.refresh(stock)
    left = list(rows.leftovers(session, added.lot_id, views.LEFTOVERS_SHOWN)) if added.job_id is None else []
    return views.result(added, group.name, stock.active, left, created=created)


def _title(place: Place) -> str:
    return "Create a group" if place.group_id is None else "Add codes"
