"""Reminders in the wizard: each is written in a modal of its own, on top of step 5."""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from commands import modals
from commands.send import place, show, spans, tags
from commands.send.place import Place
from commands.send.views import merge_tags
from commands.send.views import reminders as views
from commands.send.views.reminders import ReminderStep
from distribution import drafts, suited
from distribution.automatic import reminders as engine
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage.tables import Distribution, PromoCodeGroup

if TYPE_CHECKING:
    from commands.send.listeners import Wizard

FIELDS = {"when": "length"}


class Reminding:
    """The listeners of reminders."""

    def __init__(self, runtime: Runtime, wizard: "Wizard") -> None:
        self.runtime = runtime
        self._wizard = wizard

    def register(self, app: App) -> None:
        """Buttons in step 5, and the modal of one reminder."""
        app.action(views.ADD)(self.opened)
        app.action(re.compile(rf"^{re.escape(views.EDIT)}:\d+$"))(self.opened)
        app.action(re.compile(rf"^{re.escape(views.REMOVE)}:\d+$"))(self.removed)
        app.action(views.KIND)(self.chosen)
        app.action(views.LENGTH)(self.chosen)
        app.action(views.INSERT)(self.inserted)
        app.view(views.ONE)(self.kept)

    def opened(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """The modal of a new reminder, or of one that is there."""
        ack()
        here = self._wizard.keep(client, body, body["view"])
        step = int(action["action_id"].rpartition(":")[2]) if ":" in action["action_id"] else 0
        with self.runtime.db.read() as session:
            draft = drafts.get(session, here.draft or 0, by=body["user"]["id"])
            known = listed(draft)
            facts = _facts(session, draft, step or len(known) + 1, known[step - 1] if step else None)
        metadata = {"wizard": body["view"]["id"], "place": here.dump(), "step": facts.step, "turn": 0}
        modals.show(client, body, views.one(facts, 0, json.dumps(metadata)))

    def removed(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """One reminder less."""
        ack()
        step = int(action["action_id"].rpartition(":")[2])
        here = Place.load(body["view"]["private_metadata"])
        with self.runtime.db.read() as session:
            known = listed(drafts.get(session, here.draft or 0, by=body["user"]["id"]))
        left = [each for number, each in enumerate(known, 1) if number != step]
        here = self._wizard.keep(client, body, body["view"], {"reminders": left})
        self._wizard.update(client, body, here.anew())

    def chosen(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """A choice on which other inputs depend."""
        ack()
        self._redraw(client, body, {})

    def inserted(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """A tag to the end of the text."""
        ack()
        text = merge_tags.inserted(place.typed(body["view"]).get("body"), action["selected_option"]["value"])
        self._redraw(client, body, {"body": text})

    def kept(self, ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        """Keep: the reminder stands in step 5; each refusal at its input."""
        person = self._wizard.person(client, body)
        metadata, typed = json.loads(view["private_metadata"]), place.typed(view)
        here, step = Place.load(metadata["place"]), int(metadata["step"])
        try:
            person.must("send")
            with self.runtime.db.write() as session:
                draft = drafts.locked(session, here.draft or 0, by=person.user_id)
                made = _checked(session, draft, typed, step)
                known = [*listed(draft)[: step - 1], made, *listed(draft)[step:]]
                kept = {**drafts.typed(draft, "message"), "reminders": known}
                drafts.keep_typed(session, draft, "message", kept, now=self.runtime.clock.now())
        except Refused as refusal:
            field = spans.typed_into(FIELDS.get(refusal.field or "", refusal.field or ""), typed)
            block = place.error_block(view, field)
            if block is None:  # the draft is gone: it is told above what was typed
                raise
            ack(response_action="errors", errors={block: str(refusal)})
            return
        ack()
        self._wizard.show_below(client, metadata["wizard"], here.anew(), person)

    def _redraw(self, client: WebClient, body: dict[str, Any], instead: Mapping[str, Any]) -> None:
        """The modal again, with what was typed."""
        view = body["view"]
        metadata = json.loads(view["private_metadata"])
        metadata["turn"] += 1
        typed = {**place.typed(view), **instead}
        with self.runtime.db.read() as session:
            draft = drafts.get(session, Place.load(metadata["place"]).draft or 0, by=body["user"]["id"])
            facts = ReminderStep(
                step=int(metadata["step"]),
                kind=typed.get("kind") or "after",
                length=str(typed.get("length") or "1440"),
                length_other=str(typed.get("length_other") or ""),
                body=str(typed.get("body") or ""),
                may_expire=draft.purpose == "unique_codes",
                tags=show.offered(session, draft),
            )
        modals.redraw(client, body, views.one(facts, metadata["turn"], json.dumps(metadata)))


def listed(draft: Distribution) -> list[dict[str, Any]]:
    """A draft's reminders as they stand in step 5, accepted or not."""
    found: list[dict[str, Any]] = list(drafts.typed(draft, "message").get("reminders", draft.reminders))
    return found


def _facts(session: Session, draft: Distribution, step: int, known: Mapping[str, Any] | None) -> ReminderStep:
    """What the modal shows of a reminder; of a new one, something to begin with."""
    group = session.get(PromoCodeGroup, draft.group_id) if draft.group_id else None
    before = (known or {}).get("before_expiry")
    length = before or (known or {}).get("after") or (2880 if step == 1 else 2880 * step)
    return ReminderStep(
        step=step,
        kind="before_expiry" if before else "after",
        length=str(length),
        body=known["body"] if known else tags.first_reminder(group.name if group else None),
        may_expire=draft.purpose == "unique_codes",
        tags=show.offered(session, draft),
    )


def _checked(session: Session, draft: Distribution, typed: Mapping[str, Any], step: int) -> dict[str, Any]:
    """A reminder as it was typed. Raises `Refused`, field "length_other", "when" or "body"."""
    minutes = spans.minutes(typed.get("length"), typed.get("length_other"), "length_other")
    key = "before_expiry" if typed.get("kind") == "before_expiry" else "after"
    try:
        (one,) = engine.parse([{key: minutes, "body": str(typed.get("body") or "")}])
    except Refused as refusal:
        field = (refusal.field or "").rpartition(".")[2]
        raise Refused(str(refusal).replace("Reminder 1", f"Reminder {step}", 1), field=field) from None
    return engine.to_json([suited.reminder(session, draft, one)])[0]
