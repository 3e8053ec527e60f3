"""One transaction of a lane: record what came back, intend the batch that is written, lease the next (DESIGN §6).

Before a batch is intended, everything that may stop a text is looked at once more (invariant 7): the distribution's
status and the provider's rate here, the rest in `door`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from distribution.providers import health
from distribution.sending import door
from distribution.sending.options import Options
from distribution.sending.prepare import Prepared, Ready
from distribution.sending.rate import reserve
from distribution.sending.record import Moment, Result, record
from distribution.sending.status import finish_if_over, pause
from storage import batches, issuing, messages
from storage.batches import Lease
from storage.database import is_sqlite
from storage.messages import Settled
from storage.tables import Distribution, MessageState


@dataclass(frozen=True)
class Asked:
    """What a turn is asked to do."""

    results: Sequence[Result]
    intend: Prepared | None
    lease: int  # up to how many messages to claim; 0: none
    order: Sequence[int]  # distributions, those served longest ago first
    watched: frozenset[int]  # distributions of which something is in hand
    pauses: dict[int, str]  # distributions whose latest outcomes forbid going on, and why


@dataclass
class Done:
    """What a turn did, valid once its transaction is committed."""

    statuses: dict[int, str] = field(default_factory=dict)
    going: list[tuple[Ready, float]] = field(default_factory=list)  # what may leave, and in how many seconds
    intended: bool = False  # the prepared batch is dispatched (`going` may be empty: all were left out)
    wait: float | None = None  # the prepared batch must wait this long for its provider's rate
    lost: bool = False  # the prepared batch is no longer ours, or must not go now
    leased: Lease | None = None


def take_turn(
    session: Session,
    asked: Asked,
    *,
    provider_id: int,
    owner: str,
    at: Moment,
    options: Options,
    listed_within: float | None,
) -> Done:
    """Do what is asked, in the caller's transaction."""
    distributions = {row.id: row for row in session.scalars(_locked(session, provider_id, asked.watched, at.machine))}
    done = Done({key: row.status for key, row in distributions.items()})
    stopped = {key for key, status in done.statuses.items() if status == "stopped"}
    recorded = record(session, asked.results, owner=owner, at=at, listed_within=listed_within, stopped=stopped)
    health.note(session, provider_id, [result.outcome for result in asked.results], at.business)
    for distribution_id, reason in sorted({**asked.pauses, **recorded.unreachable}.items()):
        distribution = distributions.get(distribution_id)
        if distribution is not None and pause(session, distribution, reason, at.business):
            done.statuses[distribution_id] = "paused"
    if asked.intend is not None:
        distribution = distributions.get(asked.intend.lease.distribution_id)
        unsent = _intend(session, asked.intend, distribution, done, owner=owner, at=at, options=options)
        recorded.codes.returned += unsent
    issuing.move(session, recorded.codes, at.business)
    if asked.lease and done.wait is None:
        sending = [
            key for key, status in done.statuses.items() if status == "sending" and not held(distributions[key], at)
        ]
        turns = {key: place for place, key in enumerate(asked.order)}
        for key in sorted(sending, key=lambda key: turns.get(key, -1)):
            done.leased = batches.lease_next(
                session,
                distributions[key],
                size=asked.lease,
                owner=owner,
                now=at.machine,
                until=at.machine + options.lease,
                business=at.business,
            )
            if done.leased is not None:
                break
            if finish_if_over(session, distributions[key], at.business):
                done.statuses[key] = "done"
    return done


def held(distribution: Distribution, at: Moment) -> bool:
    """Whether nothing of it may leave yet, because it can still be called back."""
    return distribution.held_until is not None and distribution.held_until > at.machine


def _locked(session: Session, provider_id: int, watched: frozenset[int], now: datetime) -> Select[Distribution]:
    """The distributions of a provider that are being sent, and those watched, locked in the order of their ids."""
    query = (
        select(Distribution)
        .where(
            or_(
                (Distribution.provider_id == provider_id) & batches.may_leave(now),
                Distribution.id.in_(sorted(watched)),
            )
        )
        .order_by(Distribution.id)
    )
    return query if is_sqlite(session) else query.with_for_update(key_share=True)


def _intend(
    session: Session,
    prepared: Prepared,
    distribution: Distribution | None,
    done: Done,
    *,
    owner: str,
    at: Moment,
    options: Options,
) -> set[int]:
    """Dispatch a written batch: look again at what may leave, reserve its rate, commit the intent.

    `distribution`: its own, locked. Returns the messages that are settled with it, unsent.
    """
    lease = prepared.lease
    if distribution is None or distribution.provider_id is None or done.statuses[distribution.id] != "sending":
        batches.release(session, lease, owner=owner, now=at.machine)
        done.lost = True
        return set()
    verdict = door.look(session, distribution, prepared, at, timedelta(seconds=options.window))
    going = [ready for ready in prepared.ready if ready.message_id not in verdict]
    slot = (0.0, 1.0)
    if going:
        segments = sum(ready.segments for ready in going)
        reserved = reserve(session, distribution.provider_id, segments, now=at.machine, ahead=options.ahead)
        if reserved is None:
            done.wait = options.ahead / 2
            return set()
        slot = reserved
    until = at.machine + options.ended_after
    ids = [ready.message_id for ready in going]
    intended = batches.intend(session, lease, ids, owner=owner, now=at.machine, until=until)
    if intended is None:
        done.lost = True
        return set()
    if intended.again:  # committed before, and not answered: what did not go then has a batch of its own
        going = [each for each in prepared.ready if each.message_id in intended.message_ids - verdict.left_out.keys()]
    else:
        _put_off(session, lease, verdict.waits)
    poison = [row for row in prepared.poison if row.message_id not in verdict]
    left_out = [Settled(each, MessageState.EXCLUDED, why) for each, why in verdict.left_out.items() if why]
    unsent = messages.settle(session, lease.distribution_id, poison + left_out, at.business)
    if not going:
        batches.finish(session, [lease.batch_id])
    done.intended = True
    done.going = _spread(going, *slot)
    return unsent


def _put_off(session: Session, lease: Lease, waits: Mapping[int, datetime]) -> None:
    """Messages that may not go now wait, those until the same moment together."""
    together: dict[datetime, list[int]] = defaultdict(list)
    for message_id, until in waits.items():
        together[until].append(message_id)
    for until, ids in sorted(together.items()):
        batches.send_back(
            session, lease.distribution_id, sorted(ids), not_before=None, quiet_until=until, tries=lease.tries
        )


def _spread(going: Sequence[Ready], wait: float, rate: float) -> list[tuple[Ready, float]]:
    """When each text may leave, in seconds from now: one after another at the provider's rate."""
    spread = []
    for ready in going:
        spread.append((ready, wait))
        wait += ready.segments / rate
    return spread
