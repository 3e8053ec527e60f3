"""Members of segments in Slack: looked through, pasted or uploaded, added, taken off, replaced, and written down."""

import json
import re
import threading
from collections.abc import Mapping
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from commands import later, modals
from commands.people import Person, acting
from commands.segments import live, views
from commands.segments import members_views as forms
from commands.segments.page import Here, below, done, refresh_list
from commands.segments.views import Turn
from commands.ui import blocks as ui
from commands.ui.text import count, number
from commands.uploads import fetch
from distribution import settings
from distribution.customers.lists import Lines, Matched
from distribution.customers.phone import country_name
from distribution.errors import Refused
from distribution.files import FILE_MAX, FILE_MAX_WORDS, read_table
from distribution.runtime import Runtime
from distribution.segments import counting, editing, looking, members
from storage import fixed_lists, uploads
from storage.patience import TooSlow

# Some twenty thousand numbers: matched well within the three seconds that Slack waits. A longer file is for a job.
AT_ONCE = 300 * 1024

PAGE = 20


def register(app: App, runtime: Runtime, counts: live.Counts) -> None:
    """The pages of members, and the forms."""
    forms_of = Forms(runtime, counts)
    app.action(views.CREATE_LIST)(forms_of.begin_list)
    app.view(forms.SAVE_LIST)(forms_of.save_list)
    app.action(views.CHANGE_MEMBERS)(forms_of.begin_change)
    app.view(forms.SAVE_CHANGE)(forms_of.save_change)
    app.action(views.FREEZE)(forms_of.begin_freeze)
    app.view(forms.SAVE_FREEZE)(forms_of.save_freeze)

    pages = Pages(runtime, counts)
    app.action(views.MEMBERS)(pages.begin)
    app.action(re.compile(rf"^{re.escape(views.MEMBERS_PAGE)}:(next|first|again)$"))(pages.turn)
    app.action(views.STOP_MEMBERS)(pages.stop)
    app.view_closed(views.MEMBERS_VIEW)(pages.closed)


class Pages:
    """The pages of members, on one runtime. A page that is not there at once is looked for until somebody stops it."""

    def __init__(self, runtime: Runtime, counts: live.Counts) -> None:
        self.runtime = runtime
        self.counts = counts

    def begin(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """The first of them."""
        ack()
        self._show(live.opening(client, body), Turn(int(action["value"])))

    def turn(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Others, or the same once more."""
        ack()
        self._show(live.redrawing(client, body), Turn.read(action["value"]))

    def stop(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Look no further."""
        ack()
        self.counts.stop(body["view"]["id"])
        turn = Turn.read(action["value"])
        with self.runtime.db.read() as session:
            name = editing.get(session, turn.segment_id).name
        modals.redraw(client, body, views.members_not_found(name, turn, "You stopped it."))

    def closed(self, ack: Ack, view: dict[str, Any]) -> None:
        """Nobody looks any more."""
        ack()
        self.counts.stop(view["id"])

    def _show(self, put: live.Put, turn: Turn) -> None:
        """A page; where it takes a while, first that it is looked for."""
        name, found = self._page(turn, threading.Event(), live.QUICK)
        placed = put(found or views.members_not_found(name, turn))
        if placed is None or found:
            return
        stopped = self.counts.begin(placed.id)
        _, found = self._page(turn, stopped, looking.LONGEST)
        if not stopped.is_set():
            late = f"It takes more than {looking.LONGEST:.0f} seconds."
            placed.again(found or views.members_not_found(name, turn, late))

    def _page(self, turn: Turn, stopped: threading.Event, seconds: float) -> tuple[str, dict[str, Any] | None]:
        """The segment's name and the page; None where it takes longer, or was stopped."""
        with self.runtime.db.read() as session:
            segment = editing.get(session, turn.segment_id)
            name = segment.name
            where = counting.belongs(session, segment, self.runtime.clock.now())
            try:
                found = looking.page(session, where, stopped, after=turn.after, limit=PAGE + 1, seconds=seconds)
            except TooSlow:
                return name, None
            people = [live.member(each) for each in found[:PAGE]]
            last = found[:PAGE][-1].id if found else turn.after
            return name, views.members_page(name, people, turn, last=last, more=len(found) > PAGE)


class Forms:
    """The forms about members, on one runtime."""

    def __init__(self, runtime: Runtime, counts: live.Counts) -> None:
        self.runtime = runtime
        self.counts = counts

    def begin_list(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """A new segment from a list."""
        ack()
        acting(self.runtime, body, "edit")
        view = body.get("view") or {}
        metadata = {"list": view["id"]} if view.get("callback_id") == views.LIST else {}
        modals.show(client, body, forms.list_form(metadata, self._region()))

    def save_list(self, ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        """The list is given: at once, or a long file by a job."""
        person, typed = acting(self.runtime, body, "edit"), ui.values(view["state"]["values"])
        name = typed[views.NAME_BLOCK] or ""
        try:
            if file := self._long_file(view, typed):
                with self.runtime.db.read() as session:
                    editing.check_name(session, name)
                self._by_job(ack, client, view, file, person, None, "add", name)
                return
            lines = self._lines(client, typed)
            with self.runtime.db.write() as session:
                segment = editing.create_static(session, name, [], by=person.user_id, now=self.runtime.clock.now())
                matched = members.change(session, segment.id, "add", lines, now=self.runtime.clock.now())
                segment.updated_at = None  # it is new
                segment_id = segment.id
        except Refused as refusal:
            ack(response_action="errors", errors={_block(refusal, typed): str(refusal)})
            return
        done(ack, self.runtime, self.counts, client, person, view, segment_id, note=what_became(matched))

    def begin_change(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Members of a static segment are to change."""
        ack()
        acting(self.runtime, body, "edit")
        with self.runtime.db.read() as session:
            segment = members.static(session, int(action["value"]))
            size = fixed_lists.size(session, segment.id)
        metadata = below(body, segment.id)
        modals.show(client, body, forms.change_form(segment.name, size, metadata, self._region()))

    def save_change(self, ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        """They are named."""
        person, typed = acting(self.runtime, body, "edit"), ui.values(view["state"]["values"])
        segment_id, how = int(json.loads(view["private_metadata"])["segment"]), typed[forms.HOW_BLOCK] or "add"
        try:
            if file := self._long_file(view, typed):
                with self.runtime.db.read() as session:
                    name = members.static(session, segment_id).name
                self._by_job(ack, client, view, file, person, segment_id, how, name)
                return
            lines = self._lines(client, typed)
            with self.runtime.db.write() as session:
                matched = members.change(session, segment_id, how, lines, now=self.runtime.clock.now())
        except Refused as refusal:
            ack(response_action="errors", errors={_block(refusal, typed): str(refusal)})
            return
        done(ack, self.runtime, self.counts, client, person, view, segment_id, note=what_became(matched))

    def begin_freeze(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Who is in a dynamic segment is to be written down."""
        ack()
        acting(self.runtime, body, "edit")
        with self.runtime.db.read() as session:
            segment = editing.get(session, int(action["value"]))
        modals.show(client, body, forms.freeze_form(segment.name, below(body, segment.id)))

    def save_freeze(self, ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        """Its name is given: write it down while the modal says so."""
        person, metadata = acting(self.runtime, body, "edit"), json.loads(view["private_metadata"])
        name = ui.values(view["state"]["values"])[views.NAME_BLOCK] or ""
        try:
            with self.runtime.db.read() as session:
                editing.check_name(session, name)
        except Refused as refusal:
            ack(response_action="errors", errors={views.NAME_BLOCK: str(refusal)})
            return
        waiting, mark = later.meanwhile(forms.working("Writing the list…"))
        ack(response_action="update", view=waiting)
        now = self.runtime.clock.now()
        try:
            with self.runtime.db.write() as session:
                made = members.freeze(session, metadata["segment"], name, by=person.user_id, now=now).id
        except Refused as refusal:
            later.replace(client, mark, forms.failed(str(refusal)))
            return
        kept = {"list": metadata["list"]} if metadata.get("list") else {}
        here = Here(self.runtime, self.counts, person, made, kept, "The list stays as it is now.")
        here.show(live.after(client, view["id"], mark))
        refresh_list(self.runtime, client, person, metadata.get("list"))

    def _by_job(
        self,
        ack: Ack,
        client: WebClient,
        view: Mapping[str, Any],
        file: Mapping[str, Any],
        person: Person,
        segment_id: int | None,
        how: str,
        name: str,
    ) -> None:
        """Fetch a long file behind a modal that says so, and have a job read it. `segment_id`: None for a new one."""
        filename = str(file.get("name") or "the file")
        waiting, mark = later.meanwhile(forms.working("Fetching the file…"))
        ack(response_action="update", view=waiting)
        now = self.runtime.clock.now()
        try:
            upload = fetch(client, str(file["id"]), largest=FILE_MAX, field="file")
            read_table(upload.data, upload.name)
            with self.runtime.db.write() as session:
                if segment_id is None:
                    segment_id = editing.create_static(session, name, [], by=person.user_id, now=now).id
                kept = uploads.keep(session, upload.name, upload.data, by=person.user_id, now=now)
                jobs = self.runtime.jobs
                members.change_by_file(jobs, session, segment_id, how, kept, by=person.user_id, channel=person.user_id)
        except Refused as refusal:
            later.replace(client, mark, forms.failed(str(refusal)))
            return
        later.replace(client, mark, forms.started(name, filename))
        refresh_list(self.runtime, client, person, json.loads(view["private_metadata"]).get("list"))

    def _long_file(self, view: Mapping[str, Any], typed: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The file of a form, as Slack tells of it, where it is too long to be read at once. Raises `Refused`."""
        element = next(iter(view["state"]["values"][forms.FILE_BLOCK].values()))
        file: Mapping[str, Any] | None = next(iter(element.get("files") or []), None)
        if file is None or int(file.get("size") or 0) <= AT_ONCE:
            return None
        if (typed[forms.PASTED_BLOCK] or "").strip():
            raise Refused("Paste a list or choose a file, not both.", field="file")
        if int(file["size"]) > FILE_MAX:
            raise Refused(f"'{file.get('name')}' is larger than {FILE_MAX_WORDS}. Split it.", field="file")
        return file

    def _lines(self, client: WebClient, typed: Mapping[str, Any]) -> Lines:
        """What was pasted, or the rows of the file. Raises `Refused`."""
        pasted, files = (typed[forms.PASTED_BLOCK] or "").strip(), typed[forms.FILE_BLOCK] or []
        if pasted and files:
            raise Refused("Paste a list or choose a file, not both.", field="file")
        if files:
            upload = fetch(client, files[0], largest=AT_ONCE, field="file")
            return read_table(upload.data, upload.name).rows()
        if not pasted:
            raise Refused("Paste a list, or choose a file below.", field="list")
        return pasted

    def _region(self) -> str:
        """The country of numbers that are written without one."""
        with self.runtime.db.read() as session:
            return country_name(settings.get(session, "region.default"))


def what_became(matched: Matched) -> str:
    """What became of the lines of a list, in a few words."""
    said = [f"{count(len(matched.customer_ids), 'customer')} found"]
    if matched.repeated:
        said.append(f"{count(matched.repeated, 'line')} repeated somebody")
    if matched.unmatched:
        first = ", ".join(matched.unmatched[:3]) + ("…" if len(matched.unmatched) > 3 else "")
        said.append(f"{count(len(matched.unmatched), 'number')} of no customer ({first})")
    if matched.bad:
        line, _, why = matched.bad[0]
        said.append(f"{count(len(matched.bad), 'line')} not read (line {number(line)}: {why})")
    return " · ".join(said)


def _block(refusal: Refused, typed: Mapping[str, Any]) -> str:
    """The input that a refusal is about."""
    if refusal.field == "name":
        return views.NAME_BLOCK
    return forms.FILE_BLOCK if refusal.field == "file" or typed[forms.FILE_BLOCK] else forms.PASTED_BLOCK
