"""From the database to the modals of `/promo distributions`: the list, and one opened."""

from collections.abc import Mapping
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy.orm import Session

from commands import modals
from commands.distributions import facts, lists, progress
from commands.people import Person
from commands.ui import blocks as ui
from commands.ui import paging
from distribution.runtime import Runtime
from storage import distributions as rows
from storage.tables import Distribution


def listing(runtime: Runtime, session: Session, person: Person, chosen: str = "all", first: int = 0) -> dict[str, Any]:
    """A page of the list; other people's drafts are left out."""
    chosen = chosen if chosen in lists.FILTERS else "all"
    _name, statuses, kind = lists.FILTERS[chosen]
    total = rows.count_for(session, person.user_id, statuses, kind=kind)
    first = min(first, max(0, total - 1) // paging.PAGE * paging.PAGE)
    found = rows.page_for(session, person.user_id, statuses, kind=kind, limit=paging.PAGE, offset=first)
    now = runtime.clock.now()
    lines = [facts.line(session, row, now, redeemed=progress.redeemed(runtime, session, row)) for row in found]
    return lists.listing(paging.Page(lines, first, total), chosen)


def show(
    runtime: Runtime,
    client: WebClient,
    body: Mapping[str, Any],
    person: Person,
    distribution: Distribution,
    *,
    report: bool = False,
) -> None:
    """One distribution in a modal that opens at once: of one that is over every text is counted. As `opened` else."""
    waiting = ui.modal("Distribution", [ui.section("Counting…")], callback_id=lists.LIST, close="Close")
    modals.show_in_time(
        client, body, waiting, lambda: opened(runtime, client, person, distribution, report=report), above=1
    )


def opened(
    runtime: Runtime,
    client: WebClient,
    person: Person,
    distribution: Distribution,
    *,
    back: str = "all",
    report: bool = False,
) -> dict[str, Any]:
    """One distribution in a modal, as it is now. `report`: with its report, though it is not over."""
    link = _link(client, distribution)
    with runtime.db.read() as session:
        now = session.get_one(Distribution, distribution.id)
        live = now.status not in ("draft", "pending")
        show = progress.report if report and now.started_at is not None else progress.shown
        content = show(runtime, session, now).plain if live else []
        about = facts.opened(session, now, person, runtime.clock.now(), link=link)
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
