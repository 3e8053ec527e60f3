"""What people do to a distribution: call back, pause, resume, stop, retry what failed, settle what is unknown.

All idempotent: pressed twice, or by two people at once, each is done once, and the second finds it done.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from distribution import launch, seal
from distribution.automatic import entering, missed, reminding
from distribution.errors import Refused
from distribution.jobs import JobRun
from distribution.report import numbers
from distribution.runtime import Runtime
from distribution.schedule import repeating
from distribution.sending import evidence, lifetime, retrying
from distribution.sending.record import apply_evidence, cancel, queue_again
from distribution.sending.status import PAUSED_BY, finish_if_over
from distribution.undoing import called_back
from storage import approvals, batches, distributions, late, leaving_now, messages, reminded, trigger_members
from storage.batches import lock
from storage.messages import Settled
from storage.tables import Distribution, MessageState, PlannedState

CHUNK = 5_000  # messages that a chunk of stopping cancels
AT_ONCE = 5_000  # unknown messages that a person settles with one word
BATCH = 500
SEND, DROP = "send", "drop"
PILED = (SEND, DROP)
PILED_UP = (PlannedState.WAITING, PlannedState.DRY)
WORDS = {
    "draft": "a draft",
    "pending": "waiting for its approval",
    "blocking": "being prepared",
    "sending": "being sent",
    "refused": "over, and was not sent",
}


def call_back(session: Session, runtime: Runtime, distribution_id: int, *, by: str, now: datetime) -> Distribution:
    """Take back what was sent off while nothing of it has left: it is a draft again, an approval that it had is void.

    Its codes go back in a job; until then its status is `blocking` and it has no seal. Possible for as long as nothing
    was dispatched, be the hold over or not. Raises `Refused` once something has left, saying how many (reason "left"
    while there is something to stop), where it was never sent off, and for a live one.
    """
    row = lock(session, distribution_id)
    if row.status == "draft" or called_back(row):
        return row
    if row.status not in ("scheduled", "blocking", "sending", "paused"):
        raise _cannot(row, "called back")
    if row.mode == "automatic":
        raise Refused(f"'{row.subject}' is live, and cannot be called back. Pause it, stop it, or edit it as it runs.")
    if leaving_now.dispatched(session, row.id):
        raise _left(session, row)
    approval, was = approvals.latest_of(session, row.id), row.status
    if was == "scheduled" or row.repeat:
        seal.void(session, approval, row, [f"{by} called it back"], now)
    else:
        seal.void_approval(session, approval, f"{by} called it back", now)
        seal.lift(session, row)
    before = "" if row.repeat else " before anything left"  # what repeats may have been sent in the weeks before
    row.status_reason = f"{by} called it back{before}."
    row.held_until = None
    session.flush()
    if was in ("sending", "paused"):  # else the launch's own job finds out
        distributions.move(session, row.id, was=(was,), to="blocking", reason=row.status_reason, at=now)
        launch.undo_launch(session, runtime, row)
    return row


def _left(session: Session, row: Distribution) -> Refused:
    """Too late to be called back: how many are gone, and what is left to do."""
    n = numbers(session, row)
    gone = n.sent + n.failed + n.unknown + leaving_now.in_flight(session, row.id)
    if not n.pending:
        return Refused(f"Too late: all {n.to_text:,} texts have left.")
    return Refused(
        f"Too late: {gone:,} of {n.to_text:,} texts have left or are leaving now. "
        "Stop keeps the others back and returns their codes.",
        reason="left",
    )


def pause(session: Session, distribution_id: int, *, by: str, now: datetime) -> Distribution:
    """Hold a distribution: what is posted is posted, nothing more is. Raises `Refused` when it cannot be paused.

    `by` is shown as the reason: a name, or what people know them by.
    """
    row = lock(session, distribution_id)
    if row.status == "scheduled" and row.repeat:
        repeating.pause(session, row, by=by, now=now)
    elif row.status == "sending" or _reminders_to_come(session, row):
        row.finished_at = None
        session.flush()
        distributions.move(session, row.id, was=(row.status,), to="paused", reason=f"{PAUSED_BY}{by}.", at=now)
    elif row.status != "paused":
        raise _cannot(row, "paused")
    return row


def resume(
    session: Session, runtime: Runtime, distribution_id: int, *, by: str, now: datetime, piled: str = SEND
) -> Distribution:
    """Go on with a paused distribution. Raises `Refused` when there is nothing to go on with.

    `piled`: whether what fell due meanwhile and was not made is sent now ("send") or dropped ("drop"): then only what
    comes from now on is, and what one that was held up missed is passed over (`missed`). Where that is much, a job
    drops it first, and it goes on then. Field "piled" for anything else.
    """
    if piled not in PILED:
        raise Refused("Choose what becomes of what piled up: send, or drop.", field="piled")
    row = lock(session, distribution_id)
    if row.status == "paused" and row.repeat:
        repeating.resume(session, row, now=now)
    elif row.status == "paused" and piled == DROP and not _drop_piled(session, row, now):
        row.status_reason = f"{PAUSED_BY}{by} until what piled up is dropped. Then it goes on by itself."
        runtime.jobs.enqueue(session, "resume", {"distribution_id": row.id, "until": now.isoformat()}, by=by)
    elif row.status == "paused":
        distributions.move(session, row.id, was=("paused",), to="sending", reason=None, at=now)
    elif row.status != "sending" and not (row.status == "scheduled" and row.repeat):
        raise _cannot(row, "resumed")
    return row


def run_resume(runtime: Runtime, run: JobRun) -> dict[str, Any]:
    """The job: drop the rest of what piled up until it was resumed, and go on; unless somebody was quicker."""
    distribution_id, until = int(run.args["distribution_id"]), datetime.fromisoformat(run.args["until"])
    with runtime.db.read() as session:
        row = session.get_one(Distribution, distribution_id)
        reminders = late.due(session, distribution_id, until, reminders=True)
        members = missed.members(session, row, until)
    at = seen = 0
    looked: int | None = 0
    while not run.progress.get("over"):
        with run.chunk(runtime) as session:
            row = lock(session, distribution_id)
            if row.status == "paused":
                if _drop_firsts(session, row, until) == CHUNK:
                    continue
                reminding.drop_due(session, row, reminders[at : at + CHUNK], "paused", until)
                at += CHUNK
                trigger_members.note(session, row.id, members[seen : seen + entering.MEMBERS])
                seen += entering.MEMBERS
                looked = missed.events(session, row, until, after=looked) if looked is not None else None
                if at < len(reminders) or seen < len(members) or looked is not None:
                    continue
                if members:
                    row.members_at = runtime.clock.now()
                distributions.move(session, row.id, was=("paused",), to="sending", reason=None, at=runtime.clock.now())
            run.progress = {"over": True}
    return {}


def _drop_piled(session: Session, row: Distribution, now: datetime) -> bool:
    """Drop some of the planned texts that fell due, of reminders those whose true time has come, and pass over what it
    missed; whether that was all of it."""
    if _drop_firsts(session, row, now) == CHUNK:
        return False
    reminders = late.due(session, row.id, now, reminders=True, limit=CHUNK)
    reminding.drop_due(session, row, reminders, "paused", now)
    return len(reminders) < CHUNK and missed.pass_over(session, row, now)


def _drop_firsts(session: Session, row: Distribution, now: datetime) -> int:
    """Drop some of the first texts that fell due; how many."""
    return reminded.drop(session, row.id, PILED_UP, "paused", now, limit=CHUNK, due=now, first=True)


def _reminders_to_come(session: Session, row: Distribution) -> bool:
    """Whether a manual distribution is done but for its reminders."""
    return row.status == "done" and bool(row.reminders) and reminded.any_open(session, row.id)


def stop(session: Session, runtime: Runtime, distribution_id: int, *, by: str, now: datetime) -> Distribution:
    """End a distribution for good: what has not left does not, and its codes go back (a job, if there are many).

    Raises `Refused` when it is over already, or was never started.
    """
    row = lock(session, distribution_id)
    was = row.status
    if was == "stopped":
        return row
    if called_back(row):
        raise Refused(f"'{row.subject}' is being called back: nothing of it leaves.")
    if was not in ("scheduled", "blocking", "sending", "paused") and not _reminders_to_come(session, row):
        raise _cannot(row, "stopped")
    if was == "done":
        row.finished_at = None
        session.flush()
    distributions.move(session, row.id, was=(was,), to="stopped", reason=f"Stopped by {by}.", at=now)
    if was == "scheduled" or row.repeat:
        row.finished_at = now  # nothing of its own is under way; what a repeating one has sent off goes on
    elif was != "blocking":  # then the launch itself finds out, and undoes what it did
        runtime.jobs.enqueue(session, "stop", {"distribution_id": row.id}, by=by)
    session.flush()
    return row


def run_stop(runtime: Runtime, run: JobRun) -> dict[str, Any]:
    """The job: drop what is planned, cancel every message that has not left, and give its codes back."""
    distribution_id = int(run.args["distribution_id"])
    while not run.progress.get("over"):
        with run.chunk(runtime) as session:
            row = lock(session, distribution_id)
            if reminded.drop(session, row.id, reminded.OPEN, "stopped", runtime.clock.now(), limit=CHUNK):
                continue
            ids = batches.close_unsent(session, row.id, limit=10) or batches.rest_of_range(session, row, limit=CHUNK)
            if not ids and (row.claimed_to or 0) >= (row.last_message_id or 0):
                run.progress = {"over": True, "cancelled": run.done}
                finish_if_over(session, row, runtime.clock.now())
            run.done += cancel(session, row.id, ids, runtime.clock.now())
    return {"cancelled": run.done}


def retry_failed(session: Session, distribution_id: int, *, by: str, now: datetime, known: int | None = None) -> int:
    """Send again what the provider refused or did not deliver, to customers who may be texted; returns how many.

    A text that had left keeps its code; one that was refused gets a new one, since its own went back. The number is the
    customer's present one. At most `retrying.MOST` at a time. Pressed twice, the second finds it being sent and returns
    0; so does who knew of the batches up to `known` only (`batches.latest`), where it was sent again and done since.
    Of a live one, whose texts go on failing, each text is sent again once for what `known` tells of. Raises `Refused`
    when it is neither done nor live, nothing failed, its provider is gone, or its codes are missing or may not be given
    out any more: then nothing is changed.
    """
    row = lock(session, distribution_id)
    latest, automatic = batches.latest(session, row.id), row.mode == "automatic"
    if not automatic and (row.status == "sending" or (known is not None and known < latest)):
        return 0
    if row.status != "done" and not retrying.is_live(row):
        raise _cannot(row, "sent again")
    ids = retrying.take(session, row, now, known=known if automatic else None)
    if not ids and automatic and retrying.sent_again(session, row, known):
        return 0
    if not ids:
        raise Refused("Nothing failed that could be sent again.")
    retrying.need_provider(session, row)
    retrying.codes_for(session, row, ids, now)
    again = messages.requeue(session, row.id, ids, only=retrying.FAILED, after=latest)
    for start in range(0, len(again), BATCH):
        batches.send_back(session, row.id, again[start : start + BATCH], not_before=None, tries=0)
    _begin_again(session, row, again, by, now)
    return len(again)


def _begin_again(session: Session, row: Distribution, message_ids: Sequence[int], by: str, now: datetime) -> None:
    """Messages wait to be sent again: their time begins anew, and their reminders may come after all."""
    lifetime.begin(session, row, now)
    reminding.again(session, row, message_ids, now)
    row.finished_at = None
    session.flush()
    distributions.move(session, row.id, was=("done",), to="sending", reason=f"Sent again by {by}.", at=now)


def settle_unknown(
    session: Session,
    distribution_id: int,
    *,
    arrived: bool,
    by: str,
    now: datetime,
    machine: datetime,
    only: Sequence[int] | None = None,
) -> int:
    """A person says what became of the texts whose provider cannot be asked; returns how many were settled.

    `arrived`: they count as sent, their codes as issued. Else the same codes go to the same customers again; where it
    was stopped nothing does, and the codes stay theirs: no provider said that they never left. `only`: these messages,
    not all. `machine`: the time by the machine's own clock. Those that were settled meanwhile, by somebody else or by
    late evidence, are left alone.
    """
    row = lock(session, distribution_id)
    ids = list(session.scalars(evidence.open_to_people(row.id, only).limit(AT_ONCE)))
    if not ids:
        return 0
    if arrived:
        accepted = [Settled(message_id, MessageState.ACCEPTED) for message_id in ids]
        return len(apply_evidence(session, {row.id: accepted}, now, outcome="person"))
    if row.status not in ("sending", "paused", "done", "stopped"):
        raise _cannot(row, "sent again")
    if row.status != "stopped":
        retrying.need_provider(session, row)
    again = queue_again(session, row.id, ids, now, outcome="person")
    if row.status == "stopped":
        return cancel(session, row.id, again, now)
    for start in range(0, len(again), BATCH):
        batches.send_back(session, row.id, again[start : start + BATCH], not_before=machine, tries=0)
    _begin_again(session, row, again, by, now)
    return len(again)


def _cannot(row: Distribution, what: str) -> Refused:
    """Why a click came too late or too early."""
    return Refused(f"'{row.subject}' cannot be {what}: it is {WORDS.get(row.status, row.status)}.")
