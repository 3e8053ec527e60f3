"""Segments in Slack: listed, searched, opened, renamed, cloned, deleted, and counted meanwhile."""

import json
import re
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from commands import modals
from commands.people import Person, acting
from commands.segments import live, views
from commands.segments.page import Here, below, done, listing, page, refresh_list
from commands.ui import blocks as ui
from commands.ui import choose
from commands.verbs import Ask
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.segments import counting, editing
from distribution.segments.counting import Count
from storage import segments as rows
from storage.names import fold

# A count that is older is made again when a list shows it.
FRESH = timedelta(minutes=1)

# Seconds after which a list shows the counts that it has so far, and goes on with the others.
MEANWHILE = 1.0


class Segments:
    """The listeners that are not about building or members, on one runtime."""

    def __init__(self, runtime: Runtime, counts: live.Counts) -> None:
        self.runtime = runtime
        self.counts = counts

    def register(self, app: App) -> None:
        """Listen."""
        app.options(re.compile(rf"^{re.escape(views.OPTIONS)}(:.*)?$"))(self.options)
        app.action(views.OPTIONS)(self.open)
        app.action(views.OPEN)(self.open)
        app.action(f"{views.TURN}:next")(self.turn)
        app.action(f"{views.TURN}:previous")(self.turn)
        app.view(views.LIST)(self.search)
        app.action(views.RENAME)(self.rename)
        app.view(views.SAVE_NAME)(self.save_name)
        app.action(views.CLONE)(self.clone)
        app.action(views.DELETE)(self.delete)
        app.action(views.RECOUNT_ONE)(self.recount)
        app.action(views.STOP_ONE)(self.stop)
        app.view_closed(views.SEGMENT)(self.closed)
        app.view_closed(views.LIST)(self.closed)

    def run(self, ask: Ask) -> None:
        """`/promo segments [name]`: the segment of that name, else the list of those whose names have these words.

        The list opens with the counts that are remembered; those that are old are counted again while it is read.
        """
        with self.runtime.db.read() as session:
            exact = rows.by_name_key(session, fold(ask.words)) if ask.words else None
        put = live.opening(ask.client, {"trigger_id": ask.trigger_id})
        if exact:
            Here(self.runtime, self.counts, ask.person, exact.id).show(put)
        else:
            self._list(ask.person, put, ask.words)

    def options(self, ack: Ack, payload: dict[str, Any]) -> None:
        """Segments whose names have what is typed."""
        with self.runtime.db.read() as session:
            found = rows.listed(session, fold(payload.get("value") or ""), choose.MOST)
        offered = views.segment_options([(segment.id, segment.name) for segment in found])
        ack(options=[option.to_dict() for option in offered])

    def open(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """One segment."""
        ack()
        chosen = action.get("selected_option") or action
        under = body.get("view") or {}
        metadata = {"list": under["id"]} if under.get("callback_id") == views.LIST else {}
        here = Here(self.runtime, self.counts, acting(self.runtime, body), int(chosen["value"]), metadata)
        here.show(live.opening(client, body))

    def turn(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Another page of the list."""
        ack()
        words, put = json.loads(body["view"]["private_metadata"])["words"], live.redrawing(client, body)
        self._list(acting(self.runtime, body), put, words, int(action["value"]))

    def search(self, ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        """The list of those whose names have the words."""
        words = str(ui.values(view["state"]["values"]).get(views.SEARCH_BLOCK) or "").strip()
        self._list(acting(self.runtime, body), live.answering(ack, client, view["id"]), words)

    def rename(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """A form for the name."""
        ack()
        acting(self.runtime, body, "edit")
        with self.runtime.db.read() as session:
            name = editing.get(session, int(action["value"])).name
        modals.show(client, body, views.rename_form(name, below(body, int(action["value"]))))

    def save_name(self, ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        """The name is given."""
        person, metadata = acting(self.runtime, body, "edit"), json.loads(view["private_metadata"])
        typed = ui.values(view["state"]["values"])[views.NAME_BLOCK] or ""
        try:
            with self.runtime.db.write() as session:
                editing.rename(session, metadata["segment"], typed, now=self.runtime.clock.now())
        except Refused as refusal:
            ack(response_action="errors", errors={views.NAME_BLOCK: str(refusal)})
            return
        done(ack, self.runtime, self.counts, client, person, view, metadata["segment"])

    def clone(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """The same again, shown in its place."""
        ack()
        person, metadata = acting(self.runtime, body, "edit"), json.loads(body["view"]["private_metadata"])
        with self.runtime.db.write() as session:
            copy = editing.clone(session, int(action["value"]), by=person.user_id, now=self.runtime.clock.now()).id
        note = "This is the copy. Rename it, or change who is in it."
        kept = {"list": metadata["list"]} if metadata.get("list") else {}
        Here(self.runtime, self.counts, person, copy, kept, note).show(live.redrawing(client, body))
        refresh_list(self.runtime, client, person, metadata.get("list"))

    def delete(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Gone, unless something uses it."""
        ack()
        person, metadata = acting(self.runtime, body, "edit"), json.loads(body["view"]["private_metadata"])
        with self.runtime.db.write() as session:
            gone = editing.delete_segment(session, int(action["value"]), now=self.runtime.clock.now())
        self.counts.stop(body["view"]["id"])
        modals.redraw(client, body, views.deleted(gone.name))
        refresh_list(self.runtime, client, person, metadata.get("list"))

    def recount(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """Count the segment on screen again."""
        ack()
        self._here(body).show(live.redrawing(client, body))

    def stop(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """Stop counting it."""
        ack()
        self.counts.stop(body["view"]["id"])
        modals.redraw(client, body, self._here(body).stopped())

    def closed(self, ack: Ack, view: dict[str, Any]) -> None:
        """Nobody looks any more."""
        ack()
        self.counts.stop(view["id"])

    def _here(self, body: Mapping[str, Any]) -> Here:
        """The segment of the modal that was acted in."""
        metadata = json.loads(body["view"]["private_metadata"])
        kept = {"list": metadata["list"]} if metadata.get("list") else {}
        return Here(self.runtime, self.counts, acting(self.runtime, body), metadata["shows"], kept)

    def _list(self, person: Person, put: live.Put, words: str, first: int = 0) -> None:
        """Show a page of the list, count the segments whose numbers are old, and show it again with those."""

        def drawn() -> dict[str, Any]:
            with self.runtime.db.read() as session:
                return listing(session, person, self.runtime, words, first)

        placed, now = put(drawn()), self.runtime.clock.now()
        if placed is None:
            return
        stopped, shown_at = self.counts.begin(placed.id), time.monotonic()
        with self.runtime.db.read() as session:
            items = page(session, words, first).items
            old = [each.id for each in items if each.counted_at is None or now - each.counted_at > FRESH]
        for at, segment_id in enumerate(old, 1):
            size = self._counted(segment_id, stopped)
            if stopped.is_set():
                return
            if size is not None:
                with self.runtime.db.write() as session:
                    counting.remember(session, segment_id, Count(size), now)
            if at == len(old) or time.monotonic() - shown_at > MEANWHILE:
                if not placed.again(drawn()):
                    return
                shown_at = time.monotonic()

    def _counted(self, segment_id: int, stopped: threading.Event) -> int | None:
        """How many are in a segment; None where that takes too long, or it was deleted meanwhile."""

        def where(session: Session) -> ColumnElement[bool]:
            return counting.belongs(session, editing.get(session, segment_id), self.runtime.clock.now())

        try:
            found = live.counted(self.runtime, where, stopped)
        except Refused:
            return None
        return found.size if found else None
