"""Recording what became of attempts, one transaction for many (DESIGN §6, Record).

The only way from a provider's answer to the rows: message, code, repeat, stock, tally, batch. Locks are taken in this
order everywhere: distribution, batch, message, code, stock, tally, provider.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution.customers import consent
from distribution.providers.port import Kind, Outcome
from distribution.sending.options import MAX_TRIES, backoff
from storage import batches, issuing, messages
from storage.batches import Lease
from storage.bulk import among
from storage.issuing import Codes
from storage.messages import Settled
from storage.tables import Message, MessageState

log = structlog.get_logger(__name__)

# Not sent because its distribution was paused or stopped, or the process ends: tried again as if nothing had been.
NOT_SENT = Outcome(Kind.LATER, "not_sent", retry_after=0.0)
NO_FAULT = frozenset({"not_sent", "too_late"})
OPTED_OUT = "unsubscribed"  # the reason of a text that the provider refused because of an opt-out

STATES = {
    Kind.ACCEPTED: MessageState.ACCEPTED,
    Kind.REJECTED: MessageState.REJECTED,
    Kind.UNKNOWN: MessageState.UNKNOWN,
}


@dataclass(eq=False)
class Held:
    """A batch that this worker has dispatched. `deadline`: until when its requests may start (`connections.uptime`)."""

    lease: Lease
    deadline: float
    repeats: bool
    left: set[int] = field(default_factory=set)  # not recorded yet
    called_off: bool = False  # paused or stopped: what has not been posted is not


class Result(NamedTuple):
    """What one attempt came to."""

    held: Held
    message_id: int
    outcome: Outcome


@dataclass(frozen=True)
class Moment:
    """The time, twice: by the machine (leases, retries) and by the business clock (what reports show)."""

    machine: datetime
    business: datetime


@dataclass
class Recorded:
    """What recording leaves to its caller: codes to move at the end, distributions to pause and why."""

    codes: Codes = field(default_factory=lambda: Codes(repeats=False))
    unreachable: dict[int, str] = field(default_factory=dict)


def record(
    session: Session,
    results: Sequence[Result],
    *,
    owner: str,
    at: Moment,
    listed_within: float | None,
    stopped: set[int],
) -> Recorded:
    """Write down outcomes, each distribution's together. The distributions' rows are locked.

    `listed_within`: as the provider's; `stopped`: distributions that a person has stopped. Changes nothing in memory,
    so that a transaction that fails, or whose commit is not answered, can be tried again.
    """
    by_batch: dict[Held, list[Result]] = defaultdict(list)
    for result in results:
        by_batch[result.held].append(result)
    mine = batches.owned(session, [held.lease for held in by_batch], owner=owner)
    recorded = Recorded()
    settling: dict[int, list[Result]] = defaultdict(list)
    finished = []
    for held, batch in sorted(by_batch.items(), key=lambda pair: pair[0].lease.batch_id):
        lease = held.lease
        if lease.batch_id not in mine:
            _late_evidence(session, lease, batch, at, recorded.codes)
            continue
        settling[lease.distribution_id] += [result for result in batch if result.outcome.kind in STATES]
        put_off = [result for result in batch if result.outcome.kind not in STATES]
        if put_off and lease.distribution_id in stopped:
            cancelled = [Settled(result.message_id, MessageState.CANCELLED, "stopped") for result in put_off]
            recorded.codes.returned += messages.settle(session, lease.distribution_id, cancelled, at.business)
        elif put_off:
            _send_back(session, lease, put_off, at.machine)
            if lease.tries + 1 >= MAX_TRIES and any(r.outcome.reason not in NO_FAULT for r in put_off):
                recorded.unreachable[lease.distribution_id] = (
                    f"The provider has not taken some texts in {MAX_TRIES} tries. "
                    "Check that it can be reached, then resume."
                )
        if held.left <= {result.message_id for result in batch}:
            finished.append(lease.batch_id)
    for distribution_id, settled_ in sorted(settling.items()):
        _settle(session, distribution_id, settled_, at, listed_within, recorded.codes)
    batches.finish(session, finished)
    return recorded


def _settle(
    session: Session,
    distribution_id: int,
    results: Sequence[Result],
    at: Moment,
    listed_within: float | None,
    codes: Codes,
) -> None:
    """Outcomes that stand, or are unknown, of batches that are ours."""
    if not results:
        return
    rows = [settled(result) for result in results]
    moved = messages.settle(session, distribution_id, rows, at.business)
    _opt_out(session, [row for row in rows if row.message_id in moved], at.business)
    by_state: dict[MessageState, list[int]] = defaultdict(list)
    for row in rows:
        if row.message_id in moved:
            by_state[row.state].append(row.message_id)
    codes.issued += by_state[MessageState.ACCEPTED]
    codes.returned += by_state[MessageState.REJECTED]
    codes.repeats = codes.repeats or any(result.held.repeats for result in results)
    messages.note_unknown(
        session,
        distribution_id,
        [
            (result.message_id, result.held.lease.batch_id)
            for result in results
            if result.outcome.kind is Kind.UNKNOWN and result.message_id in moved
        ],
        since=at.machine,
        # Its own worker saw the request end; the provider may work on it a little longer.
        look_at=None if listed_within is None else at.machine + timedelta(seconds=listed_within),
    )
    early = [row for row in rows if row.message_id not in moved]
    if early:  # a callback was here before us, or a sweep: evidence counts, but nothing moves back
        _advance(session, distribution_id, early, at.business, "response", codes)


def _opt_out(session: Session, moved: Sequence[Settled], at: datetime) -> None:
    """Believe a provider that says that a customer opted out with it: nobody else need be refused to learn it."""
    ids = [row.message_id for row in moved if row.reason == OPTED_OUT]
    if ids:
        customers = select(Message.customer_id).where(among(session, Message.id, ids)).order_by(Message.customer_id)
        for customer_id in session.scalars(customers).all():
            consent.change(session, customer_id, "opted_out", "opted out at the provider", at)


def settled(result: Result) -> Settled:
    """An outcome as a row."""
    outcome = result.outcome
    return Settled(result.message_id, STATES[outcome.kind], outcome.reason, outcome.provider_ref, outcome.segments)


def apply_evidence(
    session: Session, rows: Mapping[int, Sequence[Settled]], at: datetime, *, outcome: str
) -> list[Settled]:
    """Move messages forward by evidence from anywhere, with their codes; returns the rows that moved one.

    `rows` are by distribution, all of which are locked. `outcome`: what settled an unknown attempt ("callback",
    "response", "found", "person").
    """
    codes, moved = Codes(), []
    for distribution_id, evidence in sorted(rows.items()):
        moved += _advance(session, distribution_id, evidence, at, outcome, codes)
    issuing.move(session, codes, at)
    return moved


def _advance(
    session: Session, distribution_id: int, rows: Sequence[Settled], at: datetime, outcome: str, codes: Codes
) -> list[Settled]:
    """One distribution's messages moved by evidence; their codes are added to `codes`."""
    moved = messages.advance(session, distribution_id, rows, at)
    _opt_out(session, moved, at)
    left_the_house = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNDELIVERED)
    codes.issued += [row.message_id for row in moved if row.state in left_the_house]
    codes.returned += [row.message_id for row in moved if row.state is MessageState.REJECTED]
    codes.repeats = True  # whether its text repeats any is not known here
    known = [row.message_id for row in moved if row.state is not MessageState.UNKNOWN]
    messages.close_unknown(session, known, outcome=outcome, at=at)
    return moved


def _late_evidence(session: Session, lease: Lease, results: Sequence[Result], at: Moment, codes: Codes) -> None:
    """A batch was taken from us while its requests were in flight. What the provider answered is evidence all the same.

    Its messages are UNKNOWN since then, or were settled by other evidence. What was put off stays unknown: whoever took
    the batch from us could not know, and asks the provider.
    """
    answered = [settled(r) for r in results if r.outcome.kind in (Kind.ACCEPTED, Kind.REJECTED)]
    still_unknown = messages.unknown_of(session, lease.batch_id, [row.message_id for row in answered])
    rows = [row for row in answered if row.message_id in still_unknown]
    log.warning("recorded after the batch was taken over", batch=lease.batch_id, answers=len(rows))
    _advance(session, lease.distribution_id, rows, at.business, "response", codes)


def queue_again(session: Session, distribution_id: int, ids: Sequence[int], at: datetime, *, outcome: str) -> list[int]:
    """Unknown messages that certainly never left wait to be sent again; returns those that do. `outcome`: who says so.

    Their batches may be open still, for the others in them: whoever finds those left behind must not take these for
    unknown once more, which nobody would ask about.
    """
    held: dict[int, set[int]] = defaultdict(set)
    for message_id, batch_id in messages.close_unknown(session, ids, outcome=outcome, at=at):
        held[batch_id].add(message_id)
    for batch_id, taken in sorted(held.items()):
        batches.take_out(session, batch_id, taken)
    return messages.requeue(session, distribution_id, ids, only=(MessageState.UNKNOWN,))


def _send_back(session: Session, lease: Lease, put_off: Sequence[Result], now: datetime) -> None:
    """Messages that certainly did not leave wait in batches of their own, those put off without fault at once."""
    taken = batches.take_out(session, lease.batch_id, {result.message_id for result in put_off})
    groups: dict[tuple[float, int], list[int]] = defaultdict(list)
    for result in put_off:
        if result.message_id not in taken:
            continue
        fault = result.outcome.reason not in NO_FAULT
        tries = lease.tries + (1 if fault else 0)
        wait = max(backoff(tries), result.outcome.retry_after or 0.0) if fault else 0.0
        groups[wait, tries].append(result.message_id)
    for (wait, tries), ids in sorted(groups.items()):
        batches.send_back(
            session, lease.distribution_id, sorted(ids), not_before=now + timedelta(seconds=wait), tries=tries
        )


def cancel(session: Session, distribution_id: int, ids: Sequence[int], at: datetime) -> int:
    """Cancel queued messages, and give their codes back (`issuing.move`); returns how many."""
    rows = [Settled(message_id, MessageState.CANCELLED, "stopped") for message_id in ids]
    moved = messages.settle(session, distribution_id, rows, at)
    issuing.move(session, Codes(returned=list(moved)), at)
    return len(moved)
