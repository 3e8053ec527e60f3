"""A static segment out of pasted lines, or of a file."""

from collections.abc import Mapping
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from commands import modals
from commands.people import Person
from commands.segments import views
from commands.segments.listeners import done, editor
from commands.ui import blocks as ui
from commands.ui.text import count, number
from commands.uploads import fetch
from distribution import settings
from distribution.customers.lists import Lines, Matched, match
from distribution.customers.phone import country_name
from distribution.errors import Refused
from distribution.files import read_table
from distribution.runtime import Runtime
from distribution.segments import editing

# Some twenty thousand numbers: matched well within the three seconds that Slack waits.
FILE_MAX = 300 * 1024


def register(app: App, runtime: Runtime) -> None:
    """The form, and its submit."""

    @app.action(views.CREATE_LIST)
    def begin(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        editor(runtime, client, body)
        view = body.get("view") or {}
        metadata = {"list": view["id"]} if view.get("callback_id") == views.LIST else {}
        with runtime.db.read() as session:
            region = country_name(settings.get(session, "region.default"))
        modals.show(client, body, views.list_form(metadata, region))

    @app.view(views.SAVE_LIST)
    def save(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        person = editor(runtime, client, body)
        typed = ui.values(view["state"]["values"])
        try:
            segment_id, matched = _save(runtime, client, typed, person)
        except Refused as refusal:
            ack(response_action="errors", errors={_block(refusal, typed): str(refusal)})
            return
        done(ack, runtime, client, person, view, segment_id, note=what_became(matched))


def what_became(matched: Matched) -> str:
    """What became of the lines of a list, in a few words."""
    said = [f"{count(len(matched.customer_ids), 'customer')} found"]
    if matched.repeated:
        said.append(f"{count(matched.repeated, 'line')} repeated somebody")
    if matched.unmatched:
        first = ", ".join(matched.unmatched[:3])
        said.append(f"{count(len(matched.unmatched), 'number')} of no customer ({first}{_more(matched.unmatched)})")
    if matched.bad:
        line, _, why = matched.bad[0]
        said.append(f"{count(len(matched.bad), 'line')} not read (line {number(line)}: {why})")
    return " · ".join(said)


def _save(runtime: Runtime, client: WebClient, typed: Mapping[str, Any], person: Person) -> tuple[int, Matched]:
    """Make the segment; returns its id, and what became of the lines. Raises `Refused`."""
    lines = _lines(client, typed)
    with runtime.db.write() as session:
        matched = match(session, lines, settings.get(session, "region.default"))
        if not matched.customer_ids:
            raise Refused(f"Nobody on this list is a customer. {what_became(matched)}.", field="list")
        name, now = typed[views.NAME_BLOCK] or "", runtime.clock.now()
        segment = editing.create_static(session, name, matched.customer_ids, by=person.user_id, now=now)
        return segment.id, matched


def _lines(client: WebClient, typed: Mapping[str, Any]) -> Lines:
    """What was pasted, or the rows of the file. Raises `Refused`."""
    pasted, files = (typed[views.PASTED_BLOCK] or "").strip(), typed[views.FILE_BLOCK] or []
    if pasted and files:
        raise Refused("Paste a list or choose a file, not both.", field="file")
    if files:
        upload = fetch(client, files[0], largest=FILE_MAX, field="file")
        return read_table(upload.data, upload.name).rows()
    if not pasted:
        raise Refused("Paste a list, or choose a file below.", field="list")
    return pasted


def _block(refusal: Refused, typed: Mapping[str, Any]) -> str:
    """The input that a refusal is about."""
    if refusal.field == "name":
        return views.NAME_BLOCK
    return views.FILE_BLOCK if refusal.field == "file" or typed[views.FILE_BLOCK] else views.PASTED_BLOCK


def _more(numbers: list[str]) -> str:
    return "…" if len(numbers) > 3 else ""
