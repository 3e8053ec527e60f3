"""Building a segment in a modal: rows added and removed, counted as they change, saved."""

import json
import re
from collections.abc import Mapping
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands import modals
from commands.segments import build_views, builder, views
from commands.segments.builder import Draft, RowRefused
from commands.segments.listeners import below, done, editor, member_name
from commands.ui import choose
from distribution.codes import groups
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.segments import counting, editing
from distribution.segments.rules import check, parse
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
        with runtime.db.read() as session:
            modal = _modal(session, builder.new_row(Draft()), metadata)
        modals.show(client, body, modal)

    @app.action(views.EDIT)
    def edit(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        editor(runtime, client, body)
        with runtime.db.read() as session:
            segment = editing.get(session, int(action["value"]))
            draft = builder.draft_of(segment.name, parse(segment.rules))
            if len(draft.rows) > builder.ROWS or any(len(row.value) > INPUT_MAX for row in draft.rows):
                raise Refused(f"'{segment.name}' has more rules, or a longer list, than a modal in Slack can hold.")
            modal = _modal(session, draft, below(body, segment.id))
        modals.show(client, body, modal)

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
            modal = _modal(session, draft, json.loads(view["private_metadata"]))
        modals.refresh(client, view["id"], modal)

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
            done(ack, runtime, client, person, metadata, segment_id)


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
    editing.rename(session, segment_id, name)
    return editing.change_rules(session, segment_id, rules).id


def _modal(session: Session, draft: Draft, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The builder with who matches now."""
    choices = _choices(session)
    return build_views.build(draft, choices, _who(session, draft, choices), metadata=metadata)


def _who(session: Session, draft: Draft, choices: build_views.Choices) -> views.Shown:
    """Who matches a draft; why not, where it says nothing yet."""
    try:
        rules = builder.rules(draft, choices.attributes)
        check(session, rules)
    except (RowRefused, Refused) as refusal:
        return views.Shown(why_not=str(refusal))
    where = counting.matching(session, rules)
    members = [member_name(customer) for customer in counting.sample(session, where, views.MEMBERS)]
    return views.Shown(counting.count(session, where), members)


def _choices(session: Session) -> build_views.Choices:
    """What there is to ask about."""
    named = {line.id: line.name for line in groups.listing(session)}
    return build_views.Choices(customers.attributes(session), named)
