"""Cards about texts that wait: posted once, kept true, edited a last time when what they tell of is over.

Called every two seconds by the process that has Slack. What a card shows is written down after Slack has taken it
(table `notice`), so a restart repeats at most one call; a card that is over is forgotten, and the next is another one.
"""

import hashlib
import json
import threading

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block
from sqlalchemy.orm import Session

from commands import posting
from commands.automatic import facts, views
from commands.ui.blocks import as_dicts
from distribution.runtime import Runtime
from storage import notices
from storage.notices import DRY, LATE, Key
from storage.tables import Distribution, Notice

log = structlog.get_logger(__name__)

# One at a time in this process: a click and the clock may want to show the same change.
_showing = threading.Lock()

# A card whose numbers rise is edited every few seconds; one that nobody takes is tried again once a minute.
_calls = posting.Pace()
_retries = posting.Pace(every=60.0)


def refresh(runtime: Runtime, client: WebClient, *, clicked: Key | None = None) -> None:
    """Post or edit every card that does not show what the database says. Raises nothing of Slack's.

    `clicked`: the one whose button was just pressed: it is edited at once.
    """
    with _showing:
        with runtime.db.read() as session:
            wanted = notices.wanted(session)
        for key in wanted:
            name = _name(runtime, key)
            if key == clicked:
                _calls.forget(name)
            if not _calls.may(name) or not _retries.may(name):
                continue
            try:
                _show(runtime, client, key)
            except posting.Busy:
                continue
            except posting.Nobody:
                _retries.once(name)
            except SlackApiError as error:
                _retries.once(name)
                log.error("a notice is not shown", notice=key, why=error.response.get("error"))


def _name(runtime: Runtime, key: Key) -> str:
    """A card's name in the pace of calls: each database has its own distributions."""
    return f"{runtime.db.engine.url.database} {key[0]} {key[1]}"


def _show(runtime: Runtime, client: WebClient, key: Key) -> None:
    """Bring one card up to date."""
    with runtime.db.read() as session:
        notice = notices.get(session, key)
        row = session.get_one(Distribution, key[0])
        text, blocks, over = _content(runtime, session, row, key[1], notice)
    digest = _digest(text, blocks)
    if notice is None or notice.shown != digest:
        channel, ts = _put(runtime, client, key, row, notice, text, blocks)
        with runtime.db.write() as session:
            notices.shown(session, key, channel=channel, ts=ts, shown=digest)
    if over:
        with runtime.db.write() as session:
            notices.forget(session, key)


def _content(
    runtime: Runtime, session: Session, row: Distribution, kind: str, notice: Notice | None
) -> tuple[str, list[Block], bool]:
    """What a card says now, and whether that is the last of it."""
    if notice is not None and notice.settled is not None:
        return *views.over(row.subject, notice.settled), True
    if kind == LATE:
        late = facts.late(session, row)
        return (*views.late(late), False) if late else (*views.over(row.subject, facts.no_longer_late(row)), True)
    dry = facts.dry(session, row, runtime.clock.now()) if kind == DRY else None
    return (*views.dry(dry), False) if dry else (*views.over(row.subject, facts.no_longer_dry(session, row)), True)


def _digest(text: str, blocks: list[Block]) -> str:
    """Of everything that a card says."""
    content = json.dumps([text, as_dicts(blocks)], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _put(
    runtime: Runtime,
    client: WebClient,
    key: Key,
    row: Distribution,
    notice: Notice | None,
    text: str,
    blocks: list[Block],
) -> tuple[str, str]:
    """Edit the card, or post it where there is none; returns where it is. One that somebody deleted stays deleted."""
    name = _name(runtime, key)
    if notice is None or not notice.ts:
        answer: tuple[str, str] = _calls.call(
            name, lambda: posting.post(client, row.channel or None, row.created_by, text, blocks)
        )
        return answer
    where, ts = notice.channel, notice.ts
    try:
        _calls.call(name, lambda: client.chat_update(channel=where, ts=ts, text=text, blocks=as_dicts(blocks)))
    except SlackApiError as error:
        if error.response.get("error") not in posting.GONE:
            raise
    return where, ts
