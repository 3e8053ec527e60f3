"""Cards that tell of low stock: one each time that a group runs low, edited when it was topped up or is low no longer.

Called every two seconds by the process that has Slack. What a card shows is written down after Slack has taken it
(`promo_code_group.low_shown`), so a restart repeats at most one call.
"""

from dataclasses import dataclass

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy import select
from sqlalchemy.orm import Session

from commands import posting
from commands.groups import card_views
from commands.ui.blocks import as_dicts
from distribution import settings
from distribution.codes import low_stock
from distribution.codes.low_stock import LowStock, Shown
from distribution.runtime import Runtime
from storage import groups
from storage.tables import TeamMember

log = structlog.get_logger(__name__)

# Calls wait while Slack asks us to; where nobody takes the card, it is tried again every minute.
_calls = posting.Pace(every=0.0)
_retries = posting.Pace(every=60.0)


@dataclass(frozen=True)
class _Due:
    """A card to post or edit."""

    facts: LowStock
    shown: Shown | None
    channel: str | None
    person: str
    time_zone: str


def refresh(runtime: Runtime, client: WebClient) -> None:
    """Post or edit every card that does not show what the database says."""
    now = runtime.clock.now()
    with runtime.db.read() as session:
        due = [
            _due(session, low_stock.facts(session, group, stock, now), Shown.load(group.low_shown))
            for group, stock in low_stock.to_show(session)
        ]
    for each in due:
        try:
            _show(runtime, client, each)
        except posting.Busy:
            return
        except SlackApiError as error:
            log.error("low stock not told", group=each.facts.group_id, why=error.response.get("error"))


def _due(session: Session, facts: LowStock, shown: Shown | None) -> _Due:
    """Where a group's card goes: the channel of the setting, the approvals channel, or a person."""
    channel = settings.get(session, "low_stock.channel") or settings.get(session, "approvals.channel") or None
    person = session.get(TeamMember, facts.created_by)
    admin = select(TeamMember.user_id).where(TeamMember.role == "admin").order_by(TeamMember.user_id).limit(1)
    whom = person.user_id if person else session.scalar(admin) or facts.created_by
    return _Due(facts, shown, channel, whom, settings.get(session, "time_zone"))


def _show(runtime: Runtime, client: WebClient, due: _Due) -> None:
    """Bring one card up to date."""
    facts, shown = due.facts, due.shown
    since = facts.since.isoformat() if facts.since else ""
    if shown is not None and shown.since != since:
        shown = None  # it rose and fell again between two looks: that is another card
    mark = card_views.mark(facts)
    if shown is not None and shown.mark == mark:
        return
    posted = shown is not None and shown.ts != ""
    if not posted and not _retries.may(f"{facts.group_id} {since}"):
        return
    text, blocks = card_views.card(facts, due.time_zone, now=runtime.clock.now())
    if shown is not None and posted:
        channel, ts = _edit(client, shown, text, blocks)
    else:
        channel, ts = _post(client, due, since, text, blocks)
    kept = Shown(since, channel, ts, mark).dump() if facts.low else None
    with runtime.db.write() as session:
        groups.note_low_shown(session, facts.group_id, kept)


def _post(client: WebClient, due: _Due, since: str, text: str, blocks: posting.Blocks) -> tuple[str, str]:
    """A new card; returns where it is. Raises `SlackApiError` where nobody takes it."""
    try:
        answer: tuple[str, str] = _calls.call(
            "card", lambda: posting.post(client, due.channel, due.person, text, blocks)
        )
    except SlackApiError:
        _retries.once(f"{due.facts.group_id} {since}")
        raise
    return answer


def _edit(client: WebClient, shown: Shown, text: str, blocks: posting.Blocks) -> tuple[str, str]:
    """The card as it stands; one that somebody deleted stays deleted."""
    try:
        _calls.call(
            "card",
            lambda: client.chat_update(channel=shown.channel, ts=shown.ts, text=text, blocks=as_dicts(blocks)),
        )
    except SlackApiError as error:
        if error.response.get("error") not in posting.GONE:
            raise
    return shown.channel, shown.ts
