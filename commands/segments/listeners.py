"""Segments in Slack: listed, opened, renamed, cloned, deleted."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands import modals
from commands.people import Person, recognise
from commands.segments import views
from commands.ui import blocks as ui
from commands.ui import choose, paging
from commands.verbs import Ask
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.segments import counting, describe, editing
from distribution.segments.counting import Count
from distribution.segments.rules import parse
from storage import segments as rows
from storage.names import fold
from storage.tables import Customer, Segment

# A count that is older is made again when a list shows it.
FRESH = timedelta(minutes=1)


def run(ask: Ask) -> None:
    """`/promo segments [name]`: the segment of that name, else the list of those whose names have these words.

    The list opens with the counts that are remembered; those that are old are counted again while it is read.
    """
    with ask.runtime.db.read() as session:
        exact = rows.by_name_key(session, fold(ask.words)) if ask.words else None
        page = None if exact else _listing(session, ask.person, ask.words)
    if page:
        opened = ask.client.views_open(trigger_id=ask.trigger_id, view=page)["view"]
        _count_and_show(ask.runtime, ask.client, ask.person, opened)
    elif exact:
        here = Here(ask.runtime, ask.client, ask.person, exact.id)
        here.show(lambda view: ask.client.views_open(trigger_id=ask.trigger_id, view=view)["view"])


@dataclass(frozen=True)
class Here:
    """One segment before one person: shown at once, and again when it is counted, where counting takes long."""

    runtime: Runtime
    client: WebClient
    person: Person
    segment_id: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    def show(self, put: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
        """Show it: `put` gives a view to Slack and returns it as Slack has it. Raises `Refused` where it is deleted."""
        view, counted = self._view(patient=False)
        shown = put(view)
        if counted is None:
            view, counted = self._view(patient=True)
            modals.refresh(self.client, str(shown["id"]), view, seen=shown.get("hash"))
        if counted:
            with self.runtime.db.write() as session:
                counting.remember(session, self.segment_id, counted, self.runtime.clock.now())

    def _view(self, *, patient: bool) -> tuple[dict[str, Any], Count | None]:
        """Its modal, and how many are in it; None where that takes longer than anybody waits."""
        with self.runtime.db.read() as session:
            segment = editing.get(session, self.segment_id)
            found = counting.look(session, counting.belongs(session, segment, self.runtime.clock.now()), views.MEMBERS, patient=patient)
            line = _line(session, segment)
        may_edit = self.person.may("edit")
        view = views.segment(line, segment.kind, who(found), may_edit=may_edit, metadata=self.metadata, note=self.note)
        return view, found[0] if found else None


def who(found: tuple[Count, Sequence[Customer]] | None) -> views.Shown:
    """What `counting.look` found, for a view."""
    if found is None:
        return views.Shown()
    names = [each.name or each.phone or each.source_id or f"Customer {each.id}" for each in found[1]]
    return views.Shown(found[0], names)


def register(app: App, runtime: Runtime) -> None:
    """Everything but the builder and lists."""

    @app.options(re.compile(rf"^{re.escape(views.OPTIONS)}(:.*)?$"))
    def options(ack: Ack, payload: dict[str, Any]) -> None:
        with runtime.db.read() as session:
            found = rows.listed(session, fold(payload.get("value") or ""), choose.MOST)
        chosen = views.segment_options([(segment.id, segment.name) for segment in found])
        ack(options=[option.to_dict() for option in chosen])

    @app.action(views.OPTIONS)
    @app.action(views.OPEN)
    def show(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        chosen = action.get("selected_option") or action
        below = body.get("view") or {}
        metadata = {"list": below["id"]} if below.get("callback_id") == views.LIST else {}
        with runtime.db.read() as session:
            person = recognise(session, body["user"]["id"])
        here = Here(runtime, client, person, int(chosen["value"]), metadata)
        here.show(lambda view: modals.show(client, body, view))

    @app.action(f"{views.TURN}:next")
    @app.action(f"{views.TURN}:previous")
    def turn(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        words = json.loads(body["view"]["private_metadata"])["words"]
        with runtime.db.read() as session:
            person = recognise(session, body["user"]["id"])

            view = _listing(session, person, words, int(action["value"]))
        turned = modals.refresh(client, body["view"]["id"], view)
        if turned:
            _count_and_show(runtime, client, person, turned)

    @app.action(views.RENAME)
    def rename(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        editor(runtime, client, body)
        with runtime.db.read() as session:
            name = editing.get(session, int(action["value"])).name
        modals.show(client, body, views.rename_form(name, below(body, int(action["value"]))))

    @app.view(views.SAVE_NAME)
    def save_name(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        person, metadata = editor(runtime, client, body), json.loads(view["private_metadata"])
        typed = ui.values(view["state"]["values"])[views.NAME_BLOCK] or ""
        try:
            with runtime.db.write() as session:
                editing.rename(session, metadata["segment"], typed, now=runtime.clock.now())
        except Refused as refusal:
            ack(response_action="errors", errors={views.NAME_BLOCK: str(refusal)})
            return
        done(ack, runtime, client, person, view, metadata["segment"])

    @app.action(views.CLONE)
    def clone(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person, metadata = editor(runtime, client, body), json.loads(body["view"]["private_metadata"])
        with runtime.db.write() as session:
            copy = editing.clone(session, int(action["value"]), by=person.user_id, now=runtime.clock.now()).id
        here = Here(runtime, client, person, copy, metadata, "This is the copy. Rename it, or change its rules.")
        here.show(lambda view: modals.refresh(client, body["view"]["id"], view) or body["view"])
        refresh_list(runtime, client, person, metadata.get("list"))

    @app.action(views.DELETE)
    def delete(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person, metadata = editor(runtime, client, body), json.loads(body["view"]["private_metadata"])
        with runtime.db.write() as session:
            gone = editing.delete_segment(session, int(action["value"]), now=runtime.clock.now())
        modals.refresh(client, body["view"]["id"], views.deleted(gone.name))
        refresh_list(runtime, client, person, metadata.get("list"))


def editor(runtime: Runtime, client: WebClient, body: Mapping[str, Any]) -> Person:
    """Who acts, and may change segments. Raises `Refused`."""
    with runtime.db.read() as session:
        person = recognise(session, body["user"]["id"])
    person.must("edit")
    return person


def below(body: Mapping[str, Any], segment_id: int) -> dict[str, Any]:
    """The metadata of a form about a segment: what it lies on (nothing where it takes its place), and the list."""
    view = body["view"]
    metadata = json.loads(view["private_metadata"] or "{}")
    kept = {"list": metadata["list"]} if metadata.get("list") else {}
    return {"segment": segment_id} | kept | ({} if modals.depth(view) == 3 else {"below": view["id"]})


def done(
    ack: Ack,
    runtime: Runtime,
    client: WebClient,
    person: Person,
    view: Mapping[str, Any],
    segment_id: int,
    note: str = "",
) -> None:
    """After a form (`view`): the segment as it is now, on the modal below or in the form's place; and the list anew."""
    metadata = json.loads(view["private_metadata"])
    kept = {"list": metadata["list"]} if metadata.get("list") else {}
    here = Here(runtime, client, person, segment_id, kept, note)

    def put(segment: dict[str, Any]) -> Mapping[str, Any]:
        """Below, or in place of the form."""
        if metadata.get("below"):
            ack()
            return modals.refresh(client, metadata["below"], segment) or {"id": metadata["below"]}
        ack(response_action="update", view=segment)
        return {"id": view["id"]}

    here.show(put)
    refresh_list(runtime, client, person, metadata.get("list"))


def refresh_list(runtime: Runtime, client: WebClient, person: Person, view_id: str | None) -> None:
    """Show the list anew where it is still open below."""
    if view_id:
        with runtime.db.read() as session:
            view = _listing(session, person, "")
        modals.refresh(client, view_id, view)


def _count_and_show(runtime: Runtime, client: WebClient, person: Person, view: Mapping[str, Any]) -> None:
    """Count the segments of a page whose numbers are old, remember them, and show the page again if any was."""
    now = runtime.clock.now()
    metadata = json.loads(view["private_metadata"])
    with runtime.db.read() as session:
        page = _page(session, metadata["words"], metadata["first"])
        old = [each for each in page.items if each.counted_at is None or now - each.counted_at > FRESH]
        counts = {each.id: counting.count(session, counting.belongs(session, each, now)) for each in old}
    if not counts:
        return
    with runtime.db.write() as session:
        for segment_id, counted in counts.items():
            counting.remember(session, segment_id, counted, now)
        again = _listing(session, person, metadata["words"], metadata["first"])
    modals.refresh(client, str(view["id"]), again, seen=view.get("hash"))


def _listing(session: Session, person: Person, words: str, first: int = 0) -> dict[str, Any]:
    """A page of the list, with the counts that are remembered."""
    page = _page(session, words, first)
    lines = [_line(session, segment) for segment in page.items]
    every = [(segment.id, segment.name) for segment in rows.live(session)]
    shown = paging.Page(lines, page.first, page.total, page.size)
    return views.listing(shown, words, may_edit=person.may("edit"), every=every)


def _page(session: Session, words: str, first: int) -> paging.Page[Segment]:
    """A page of the segments whose names have `words`."""
    wanted = fold(words)
    return paging.page_of([each for each in rows.live(session) if wanted in (each.name_key or "")], first)


def _line(session: Session, segment: Segment) -> views.Line:
    """A segment for a view."""
    words = describe(session, parse(segment.rules)) if segment.kind == "dynamic" else "a fixed list"
    return views.Line(segment.id, segment.name, words, counting.remembered(segment))
