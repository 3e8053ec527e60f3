"""The review step: it counts, mends what can be mended from here, and lets go."""

import re
import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from commands import later, modals
from commands.people import Person
from commands.send import mending, review_facts, words
from commands.send.place import NUMBERS, PURPOSE, Place
from commands.send.views import others, review
from commands.ui.text import count, escape
from distribution import approvals, drafts, providers, reasons, settings
from distribution import review as reviews
from distribution.codes import generate
from distribution.customers import phone
from distribution.errors import Refused
from distribution.findings import Review, Running
from distribution.runtime import Runtime
from storage import distributions
from storage.tables import Distribution, TeamMember

if TYPE_CHECKING:
    from commands.send.listeners import Wizard


# A modal that counts is looked after this often, in seconds, and so many times at most.
EVERY, WATCHED = 1.0, 900


class Reviewing:
    """The listeners of the review, and the modals that wait for a long one.

    Those are remembered in this process only: it is the one that Slack sends the modal's actions to. After a restart
    the modal's own button counts anew.
    """

    def __init__(self, runtime: Runtime, wizard: "Wizard") -> None:
        self.runtime = runtime
        self._wizard = wizard
        self._waiting: dict[str, Place] = {}

    def register(self, app: App) -> None:
        """Everything that can be pressed in a review."""
        app.action(review.SAMPLE)(self.next_sample)
        app.action(review.JUMP)(self.jumped)
        app.action(review.AGAIN)(self.again)
        app.action(review.LEFT_OUT)(self.left_out)
        app.action(review.REPLACE)(self.replaced)
        app.action(review.TEST)(self.asked_for_test)
        app.view(others.TEST_NUMBER)(self.test_sent)
        app.action(re.compile(rf"^{re.escape(review.GENERATE)}:\d+$"))(self.generated)
        app.action(re.compile(rf"^{re.escape(review.OTHER_GROUP)}:\d+$"))(self.other_group)

    # Showing

    def show(
        self,
        client: WebClient,
        at: Place,
        person: Person,
        view_id: str,
        *,
        again: bool = False,
        note: str = "",
        tested: str = "",
    ) -> dict[str, Any]:
        """The review's modal, counted now where that is quick; else "Counting…", and it is replaced when done.

        `note`: a word on what was just done, `tested`: on a test that was sent, in mrkdwn. A draft that lacks something
        shows the step where it lacks it instead.
        """
        by, draft_id = person.user_id, at.draft or 0
        with self.runtime.db.read() as session:
            looked = reviews.look(session, self.runtime, draft_id, by=by, again=again)
        with self.runtime.db.write() as session:
            draft = drafts.locked(session, draft_id, by=by)
            lacking = drafts.missing(session, draft, now=self.runtime.clock.now())
            if not lacking:
                found = reviews.review(session, self.runtime, draft_id, by=by, again=again, looked=looked)
                if isinstance(found, Running):
                    self._wait(client, view_id, at, person)
                    return review.counting(at, draft.subject, found)
                self.leave(view_id)
                return review.view(at, review_facts.facts(session, draft, found), note=note, tested=tested)
        return self._wizard.drawn(at.at(NUMBERS[lacking[0].step]), person, note=f"⚠ {escape(lacking[0].text)}")

    def _watch(self, client: WebClient, view_id: str, place: Place, person: Person) -> None:
        """Move on a modal that says "Counting…" until its review is there, it is closed, or it shows something else."""
        shown = -1
        for _ in range(WATCHED):
            time.sleep(EVERY)  # first of all: the modal must say "Counting…" before it is replaced
            if self._waiting.get(view_id) != place:
                return
            with self.runtime.db.read() as session:
                draft = session.get(Distribution, place.draft)
                found = reviews.latest(session, draft) if draft else None
            try:
                if draft is None or found is None:
                    modals.refresh(client, view_id, review.not_counted(place))
                    return
                if isinstance(found, Review):
                    self._put(client, view_id, place, person)
                    return
                if found.done != shown:
                    modals.refresh(client, view_id, review.counting(place, draft.subject, found))
                    shown = found.done
            except Refused:
                return  # sent, changed or discarded meanwhile, in another window
            except SlackApiError as error:
                if error.response.get("error") != "ratelimited":
                    raise

    def leave(self, view_id: str) -> None:
        """A modal moves to another step, or is closed: it waits for nothing any more."""
        self._waiting.pop(view_id, None)

    # Going

    def submitted(self, client: WebClient, view: dict[str, Any], here: Place, person: Person) -> later.Answer:
        """Send, Schedule or Request approval; where it cannot go on, the review again, counted anew, with why."""
        try:
            with self.runtime.db.write() as session:
                person.must("send")
                done = approvals.submit(session, self.runtime, here.draft or 0, by=person.user_id)
                draft = session.get_one(Distribution, here.draft)
        except Refused as refusal:
            note = f"⚠ {escape(str(refusal))}"
            return later.update(self.show(client, here.anew(), person, view["id"], again=True, note=note))
        told = partial(self._told, client, draft, done.status, person)
        return later.Answer({"response_action": "clear"}, review.gone_on, told)

    def _told(self, client: WebClient, draft: Distribution, status: str, person: Person) -> None:
        """Say to the sender alone what happens next; the channel hears when it starts."""
        subject = f"*{escape(draft.subject)}*"
        if status in ("blocking", "sending"):
            return  # its progress, or its card, is in the channel in a second or two
        if status == "pending":
            with self.runtime.db.read() as session:
                channel = settings.get(session, "approvals.channel")
            where = f"in <#{channel}>" if channel else "here: there is no approvals channel yet"
            text = f"{subject} waits for approval {where}. You are told here when somebody decides."
        else:
            with self.runtime.db.read() as session:
                text = f"{subject} is scheduled: it goes out {words.goes_out(session, draft)}."
        if draft.channel:
            try:
                client.chat_postEphemeral(channel=draft.channel, user=person.user_id, text=text)
                return
            except SlackApiError:
                pass  # a channel that we are not in: tell them directly
        client.chat_postMessage(channel=person.user_id, text=text)

    # Looking

    def next_sample(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """Another customer's text."""
        ack()
        here = Place.load(body["view"]["private_metadata"])
        self._update(client, body, replace(here, sample=here.sample + 1))

    def left_out(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """Who gets nothing, and why, on top."""
        ack()
        here = Place.load(body["view"]["private_metadata"])

        def found() -> dict[str, Any]:
            with self.runtime.db.read() as session:
                draft = distributions.get(session, here.draft or 0)
                people, total = reviews.left_out(session, draft, self.runtime.clock.now()) if draft else ([], 0)
            rows = [(each.name or "–", each.phone or "–", reasons.words(reason)) for each, reason in people]
            return others.left_out(rows, total)

        modals.show_in_time(client, body, others.looking(), found)

    def again(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """Count anew, or look whether the count is done."""
        ack()
        self._update(client, body, Place.load(body["view"]["private_metadata"]))

    # Mending

    def jumped(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """To any step."""
        ack()
        self.leave(body["view"]["id"])
        here = Place.load(body["view"]["private_metadata"])
        self._wizard.update(client, body, here.at(int(action["selected_option"]["value"])))

    def other_group(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """To the step where the group is chosen."""
        ack()
        self._wizard.update(client, body, Place.load(body["view"]["private_metadata"]).at(PURPOSE))

    def generated(self, ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        """As many codes as are missing."""
        ack()
        here = Place.load(body["view"]["private_metadata"])
        person = self._wizard.person(client, body)
        person.must("edit")
        group_id, missing = (int(part) for part in action["value"].split(":"))
        with self.runtime.db.write() as session:
            draft = drafts.locked(session, here.draft or 0, by=person.user_id)
            added = generate.generate(
                self.runtime.jobs,
                session,
                group_id,
                missing,
                by=person.user_id,
                now=self.runtime.clock.now(),
                channel=draft.channel or person.user_id,
            )
        if added.job_id is None:
            note = f"{count(added.inserted, 'code')} added to “{escape(added.group)}”."
        else:
            note = (
                f"{count(missing, 'code')} for “{escape(added.group)}” are being generated, and the channel shows how "
                "far it is. Press *Check again* when it is done."
            )
        self._update(client, body, here, note=note)

    def replaced(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """Characters that make the text Unicode give way to plain ones, outside of tags."""
        ack()
        here = Place.load(body["view"]["private_metadata"])
        now = self.runtime.clock.now()
        with self.runtime.db.write() as session:
            draft = drafts.locked(session, here.draft or 0, by=body["user"]["id"])
            plain = mending.in_gsm(draft.body)
            drafts.set_message(
                session,
                draft,
                provider_id=draft.provider_id,
                body=plain,
                send_at=draft.send_at,
                local_at=draft.local_at,
                repeat=draft.repeat,
                lifetime_minutes=draft.lifetime_minutes,
                reminders=draft.reminders,
                when_dry=draft.when_dry,
                fallback_body=draft.fallback_body,
                now=now,
            )
        self._update(client, body, here, note="Replaced. The text below is as it will be sent.")

    # Testing

    def asked_for_test(self, ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        """Which number is one's own?"""
        ack()
        with self.runtime.db.read() as session:
            member = session.get(TeamMember, body["user"]["id"])
        metadata = f"{body['view']['id']} {body['view']['private_metadata']}"
        view = others.test_number(member.phone if member and member.phone else "", metadata)
        modals.show(client, body, view)

    def test_sent(self, ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        """The sample on screen to one's own number; no promo code is touched."""
        view_id, _, metadata = view["private_metadata"].partition(" ")
        here, person = Place.load(metadata), self._wizard.person(client, body)
        typed = str(view["state"]["values"][others.PHONE_BLOCK][others.PHONE]["value"] or "")
        try:
            with self.runtime.db.write() as session:
                person.must("send")
                number = phone.parse(typed, settings.get(session, "region.default"))
                draft = drafts.locked(session, here.draft or 0, by=person.user_id)
                found = reviews.latest(session, draft)
                sample = found.sample(here.sample) if isinstance(found, Review) else None
                if sample is None or draft.provider_id is None:
                    raise Refused("There is no sample to send. Close this and check the review again.")
                session.get_one(TeamMember, person.user_id).phone = number
        except Refused as refusal:
            ack(response_action="errors", errors={others.PHONE_BLOCK: str(refusal)})
            return
        ack()
        try:
            providers.send_test(self.runtime, draft.provider_id, number, sample.text)
            said = f"✓ A test is on its way to {phone.pretty(number)}. No promo code was used."
        except Refused as refusal:
            said = f"⚠ {escape(str(refusal))}"
        self._put(client, view_id, here, person, tested=said)

    # Tools

    def _update(self, client: WebClient, body: dict[str, Any], at: Place, *, note: str = "") -> None:
        self._put(client, body["view"]["id"], at, self._wizard.person(client, body), note=note)

    def _put(
        self, client: WebClient, view_id: str, at: Place, person: Person, *, note: str = "", tested: str = ""
    ) -> None:
        modals.refresh(client, view_id, self.show(client, at, person, view_id, note=note, tested=tested))

    def _wait(self, client: WebClient, view_id: str, place: Place, person: Person) -> None:
        """Look after a modal that counts, in a thread of its own: a listener's is not to be held for minutes."""
        if self._waiting.get(view_id) != place:
            self._waiting[view_id] = place
            threading.Thread(target=self._watch, args=(client, view_id, place, person), daemon=True).start()
