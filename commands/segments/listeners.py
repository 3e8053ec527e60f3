"""Segments in Slack: listed, opened, renamed, cloned, deleted."""

import json
import re
from collections.abc import Mapping
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
from distribution.segments.rules import parse
from storage import segments as rows
from storage.names import fold
from storage.tables import Segment

# A count that is older is made again when a list shows it.
FRESH = timedelta(minutes=1)


def run(ask: Ask) -> None:
    """`/promo segments [name]`: the segment of that name, else the list of those whose names have these words.

    The list opens with the counts that are remembered; those that are old are counted again while it is read.
    """
    with ask.runtime.db.read() as session:
        exact = rows.by_name_key(session, fold(ask.words)) if ask.words else None
        view = shown(session, exact.id, ask.person, {}) if exact else _listing(session, ask.person, ask.words)
    opened = ask.client.views_open(trigger_id=ask.trigger_id, view=view)
    if not exact:
        _count_and_show(ask.runtime, ask.client, ask.person, opened["view"])


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
            view = shown(session, int(chosen["value"]), recognise(session, client, body["user"]["id"]), metadata)
        modals.show(client, body, view)

    @app.action(f"{views.TURN}:next")
    @app.action(f"{views.TURN}:previous")
    def turn(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        words = json.loads(body["view"]["private_metadata"])["words"]
        with runtime.db.read() as session:
            person = recognise(session, client, body["user"]["id"])
            view = _listing(session, person, words, int(action["value"]))
        modals.refresh(client, body["view"]["id"], view)
        _count_and_show(runtime, client, person, view | {"id": body["view"]["id"]})

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
                editing.rename(session, metadata["segment"], typed)
        except Refused as refusal:
            ack(response_action="errors", errors={views.NAME_BLOCK: str(refusal)})
            return
        done(ack, runtime, client, person, metadata, metadata["segment"])

    @app.action(views.CLONE)
    def clone(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        person, metadata = editor(runtime, client, body), json.loads(body["view"]["private_metadata"])
        with runtime.db.write() as session:
            copy = editing.clone(session, int(action["value"]), by=person.user_id, now=runtime.clock.now())
            view = shown(session, copy.id, person, metadata, note="This is the copy. Rename it, or change its rules.")
        modals.refresh(client, body["view"]["id"], view)
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
        person = recognise(session, client, body["user"]["id"])
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
    metadata: Mapping[str, Any],
    segment_id: int,
    note: str = "",
) -> None:
    """After a form: the segment as it is now, on the modal below or in the form's place; and the list anew."""
    kept = {"list": metadata["list"]} if metadata.get("list") else {}
    with runtime.db.write() as session:
        counting.recount(session, editing.get(session, segment_id), runtime.clock.now())
        view = shown(session, segment_id, person, kept, note=note)
    if metadata.get("below"):
        ack()
        modals.refresh(client, metadata["below"], view)
    else:
        ack(response_action="update", view=view)
    refresh_list(runtime, client, person, metadata.get("list"))


def shown(
    session: Session, segment_id: int, person: Person, metadata: Mapping[str, Any], *, note: str = ""
) -> dict[str, Any]:
    """One segment's modal, counted now. Raises `Refused` where it was deleted."""
    segment = editing.get(session, segment_id)
    belongs = counting.belongs(session, segment)
    members = [member_name(customer) for customer in counting.sample(session, belongs, views.MEMBERS)]
    who = views.Shown(counting.count(session, belongs), members)
    line = _line(session, segment)
    return views.segment(line, segment.kind, who, may_edit=person.may("edit"), metadata=metadata, note=note)


def member_name(customer: Any) -> str:
    """A member as a list of names shows them."""
    return customer.name or customer.phone or customer.source_id or f"Customer {customer.id}"


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
    with runtime.db.write() as session:
        page = _page(session, metadata["words"], metadata["first"])
        old = [each for each in page.items if each.counted_at is None or now - each.counted_at > FRESH]
        for segment in old:
            counting.recount(session, segment, now)
        again = _listing(session, person, metadata["words"], metadata["first"]) if old else None
    if again:
        modals.refresh(client, str(view["id"]), again)


def _listing(session: Session, person: Person, words: str, first: int = 0) -> dict[str, Any]:
    """A page of the list, with the counts that are remembered."""
    page = _page(session, words, first)
    lines = [_line(session, segment) for segment in page.items]
    return views.listing(paging.Page(lines, page.first, page.total, page.size), words, may_edit=person.may("edit"))


def _page(session: Session, words: str, first: int) -> paging.Page[Segment]:
    """A page of the segments whose names have `words`."""
    wanted = fold(words)
    return paging.page_of([each for each in rows.live(session) if wanted in (each.name_key or "")], first)


def _line(session: Session, segment: Segment) -> views.Line:
    """A segment for a view."""
    words = describe(session, parse(segment.rules)) if segment.kind == "dynamic" else "a fixed list"
    return views.Line(segment.id, segment.name, words, counting.remembered(segment))
