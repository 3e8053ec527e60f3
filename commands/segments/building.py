"""Building a segment in a modal: rows added and removed, counted as they change, saved."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands import modals
from commands.segments import build_views, builder, views
from commands.segments.builder import Draft, RowRefused
from commands.segments.listeners import below, done, editor, who
from commands.ui import choose
from distribution.codes.listing import listing
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.segments import counting, editing
from distribution.segments.names import check
from distribution.segments.rules import parse
from storage import customers
from storage.rules import Rules

# What a text input of a modal holds (docs.slack.dev, plain-text input).
INPUT_MAX = 3000

CHANGES = re.compile(r"^segments\.(match|field|op:\w+|group|value|add:\d+|add_group|remove:\d+|count)$")


def register(app: App, runtime: Runtime) -> None:
    """The builder's buttons, selects and submit."""

    @app.action(views.CREATE)
    def create(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        editor(runtime, client, body)
        view = body.get("view") or {}
        metadata = {"list": view["id"]} if view.get("callback_id") == views.LIST else {}
        _show(runtime, client, builder.new_row(Draft()), metadata, lambda modal: modals.show(client, body, modal))

    @app.action(views.EDIT)
    def edit(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        editor(runtime, client, body)
        with runtime.db.read() as session:
            segment = editing.get(session, int(action["value"]))
            draft = builder.draft_of(segment.name, parse(segment.rules))
            if len(draft.rows) > builder.ROWS or any(len(row.value) > INPUT_MAX for row in draft.rows):
                raise Refused(f"'{segment.name}' has more rules, or a longer list, than a modal in Slack can hold.")
        _show(runtime, client, draft, below(body, segment.id), lambda modal: modals.show(client, body, modal))

    @app.options(builder.GROUP)
    def groups_matching(ack: Ack, payload: dict[str, Any]) -> None:
        with runtime.db.read() as session:
            offered = build_views.group_options(_choices(session))
        ack(options=choose.matching(offered, payload.get("value") or ""))

    @app.action(CHANGES)
    def change(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        view = body["view"]
        with runtime.db.read() as session:
            draft = _after(builder.read(view, customers.attributes(session)), action)
        metadata = json.loads(view["private_metadata"])
        _show(runtime, client, draft, metadata, lambda modal: modals.refresh(client, view["id"], modal))

    @app.view(build_views.BUILD)
    def save(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        person, metadata = editor(runtime, client, body), json.loads(view["private_metadata"])
        with runtime.db.read() as session:
            choices = _choices(session)
        draft = builder.read(view, choices.attributes)
        try:
            rules = builder.rules(draft, choices.attributes)
            with runtime.db.write() as session:
                segment_id = _save(runtime, session, metadata.get("segment"), draft.name, rules, person.user_id)
        except RowRefused as refusal:
            ack(response_action="errors", errors=build_views.errors_of(refusal.row, choices, str(refusal)))
        except Refused as refusal:
            ack(response_action="errors", errors={views.NAME_BLOCK: str(refusal)})
        else:
            done(ack, runtime, client, person, view, segment_id)


def _after(draft: Draft, action: Mapping[str, Any]) -> Draft:
    """The draft after a button; selects and inputs are read from the screen already."""
    what, _, which = str(action["action_id"]).partition(":")
    if what == build_views.ADD_ROW:
        return builder.new_row(draft, int(which))
    if what == build_views.ADD_GROUP:
        return builder.new_group(draft)
    if what == build_views.REMOVE:
        return builder.without_row(draft, int(which))
    return draft


def _save(runtime: Runtime, session: Session, segment_id: int | None, name: str, rules: Rules, by: str) -> int:
    """Make the segment, or give it this name and these rules; returns its id. Raises `Refused`."""
    if segment_id is None:
        return editing.create(session, name, rules, by=by, now=runtime.clock.now()).id
    editing.rename(session, segment_id, name, now=runtime.clock.now())
    return editing.change_rules(session, segment_id, rules, now=runtime.clock.now()).id


def _show(
    runtime: Runtime,
    client: WebClient,
    draft: Draft,
    metadata: Mapping[str, Any],
    put: Callable[[dict[str, Any]], Mapping[str, Any] | None],
) -> None:
    """Show the builder: `put` gives it to Slack. Where counting takes long, once more when that is done, unless
    something was changed meanwhile."""
    modal, counted = _modal(runtime, draft, metadata, patient=False)
    shown = put(modal)
    if shown and not counted:
        modal, _ = _modal(runtime, draft, metadata, patient=True)
        modals.refresh(client, str(shown["id"]), modal, seen=shown.get("hash"))


def _modal(
    runtime: Runtime, draft: Draft, metadata: Mapping[str, Any], *, patient: bool
) -> tuple[dict[str, Any], bool]:
    """The builder with who matches now, and whether that is known."""
    with runtime.db.read() as session:
        choices = _choices(session)
        try:
            rules = builder.rules(draft, choices.attributes)
            check(session, rules)
        except (RowRefused, Refused) as refusal:
            shown = views.Shown(why_not=str(refusal))
        else:
            found = counting.look(session, counting.matching(session, rules, runtime.clock.now()), views.MEMBERS, patient=patient)
            shown = who(found)
    known = shown.counted is not None or bool(shown.why_not)
    return build_views.build(draft, choices, shown, metadata=metadata), known


def _choices(session: Session) -> build_views.Choices:
    """What there is to ask about."""
    named = {line.id: line.name for line in listing(session)}
    return build_views.Choices(customers.attributes(session), named)
