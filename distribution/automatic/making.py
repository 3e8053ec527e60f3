"""Planned texts become messages: who may be texted, with codes of their own, in a batch that waits for the sender.

One transaction, with the distribution's row locked, makes a few hundred at most. Everything that would be done to them
by a launch is done here: left out with the reason, counted, bound to codes. Who finds no code follows the
distribution's policy (`dry`), and is forgotten by none of them. A row is made once: it is the only way to its message,
and the message's key is its own.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution import recipients
from distribution.automatic import ceilings, dry, reminding
from distribution.automatic.texts import FIRST, body_of
from distribution.codes import taking
from distribution.codes.usable import unusable
from distribution.runtime import Runtime
from distribution.templates import render
from storage import batches, issuing, messages, planned_reading, stock, tally
from storage.bulk import among
from storage.customers import exclusion
from storage.sequences import take
from storage.tables import Customer, Distribution, MessageState, Planned, PromoCodeGroup

BATCH = 500  # messages that wait for the sender together


@dataclass
class _Message:
    """A message in the making. `without`: the groups of which it needs a new code."""

    id: int
    planned: Planned
    phone: str | None
    reason: str | None  # why it is left out
    without: list[int]

    @property
    def recipient(self) -> tuple[int, int]:
        """Its id and its customer's, as codes are bound by."""
        return self.id, self.planned.customer_id


def make(session: Session, runtime: Runtime, row: Distribution, planned: Sequence[Planned], *, now: datetime) -> None:
    """Make messages of planned texts that are due and say the same (step, fallback). `row` is locked and is being sent.

    Those beyond a ceiling are dropped, those without a code follow `row.when_dry`.
    """
    step, fallback = planned[0].step, planned[0].fallback
    template = render.compile(body_of(row, step, fallback=fallback))
    found = _addressed(session, planned, now)
    going = [each for each in found if each.reason is None]
    groups = recipients.group_keys(session, row, template)
    issues = sorted(group_id for group_id, key in groups.items() if key in template.issues_from)
    again = sorted(group_id for group_id, key in groups.items() if key in template.repeats_from)
    _carry(session, row, going, issues, again, now)
    going, over, left = _room(session, row, going, issues, now)
    for reason, those in over.items():
        planned_reading.drop(session, those, reason, now)
    kept = {each.id for each in going}
    made = [each for each in found if each.reason is not None or each.id in kept]
    if len(made) < len(found) and (again or row.code_policy == taking.SAME):
        taking.forget(session, sorted({each.id for each in found} - {each.id for each in made}))
    messages.add(
        session,
        [
            {
                "id": each.id,
                "distribution_id": row.id,
                "customer_id": each.planned.customer_id,
                "step": each.planned.step,
                "occurrence": each.planned.occurrence,
                "state": int(MessageState.QUEUED if each.reason is None else MessageState.EXCLUDED),
                "reason": each.reason,
                "phone": each.phone,
            }
            for each in made
        ],
    )
    for group_id in issues:
        wanted = [each.recipient for each in going if group_id in each.without]
        bound, _ = issuing.block(session, group_id, wanted, after=0, now=now) if wanted else (0, 0)
        if bound != len(wanted):  # they were counted under the stock's lock: the count itself is wrong
            raise RuntimeError(f"group {group_id} has fewer active codes than its stock says")
        issuing.count_taken(row, group_id, bound)
    counts = Counter(MessageState.QUEUED if each.reason is None else MessageState.EXCLUDED for each in made)
    tally.move(session, row.id, counts)
    if step == FIRST:
        ceilings.count(session, row, counts[MessageState.QUEUED], now)
    ids = [each.id for each in going]
    for start in range(0, len(ids), BATCH):
        batches.send_back(session, row.id, ids[start : start + BATCH], not_before=None, tries=0)
    planned_reading.made(session, [(each.planned, each.id) for each in made], now)
    session.flush()
    if step == FIRST:
        reminding.plan(session, row, [each.planned for each in going], now)
    if left:
        dry.follow(session, runtime, row, left, now=now)


def _addressed(session: Session, planned: Sequence[Planned], now: datetime) -> list[_Message]:
    """Planned texts in their order as messages, with their customers' numbers, and why some of them are left out.

    Whose customer is not there any more is dropped.
    """
    whom = among(session, Customer.id, [each.customer_id for each in planned])
    found = {
        row[0]: (row[1], row[2])
        for row in session.execute(select(Customer.id, Customer.phone, exclusion()).where(whom))
    }
    planned_reading.drop(session, [each for each in planned if each.customer_id not in found], "deleted", now)
    there = [each for each in planned if each.customer_id in found]
    first = take(session, "message", len(there)) if there else 0
    return [_Message(first + place, each, *found[each.customer_id], []) for place, each in enumerate(there)]


def _carry(
    session: Session,
    row: Distribution,
    going: Sequence[_Message],
    issues: Sequence[int],
    again: Sequence[int],
    now: datetime,
) -> None:
    """Plan the codes that these messages repeat, and note of which groups each needs a new one. Before any stock."""
    recipients_ = [each.recipient for each in going]
    for group_id in issues:
        kept = taking.keep(session, group_id, recipients_, now) if row.code_policy == taking.SAME and going else set()
        for each in going:
            if each.id not in kept:
                each.without.append(group_id)
    if again and going:
        taking.repeat_last(session, again, recipients_, now)


def _room(
    session: Session, row: Distribution, going: Sequence[_Message], issues: Sequence[int], now: datetime
) -> tuple[list[_Message], dict[str, list[Planned]], list[Planned]]:
    """Which of these messages can be made now, in their order: those, those beyond a ceiling, those without a code.

    The stock of every group that they take codes from is held from here on.
    """
    active = {}
    for group_id in issues:
        stock.hold(session, group_id)
        usable = unusable(session.get_one(PromoCodeGroup, group_id), now) is None
        wanted = sum(group_id in each.without for each in going)
        active[group_id] = issuing.available(session, group_id, wanted, now) if usable and wanted else 0
    ceiling = ceilings.left(session, row, now) if going and going[0].planned.step == FIRST else ceilings.Left()
    made: list[_Message] = []
    over: dict[str, list[Planned]] = defaultdict(list)
    dry_: list[Planned] = []
    for each in going:
        reason = ceiling.reached(len(made))
        if reason is not None:
            over[reason].append(each.planned)
        elif all(active[group_id] for group_id in each.without):
            for group_id in each.without:
                active[group_id] -= 1
            made.append(each)
        else:
            dry_.append(each.planned)
    return made, over, dry_
