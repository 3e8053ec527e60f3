"""What is due: planned texts whose time has come become messages, in small transactions, whoever's clock looks.

`look(runtime)` is called every two seconds and when something fired. Several processes may do so: a planned text is
made with its distribution's row locked, and looked at again under that lock, so it is made once.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from distribution.automatic import dry, held_up, making, outage, reminding, trigger
from distribution.automatic.calling_off import CALLED_OFF, called_off
from distribution.automatic.texts import FIRST
from distribution.runtime import Runtime
from distribution.sending import lifetime
from distribution.sending.status import finish_if_over
from storage import distributions, planned_reading, reminded
from storage.batches import lock
from storage.database import is_away
from storage.tables import Distribution, Planned

CHUNK = 500  # planned texts in one transaction
CHUNKS = 50  # in one look, or one of each distribution: a process that ends is not waited for any longer


def look(runtime: Runtime) -> int:
    """Make what is due, of each distribution in turn; returns how many planned texts were moved on.

    What fell due while nothing ran is set aside before (`outage`). Then the automatic ones are closed that fire no
    more and of which nothing is left. One distribution that fails is paused (`held_up`), and keeps no other back.
    """
    now = runtime.clock.now()
    outage.look(runtime)
    moved = chunks = 0
    while chunks < CHUNKS:
        with runtime.db.read() as session:
            ids = _to_look_at(session, now)
        before = moved
        for distribution_id in ids:
            try:
                with runtime.db.write() as session:
                    moved += _chunk(session, runtime, distribution_id, now)
            except Exception as error:
                if isinstance(error, DBAPIError) and is_away(error):
                    raise
                held_up.hold(runtime, distribution_id, error)
        chunks += len(ids)
        if moved == before:
            break
    _finish(runtime)
    return moved


def _to_look_at(session: Session, now: datetime) -> list[int]:
    """Distributions of which something is due, or waits for codes that are there again; without taking a lock."""
    dry_ = planned_reading.dry_distributions(session)
    again = [row.id for row in dry_ if _ready(session, row, now)]
    return sorted({*planned_reading.due_distributions(session, now), *again})


def _ready(session: Session, row: Distribution, now: datetime) -> bool:
    """Whether there are codes again for texts of a distribution; or that cannot be told, which `_chunk` finds out."""
    try:
        with session.begin_nested():
            return bool(dry.ready_steps(session, row, now))
    except Exception as error:
        if isinstance(error, DBAPIError) and is_away(error):
            raise
        return True


def _chunk(session: Session, runtime: Runtime, distribution_id: int, now: datetime) -> int:
    """The next planned texts of one distribution, those that waited for codes first; how many were moved on."""
    row = lock(session, distribution_id)
    reminds_again = row.status == "done" and row.mode == "manual"
    if row.status != "sending" and not reminds_again:
        return 0
    steps = dry.ready_steps(session, row, now)
    planned = planned_reading.dry(session, row.id, steps, CHUNK) if steps else []
    planned += planned_reading.due(session, row.id, now, CHUNK - len(planned))
    before = [(each.state, each.due_at, each.fallback) for each in planned]
    going = _not_called_off(session, row, [each for each in planned if each.step == FIRST], now)
    going += _judged(session, row, [each for each in planned if each.step != FIRST], now)
    if going:
        _open_again(session, row, now)
        making.make(session, runtime, row, _of_one_text(going), now=now)
    after = [(each.state, each.due_at, each.fallback) for each in planned]
    return sum(was != is_now for was, is_now in zip(before, after, strict=True))


def _of_one_text(planned: Sequence[Planned]) -> list[Planned]:
    """Those that say the same as the one due first: the codes of one text are all held before any stock is."""
    first = min(planned, key=lambda each: (each.due_at, each.id))
    return [each for each in planned if (each.step, each.fallback) == (first.step, first.fallback)]


def _not_called_off(session: Session, row: Distribution, planned: Sequence[Planned], now: datetime) -> list[Planned]:
    """First texts that nothing called off during their delay; the others are dropped."""
    if not planned or not row.trigger:
        return list(planned)
    off = called_off(session, trigger.parse(row.trigger), planned, now)
    planned_reading.drop(session, off, CALLED_OFF, now)
    gone = {each.id for each in off}
    return [each for each in planned if each.id not in gone]


def _judged(session: Session, row: Distribution, planned: Sequence[Planned], now: datetime) -> list[Planned]:
    """Reminders whose time has truly come; the others are looked at again later, or dropped."""
    if not planned:
        return []
    verdicts = reminding.judge(session, row, planned, now)
    planned_reading.put_off(session, verdicts.again)
    for reason, those in sorted(verdicts.dropped.items()):
        planned_reading.drop(session, those, reason, now)
    return verdicts.make


def _open_again(session: Session, row: Distribution, now: datetime) -> None:
    """A manual distribution that was done is being sent again, for its reminders."""
    if row.status == "done":
        row.finished_at = None
        lifetime.begin(session, row, now)
        session.flush()
        distributions.move(session, row.id, was=("done",), to="sending", reason=None, at=now)


def _finish(runtime: Runtime) -> None:
    """Automatic distributions that fire no more, and of which nothing is left, are done."""
    now = runtime.clock.now()
    ending = (Distribution.mode == "automatic", Distribution.status.in_(("sending", "paused")))
    with runtime.db.read() as session:
        ids = session.scalars(select(Distribution.id).where(*ending, Distribution.ends_at <= now)).all()
        ids = [each for each in ids if not reminded.any_open(session, each)]
    for distribution_id in sorted(ids):
        with runtime.db.write() as session:
            finish_if_over(session, lock(session, distribution_id), now)
