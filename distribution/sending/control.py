"""What people do to a distribution: call back, pause, resume, stop, retry what failed, settle what is unknown.

All idempotent: pressed twice, or by two people at once, each is done once, and the second finds it done.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Text, exists, select, update
from sqlalchemy.orm import Session

from distribution import launch, recipients, seal
from distribution.codes import taking
from distribution.codes.usable import missing, unusable
from distribution.errors import Refused
from distribution.jobs import JobRun
from distribution.report import numbers
from distribution.runtime import Runtime
from distribution.sending.record import apply_evidence, cancel
from distribution.sending.status import finish_if_over
from distribution.templates import render
from distribution.undoing import called_back
from storage import approvals, batches, distributions, issuing, messages
from storage.batches import lock
from storage.bulk import among, values
from storage.customers import exclusion
from storage.messages import Settled
from storage.tables import (
    CodeState,
    Customer,
    Distribution,
    Message,
    MessageState,
    PromoCode,
    PromoCodeGroup,
    Provider,
    UnknownAttempt,
)
from storage.tables.base import BigId

CHUNK = 5_000  # messages that a chunk of stopping cancels
RETRIES = 5_000  # messages that one click sends again: well under a second
BATCH = 500
WORDS = {
    "draft": "a draft",
    "pending": "waiting for its approval",
    "blocking": "being prepared",
    "sending": "being sent",
    "refused": "over, and was not sent",
}
FAILED = (MessageState.REJECTED, MessageState.UNDELIVERED)


def call_back(session: Session, runtime: Runtime, distribution_id: int, *, by: str, now: datetime) -> Distribution:
    """Take back what was sent off while nothing of it has left: it is a draft again, an approval that it had is void.

    Its codes go back in a job; until then its status is `blocking` and it has no seal. Possible for as long as nothing
    was dispatched, be the hold over or not. Raises `Refused` once something has left, with how many (reason "left" while
    there is something to stop), and where it was never sent off.
    """
    row = lock(session, distribution_id)
    if row.status == "draft" or called_back(row):
        return row
    if row.status not in ("scheduled", "blocking", "sending", "paused"):
        raise _cannot(row, "called back")
    if batches.dispatched(session, row.id):
        raise _left(session, row)
    approval, was = approvals.latest_of(session, row.id), row.status
    if was == "scheduled":
        seal.void(session, approval, row, [f"{by} called it back"], now)
    else:
        seal.void_approval(session, approval, f"{by} called it back", now)
        seal.lift(session, row)
    row.status_reason = f"{by} called it back before anything left."
    row.held_until = None
    session.flush()
    if was in ("sending", "paused"):  # else the launch's own job finds out
        distributions.move(session, row.id, was=(was,), to="blocking", reason=row.status_reason, at=now)
        launch.undo_launch(session, runtime, row)
    return row


def _left(session: Session, row: Distribution) -> Refused:
    """Too late to be called back: how many are gone, and what is left to do."""
    n = numbers(session, row)
    gone = n.sent + n.failed + n.unknown + batches.in_flight(session, row.id)
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
    if row.status == "sending":
        distributions.move(session, row.id, was=("sending",), to="paused", reason=f"Paused by {by}.", at=now)
    elif row.status != "paused":
        raise _cannot(row, "paused")
    return row


def resume(session: Session, distribution_id: int, *, by: str, now: datetime) -> Distribution:
    """Go on with a paused distribution. Raises `Refused` when there is nothing to go on with."""
    row = lock(session, distribution_id)
    if row.status == "paused":
        distributions.move(session, row.id, was=("paused",), to="sending", reason=None, at=now)
    elif row.status != "sending":
        raise _cannot(row, "resumed")
    return row


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
    if was not in ("scheduled", "blocking", "sending", "paused"):
        raise _cannot(row, "stopped")
    distributions.move(session, row.id, was=(was,), to="stopped", reason=f"Stopped by {by}.", at=now)
    if was == "scheduled":
        row.finished_at = now
    elif was != "blocking":  # then the launch itself finds out, and undoes what it did
        runtime.jobs.enqueue(session, "stop", {"distribution_id": row.id}, by=by)
    session.flush()
    return row


def run_stop(runtime: Runtime, run: JobRun) -> dict[str, Any]:
    """The job: cancel every message that has not left, and give its codes back."""
    distribution_id = int(run.args["distribution_id"])
    while not run.progress.get("over"):
        with run.chunk(runtime) as session:
            row = lock(session, distribution_id)
            ids = batches.close_unsent(session, row.id, limit=10) or _rest_of_range(session, row)
            if not ids and (row.claimed_to or 0) >= (row.last_message_id or 0):
                run.progress = {"over": True, "cancelled": run.done}
                finish_if_over(session, row, runtime.clock.now())
            run.done += cancel(session, row.id, ids, runtime.clock.now())
    return {"cancelled": run.done}


def _rest_of_range(session: Session, row: Distribution) -> list[int]:
    """The next messages that no batch ever had; they count as claimed from now on."""
    if row.claimed_to is None or row.last_message_id is None:
        return []
    ids = list(
        session.scalars(
            select(Message.id)
            .where(
                Message.id > row.claimed_to,
                Message.id <= row.last_message_id,
                Message.state == MessageState.QUEUED,
            )
            .order_by(Message.id)
            .limit(CHUNK)
        )
    )
    row.claimed_to = ids[-1] if len(ids) == CHUNK else row.last_message_id
    session.flush()
    return ids


def retry_failed(session: Session, distribution_id: int, *, by: str, now: datetime) -> int:
    """Send again what the provider refused or did not deliver, to customers who may be texted; returns how many.

    A text that had left keeps its code; one that was refused gets a new one, since its own went back. The number is the
    customer's present one. At most `RETRIES` at a time. Pressed twice, the second finds it being sent and returns 0.
    Raises `Refused` when it is not done yet, nothing failed, its provider is gone, or its codes are missing or may not
    be given out any more: then nothing is changed.
    """
    row = lock(session, distribution_id)
    if row.status == "sending":
        return 0
    if row.status != "done":
        raise _cannot(row, "sent again")
    ids = _may_be_retried(session, row, now)
    if not ids:
        raise Refused("Nothing failed that could be sent again.")
    _provider_there(session, row)
    _codes_for(session, row, ids, now)
    again = messages.requeue(session, row.id, ids, only=FAILED, after=batches.latest(session, row.id))
    for start in range(0, len(again), BATCH):
        batches.send_back(session, row.id, again[start : start + BATCH], not_before=None, tries=0)
    row.finished_at = None
    session.flush()
    distributions.move(session, row.id, was=("done",), to="sending", reason=f"Sent again by {by}.", at=now)
    return len(again)


def _may_be_retried(session: Session, row: Distribution, now: datetime) -> list[int]:
    """Failed messages of customers who may be texted now, and whose code was not revoked, used or past its own expiry
    since (another text may have carried it); their numbers are brought up to date.
    """
    over = PromoCode.redeemed_at.is_not(None) | (PromoCode.expires_at <= now)
    found = session.execute(
        select(Message.id, Message.phone, Customer.phone)
        .join(Customer, Customer.id == Message.customer_id)
        .where(
            Message.id.between(row.first_message_id, row.last_message_id),
            Message.distribution_id == row.id,
            Message.state.in_(FAILED),
            exclusion().is_(None),
            ~exists().where(PromoCode.message_id == Message.id, (PromoCode.state == CodeState.REVOKED) | over),
        )
        .order_by(Message.id)
        .limit(RETRIES)
    ).all()
    changed = [(message_id, present) for message_id, before, present in found if before != present]
    if changed:
        new = values(session, {"id": BigId, "phone": Text}, changed)
        session.execute(update(messages.MESSAGE).where(messages.MESSAGE.c.id == new.c.id).values(phone=new.c.phone))
    return [message_id for message_id, _, _ in found]


def _provider_there(session: Session, row: Distribution) -> None:
    """Raise `Refused` where nothing would ever be sent: a provider may be deleted once its distributions are done."""
    provider = session.get(Provider, row.provider_id) if row.provider_id else None
    if provider is None or provider.name_key is None:
        name = provider.name if provider else "its provider"
        raise Refused(f"'{row.subject}' cannot be sent again: '{name}' was deleted. Start a new distribution.")


def _codes_for(session: Session, row: Distribution, ids: Sequence[int], now: datetime) -> None:
    """A code of each group for the messages that have none any more.

    Raises `Refused` where they are missing, and where the group's codes, also those that customers would be sent again,
    are worth nothing now.
    """
    template = render.compile(row.body)
    keys = recipients.group_keys(session, row, template)
    groups = sorted(group_id for group_id, key in keys.items() if key in template.issues_from)
    for group_id in groups:
        problem = unusable(session.get_one(PromoCodeGroup, group_id), now)
        if problem is not None:
            raise Refused(problem)
    have = taking.carried(session, row, ids, now)
    customers = dict(
        session.execute(select(Message.id, Message.customer_id).where(among(session, Message.id, ids))).all()
    )
    lacking = {of: [(each, customers[each]) for each in ids if (each, of) not in have] for of in groups}
    if row.code_policy == taking.SAME:  # for all groups before any stock is held
        for group_id in groups:
            kept = taking.keep(session, group_id, lacking[group_id], now)
            lacking[group_id] = [recipient for recipient in lacking[group_id] if recipient[0] not in kept]
    again = sorted(group_id for group_id, key in keys.items() if key in template.repeats_from)
    taking.repeat_last(session, again, [(each, customers[each]) for each in ids], now)  # before any stock is held, too
    for group_id in groups:
        wanted = lacking[group_id]
        bound, _ = issuing.block(session, group_id, wanted, after=0, now=now) if wanted else (0, 0)
        if bound < len(wanted):
            raise Refused(missing(len(wanted) - bound, session.get_one(PromoCodeGroup, group_id).name))
        issuing.count_taken(row, group_id, bound)


def settle_unknown(
    session: Session, distribution_id: int, *, arrived: bool, by: str, now: datetime, machine: datetime
) -> int:
    """A person says what became of the texts whose provider cannot be asked; returns how many were settled.

    `arrived`: they count as sent, their codes as issued. Else the same codes go to the same customers again.
    `machine`: the time by the machine's own clock.
    """
    row = lock(session, distribution_id)
    ids = list(
        session.scalars(
            select(UnknownAttempt.message_id)
            .where(
                UnknownAttempt.distribution_id == row.id,
                UnknownAttempt.outcome.is_(None),
                UnknownAttempt.look_at.is_(None),
            )
            .order_by(UnknownAttempt.message_id)
            .limit(RETRIES)
        )
    )
    if not ids:
        return 0
    if arrived:
        accepted = [Settled(message_id, MessageState.ACCEPTED) for message_id in ids]
        return len(apply_evidence(session, {row.id: accepted}, now, outcome="person"))
    if row.status not in ("sending", "paused", "done"):
        raise _cannot(row, "sent again")
    _provider_there(session, row)
    messages.close_unknown(session, ids, outcome="person", at=now)
    again = messages.requeue(session, row.id, ids, only=(MessageState.UNKNOWN,))
    for start in range(0, len(again), BATCH):
        batches.send_back(session, row.id, again[start : start + BATCH], not_before=machine, tries=0)
    row.finished_at = None
    session.flush()
    distributions.move(session, row.id, was=("done",), to="sending", reason=f"Sent again by {by}.", at=now)
    return len(again)


def _cannot(row: Distribution, what: str) -> Refused:
    """Why a click came too late or too early."""
    return Refused(f"'{row.subject}' cannot be {what}: it is {WORDS.get(row.status, row.status)}.")
