"""The one message of each distribution in its channel: posted once, edited in place, at the end its report.

The engine never calls Slack; `refresh` looks every few seconds at what is not shown yet. What a message shows is
written down as a hash after Slack has taken it: nothing is edited twice for the same numbers, the last edit is certain,
and a restart can post a message a second time only where it fell between Slack's answer and our commit.
"""

import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy.orm import Session

from commands import posting
from commands.distributions import facts, live_facts, live_views, report_views, views
from commands.ui.blocks import as_dicts
from distribution import report as reports
from distribution.runtime import Runtime
from distribution.sending.status import paused_by_itself
from storage import approvals, notices, planned_counts, redemptions
from storage import distributions as rows
from storage.database import Database
from storage.tables import Distribution

log = structlog.get_logger(__name__)

LIVE = ("scheduled", "blocking", "sending", "paused")
OVER = ("done", "stopped", "refused")
# A message of one of these is of a sending that was taken back: it says so, and is left behind.
BACK = ("draft", "pending", "discarded")

# How long a report follows what comes in after the end: delivery receipts, opt-outs, redemptions.
FOLLOWED = timedelta(days=3)

# Behind the hash of a message whose distribution paused by itself: the channel was told.
TOLD = ", told"

# A report counts rows, so one whose tally stands still is only looked at this often, in seconds (an opt-out, a
# redemption); one whose tally has moved, at once.
LOOK_AGAIN = 60.0

# A live one, of which texts and what is planned are counted, is looked at again once so many times as long has passed
# as that took: counting takes a fiftieth of the time, however much there is.
COUNTING = 50

# A workspace that refused a chart is not offered another for this long, in seconds.
WITHOUT_CHARTS = 3600.0


@dataclass
class Memory:
    """What this process remembers of the messages of one database; losing it costs a few calls."""

    edits: posting.Pace = field(default_factory=posting.Pace)
    reports: posting.Pace = field(default_factory=lambda: posting.Pace(every=LOOK_AGAIN))
    refused: posting.Pace = field(default_factory=lambda: posting.Pace(every=WITHOUT_CHARTS))
    # Up to which redemption reports older than `FOLLOWED` were looked at, and until when (monotonic) to look at which.
    redeemed_to: int | None = None
    late: dict[int, float] = field(default_factory=dict)
    # Of those that are being sent: how many codes were used so far, counted again when one is.
    redeemed: dict[int, int] = field(default_factory=dict)
    # Live ones, and from when on (monotonic) to look at them again.
    counted: dict[int, float] = field(default_factory=dict)
    # One at a time: a click and the clock may want to show the same change.
    showing: threading.Lock = field(default_factory=threading.Lock)


_memories: WeakKeyDictionary[Database, Memory] = WeakKeyDictionary()


@dataclass(frozen=True)
class Shown:
    """What a message should say: its text, its blocks, and the same with the chart as text."""

    text: str
    blocks: list[dict[str, Any]]
    plain: list[dict[str, Any]]

    @property
    def hash(self) -> str:
        """Of everything in it."""
        content = json.dumps([self.text, self.blocks], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()[:32]


def refresh(runtime: Runtime, client: WebClient, *, clicked: int | None = None) -> None:
    """Post or edit the message of every distribution whose numbers changed. Raises nothing of Slack's.

    `clicked`: the one whose button was just pressed: it is edited at once, however short ago it was edited last.
    """
    memory = _memories.setdefault(runtime.db, Memory())
    with memory.showing:
        with runtime.db.read() as session:
            followed = [row.id for row in rows.on_show(session, LIVE, OVER, since=runtime.clock.now() - FOLLOWED)]
            followed += sorted(_late(session, memory).difference(followed))
            followed += rows.left_behind(session, BACK)
        for distribution_id in followed:
            if distribution_id == clicked:
                memory.edits.forget(str(distribution_id))
                memory.counted.pop(distribution_id, None)
            if not memory.edits.may(str(distribution_id)) or time.monotonic() < memory.counted.get(distribution_id, 0):
                continue
            try:
                _show(runtime, client, memory, distribution_id)
            except (posting.Busy, posting.Nobody):
                continue
            except SlackApiError as error:
                log.error("progress not shown", distribution=distribution_id, why=error.response.get("error"))


def _late(session: Session, memory: Memory) -> set[int]:
    """Distributions over for long whose codes were redeemed just now: their reports say so within a minute or two."""
    if memory.redeemed_to is None:
        memory.redeemed_to = redemptions.latest_id(session)
    memory.redeemed_to, news = redemptions.distributions_after(session, memory.redeemed_to)
    now = time.monotonic()
    memory.late = {key: until for key, until in memory.late.items() if until > now}
    memory.late |= dict.fromkeys(news, now + 2 * LOOK_AGAIN)
    memory.redeemed = {key: n for key, n in memory.redeemed.items() if key not in news}
    return set(memory.late)


def shown(runtime: Runtime, session: Session, distribution: Distribution) -> Shown:
    """What the message of a distribution should say now."""
    now = runtime.clock.now()
    if distribution.status in BACK:
        line = facts.taken_back(session, distribution, now)
        blocks = as_dicts(views.taken_back(line))
        return Shown(views.in_a_line(line), blocks, blocks)
    line = facts.line(session, distribution, now, redeemed=redeemed(runtime, session, distribution))
    if distribution.status in LIVE and line.automatic:
        about = live_facts.live(session, distribution, line, planned_counts.of(session, distribution.id), now)
        blocks = as_dicts(live_views.card(about))
        return Shown(live_views.card_in_a_line(about), blocks, blocks)
    if distribution.status in LIVE:
        blocks = as_dicts(views.progress(line))
        return Shown(views.in_a_line(line), blocks, blocks)
    if line.repeats and distribution.status != "refused":
        blocks = as_dicts(views.repeated(line))
        return Shown(views.in_a_line(line), blocks, blocks)
    launched = distribution.started_at if line.automatic else distribution.first_message_id
    if distribution.status == "refused" or launched is None:
        blocks = as_dicts(views.not_sent(line))
        return Shown(views.in_a_line(line), blocks, blocks)
    return report(runtime, session, distribution)


def report(runtime: Runtime, session: Session, distribution: Distribution) -> Shown:
    """The report of a distribution that was launched, as things stand now. Counts rows: not for every look."""
    found = facts.report(session, distribution, runtime.clock.now())
    return Shown(
        views.in_a_line(found.line),
        as_dicts(report_views.with_chart(found, native=True)),
        as_dicts(report_views.with_chart(found, native=False)),
    )


def redeemed(runtime: Runtime, session: Session, distribution: Distribution) -> int:
    """How many of its codes were used so far: counting them takes a second at a million, so not at every look."""
    memory = _memories.setdefault(runtime.db, Memory())
    if distribution.status not in ("sending", "paused"):
        return 0
    if distribution.id not in memory.redeemed:
        memory.redeemed[distribution.id] = reports.redeemed(session, distribution)
    return memory.redeemed[distribution.id]


def _show(runtime: Runtime, client: WebClient, memory: Memory, distribution_id: int) -> None:
    """Bring one message up to date."""
    began = time.monotonic()
    with runtime.db.read() as session:
        distribution = rows.get(session, distribution_id)
        if distribution is None:
            return
        moved = _state(session, distribution)
        if distribution.status in OVER and not memory.reports.once(moved):
            return
        wanted = shown(runtime, session, distribution)
        asked = approvals.latest_of(session, distribution_id) if distribution.status == "refused" else None
        line = facts.line(session, distribution, runtime.clock.now()) if paused_by_itself(distribution) else None
        if line is not None and notices.get(session, (distribution_id, notices.DRY)) is not None:
            line = None  # its alert about codes says so, and what to do
    if distribution.mode == "automatic":
        ended = time.monotonic()
        memory.counted[distribution_id] = ended + COUNTING * (ended - began)
    on_show, told, _ = (distribution.progress_shown or "").partition(TOLD)
    if wanted.hash == on_show and (told or line is None):
        return
    if asked is not None and asked.state == "rejected" and distribution.progress_ts is None:
        # It never had a message here: its requester was told by the decision itself.
        _written(runtime, distribution_id, wanted.hash)
        return
    try:
        if wanted.hash != on_show:
            _put(runtime, client, memory, distribution, wanted)
        if line is not None:
            if not told:
                _tell(client, memory, distribution, line)
            _written(runtime, distribution_id, wanted.hash + TOLD)
    except (posting.Busy, SlackApiError):
        memory.reports.forget(moved)  # the last edit is certain: look again next time, not in a minute
        raise


def _tell(client: WebClient, memory: Memory, distribution: Distribution, line: views.Line) -> None:
    """Say in the channel, under the message, that it paused by itself, why, and what to do."""
    if not (distribution.channel and distribution.progress_ts):
        return  # it was posted this very moment, and says so
    channel, ts, text = distribution.channel, distribution.progress_ts, views.paused_in_a_line(line)
    blocks = as_dicts(views.paused(line))
    try:
        memory.edits.call(
            f"{distribution.id} paused",
            lambda: client.chat_postMessage(
                channel=channel, thread_ts=ts, reply_broadcast=True, text=text, blocks=blocks
            ),
        )
    except SlackApiError as error:
        if error.response.get("error") not in posting.CLOSED:
            raise
        log.info("a pause could not be told", distribution=distribution.id, why=error.response.get("error"))


def _state(session: Session, distribution: Distribution) -> str:
    """What a report is mostly made of, cheaply."""
    return (
        f"{distribution.id} {distribution.status} {distribution.finished_at} {reports.numbers(session, distribution)}"
    )


def _put(runtime: Runtime, client: WebClient, memory: Memory, distribution: Distribution, wanted: Shown) -> None:
    """Post or edit it with its chart, or without one where the workspace takes none."""
    plain = wanted.plain != wanted.blocks and not memory.refused.may("charts")
    try:
        _send(runtime, client, memory, distribution, wanted, wanted.plain if plain else wanted.blocks)
        if distribution.status in BACK:
            _written(runtime, distribution.id, None, progress_ts=None)
    except SlackApiError as error:
        if plain or wanted.plain == wanted.blocks or not posting.refused_blocks(error):
            raise
        log.info("this workspace takes no charts", why=error.response.get("error"))
        memory.refused.once("charts")
        _send(runtime, client, memory, distribution, wanted, wanted.plain)


def _send(
    runtime: Runtime,
    client: WebClient,
    memory: Memory,
    distribution: Distribution,
    wanted: Shown,
    blocks: list[dict[str, Any]],
) -> None:
    """Edit the message, or post it where there is none; write down what it shows."""
    key, text = str(distribution.id), wanted.text
    if distribution.progress_ts and distribution.channel:
        channel, ts = distribution.channel, distribution.progress_ts
        try:
            memory.edits.call(key, lambda: client.chat_update(channel=channel, ts=ts, text=text, blocks=blocks))
        except SlackApiError as error:
            if error.response.get("error") not in posting.GONE:
                raise
            log.info("progress message is gone", distribution=distribution.id)
        _written(runtime, distribution.id, wanted.hash)
        return
    channel, ts = memory.edits.call(
        key, lambda: posting.post(client, distribution.channel, distribution.created_by, text, blocks)
    )
    _written(runtime, distribution.id, wanted.hash, channel=channel, progress_ts=ts)


def _written(runtime: Runtime, distribution_id: int, digest: str | None, **more: str | None) -> None:
    """Write down what is on show."""
    with runtime.db.write() as session:
        distribution = rows.get(session, distribution_id)
        if distribution is not None:
            distribution.progress_shown = digest
            for name, value in more.items():
                setattr(distribution, name, value)
