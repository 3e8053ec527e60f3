"""What is planned, counted and listed for people: by distribution, and by customer."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Text, case, cast, exists, func, select, text
from sqlalchemy.orm import Session

from storage.tables import Distribution, Planned, PlannedState

S = PlannedState

# Exactly as the index `ix_planned_held` says it: SQLite uses a partial index for no other words.
HELD = text("planned.state IN (1, 2)")


@dataclass(frozen=True)
class Counts:
    """Planned texts of one distribution that were not made (yet); by step: 0 is the first text, 1… are reminders."""

    waiting: Mapping[int, int] = field(default_factory=dict)  # for their time
    dry: int = 0  # for codes
    late: int = 0  # for a person's word
    dropped: Mapping[int, Mapping[str, int]] = field(default_factory=dict)  # by step, then by reason, most first
    next_at: datetime | None = None  # when the first of those waiting is looked at
    next_reminder_at: datetime | None = None  # and the first of those that are reminders


class Piled(NamedTuple):
    """What fell due in a pause: first texts, and reminders that come up (some of them may not be due after all)."""

    texts: int
    reminders: int


class Held(NamedTuple):
    """What waits for a word or for codes, of one distribution: how many texts, the earliest due since when."""

    distribution_id: int
    texts: int
    since: datetime


class _OfStep(NamedTuple):
    """Planned texts of one state and step: how many, and when the first is looked at."""

    state: PlannedState
    step: int
    n: int
    due_at: datetime


class PlannedLine(NamedTuple):
    """One planned text for a customer that was not made (yet), for their profile."""

    id: int
    distribution_id: int
    subject: str
    status: str  # the distribution's
    step: int
    state: PlannedState
    reason: str | None
    due_at: datetime
    settled_at: datetime | None


def of(session: Session, distribution_id: int) -> Counts:
    """The planned texts of a distribution, counted; reads those that are not made, by index."""
    waiting: dict[int, int] = {}
    held = {S.DRY: 0, S.LATE: 0}
    dropped: defaultdict[int, dict[str, int]] = defaultdict(dict)
    mine = Planned.distribution_id == distribution_id
    over = select(Planned.step, Planned.reason, func.count()).where(mine, Planned.state == S.DROPPED)
    next_at: dict[int, datetime] = {}
    for state, step, n, due_at in _by_step(session, distribution_id, (S.WAITING, S.DRY, S.LATE)):
        if state == S.WAITING:
            waiting[step] = n
            next_at[step] = due_at
        else:
            held[state] += n
    for step, reason, n in session.execute(over.group_by(Planned.step, Planned.reason)):
        dropped[step][reason or "stopped"] = n
    return Counts(
        dict(sorted(waiting.items())),
        held[S.DRY],
        held[S.LATE],
        {step: dict(sorted(why.items(), key=lambda each: -each[1])) for step, why in sorted(dropped.items())},
        min(next_at.values(), default=None),
        min((at for step, at in next_at.items() if step), default=None),
    )


def to_come(session: Session, distribution_id: int) -> tuple[dict[int, tuple[int, datetime]], int]:
    """By step: how many texts of a distribution wait for their time, and when the first is looked at; and how many in
    all wait for codes."""
    waiting: dict[int, tuple[int, datetime]] = {}
    dry = 0
    for state, step, n, due_at in _by_step(session, distribution_id, (S.WAITING, S.DRY)):
        if state == S.DRY:
            dry += n
        else:
            waiting[step] = (n, due_at)
    return waiting, dry


def _by_step(session: Session, distribution_id: int, states: Sequence[PlannedState]) -> list[_OfStep]:
    """The planned texts of a distribution that are in some states, counted by state and step.

    A sum for each step that there should be, in one pass of the index: for groups by step SQLite would sort every row.
    Where that leaves any out (there is a step of no reminder's), they are grouped.
    """
    row = session.get(Distribution, distribution_id)
    mine = (Planned.distribution_id == distribution_id, Planned.state.in_(states))
    wanted = [Planned.step == step for step in range(1 + len(row.reminders if row else ()))]
    sums = [of for it in wanted for of in (func.count(case((it, 1))), func.min(case((it, Planned.due_at))))]
    found: list[_OfStep] = []
    for state, n, *cells in session.execute(
        select(Planned.state, func.count(), *sums).where(*mine).group_by(Planned.state)
    ):
        steps = [_OfStep(state, step, *each) for step, each in enumerate(zip(cells[::2], cells[1::2], strict=True))]
        if sum(each.n for each in steps) != n:
            grouped = select(Planned.state, Planned.step, func.count(), func.min(Planned.due_at)).where(*mine)
            return [_OfStep(*each) for each in session.execute(grouped.group_by(Planned.state, Planned.step))]
        found += [each for each in steps if each.n]
    return found


def dry(session: Session, distribution_id: int) -> int:
    """How many planned texts of a distribution wait for codes; by the index of those that are held."""
    mine = (HELD, Planned.distribution_id == distribution_id, Planned.state == S.DRY)
    return session.scalar(select(func.count()).where(*mine)) or 0


def piled(session: Session, distribution_id: int, now: datetime) -> Piled:
    """What of a distribution has fallen due and was not made: what a resume would send at once."""
    due = select(func.count(case((Planned.step == 0, 1))), func.count(case((Planned.step > 0, 1)))).where(
        Planned.distribution_id == distribution_id,
        Planned.state.in_([S.WAITING, S.DRY]),
        Planned.due_at <= now,
    )
    return Piled(*session.execute(due).one())


def held(session: Session, state: PlannedState) -> list[Held]:
    """Distributions of which texts are in `state` (DRY or LATE), and how many."""
    found = (
        select(Planned.distribution_id, func.count(), func.min(Planned.due_at))
        .where(HELD, Planned.state == state)
        .group_by(Planned.distribution_id)
        .order_by(Planned.distribution_id)
    )
    return [Held(*row) for row in session.execute(found)]


def going(session: Session) -> list[Distribution]:
    """Distributions that were sent off and plan texts: being sent or paused, or done but for what is planned."""
    plans = (Distribution.mode == "automatic") | (cast(Distribution.reminders, Text) != "[]")
    to_come = exists().where(Planned.distribution_id == Distribution.id, Planned.state.in_([S.WAITING, S.DRY]))
    status = Distribution.status.in_(("sending", "paused")) | ((Distribution.status == "done") & to_come)
    return list(session.scalars(select(Distribution).where(plans, status).order_by(Distribution.id)))


def of_whom(session: Session) -> list[tuple[int, PlannedState]]:
    """Of which distributions texts are DRY or LATE, by two or three look-ups for each, however many texts there are."""
    found: list[tuple[int, PlannedState]] = []
    next_one = select(func.min(Planned.distribution_id)).where(HELD)
    distribution_id = session.scalar(next_one)
    while distribution_id is not None:
        for state in (S.DRY, S.LATE):
            # Without HELD, or SQLite reads what is in the other state as well.
            mine = select(Planned.id).where(Planned.distribution_id == distribution_id, Planned.state == state)
            if session.scalar(mine.order_by(Planned.due_at).limit(1)) is not None:
                found.append((distribution_id, state))
        distribution_id = session.scalar(next_one.where(Planned.distribution_id > distribution_id))
    return found


def of_customer(session: Session, customer_id: int, limit: int | None, offset: int = 0) -> list[PlannedLine]:
    """What is planned for a customer and not made (yet), the latest due first: those to come above those dropped.

    `limit` None: all.
    """
    found = (
        select(
            Planned.id,
            Planned.distribution_id,
            Distribution.subject,
            Distribution.status,
            Planned.step,
            Planned.state,
            Planned.reason,
            Planned.due_at,
            Planned.settled_at,
        )
        .join(Distribution, Distribution.id == Planned.distribution_id)
        .where(_of(session, customer_id))
        .order_by((Planned.state == S.DROPPED), Planned.due_at.desc(), Planned.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [PlannedLine(*row) for row in session.execute(found)]


def count_of_customer(session: Session, customer_id: int) -> int:
    """How many lines `of_customer` has in all."""
    return session.scalar(select(func.count()).select_from(Planned).where(_of(session, customer_id))) or 0


def _of(session: Session, customer_id: int) -> ColumnElement[bool]:
    """A customer's planned texts that were not made (yet).

    By the unique key, distribution by distribution, for there is no index that begins with the customer; asked for
    first and given by number, or the database reads the whole table.
    """
    plans = (Distribution.mode == "automatic") | (cast(Distribution.reminders, Text) != "[]")
    ids = session.scalars(select(Distribution.id).where(plans, Distribution.launched_at.is_not(None))).all()
    return (Planned.customer_id == customer_id) & Planned.distribution_id.in_(ids) & (Planned.state != S.MADE)
