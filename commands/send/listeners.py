"""What people do in the wizard's modal."""

import json
import re
from collections.abc import Callable
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.models.blocks import Option
from sqlalchemy.orm import Session

from commands import later, modals, uploads
from commands import promotions as promotion_forms
from commands.people import Person, recognise
from commands.promotions import views as promotion_views
from commands.segments import COUNTS, building
from commands.segments.build_views import BUILD
from commands.send import accept, place, show
from commands.send.automatic import Automatic
from commands.send.conditions import ROWS
from commands.send.place import REVIEW, TYPE, Place
from commands.send.reminding import Reminding
from commands.send.reviewing import Reviewing
from commands.send.typing import Typing
from commands.send.views import (
    audience,
    conditions,
    dry,
    frame,
    merge_tags,
    message,
    purpose,
    review,
    schedule,
    trigger,
    type,
)
from commands.ui import choose
from commands.ui.text import escape
from distribution import drafts
from distribution.errors import Refused
from distribution.runtime import Runtime

NEW_PROMOTION = "send.promotion_form"
NEW_SEGMENT = f"{BUILD}:send"

# Choices after which a step shows other inputs, or another count.
REDRAW = (
    purpose.PURPOSE, purpose.GROUP, purpose.PROMOTION, audience.KIND, audience.SEGMENT, audience.CUSTOMER,
    trigger.TRIGGER, trigger.EVENT, trigger.UNLESS, trigger.DELAY, trigger.REENTRY,
    schedule.WHEN, schedule.EVERY, dry.WHEN_DRY,
)  # fmt: skip


def register(app: App, runtime: Runtime) -> None:
    """Everything in the wizard, step by step."""
    wizard = Wizard(runtime)
    app.view(frame.WIZARD)(wizard.submitted)
    app.view_closed(frame.WIZARD)(wizard.closed)
    app.view(NEW_PROMOTION)(wizard.promotion_made)
    app.action(frame.BACK)(wizard.back)
    app.action(type.CONTINUE)(wizard.continued)
    for action_id in REDRAW:
        app.action(action_id)(wizard.chosen)
    app.action(purpose.NEW_PROMOTION)(wizard.new_promotion)
    app.action(audience.NEW_LIST)(wizard.new_list)
    app.action(audience.NEW_SEGMENT)(wizard.new_segment)
    app.view(NEW_SEGMENT)(wizard.segment_made)
    app.action(message.BODY)(wizard.written)
    app.action(message.INSERT)(wizard.inserted)
    # Inputs of an actions block or without consequences still send an action, which wants an answer.
    app.action(re.compile(r"^send\.(type|provider|send_at|policy|lifetime|members)$"))(lambda ack: ack())
    for action_id, search in (
        (purpose.GROUP, wizard.groups),
        (purpose.PROMOTION, wizard.promotions),
    ):
        app.options(action_id)(search)
    wizard.reviewing.register(app)
    Automatic(runtime, wizard).register(app)
    Reminding(runtime, wizard).register(app)


class Wizard:
    """The listeners, on one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._typing = Typing()
        self.reviewing = Reviewing(runtime, self)

    # Moving between steps

    def submitted(self, ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        """Next, or Review, or Send. Each may look at a million customers: Slack is answered in time all the same."""
        here, person = Place.load(view["private_metadata"]), self.person(client, body)
        if here.step == REVIEW:
            waiting = review.working(here)
            later.in_time(ack, client, waiting, lambda: self.reviewing.submitted(client, view, here, person))
        else:
            later.in_time(ack, client, frame.working(here), lambda: self._next(client, body, view, here, person))

    def _next(
        self, client: WebClient, body: dict[str, Any], view: dict[str, Any], here: Place, person: Person
    ) -> later.Answer:
        """Check the step and show the one after it; a refusal at its field, else on top of the step."""
        typed = self.typed(view)
        try:
            for file in place.files(view):
                uploads.check_size(file, largest=accept.LIST_BYTES, field="files")
            there = self._accepted(client, here, typed, person)
        except Refused as refusal:
            self.keep(client, body, view)
            note = f"⚠ {escape(str(refusal))}"
            block_id = place.error_block(view, accept.field_of(refusal, typed))
            if block_id is None:
                return later.update(self.drawn(here.anew(), person, note=note))
            errors = {"response_action": "errors", "errors": {block_id: str(refusal)}}
            return later.Answer(errors, lambda: self.drawn(here.anew(), person, note=note))
        return later.update(self.shown(client, there, person, view["id"]))

    def _accepted(self, client: WebClient, here: Place, typed: dict[str, Any], person: Person) -> Place:
        """Check and store a step; returns where it goes on. Raises `Refused` at a field."""
        person.must("send")
        found = accept.matched(self.runtime, here, typed, self._file(client, typed))
        with self.runtime.db.write() as session:
            return accept.accept(self.runtime, session, here, typed, person, found)

    def back(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """Back: what was typed is kept as it is, right or wrong."""
        ack()
        here = self.keep(client, body, body["view"])
        self.reviewing.leave(body["view"]["id"])
        self.update(client, body, here.at(max(TYPE, here.step - 1)))

    def continued(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """A draft was chosen in step 1."""
        ack()
        if action.get("selected_option"):
            draft_id = int(action["selected_option"]["value"])
            self.update(client, body, self.left_at(client, body, draft_id))

    def closed(self, ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        """Closed half-way: what was typed is kept, where Slack tells it."""
        ack()
        self.reviewing.leave(view["id"])
        if view.get("state"):
            try:
                self.keep(client, {**body, "view": view}, view)
            except Refused:
                return  # the draft was sent or discarded meanwhile

    def left_at(self, client: WebClient, body: dict[str, Any], draft_id: int) -> Place:
        """The place at which a draft was left. Raises `Refused` where it is not the asker's draft."""
        with self.runtime.db.read() as session:
            draft = drafts.get(session, draft_id, by=body["user"]["id"])
            turn = Place.load(body["view"]["private_metadata"] or '{"draft": null}').turn if body.get("view") else 0
            return Place(draft.id, drafts.reached(draft), turn + 1)

    # Within a step

    def chosen(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """A choice on which the rest of the step depends."""
        ack()
        here = self.keep(client, body, body["view"])
        self.update(client, body, here.anew())

    def new_list(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """The list is to be another one."""
        ack()
        here = Place.load(body["view"]["private_metadata"])
        with self.runtime.db.write() as session:
            draft = drafts.locked(session, here.draft or 0, by=body["user"]["id"])
            draft.draft = {key: value for key, value in draft.draft.items() if key != "list"}
        self.update(client, body, here.anew())

    def written(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """A character of the message: count anew."""
        ack()
        here = Place.load(body["view"]["private_metadata"])

        def counted() -> dict[str, Any]:
            self.keep(client, body, body["view"])
            return self.drawn(here, self.person(client, body))

        try:
            self._typing.answer(client, body["view"], float(action["action_ts"]), counted)
        except Refused:
            return  # sent or discarded while this character was on its way: there is nothing left to count

    def inserted(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """A tag goes to the end of the message, with a space before it where one is wanted."""
        ack()
        text = merge_tags.inserted(place.typed(body["view"]).get("body"), action["selected_option"]["value"])
        here = self.keep(client, body, body["view"], {"body": text})
        self.update(client, body, here.anew())

    # A promotion made on the way

    def new_promotion(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """A form on top of the wizard."""
        ack()
        here = self.keep(client, body, body["view"])
        person = self.person(client, body)
        metadata = f"{body['view']['id']} {here.dump()}"
        form = promotion_views.form(metadata, time_zone=person.time_zone, callback_id=NEW_PROMOTION)
        modals.show(client, body, form)

    def promotion_made(self, ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        """The form is done: the wizard below has the promotion chosen."""
        person = self.person(client, body)
        person.must("edit")
        try:
            made = promotion_forms.save_form(self.runtime, view, None, person)
        except Refused as refusal:
            ack(response_action="errors", errors=promotion_views.errors(refusal))
            return
        ack()
        view_id, _, metadata = view["private_metadata"].partition(" ")
        here = Place.load(metadata)
        with self.runtime.db.write() as session:
            kept = {"purpose": "promotion", "promotion": made.id}
            accept.keep(self.runtime, session, here, kept, person)
        self._show(client, view_id, here.anew(), person)

    # A segment built on the way

    def new_segment(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """The builder on top of the wizard."""
        ack()
        here = self.keep(client, body, body["view"])
        screen = building.Screen({"wizard": f"{body['view']['id']} {here.dump()}"}, NEW_SEGMENT)
        building.begin(self.runtime, COUNTS, client, body, self.person(client, body), screen)

    def segment_made(self, ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        """The segment is saved: the wizard below has it chosen."""
        person = self.person(client, body)
        person.must("edit")
        made = building.accept(self.runtime, COUNTS, ack, client, view, person)
        if made is None:
            return
        ack()
        view_id, _, metadata = json.loads(view["private_metadata"])["wizard"].partition(" ")
        here = Place.load(metadata)
        with self.runtime.db.write() as session:
            accept.keep(self.runtime, session, here, {"kind": "segment", "segment": made}, person)
        self._show(client, view_id, here.anew(), person)

    # Searches, for lists that are longer than a select takes

    def groups(self, ack: Ack, payload: dict[str, Any]) -> None:
        """Groups whose name holds what is typed."""
        self._search(ack, payload, lambda session: purpose.group_options(show.all_groups(session)))

    def promotions(self, ack: Ack, payload: dict[str, Any]) -> None:
        """Promotions whose name holds what is typed."""
        self._search(ack, payload, lambda session: purpose.promotion_options(show.all_promotions(session)))

    def _search(self, ack: Ack, payload: dict[str, Any], all_of: Callable[[Session], list[Option]]) -> None:
        with self.runtime.db.read() as session:
            options = all_of(session)
        ack(options=choose.matching(options, payload["value"]))

    # Tools

    def person(self, client: WebClient, body: dict[str, Any]) -> Person:
        """Who acts."""
        with self.runtime.db.read() as session:
            return self._person(session, body)

    def drawn(self, at: Place, person: Person, *, note: str = "") -> dict[str, Any]:
        """The modal of a step before the review. Raises `Refused`."""
        with self.runtime.db.read() as session:
            return show.view(self.runtime, session, at, person, note=note)

    def shown(self, client: WebClient, at: Place, person: Person, view_id: str, *, note: str = "") -> dict[str, Any]:
        """The modal of a place, the review's too. Raises `Refused`."""
        if at.step == REVIEW:
            return self.reviewing.show(client, at, person, view_id, note=note)
        return self.drawn(at, person, note=note)

    def update(self, client: WebClient, body: dict[str, Any], at: Place, *, note: str = "") -> None:
        """Show a place in the modal that the payload came from."""
        self._show(client, body["view"]["id"], at, self.person(client, body), note=note)

    def show_below(self, client: WebClient, view_id: str, at: Place, person: Person) -> None:
        """Show a place in the wizard that lies under another modal."""
        self._show(client, view_id, at, person)

    def typed(self, view: dict[str, Any]) -> dict[str, Any]:
        """What a step's inputs hold, rows of conditions among them."""
        found = place.typed(view)
        rows = {name: conditions.read(view, name) for name, event in ROWS.items() if event in found}
        return {**found, **rows}

    def _show(self, client: WebClient, view_id: str, at: Place, person: Person, *, note: str = "") -> None:
        modals.refresh(client, view_id, self.shown(client, at, person, view_id, note=note))

    def _person(self, session: Session, body: dict[str, Any]) -> Person:
        return recognise(session, body["user"]["id"])

    def keep(
        self, client: WebClient, body: dict[str, Any], view: dict[str, Any], instead: dict[str, Any] | None = None
    ) -> Place:
        """Remember what a view holds (`instead`: with these fields changed); returns its place."""
        here = Place.load(view["private_metadata"])
        if here.draft is not None and here.step in accept.NAMES:
            with self.runtime.db.write() as session:
                person = self._person(session, body)
                accept.keep(self.runtime, session, here, {**self.typed(view), **(instead or {})}, person)
        return here

    def _file(self, client: WebClient, typed: dict[str, Any]) -> uploads.Upload | None:
        """The file of an audience, where one was uploaded. Raises `Refused`, field "files"."""
        if not typed.get("files"):
            return None
        return uploads.fetch(client, typed["files"][0], largest=accept.LIST_BYTES, field="files")
