"""The buttons of progress, report and list."""

import re
from collections.abc import Callable
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands import modals
from commands.distributions import (
    export,
    facts,
    lists,
    live_listeners,
    live_views,
    owners,
    progress,
    settling,
    shown,
    views,
)
from commands.people import Person, acting
from commands.send import beginning
from commands.ui.blocks import as_dicts
from distribution import approvals, drafts
from distribution.automatic import live
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.sending import control
from storage import distributions as rows
from storage.tables import Distribution


def register(app: App, runtime: Runtime) -> None:
    """The list, one distribution opened, and the buttons of its message."""
    buttons = Buttons(runtime)
    app.action(views.CALL_BACK)(buttons.call_back)
    app.action(views.PAUSE)(buttons.pause)
    app.action(views.RESUME)(buttons.resume)
    app.action(views.STOP)(buttons.stop)
    app.action(views.RETRY)(buttons.retry)
    settling.register(app, runtime)
    live_listeners.register(app, runtime, buttons)
    app.action(views.CSV)(buttons.csv)
    app.action(views.AGAIN)(buttons.again)
    app.action(re.compile(rf"^{re.escape(views.OPEN)}(:repeating|:copy)?$"))(buttons.open)
    app.action(f"{views.OPEN}:link")(lambda ack: ack())
    app.action(re.compile(rf"^{re.escape(lists.TURN)}:(next|previous)$"))(buttons.turn)
    app.action(lists.FILTER)(buttons.filter)
    app.action(lists.BACK)(buttons.back)
    app.action(views.CONTINUE)(buttons.go_on)
    app.action(lists.DISCARD)(buttons.discard)
    app.action(lists.WITHDRAW)(buttons.withdraw)


class Buttons:
    """The listeners, on one runtime. Every one of them may be pressed twice, late, or by two people at once."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    # While it is sent

    def call_back(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Take it back before anything leaves; a moment too late, say what has left, and offer to stop the rest."""
        ack()
        try:
            self.do(
                client,
                body,
                action,
                lambda session, who, at: control.call_back(session, self.runtime, at, by=who.name, now=self._now()),
            )
        except Refused as refusal:
            channel = (body.get("channel") or {}).get("id")
            if refusal.reason != "left" or channel is None:  # in a modal it is shown anew, with Stop
                raise
            with self.runtime.db.read() as session:
                blocks = as_dicts(views.too_late(str(refusal), self._line(session, action)))
            user = body["user"]["id"]
            client.chat_postEphemeral(channel=channel, user=user, text=str(refusal), blocks=blocks)

    def pause(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Hold it."""
        ack()
        self.do(client, body, action, lambda session, who, at: control.pause(session, at, by=who.name, now=self._now()))

    def resume(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Go on with it."""
        ack()
        self.do(
            client,
            body,
            action,
            lambda session, who, at: control.resume(
                session, self.runtime, owners.own(session, at, who, "resume it"), by=who.name, now=self._now()
            ),
        )

    def stop(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """End it for good; the button asked already."""
        ack()
        self.do(
            client,
            body,
            action,
            lambda session, who, at: control.stop(
                session, self.runtime, owners.own(session, at, who, "stop it"), by=who.name, now=self._now()
            ),
        )

    # When it is over, or live

    def retry(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Send again what failed. The button knows the batches that there were when it was drawn."""
        ack()
        distribution_id, _, known = action["value"].partition(":")
        self.do(
            client,
            body,
            {**action, "value": distribution_id},
            lambda session, who, at: control.retry_failed(
                session,
                owners.own(session, at, who, "send its texts again"),
                by=who.name,
                now=self._now(),
                known=int(known) if known else None,
            ),
        )

    def csv(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Every message with its outcome, as a file in the thread."""
        ack()
        person = acting(self.runtime, body)
        with self.runtime.db.read() as session:
            distribution = self.one(session, action)
        export.post(self.runtime, client, distribution, person)

    def again(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """A new draft like this one, opened in the wizard."""
        ack()
        person = acting(self.runtime, body)
        person.must("send")
        with self.runtime.db.write() as session:
            channel = (body.get("channel") or {}).get("id")
            edits = live.edited_again(session, int(action["value"]), self._now())
            if edits is not None:
                owners.own(session, edits, person, "edit it")
            draft = live.again(session, int(action["value"]), by=person.user_id, channel=channel, now=self._now())
            note = live_views.EDITED if draft.replaces_id else ""
            view = beginning.draft_view(self.runtime, session, draft.id, person, note=note)
        modals.show(client, body, view, above=1)

    # The list

    def open(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """One of the list."""
        ack()
        person = acting(self.runtime, body)
        chosen = body["view"]["private_metadata"]
        with self.runtime.db.read() as session:
            found = self.one(session, action)
        modals.redraw(client, body, shown.opened(self.runtime, client, person, found, back=chosen))

    def turn(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Another page."""
        ack()
        self._list(client, body, body["view"]["private_metadata"], int(action["value"]))

    def filter(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Other statuses."""
        ack()
        self._list(client, body, action["selected_option"]["value"])

    def back(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """From one to the list."""
        ack()
        self._list(client, body, action["value"])

    def go_on(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """On with a draft, in the wizard."""
        ack()
        person = acting(self.runtime, body)
        with self.runtime.db.write() as session:
            view = beginning.draft_view(self.runtime, session, int(action["value"]), person)
        self._in_place(client, body, view)

    def discard(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Away with a draft; the button asked already."""
        ack()
        person = acting(self.runtime, body)
        with self.runtime.db.write() as session:
            drafts.discard(session, int(action["value"]), by=person.user_id, now=self._now())
        self._list(client, body, "draft")

    def withdraw(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Back from waiting to a draft, opened in the wizard; the button asked already."""
        ack()
        person = acting(self.runtime, body)
        with self.runtime.db.write() as session:
            draft = approvals.reopen(session, int(action["value"]), by=person.user_id, now=self._now())
            view = beginning.draft_view(self.runtime, session, draft.id, person)
        self._in_place(client, body, view)

    # Tools

    def do(
        self,
        client: WebClient,
        body: dict[str, Any],
        action: dict[str, Any],
        change: Callable[[Session, Person, int], object],
    ) -> None:
        """Change a distribution and show it, also where it cannot be changed: then what is on show was old."""
        person = acting(self.runtime, body)
        person.must("send")
        try:
            with self.runtime.db.write() as session:
                change(session, person, int(action["value"]))
        finally:
            progress.refresh(self.runtime, client, clicked=int(action["value"]))
            if body.get("view"):
                with self.runtime.db.read() as session:
                    found = self.one(session, action)
                modals.redraw(client, body, shown.opened(self.runtime, client, person, found))

    def one(self, session: Session, action: dict[str, Any]) -> Distribution:
        """The distribution that a button is of. Raises `Refused`."""
        found = rows.get(session, int(action["value"]))
        if found is None or found.status == "discarded":
            raise Refused("This distribution does not exist any more.")
        return found

    def _line(self, session: Session, action: dict[str, Any]) -> views.Line:
        return facts.line(session, self.one(session, action), self._now())

    def _list(self, client: WebClient, body: dict[str, Any], chosen: str, first: int = 0) -> None:
        person = acting(self.runtime, body)
        with self.runtime.db.read() as session:
            view = shown.listing(self.runtime, session, person, chosen, first)
        modals.redraw(client, body, view)

    def _in_place(self, client: WebClient, body: dict[str, Any], view: dict[str, Any]) -> None:
        """In the modal that was pressed in, or by itself."""
        if body.get("view"):
            modals.redraw(client, body, view)
        else:
            client.views_open(trigger_id=body["trigger_id"], view=view)

    def _now(self) -> Any:
        return self.runtime.clock.now()
