"""What customers write back, in the thread of the distribution that texted them last.

STOP, START and HELP are answered by the engine and counted in the report; everything else is for people to read. The
engine keeps it (`distribution.sending.replies`), `refresh` shows it: in the order in which it came, several in one
message where they come together, and once (a restart repeats a message only where it fell between Slack's answer and
our commit).
"""

import threading
from collections.abc import Iterator
from urllib.error import URLError
from weakref import WeakKeyDictionary

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from commands import posting, uploads
from commands.distributions.progress import LIVE
from commands.replies import views
from commands.replies.views import Heard
from commands.ui.blocks import as_dicts
from commands.ui.text import mask
from distribution import report_csv
from distribution.runtime import Runtime
from storage import distributions
from storage import replies as rows
from storage.database import Database
from storage.tables import Distribution, Reply

log = structlog.get_logger(__name__)

AT_ONCE = 10  # replies in a message; what is more follows as a file
ERASED = "erased"  # its customer was, before anybody saw it
TOGETHER = 15.0  # seconds in which the replies to one distribution are gathered after a message

# Where a thread cannot be written in any more (docs.slack.dev/reference/methods/chat.postMessage).
NO_THREAD = posting.CLOSED | {"thread_not_found", "cannot_reply_to_message", "thread_locked"}

_paces: WeakKeyDictionary[Database, posting.Pace] = WeakKeyDictionary()
_showing = threading.Lock()


def refresh(runtime: Runtime, client: WebClient) -> None:
    """Show what nobody has seen yet."""
    pace = _paces.setdefault(runtime.db, posting.Pace(every=TOGETHER))
    with _showing:
        with runtime.db.read() as session:
            waiting = rows.unseen(session)
        for distribution_id, _ in waiting:
            if not pace.may(str(distribution_id)):
                continue
            try:
                _show(runtime, client, pace, distribution_id)
            except posting.Busy:
                return
            except (SlackApiError, URLError) as error:
                log.error("replies not shown", distribution=distribution_id, why=str(error))


def _show(runtime: Runtime, client: WebClient, pace: posting.Pace, distribution_id: int) -> None:
    """Show the replies to one distribution that came since its last message."""
    with runtime.db.read() as session:
        distribution = distributions.get(session, distribution_id)
        last = rows.last(session, distribution_id)
        found = rows.of(session, distribution_id, limit=AT_ONCE)
        count = dict(rows.unseen(session)).get(distribution_id, 0)
    if distribution is None or not found:
        return
    if distribution.progress_ts is None and distribution.status in LIVE:
        return  # its message is about to be posted: they belong under it
    heard = [Heard(name, r.phone, r.body, r.received_at, r.customer_id) for r, name in found if r.phone]
    more = count - len(found)
    where = ERASED
    if heard:
        where = pace.call(str(distribution_id), lambda: _post(client, distribution, heard, more))
    with runtime.db.write() as session:
        rows.seen(session, [reply.id for reply, _ in found], where)
    if more and heard:
        _send_rest(runtime, client, pace, distribution, where, after=found[-1][0].id, to=last)


def _post(client: WebClient, distribution: Distribution, heard: list[Heard], more: int) -> str:
    """Post in the thread, or to the requester where it cannot be written in; returns where: "C0… 1712.0"."""
    text = views.fallback(distribution.subject, heard, more)
    blocks = as_dicts(views.message(distribution.subject, heard, more))
    if distribution.channel and distribution.progress_ts:
        try:
            answer = client.chat_postMessage(
                channel=distribution.channel, thread_ts=distribution.progress_ts, text=text, blocks=blocks
            )
            return f"{answer['channel']} {distribution.progress_ts}"
        except SlackApiError as error:
            if error.response.get("error") not in NO_THREAD:
                raise
            log.info("a thread is closed to us", channel=distribution.channel, why=error.response.get("error"))
    try:
        channel, ts = posting.post(client, distribution.channel, distribution.created_by, text, blocks)
    except posting.Nobody:
        return "nobody"  # a system asked for it, in no channel: profiles have what customers wrote
    return f"{channel} {ts}"


def _send_rest(
    runtime: Runtime,
    client: WebClient,
    pace: posting.Pace,
    distribution: Distribution,
    where: str,
    *,
    after: int,
    to: int,
) -> None:
    """The others that came with them, as a file under the message. Not sent, they are the next messages'."""
    channel, _, ts = where.partition(" ")
    if not ts:
        with runtime.db.write() as session:
            rows.seen_to(session, distribution.id, after=after, to=to, where=where)
        return
    with runtime.db.read() as session:
        text = uploads.spooled(_lines(rows.rest(session, distribution.id, after=after, to=to)))
        count = dict(rows.unseen(session)).get(distribution.id, 0)
    pace.call(
        f"{distribution.id} file",
        lambda: uploads.send(
            client,
            text,
            name=f"replies-{distribution.id}.csv",
            title=f"Replies to {distribution.subject}",
            channel=channel,
            thread_ts=ts,
            comment=views.comment(distribution.subject, count),
        ),
    )
    with runtime.db.write() as session:
        rows.seen_to(session, distribution.id, after=after, to=to, where=where)


def _lines(found: Iterator[tuple[Reply, str]]) -> Iterator[str]:
    """As CSV: a channel reads it, so numbers are masked."""
    yield report_csv.written([["received at", "customer", "name", "phone", "text"]])
    for reply, name in found:
        if reply.phone:
            yield report_csv.written(
                [
                    [
                        reply.received_at.isoformat(),
                        str(reply.customer_id or ""),
                        report_csv.harmless(name),
                        mask(reply.phone),
                        report_csv.harmless(reply.body),
                    ]
                ]
            )
