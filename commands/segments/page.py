"""One segment as a modal, and what forms about it do when they are done: show it again, and the list below anew."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_bolt import Ack
from slack_sdk import WebClient
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from commands import modals
from commands.people import Person
from commands.segments import live, views
from commands.segments.views import Shown
from commands.ui import paging
from commands.ui.text import when
from distribution.runtime import Runtime
from distribution.segments import counting, describe, editing, using
from distribution.segments.counting import Count
from distribution.segments.rules import parse
from storage import segments as rows
from storage.names import fold
from storage.tables import Segment


@dataclass(frozen=True)
class Here:
    """One segment before one person: shown at once, and again when it is counted, where counting takes long."""

    runtime: Runtime
    counts: live.Counts
    person: Person
    segment_id: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    def show(self, put: live.Put) -> None:
        """Show it: `put` gives a view to Slack. Raises `Refused` where it is deleted."""
        with self.runtime.db.read() as session:
            segment = editing.get(session, self.segment_id)
            shown = line(session, segment, self.person, self.runtime)
            used = used_by(session, self.segment_id)

        def where(session: Session) -> ColumnElement[bool]:
            return counting.belongs(session, editing.get(session, self.segment_id), self.runtime.clock.now())

        found = live.show(self.runtime, self.counts, where, lambda found: self._view(shown, found, used), put).found
        if found:
            with self.runtime.db.write() as session:
                counting.remember(session, self.segment_id, Count(found.size), self.runtime.clock.now())

    def stopped(self) -> dict[str, Any]:
        """It, with the count that was stopped."""
        with self.runtime.db.read() as session:
            segment = editing.get(session, self.segment_id)
            used = used_by(session, self.segment_id)
            return self._view(line(session, segment, self.person, self.runtime), Shown("stopped"), used)

    def _view(self, shown: views.Line, found: Shown, used: Sequence[str]) -> dict[str, Any]:
        """Its modal."""
        may_edit = self.person.may("edit")
        return views.segment(shown, found, may_edit=may_edit, metadata=self.metadata, note=self.note, used=used)


def line(session: Session, segment: Segment, person: Person, runtime: Runtime) -> views.Line:
    """A segment for a view. Its rules in words may name what was deleted since."""
    words = describe(session, parse(segment.rules)) if segment.kind == "dynamic" else ""
    at = when(segment.updated_at or segment.created_at, person.time_zone, now=runtime.clock.now())
    updated = f"changed {at}" if segment.updated_at else f"made {at}"
    return views.Line(segment.id, segment.name, segment.kind, words, segment.counted, updated)


def used_by(session: Session, segment_id: int) -> list[str]:
    """What uses a segment, in a few words each."""
    uses = using.uses(session, segment_id)
    distributions = [
        f"“{each.subject}” ({each.status})" if each.subject else "a draft without a subject"
        for each in uses.distributions
    ]
    return [*distributions, *(f"the segment “{each.name}”" for each in uses.segments)]


def below(body: Mapping[str, Any], segment_id: int) -> dict[str, Any]:
    """The metadata of a form about a segment: what it lies on (nothing where it takes its place), and the list."""
    view = body["view"]
    metadata = json.loads(view["private_metadata"] or "{}")
    kept = {"list": metadata["list"]} if metadata.get("list") else {}
    return {"segment": segment_id} | kept | ({} if modals.depth(view) == 3 else {"below": view["id"]})


def done(
    ack: Ack,
    runtime: Runtime,
    counts: live.Counts,
    client: WebClient,
    person: Person,
    view: Mapping[str, Any],
    segment_id: int,
    note: str = "",
) -> None:
    """After a form (`view`): the segment as it is now, on the modal below or in the form's place; and the list anew."""
    metadata = json.loads(view["private_metadata"])
    kept = {"list": metadata["list"]} if metadata.get("list") else {}
    here = Here(runtime, counts, person, segment_id, kept, note)
    if metadata.get("below"):
        ack()
        here.show(live.replacing(client, metadata["below"]))
    else:
        here.show(live.answering(ack, client, view["id"]))
    refresh_list(runtime, client, person, metadata.get("list"))


def refresh_list(runtime: Runtime, client: WebClient, person: Person, view_id: str | None) -> None:
    """Show the list anew where it is still open below."""
    if view_id:
        with runtime.db.read() as session:
            view = listing(session, person, runtime, "")
        modals.refresh(client, view_id, view)


def listing(session: Session, person: Person, runtime: Runtime, words: str, first: int = 0) -> dict[str, Any]:
    """A page of the list, with the counts that are remembered."""
    found = page(session, words, first)
    lines = [line(session, segment, person, runtime) for segment in found.items]
    searchable = bool(words) or found.total > found.size
    shown = paging.Page(lines, found.first, found.total, found.size)
    return views.listing(shown, words, may_edit=person.may("edit"), searchable=searchable)


def page(session: Session, words: str, first: int) -> paging.Page[Segment]:
    """A page of the segments whose names have `words`."""
    wanted = fold(words)
    return paging.page_of([each for each in rows.live(session) if wanted in (each.name_key or "")], first)
