"""Shows jobs in Slack as the database has them. Called every two seconds; the engine itself never calls Slack."""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy.orm import Session

from commands import uploads
from commands.jobs import views
from commands.jobs.results import File, kind_of
from commands.posting import GONE, Blocks, Busy, Pace, post
from commands.ui.blocks import as_dicts
from distribution.runtime import Runtime
from storage import jobs
from storage.tables import Job

log = structlog.get_logger(__name__)

# A job that ends sooner says only how it ended.
QUICK = timedelta(seconds=1.5)

# What `shown` holds once nothing will change any more.
FINAL = "final"
OVER = ("done", "failed", "cancelled")

_pace = Pace()


@dataclass(frozen=True)
class Due:
    """A message to post or edit."""

    job_id: int
    channel: str | None
    ts: str | None
    by: str
    text: str
    blocks: Blocks
    shown: str
    file: File | None


def refresh(runtime: Runtime, client: WebClient, pace: Pace = _pace) -> None:
    """Post or edit the message of every job that changed. Raises `SlackApiError` after it tried all of them."""
    with runtime.db.read() as session:
        found = [due for job in jobs.unshown(session) if (due := _due(runtime, session, job))]
    failure: SlackApiError | None = None
    for due in found:
        try:
            _show(runtime, client, due, pace)
        except Busy:
            continue
        except SlackApiError as error:
            failure = error
    if failure:
        raise failure


def _due(runtime: Runtime, session: Session, job: Job) -> Due | None:
    """What a job's message should say, or None where it says so already or the job is too young to be worth one."""
    over = job.state in OVER
    if not over and job.message_ts is None and runtime.clock.now() - job.created_at < QUICK:
        return None
    kind = kind_of(job.kind)
    outcome = None
    if job.state == "done":
        outcome = kind.outcome(session, job.args, job.result)
    elif over and kind.broken is not None:
        outcome = kind.broken(session, job.args)
    facts = views.Facts(
        job.id, kind.title(session, job.args), job.state, job.done, job.total, job.created_by, outcome, job.error
    )
    text, blocks = views.message(facts)
    shown = FINAL if over else _digest(blocks)
    if shown == job.shown:
        return None
    file = outcome.file if outcome else None
    return Due(job.id, job.channel, job.message_ts, job.created_by, text, blocks, shown, file)


def _show(runtime: Runtime, client: WebClient, due: Due, pace: Pace) -> None:
    """Post or edit one message, and note what it shows."""
    channel, ts = _edit(client, due, pace) or pace.call(
        f"job {due.job_id}", lambda: post(client, due.channel, due.by, due.text, due.blocks)
    )
    with runtime.db.write() as session:
        jobs.note_shown(session, due.job_id, channel=channel, message_ts=ts, shown=due.shown)
    if due.file:
        _attach(runtime, client, channel, ts, due.file)


def _edit(client: WebClient, due: Due, pace: Pace) -> tuple[str, str] | None:
    """Edit the message, and return where it is; None when there is none, or somebody deleted it."""
    channel, ts = due.channel, due.ts
    if not channel or not ts:
        return None
    try:
        pace.call(
            f"job {due.job_id}",
            lambda: client.chat_update(channel=channel, ts=ts, text=due.text, blocks=as_dicts(due.blocks)),
        )
    except SlackApiError as error:
        if error.response.get("error") not in GONE:
            raise
        return None
    return channel, ts


def _attach(runtime: Runtime, client: WebClient, channel: str, ts: str, file: File) -> None:
    """Put the file in the message's thread; where Slack does not take it, say so there."""
    try:
        uploads.send(client, file.lines(runtime), name=file.name, title=file.title, channel=channel, thread_ts=ts)
    except SlackApiError as error:
        why = error.response.get("error")
        log.warning("file not uploaded", file=file.name, why=why)
        client.chat_postMessage(
            channel=channel, thread_ts=ts, text=f"Slack did not take the file {file.name} ({why}). An admin can look."
        )


def _digest(blocks: Blocks) -> str:
    """A short mark of what a message shows."""
    return hashlib.sha256(json.dumps(as_dicts(blocks), sort_keys=True).encode()).hexdigest()[:16]
