"""What became of each text of a distribution that has reminders: the first one, and each reminder."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.planned_counts import Counts
from storage.tables import Distribution, Message, MessageState

S = MessageState


@dataclass(frozen=True)
class Step:
    """One text of a distribution: 0 is the first, 1… are reminders. made = excluded + sent + failed + unknown +
    cancelled + pending; those `waiting` are planned, those `dropped` will not be made, by reason, most first."""

    step: int
    made: int
    excluded: int
    sent: int
    delivered: int
    failed: int
    unknown: int
    cancelled: int
    pending: int
    waiting: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)


def of(session: Session, row: Distribution, planned: Counts) -> tuple[Step, ...]:
    """A line for each text of a distribution with reminders; none for one without."""
    if not row.reminders:
        return ()
    counted: dict[int, Counter[MessageState]] = defaultdict(Counter)
    by_step = select(Message.step, Message.state, func.count()).where(Message.distribution_id == row.id)
    for step, state, n in session.execute(by_step.group_by(Message.step, Message.state)):
        counted[step][MessageState(state)] = n
    return tuple(_step(step, counted[step], planned) for step in range(len(row.reminders) + 1))


def _step(step: int, n: Counter[MessageState], planned: Counts) -> Step:
    return Step(
        step,
        made=n.total(),
        excluded=n[S.EXCLUDED],
        sent=n[S.ACCEPTED] + n[S.DELIVERED],
        delivered=n[S.DELIVERED],
        failed=n[S.REJECTED] + n[S.UNDELIVERED],
        unknown=n[S.UNKNOWN],
        cancelled=n[S.CANCELLED],
        pending=n[S.QUEUED],
        waiting=planned.waiting.get(step, 0),
        dropped=planned.dropped.get(step, {}),
    )
