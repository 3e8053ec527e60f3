"""`/promo team`: who may do what, and one's own number for test texts."""

import re
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from commands import modals
from commands.people import meet, recognise
from commands.team import views
from commands.ui.blocks import values
from commands.ui.paging import page_of
from commands.verbs import Ask, Verb
from distribution import team
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage import team as rows
from storage.tables import TeamMember


def _open(ask: Ask) -> None:
    """`/promo team`."""
    ask.client.views_open(trigger_id=ask.trigger_id, view=_view(ask.runtime, ask.person.user_id))


VERB = Verb("team", "", "Who may do what, and your own number for test texts", _open)


def register(app: App, runtime: Runtime) -> None:
    """Roles that change at once, pages, and the modal's submit."""

    @app.action("team.role")
    def role(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        note = ""
        try:
            with runtime.db.write() as session:
                recognise(session, body["user"]["id"]).must("administer")
                team.change_role(session, action["block_id"].partition(":")[2], action["selected_option"]["value"])
        except Refused as refusal:
            note = str(refusal)
        _update(runtime, client, body, int(body["view"]["private_metadata"] or 0), note)

    @app.action(re.compile(r"^team\.page:"))
    def turn(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        _update(runtime, client, body, int(action["value"]))

    @app.view(views.CALLBACK)
    def save(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        typed = values(view["state"]["values"])
        person, new_role = typed.get(views.PERSON), typed.get(views.ROLE)
        try:
            if person and not new_role:
                raise Refused("Choose the role too.", field="role")
            if new_role and not person:
                raise Refused("Choose the person too.", field="person")
            if person:
                meet(runtime, client, person)
            with runtime.db.write() as session:
                viewer = recognise(session, body["user"]["id"])
                if person and new_role:
                    viewer.must("administer")
                    team.change_role(session, person, new_role)
                team.set_phone(session, viewer.user_id, typed.get(views.PHONE) or "")
        except Refused as refusal:
            ack(response_action="errors", errors={views.FIELDS.get(refusal.field or "", views.PHONE): str(refusal)})
            return
        ack()


def _view(runtime: Runtime, viewer: str, first: int = 0, note: str = "") -> dict[str, Any]:
    """The modal as the team stands now."""
    with runtime.db.read() as session:
        person = recognise(session, viewer)
        members = [views.Member(row.user_id, row.name, row.role) for row in rows.members(session)]
        phone = session.get_one(TeamMember, viewer).phone
    page = page_of(members, first)
    return views.view(views.Facts(page, viewer, person.may("administer"), phone, note))


def _update(runtime: Runtime, client: WebClient, body: dict[str, Any], first: int, note: str = "") -> None:
    """Draw the modal again."""
    view = _view(runtime, body["user"]["id"], first, note)
    modals.redraw(client, body, view)
