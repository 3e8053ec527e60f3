"""Promo codes one by one: looked up, redeemed, rolled back, revoked, replaced, given."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands import modals
from commands.codes import forms, views
from commands.people import Person, acting
from commands.send.show import all_groups
from commands.send.views.purpose import group_options
from commands.ui import blocks as ui
from commands.ui.choose import matching
from commands.ui.text import code, escape
from commands.verbs import Ask
from distribution.codes import life, redemptions, replacing, spelling
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage.tables import Customer, PromoCodeStock

Data = dict[str, Any]
CODE, WHY, PLACE = views.CODE_BLOCK, forms.WHY_BLOCK, forms.PLACE_BLOCK


def look_up(ask: Ask) -> None:
    """`/promo codes [code]`: its whole life; without one, or with one that is none, asks for it."""
    reader = reader_of(ask.runtime, ask.person)
    view = views.find(reader)
    if ask.words:
        try:
            with ask.runtime.db.read() as session:
                view = views.one(life.life(session, ask.words, reader.now, suggest=True), reader)
        except Refused as refusal:
            view = views.find(reader, ask.words, str(refusal))
    ask.client.views_open(trigger_id=ask.trigger_id, view=view)


def redeem(ask: Ask) -> None:
    """`/promo redeem [code [where]]`: at once where the code is given, since that is all that is asked."""
    typed, _, place = ask.words.partition(" ")
    if not typed:
        ask.client.views_open(trigger_id=ask.trigger_id, view=forms.redeem({}))
        return
    now = ask.runtime.clock.now()
    try:
        with ask.runtime.db.write() as session:
            done = redemptions.redeem(session, typed, place=place.strip(), by=ask.person.user_id, now=now)
    except Refused as refusal:
        _refused(ask, typed, refusal)
        return
    note = f" {escape(done.note)}" if done.note else ""
    blocks = [
        ui.section(
            f"{_redeemed(done, place.strip())}{note}", accessory=ui.button("Open the code", views.OPEN, done.code)
        )
    ]
    ask.tell(text=f"{done.code} is redeemed.", blocks=ui.as_dicts(blocks))


def _refused(ask: Ask, typed: str, refusal: Refused) -> None:
    """Why a code was not redeemed, with a button to it; where there is none, with the one that may have been meant."""
    try:
        with ask.runtime.db.read() as session:
            found = spelling.find(session, typed, suggest=True).code
    except Refused as nearest:
        raise (nearest if refusal.reason == "unknown" else refusal) from None
    opens = ui.button("Open the code", views.OPEN, found)
    blocks = [ui.section(escape(str(refusal)), accessory=opens)]
    ask.tell(text=str(refusal), blocks=ui.as_dicts(blocks))


def replace(ask: Ask) -> None:
    """`/promo replace [code]`: asks why, and says what will happen."""
    if not ask.words:
        ask.client.views_open(trigger_id=ask.trigger_id, view=forms.replace(None, {}))
        return
    with ask.runtime.db.read() as session:
        found = life.life(session, ask.words, ask.runtime.clock.now(), suggest=True)
        view = _replacing(session, found, {"code": found.code})
    ask.client.views_open(trigger_id=ask.trigger_id, view=view)


def reader_of(runtime: Runtime, person: Person) -> views.Reader:
    """The person who looks."""
    return views.Reader(person.time_zone, runtime.clock.now(), person.may("edit"), person.may("codes"))


def register(app: App, runtime: Runtime) -> None:
    """Every button and form but those of the import."""
    desk = Desk(runtime)
    app.action(views.OPEN)(desk.open)
    app.view(views.FIND)(desk.find)
    app.action(views.REDEEM)(desk.ask_redeem)
    app.action(views.ROLL_BACK)(desk.ask_roll_back)
    app.action(views.REVOKE)(desk.ask_revoke)
    app.action(views.REPLACE)(desk.ask_replace)
    app.action(views.GIVE)(desk.ask_give)
    app.options(forms.GROUP)(desk.groups)
    app.view(forms.REDEEMED)(desk.redeem)
    app.view(forms.ROLLED_BACK)(desk.roll_back)
    app.view(forms.REVOKED)(desk.revoke)
    app.view(forms.REPLACED)(desk.replace)
    app.view(forms.GIVEN)(desk.give)


class Desk:
    """The listeners, on one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def open(self, ack: Ack, body: Data, client: WebClient, action: Data) -> None:
        """A code, from any message or modal."""
        ack()
        modals.show(client, body, self._one(acting(self.runtime, body), action["value"]))

    def find(self, ack: Ack, body: Data, view: Data) -> None:
        """The code that was asked for, in place of the question."""
        typed = ui.values(view["state"]["values"])
        reader = reader_of(self.runtime, acting(self.runtime, body))
        try:
            with self.runtime.db.read() as session:
                found = life.life(session, typed[CODE] or "", reader.now, suggest=True)
        except Refused as refusal:
            ack(response_action="errors", errors={CODE: str(refusal)})
            return
        ack(response_action="update", view=views.one(found, reader))

    def ask_redeem(self, ack: Ack, body: Data, client: WebClient, action: Data) -> None:
        """Where it was used."""
        ack()
        acting(self.runtime, body, "edit")
        modals.show(client, body, forms.redeem(_below(body, action["value"])))

    def ask_roll_back(self, ack: Ack, body: Data, client: WebClient, action: Data) -> None:
        """Why the redemption that stands does not count."""
        ack()
        reader = reader_of(self.runtime, acting(self.runtime, body, "edit"))
        with self.runtime.db.read() as session:
            found = life.life(session, action["value"], reader.now)
        if found.redemption is None:  # somebody was quicker: show what is now
            modals.redraw(client, body, views.one(found, reader))
            return
        metadata = {**_below(body, found.code), "redemption": found.redemption.id}
        modals.show(client, body, forms.roll_back(found, reader.when(found.redemption.at), metadata))

    def ask_revoke(self, ack: Ack, body: Data, client: WebClient, action: Data) -> None:
        """Why it is revoked."""
        ack()
        acting(self.runtime, body, "codes")
        with self.runtime.db.read() as session:
            found = life.life(session, action["value"], self.runtime.clock.now())
        modals.show(client, body, forms.revoke(found, _below(body, found.code)))

    def ask_replace(self, ack: Ack, body: Data, client: WebClient, action: Data) -> None:
        """Why it is replaced."""
        ack()
        acting(self.runtime, body, "codes")
        with self.runtime.db.read() as session:
            found = life.life(session, action["value"], self.runtime.clock.now())
            form = _replacing(session, found, _below(body, found.code))
        modals.show(client, body, form)

    def ask_give(self, ack: Ack, body: Data, client: WebClient, action: Data) -> None:
        """To whom, and from which group unless it is a certain code that is given.

        The form has an id, so that two submits of it give one code.
        """
        ack()
        acting(self.runtime, body, "codes")
        request = {"request": uuid.uuid4().hex}
        if text := action.get("value"):
            with self.runtime.db.read() as session:
                found = life.life(session, text, self.runtime.clock.now())
            about = {"id": found.code_id, "group": found.group_id}
            modals.show(client, body, forms.give([], {**_below(body, found.code), **request, **about}, this=found))
            return
        with self.runtime.db.read() as session:
            options = group_options(all_groups(session))
        if not options:
            raise Refused("There is no promo code group yet. Make one with /promo groups.")
        modals.show(client, body, forms.give(options, {**_below(body, ""), **request}))

    def groups(self, ack: Ack, payload: Data) -> None:
        """Groups by what is typed, where there are too many for a plain select."""
        with self.runtime.db.read() as session:
            options = group_options(all_groups(session))
        ack(options=matching(options, payload.get("value") or ""))

    def redeem(self, ack: Ack, body: Data, client: WebClient, view: Data) -> None:
        """The form about a redemption."""
        person = acting(self.runtime, body, "edit")

        def act(session: Session, typed: Data, metadata: Data) -> tuple[str, str]:
            text, place = metadata.get("code") or typed[CODE] or "", typed[PLACE] or ""
            done = redemptions.redeem(session, text, place=place, by=person.user_id, now=self.runtime.clock.now())
            return done.code, f"{_redeemed(done, place)} {escape(done.note)}".strip()

        self._act(ack, body, client, view, person, act)

    def roll_back(self, ack: Ack, body: Data, client: WebClient, view: Data) -> None:
        """The form about a redemption that does not count."""
        person = acting(self.runtime, body, "edit")

        def act(session: Session, typed: Data, metadata: Data) -> tuple[str, str]:
            done = redemptions.roll_back(
                session,
                metadata["code"],
                why=typed[WHY] or "",
                by=person.user_id,
                now=self.runtime.clock.now(),
                redemption_id=int(metadata["redemption"]),
            )
            note = "The redemption does not count any more: the code can be used again."
            return done.code, f"{note} {_still(done.others)}" if done.others else note

        self._act(ack, body, client, view, person, act)

    def revoke(self, ack: Ack, body: Data, client: WebClient, view: Data) -> None:
        """The form about a code that is to be worthless."""
        person = acting(self.runtime, body, "codes")

        def act(session: Session, typed: Data, metadata: Data) -> tuple[str, str]:
            done = replacing.revoke(
                session, metadata["code"], why=typed[WHY] or "", by=person.user_id, now=self.runtime.clock.now()
            )
            return done.code.code, "It was revoked already." if done.again else "It is revoked."

        self._act(ack, body, client, view, person, act)

    def replace(self, ack: Ack, body: Data, client: WebClient, view: Data) -> None:
        """The form about a code that its customer gets another for; shows that one."""
        person = acting(self.runtime, body, "codes")

        def act(session: Session, typed: Data, metadata: Data) -> tuple[str, str]:
            text = metadata.get("code") or typed[CODE] or ""
            done = replacing.replace(
                session, text, why=typed[WHY] or "", by=person.user_id, now=self.runtime.clock.now()
            )
            was = "was replaced already" if done.again else "is revoked"
            return done.new.code, f"{code(done.old.code)} {was}. This is the code in its place; *no text was sent*."

        self._act(ack, body, client, view, person, act)

    def give(self, ack: Ack, body: Data, client: WebClient, view: Data) -> None:
        """The form about a code by hand; shows the code."""
        person = acting(self.runtime, body, "codes")

        def act(session: Session, typed: Data, metadata: Data) -> tuple[str, str]:
            group_id = metadata.get("group") or typed[forms.GROUP_BLOCK]
            if not group_id:
                raise Refused("Choose a group.", field="group")
            if not typed[forms.CUSTOMER_BLOCK]:
                raise Refused("Choose a customer: type the beginning of a name or number.", field="customer")
            done = replacing.give(
                session,
                int(group_id),
                int(typed[forms.CUSTOMER_BLOCK]),
                why=typed[WHY] or "",
                by=person.user_id,
                now=self.runtime.clock.now(),
                request=str(metadata["request"]),
                code_id=metadata.get("id"),
            )
            customer = session.get_one(Customer, done.code.customer_id)
            note = f"This code is {escape(customer.name) or 'the customer'}’s now. *No text was sent*: tell them."
            if done.others:
                note += f" {_still(done.others)}"
            return done.code.code, note

        self._act(ack, body, client, view, person, act)

    def _act(
        self,
        ack: Ack,
        body: Data,
        client: WebClient,
        view: Data,
        person: Person,
        act: Callable[[Session, Data, Data], tuple[str, str]],
    ) -> None:
        """Do what a form asks in one transaction, and show the code that came of it; a refusal goes to its input."""
        typed, metadata = ui.values(view["state"]["values"]), json.loads(view["private_metadata"] or "{}")
        try:
            with self.runtime.db.write() as session:
                text, note = act(session, typed, metadata)
        except Refused as refusal:
            ack(response_action="errors", errors=forms.errors(refusal, view))
            return
        shown = self._one(person, text, note)
        if metadata.get("below"):
            ack()
            modals.refresh(client, metadata["below"], shown)
        else:
            ack(response_action="update", view=shown)

    def _one(self, person: Person, text: str, note: str = "") -> dict[str, Any]:
        reader = reader_of(self.runtime, person)
        with self.runtime.db.read() as session:
            return views.one(life.life(session, text, reader.now), reader, note=note)


def _replacing(session: Session, found: life.Life, metadata: Mapping[str, Any]) -> dict[str, Any]:
    stock = session.get(PromoCodeStock, found.group_id)
    return forms.replace(found, metadata, active=stock.active if stock else 0)


def _still(others: Sequence[str]) -> str:
    """That a customer has other codes of the group besides, the first of them by its name."""
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return f"Their customer can still use {code(others[0])}{more} of this group besides: revoke what should not count."


def _redeemed(done: redemptions.Redeemed, place: str) -> str:
    return f"{code(done.code)} is redeemed{f' at {escape(place)}' if place else ''}."


def _below(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A form's metadata: the code that it is about, and the modal that it will lie on and that is shown anew after it.

    A form that takes the place of the third modal of a stack lies on nothing of its own.
    """
    below = body.get("view") or {}
    lies = below.get("type") == "modal" and modals.depth(below) < 3
    return {"code": text} | ({"below": below["id"]} if lies else {})
