"""Cards in the approvals channel, kept as the database says; requesters hear what was decided.

`refresh` is called every few seconds by the process that has Slack, and right after a click. A card is posted once and
edited in place; what it shows is written down after Slack has taken it, so a restart repeats at most one call.
"""

import contextlib
import threading

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from commands import posting
from commands.approvals import facts, views
from commands.approvals.views import Card
from commands.ui.blocks import as_dicts, section
from commands.ui.text import escape, is_person
from distribution import settings
from distribution.runtime import Runtime
from storage import approvals as rows
from storage.tables import Approval, Distribution

log = structlog.get_logger(__name__)

# One at a time in this process: a click and the clock may want to show the same decision.
_showing = threading.Lock()

# Calls wait while Slack asks us to; a channel that is closed to us is tried again once a minute.
_calls = posting.Pace(every=0.0)
_retries = posting.Pace(every=60.0)


def refresh(runtime: Runtime, client: WebClient) -> None:
    """Post, edit and tell whatever is not shown yet."""
    with _showing:
        with runtime.db.read() as session:
            waiting = [approval.id for approval in rows.to_show(session)]
        for approval_id in waiting:
            try:
                _show(runtime, client, approval_id)
            except posting.Busy:
                return
            except SlackApiError as error:
                log.error("approval not shown", approval=approval_id, why=error.response.get("error"))


def _show(runtime: Runtime, client: WebClient, approval_id: int) -> None:
    """Bring one card up to date."""
    with runtime.db.read() as session:
        approval = rows.get(session, approval_id)
        if approval is None or approval.shown == approval.state:
            return
        card = facts.card(session, approval)
        if approval.shown == card.shows:
            return
        channel = settings.get(session, "approvals.channel") or approval.channel
        asked_in = session.get_one(Distribution, approval.distribution_id).channel
    if approval.card_ts is None and card.state == "pending":
        _post(runtime, client, approval, card, channel)
        return
    if approval.card_ts and approval.channel:
        _edit(client, approval.channel, approval.card_ts, card)
    told = (approval.shown or "").startswith(card.state)
    # What was approved and came back all the same says why where it was asked for, in a message of its own.
    if card.state != "pending" and not told and not (card.state == "void" and card.decided_by):
        text = views.told(card)
        with contextlib.suppress(posting.Nobody):  # the system that asked looks at its distribution
            _calls.call(
                "told", lambda: posting.post(client, asked_in, card.requested_by, text, views.told_blocks(card))
            )
    _shown(runtime, approval_id, card.shows)


def _post(runtime: Runtime, client: WebClient, approval: Approval, card: Card, channel: str | None) -> None:
    """The card for the first time; where the channel does not take it, its requester is told what to do."""
    if not channel:
        if approval.shown is None:
            _tell_unposted(client, card, "There is no approvals channel: an admin sets one with `/promo settings`.")
            _shown(runtime, approval.id, "unposted")
        return
    if approval.shown == "unposted" and not _retries.once(f"{approval.id} {approval.requested_at}"):
        return
    try:
        answer = _calls.call(
            "card",
            lambda: client.chat_postMessage(
                channel=channel, text=views.fallback(card), blocks=as_dicts(views.card(card))
            ),
        )
    except SlackApiError as error:
        if error.response.get("error") not in posting.CLOSED:
            raise
        log.warning("approval card not posted", channel=channel, why=error.response.get("error"))
        if approval.shown is None:
            _tell_unposted(client, card, f"promobot cannot post in <#{channel}>: type `/invite @promobot` there.")
            _shown(runtime, approval.id, "unposted")
        return
    _shown(runtime, approval.id, "pending", channel=str(answer["channel"]), card_ts=str(answer["ts"]))


def _tell_unposted(client: WebClient, card: Card, why: str) -> None:
    text = (
        f"The approval request for *{escape(card.subject)}* could not be posted. {why} "
        "It waits meanwhile, and approvers find it with `/promo approvals`."
    )
    if is_person(card.requested_by):
        client.chat_postMessage(channel=card.requested_by, text=text, blocks=as_dicts([section(text)]))


def _edit(client: WebClient, channel: str, ts: str, card: Card) -> None:
    """The card as it stands; one that somebody deleted stays deleted."""
    try:
        blocks = as_dicts(views.card(card))
        _calls.call(
            "card", lambda: client.chat_update(channel=channel, ts=ts, text=views.fallback(card), blocks=blocks)
        )
    except SlackApiError as error:
        if error.response.get("error") not in posting.GONE:
            raise


def _shown(runtime: Runtime, approval_id: int, state: str, **more: str) -> None:
    """Write down what is on show."""
    with runtime.db.write() as session:
        approval = rows.get(session, approval_id)
        if approval is not None:
            approval.shown = state
            for name, value in more.items():
                setattr(approval, name, value)
