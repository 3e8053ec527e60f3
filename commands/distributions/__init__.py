"""`/promo distributions`, and the buttons of progress and report."""

import re
from collections.abc import Callable
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy.orm import Session

from commands.distributions import export, facts, lists, progress, views
from commands.people import Person, recognise
from commands.send import beginning
from commands.ui import blocks as ui
from commands.ui import paging
from commands.verbs import Ask, Verb
from distribution import approvals, drafts
from distribution.clock import SystemClock
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.search import nearest
from distribution.sending import control
from storage import distributions as rows
from storage.names import fold
from storage.tables import Distribution


def _run(ask: Ask) -> None:
    """`/promo distributions [subject]`: the list, or the one that is called so (or has this number)."""
    with ask.runtime.db.read() as session:
        found = _named(session, ask.words) if ask.words else None
        view = _listing(session, ask.person) if found is None else {}
    if found is not None:
        view = _opened(ask.runtime, ask.client, ask.person, found)
    ask.client.views_open(trigger_id=ask.trigger_id, view=view)


VERB = Verb("distributions", "[subject]", "What was sent, is being sent, or waits to be", _run)


def register(app: App, runtime: Runtime) -> None:
    """The list, one distribution opened, and the buttons of its message."""
    buttons = Buttons(runtime)
    app.action(views.PAUSE)(buttons.pause)
    app.action(views.RESUME)(buttons.resume)
    app.action(views.STOP)(buttons.stop)
    app.action(views.RETRY)(buttons.retry)
    app.action(views.SETTLE)(buttons.ask_what_became)
    app.view(views.SETTLED)(buttons.settle)
    app.action(views.CSV)(buttons.csv)
    app.action(views.AGAIN)(buttons.again)
    app.action(views.OPEN)(buttons.open)
    app.action(f"{views.OPEN}:link")(lambda ack: ack())
    app.action(re.compile(rf"^{re.escape(lists.TURN)}:(next|previous)$"))(buttons.turn)
    app.action(lists.FILTER)(buttons.filter)
    app.action(lists.BACK)(buttons.back)
    app.action(lists.CONTINUE)(buttons.go_on)
    app.action(lists.DISCARD)(buttons.discard)
    app.action(lists.WITHDRAW)(buttons.withdraw)


class Buttons:
    """The listeners, on one runtime. Every one of them may be pressed twice, late, or by two people at once."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    # While it is sent

    def pause(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Hold it."""
        ack()
        self._do(
            client, body, action, lambda session, who, at: control.pause(session, at, by=who.name, now=self._now())
        )

    def resume(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Go on with it."""
        ack()
        self._do(
            client, body, action, lambda session, who, at: control.resume(session, at, by=who.name, now=self._now())
        )

    def stop(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """End it for good; the button asked already."""
        ack()
        self._do(
            client,
            body,
            action,
            lambda session, who, at: control.stop(session, self.runtime, at, by=who.name, now=self._now()),
        )

    # When it is over

    def retry(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Send again what failed."""
        ack()
        self._do(
            client,
            body,
            action,
            lambda session, who, at: control.retry_failed(session, at, by=who.name, now=self._now()),
        )

    def ask_what_became(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Which way are the unknown ones to be settled?"""
        ack()
        self._person(client, body).must("send")
        with self.runtime.db.read() as session:
            found = facts.report(session, self._one(session, action))
        self._on_top(client, body, views.settle(found.line, found.to_settle))

    def settle(self, ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        """A person has said what became of them."""
        arrived = ui.values(view["state"]["values"]).get(views.SETTLE_BLOCK) == "arrived"
        person = self._person(client, body)
        try:
            person.must("send")
            with self.runtime.db.write() as session:
                settled = control.settle_unknown(
                    session,
                    int(view["private_metadata"]),
                    arrived=arrived,
                    by=person.name,
                    now=self._now(),
                    machine=SystemClock().now(),
                )
        except Refused as refusal:
            ack(response_action="errors", errors={views.SETTLE_BLOCK: str(refusal)})
            return
        if not settled:
            why = "The provider is still being asked about these. Try again in a few minutes."
            ack(response_action="errors", errors={views.SETTLE_BLOCK: why})
            return
        ack()
        progress.refresh(self.runtime, client, clicked=int(view["private_metadata"]))

    def csv(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Every message with its outcome, as a file in the thread."""
        ack()
        person = self._person(client, body)
        with self.runtime.db.read() as session:
            distribution = self._one(session, action)
        export.post(self.runtime, client, distribution, person)

    def again(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """A new draft like this one, opened in the wizard."""
        ack()
        person = self._person(client, body)
        person.must("send")
        with self.runtime.db.write() as session:
            channel = (body.get("channel") or {}).get("id")
            draft = drafts.copy(session, int(action["value"]), by=person.user_id, channel=channel, now=self._now())
            view = beginning.draft_view(self.runtime, session, draft.id, person)
        self._on_top(client, body, view)

    # The list

    def open(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """One of the list."""
        ack()
        person = self._person(client, body)
        chosen = body["view"]["private_metadata"] if body.get("view") else "all"
        with self.runtime.db.read() as session:
            found = self._one(session, action)
        view = _opened(self.runtime, client, person, found, back=chosen)
        if body.get("view"):
            _update(client, body, view)
        else:
            client.views_open(trigger_id=body["trigger_id"], view=view)

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
        person = self._person(client, body)
        with self.runtime.db.write() as session:
            view = beginning.draft_view(self.runtime, session, int(action["value"]), person)
        self._in_place(client, body, view)

    def discard(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Away with a draft; the button asked already."""
        ack()
        person = self._person(client, body)
        with self.runtime.db.write() as session:
            drafts.discard(session, int(action["value"]), by=person.user_id, now=self._now())
        self._list(client, body, "draft")

    def withdraw(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """Back from waiting to a draft, opened in the wizard; the button asked already."""
        ack()
        person = self._person(client, body)
        with self.runtime.db.write() as session:
            draft = approvals.reopen(session, int(action["value"]), by=person.user_id, now=self._now())
            view = beginning.draft_view(self.runtime, session, draft.id, person)
        self._in_place(client, body, view)

    # Tools

    def _do(
        self,
        client: WebClient,
        body: dict[str, Any],
        action: dict[str, Any],
        change: Callable[[Session, Person, int], object],
    ) -> None:
        """Change a distribution and show it, also where it cannot be changed: then what is on show was old."""
        person = self._person(client, body)
        person.must("send")
        try:
            with self.runtime.db.write() as session:
                change(session, person, int(action["value"]))
        finally:
            progress.refresh(self.runtime, client, clicked=int(action["value"]))
        view = body.get("view")
        if view:
            with self.runtime.db.read() as session:
                found = self._one(session, action)
            _update(client, body, _opened(self.runtime, client, person, found))

    def _one(self, session: Session, action: dict[str, Any]) -> Distribution:
        """The distribution that a button is of. Raises `Refused`."""
        found = rows.get(session, int(action["value"]))
        if found is None or found.status == "discarded":
            raise Refused("This distribution does not exist any more.")
        return found

    def _list(self, client: WebClient, body: dict[str, Any], chosen: str, first: int = 0) -> None:
        person = self._person(client, body)
        with self.runtime.db.read() as session:
            view = _listing(session, person, chosen, first)
        _update(client, body, view)

    def _on_top(self, client: WebClient, body: dict[str, Any], view: dict[str, Any]) -> None:
        """Above the modal that was pressed in, or by itself."""
        show = client.views_push if body.get("view") else client.views_open
        show(trigger_id=body["trigger_id"], view=view)

    def _in_place(self, client: WebClient, body: dict[str, Any], view: dict[str, Any]) -> None:
        """In the modal that was pressed in, or by itself."""
        if body.get("view"):
            _update(client, body, view)
        else:
            client.views_open(trigger_id=body["trigger_id"], view=view)

    def _person(self, client: WebClient, body: dict[str, Any]) -> Person:
        with self.runtime.db.read() as session:
            return recognise(session, client, body["user"]["id"])

    def _now(self) -> Any:
        return self.runtime.clock.now()


def _listing(session: Session, person: Person, chosen: str = "all", first: int = 0) -> dict[str, Any]:
    """A page of the list; other people's drafts are left out."""
    chosen = chosen if chosen in lists.FILTERS else "all"
    _name, statuses = lists.FILTERS[chosen]
    total = rows.count_for(session, person.user_id, statuses)
    first = min(first, max(0, total - 1) // paging.PAGE * paging.PAGE)
    found = rows.page_for(session, person.user_id, statuses, limit=paging.PAGE, offset=first)
    lines = [facts.line(session, row) for row in found]
    return lists.listing(paging.Page(lines, first, total), chosen)


def _opened(
    runtime: Runtime, client: WebClient, person: Person, distribution: Distribution, *, back: str = "all"
) -> dict[str, Any]:
    """One distribution in a modal, as it is now."""
    link = _link(client, distribution)
    with runtime.db.read() as session:
        now = session.get_one(Distribution, distribution.id)
        live = now.status not in ("draft", "pending")
        content = progress.shown(runtime, session, now).plain if live else []
        about = facts.opened(session, now, person, link=link)
    return lists.opened(about, content, back=back)


def _link(client: WebClient, distribution: Distribution) -> str:
    """Where its message is, "" when there is none or Slack does not say."""
    if not (distribution.channel and distribution.progress_ts):
        return ""
    try:
        answer = client.chat_getPermalink(channel=distribution.channel, message_ts=distribution.progress_ts)
    except SlackApiError:
        return ""
    return str(answer["permalink"])


def _named(session: Session, words: str) -> Distribution:
    """The newest distribution of that subject, or with that number. Raises `Refused` with the nearest subject."""
    if words.isascii() and words.isdigit():
        found = rows.get(session, int(words))
        if found is not None and found.status != "discarded":
            return found
    known = rows.list_for(session, None, limit=200)
    for row in known:
        if fold(row.subject) == fold(words):
            return row
    near = nearest(words, [row.subject for row in known if row.subject])
    hint = f" Did you mean '{near}'?" if near else " /promo distributions lists them all."
    raise Refused(f"No distribution is called '{words}'.{hint}")


def _update(client: WebClient, body: dict[str, Any], view: dict[str, Any]) -> None:
    """Show a view in the modal that was pressed in, where it is still open."""
    try:
        client.views_update(view_id=body["view"]["id"], view=view)
    except SlackApiError as error:
        if error.response.get("error") not in ("not_found", "view_not_found"):
            raise
