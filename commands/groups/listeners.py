"""Buttons: what they open, and the list that turns its pages in place."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import structlog
from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from commands import modals, uploads
from commands.groups import forms, inputs, show, table, views
from commands.groups.place import FIRST_ORDER, TABLE, Place, Typed, Value
from commands.people import Person, acting, recognise
from commands.send.typing import Typing
from commands.ui.blocks import as_dicts
from distribution.codes import groups
from distribution.codes.export import AT_ONCE, group_csv
from distribution.codes.export import KIND as EXPORT_KIND
from distribution.codes.intake import leftovers_csv
from distribution.codes.listing import line
from distribution.codes.uses import uses
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage.tables import PromoCodeGroup, PromoCodeLot

log = structlog.get_logger(__name__)

Body = dict[str, Any]


def register(app: App, runtime: Runtime) -> None:
    """Every button of a list, of a group and of a form."""
    buttons = Buttons(runtime)
    for action_id, listener in (
        (views.OPEN, buttons.open),
        (views.CREATE, buttons.create),
        (views.ADD, buttons.add),
        (views.EDIT, buttons.edit),
        (views.DELETE, buttons.delete),
        (views.EXPORT, buttons.export),
        (views.LEFTOVERS, buttons.leftovers),
        (views.REFRESH, buttons.refresh),
    ):
        app.action(re.compile(rf"^{re.escape(action_id)}(:\w+)?$"))(_button(listener))
    app.action(views.MORE)(buttons.more)
    app.action(re.compile(rf"^{re.escape(views.TURN)}:.*:(next|previous)$"))(buttons.turn)
    app.action(table.PICK)(buttons.more)
    app.action(views.ORDER)(buttons.sort)
    app.action(inputs.METHOD)(buttons.redraw)
    app.action(inputs.LOOK)(buttons.redraw)
    app.action(inputs.MORE_OPTIONS)(buttons.redraw)
    app.action(inputs.FORMATS)(buttons.typed)


Listener = Callable[[Body, WebClient, str], None]


def _button(listener: Listener) -> Callable[..., None]:
    """A listener that is given what Bolt has, acknowledged at once."""

    def pressed(ack: Ack, body: Body, client: WebClient, action: dict[str, Any]) -> None:
        ack()
        listener(body, client, action.get("value") or "")

    return pressed


class Buttons:
    """The listeners, on one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._typing = Typing()

    def open(self, body: Body, client: WebClient, value: str) -> None:
        """All about a group."""
        place = place_of(body, value)
        with self.runtime.db.read() as session:
            person = recognise(session, body["user"]["id"])
            view = views.detail_view(place, show.detail(self.runtime, session, person, place.group_id or 0))
        modals.show(client, body, view)

    def create(self, body: Body, client: WebClient, value: str) -> None:
        """The form for a new group."""
        acting(self.runtime, body, "edit")
        modals.show(client, body, forms.create_form(replace(place_of(body, value), group_id=None), Typed()))

    def add(self, body: Body, client: WebClient, value: str) -> None:
        """The form that adds codes; "3+98" asks for 98 in group 3."""
        person = acting(self.runtime, body, "edit")
        asked = re.fullmatch(r"(\d+)\+(\d+)", value)
        value, count = asked.groups() if asked else (value, "")
        place = place_of(body, value)
        with self.runtime.db.read() as session:
            group, _ = groups.found(session, place.group_id or 0)
        typed = Typed.of_group(group, person.time_zone, count=count)
        modals.show(client, body, forms.add_form(place, group.name, group.formats, typed))

    def edit(self, body: Body, client: WebClient, value: str) -> None:
        """The form that edits a group."""
        person, place = acting(self.runtime, body, "edit"), place_of(body, value)
        with self.runtime.db.read() as session:
            group, _ = groups.found(session, place.group_id or 0)
            using = uses(session, group)
        modals.show(client, body, forms.edit_form(place, Typed.of_group(group, person.time_zone), views.uses(using)))

    def delete(self, body: Body, client: WebClient, value: str) -> None:
        """The question before a group is deleted, or why it cannot be."""
        acting(self.runtime, body, "edit")
        place = place_of(body, value)
        with self.runtime.db.read() as session:
            group, stock = groups.found(session, place.group_id or 0)
            why_not = groups.why_not_delete(session, group, stock)
            view = views.delete_view(place, line(group, stock), why_not, uses(session, group))
        modals.show(client, body, view)

    def export(self, body: Body, client: WebClient, value: str) -> None:
        """A group's codes as a CSV, to the person alone: each of them is worth money. Many are written by a job."""
        person, group_id = acting(self.runtime, body, "edit"), Value.read(value).group_id
        with self.runtime.db.write() as session:
            group, stock = groups.found(session, group_id)
            content = None
            if stock.total <= AT_ONCE:
                content = group_csv(session, group_id)
            else:
                args = {"group_id": group_id}
                self.runtime.jobs.enqueue(
                    session, EXPORT_KIND, args, by=person.user_id, channel=person.user_id, total=stock.total
                )
        if content is None:
            _tell(client, body, "The CSV is being written. It comes to your direct messages with promobot.")
        else:
            _send_file(client, body, person, f"{_filename(group)}.csv", [content], f"The codes of '{group.name}'")

    def leftovers(self, body: Body, client: WebClient, value: str) -> None:
        """The lines that an addition did not take, as a CSV."""
        person = acting(self.runtime, body, "edit")
        with self.runtime.db.read() as session:
            lot = session.get(PromoCodeLot, int(value))
            if lot is None:
                raise Refused("These lines are not kept any more.")
            group = session.get_one(PromoCodeGroup, lot.group_id)
            title = f"Lines that '{group.name}' did not take"
            kept = uploads.spooled(leftovers_csv(session, lot.id))
        _send_file(client, body, person, f"{_filename(group)}-not-taken.csv", kept, title)

    def more(self, ack: Ack, body: Body, client: WebClient, action: dict[str, Any]) -> None:
        """The row's menu: its options say which button they stand for."""
        ack()
        what, _, value = action["selected_option"]["value"].partition(" ")
        {views.OPEN: self.open, views.EXPORT: self.export, views.DELETE: self.delete}[what](body, client, value)

    def turn(self, ack: Ack, body: Body, client: WebClient, action: dict[str, Any]) -> None:
        """Another page, in place."""
        ack()
        order, _, words = action["action_id"].removeprefix(f"{views.TURN}:").rpartition(":")[0].partition(":")
        place = Place(list_url=body.get("response_url", ""), first=int(action["value"]), words=words, order=order)
        refresh_list(self.runtime, client, place, body["user"]["id"])

    def sort(self, ack: Ack, body: Body, client: WebClient, action: dict[str, Any]) -> None:
        """Another order, or all in one table; from its first page."""
        ack()
        order, _, words = action["selected_option"]["value"].partition(" ")
        place = Place(list_url=body.get("response_url", ""), words=words, order=order)
        refresh_list(self.runtime, client, place, body["user"]["id"])

    def refresh(self, body: Body, client: WebClient, value: str) -> None:
        """The list as it is now, in place."""
        refresh_list(self.runtime, client, place_of(body, value), body["user"]["id"])

    def redraw(self, ack: Ack, body: Body, client: WebClient) -> None:
        """Another way to add codes, look-alikes, more options: other inputs, and what was typed stays."""
        ack()
        more = any(action["action_id"] == inputs.MORE_OPTIONS for action in body.get("actions", ()))
        modals.redraw(client, body, self._redrawn(body["view"], more=more))

    def typed(self, ack: Ack, body: Body, client: WebClient, action: dict[str, Any]) -> None:
        """A character of a format: the example follows it."""
        ack()
        self._typing.answer(client, body["view"], float(action["action_ts"]), lambda: self._redrawn(body["view"]))

    def _redrawn(self, view: Body, *, more: bool = False) -> Body:
        """The same form for what its inputs hold now; with `more`, what is seldom needed too."""
        typed = Typed.read(view)
        place = Place.load(view["private_metadata"]).keeping(typed)
        place = replace(place, more=place.more or more)
        if view["callback_id"] == forms.SAVE_NEW:
            return forms.create_form(place, typed)
        with self.runtime.db.read() as session:
            group, _ = groups.found(session, place.group_id or 0)
            if view["callback_id"] == forms.SAVE_EDIT:
                return forms.edit_form(place, typed, views.uses(uses(session, group)))
        return forms.add_form(place, group.name, group.formats, typed)


def place_of(body: Body, value: str) -> Place:
    """The place that a button leads to. From a modal it takes along the list that the modal was opened from."""
    found = Value.read(value or "0")
    view = body.get("view") or {}
    if view.get("callback_id", "").startswith("groups."):
        below = view["id"] if view["callback_id"] == views.DETAIL else ""
        came = Place.load(view["private_metadata"])
        return Place(found.group_id, came.list_url, came.first, came.words, below, order=came.order)
    # Only our own list says which page it is on; another surface's message is not ours to replace.
    ours = any(action.get("block_id", "").startswith("groups.") for action in body.get("actions", ()))
    list_url = body.get("response_url", "") if ours else ""
    return Place(found.group_id, list_url, found.first, found.words, order=found.order)


def refresh_list(runtime: Runtime, client: WebClient, place: Place, user_id: str, note: str = "") -> None:
    """Bring the list that a modal was opened from up to date, in place, with `note` on top.

    Slack takes that for half an hour; afterwards the list stays as it is.
    """
    if not place.list_url:
        return
    with runtime.db.read() as session:
        person = recognise(session, user_id)
        try:
            text, blocks = show.message(runtime, session, person, place.words, place.first, note, place.order)
        except Refused:  # what was searched is not there any more
            text, blocks = show.message(runtime, session, person, "", 0, note)
    answer = WebhookClient(place.list_url).send(text=text, blocks=as_dicts(blocks), replace_original=True)
    if answer.status_code != 200 and place.order == TABLE:  # a workspace that does not show tables yet
        refresh_list(runtime, client, replace(place, order=FIRST_ORDER), user_id, note)
    elif answer.status_code != 200:
        log.info("list not refreshed", status=answer.status_code, body=answer.body)


def _send_file(client: WebClient, body: Body, person: Person, name: str, lines: Iterable[str], title: str) -> None:
    """Upload a file to the person's direct messages, and say so where they pressed."""
    channel = client.conversations_open(users=person.user_id)["channel"]["id"]
    uploads.send(client, lines, name=name, title=title, channel=channel, comment=f"{title}.")
    _tell(client, body, "The CSV is in your direct messages with promobot.")


def _tell(client: WebClient, body: Body, said: str) -> None:
    """Say something where somebody pressed."""
    if body.get("response_url"):
        WebhookClient(body["response_url"]).send(text=said, response_type="ephemeral", replace_original=False)
    elif body.get("view", {}).get("callback_id") in (views.DETAIL, views.RESULT):
        modals.redraw(client, body, views.with_note(body["view"], said))


def _filename(group: PromoCodeGroup) -> str:
    """A group's name as a file's."""
    return re.sub(r"[^\w%+-]+", "-", group.name).strip("-") or f"group-{group.id}"
