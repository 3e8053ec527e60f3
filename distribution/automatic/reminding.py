"""Reminders: planned with the first text, and decided on when they are due and not before.

Each first text that is to be sent has a row for each reminder of its distribution. When it comes up, its true time is
known or can be guessed: `after` counts from when the provider took the first text, `before_expiry` from when the code
that went with it expires. So a reminder is never made before its first text is known to have been sent, and not at all
for those who used the code, opted out, or never got the first text. One that was made may wait, for the morning or a
pause: right before it leaves this is asked once more (`at_the_door`).
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from distribution.automatic import reminders as as_json
from distribution.automatic.reminders import Reminder
from storage import late, planned_reading, reminded
from storage.planned_reading import Due
from storage.reminded import Carried, First, New
from storage.tables import CodeState, Distribution, MessageState, Planned

S = MessageState

# A planned text, read whole or not.
P = TypeVar("P", Planned, Due)

# Why a reminder is dropped where it is its first text's doing: sent again, that is looked at again.
FIRST_FAILED = "first_failed"
LOST = (S.EXCLUDED, S.REJECTED, S.UNDELIVERED, S.CANCELLED)
# Why one is left out that was made, where the reason has another name for those that are dropped.
LEFT_OUT = {"redeemed": "code_redeemed"}

# How long until a reminder is looked at again whose first text may have left: that becomes known, or a person says it.
UNKNOWN = timedelta(minutes=5)
# And one that waits for the reminder before it to leave, so that they arrive in their order.
IN_ORDER = timedelta(minutes=1)


@dataclass(frozen=True)
class Verdicts(Generic[P]):
    """What is to become of reminders that came up.

    `make`: now, the first due first, and `since` when each was due, by id; `again`: looked at again then; `dropped`:
    for good, by reason.
    """

    make: list[P] = field(default_factory=list)
    since: dict[int, datetime] = field(default_factory=dict)
    again: list[tuple[P, datetime]] = field(default_factory=list)
    dropped: dict[str, list[P]] = field(default_factory=lambda: defaultdict(list))


def plan(session: Session, row: Distribution, made: Sequence[Planned], now: datetime) -> None:
    """Plan the reminders of first texts of an automatic distribution that were just made, in the same transaction.

    Who was left out gets none, and who was sent the text without a code: there is nothing to remind of.
    """
    steps = as_json.parse(row.reminders)
    mine = {each.message_id: each for each in made if each.step == 0 and each.message_id and not each.fallback}
    if not steps or not mine:
        return
    sent = reminded.queued(session, [message_id for message_id in mine if message_id])
    firsts = [(message_id, mine[message_id].customer_id, mine[message_id]) for message_id in sorted(sent)]
    times = _provisional(session, row, steps, sorted(sent), now)
    reminded.add(
        session,
        row.id,
        [
            New(customer_id, step, of.occurrence, times(step, message_id), of.fired_at, of.event_id)
            for message_id, customer_id, of in firsts
            for step in range(1, len(steps) + 1)
        ],
    )


def plan_launched(session: Session, row: Distribution, first_texts: Sequence[tuple[int, int]], now: datetime) -> None:
    """Plan the reminders of a manual distribution that is launched: for these first texts (message id, customer id)."""
    steps = as_json.parse(row.reminders)
    times = _provisional(session, row, steps, [message_id for message_id, _ in first_texts], now)
    reminded.add(
        session,
        row.id,
        [
            New(customer_id, step, 0, times(step, message_id), now, None)
            for message_id, customer_id in first_texts
            for step in range(1, len(steps) + 1)
        ],
    )


def judge(session: Session, row: Distribution, planned: Sequence[P], now: datetime) -> Verdicts[P]:
    """What is to become of reminders of one distribution that came up. Its row is locked; nothing is changed."""
    steps = as_json.parse(row.reminders)
    customers = sorted({each.customer_id for each in planned})
    firsts, on_its_way = reminded.firsts(session, row.id, customers)
    asked = [first.message_id for first in firsts.values()]
    codes = reminded.codes(session, asked, since=_since(row)) if asked else {}
    verdicts = Verdicts[P]()
    made: set[tuple[int, int]] = set()
    true: list[tuple[datetime, int, P]] = []
    for each in planned:
        first = firsts.get((each.customer_id, each.occurrence))
        reminder = steps[each.step - 1] if each.step <= len(steps) else None
        found = _looked_at(row, reminder, first, codes.get(first.message_id, []) if first else [], now)
        if isinstance(found, str):
            verdicts.dropped[found].append(each)
        elif found > now:
            verdicts.again.append((each, found))
        else:
            true.append((found, each.step, each))
    for due, _, each in sorted(true, key=lambda found: found[:2]):
        key = (each.customer_id, each.occurrence)
        if key in on_its_way or key in made:
            verdicts.again.append((each, now + IN_ORDER))
        else:
            made.add(key)
            verdicts.make.append(each)
            verdicts.since[each.id] = due
    return verdicts


def at_the_door(
    session: Session, row: Distribution, message_ids: Collection[int], now: datetime
) -> tuple[dict[int, str], dict[int, datetime]]:
    """Reminders among messages that are about to leave and must not, whatever their own text carries: for good, and
    why; for now, and until when. Nothing is changed.

    Since they were made the code may have been used, or the first text is known not to have arrived, and may be on its
    way once more: nothing reminds of it before.
    """
    if not row.reminders:
        return {}, {}
    found = reminded.among_messages(session, message_ids)
    if not found:
        return {}, {}
    steps = as_json.parse(row.reminders)
    firsts, _ = reminded.firsts(session, row.id, sorted({customer_id for _, customer_id, _, _ in found}))
    asked = {
        firsts[key].message_id
        for _, customer_id, _, occurrence in found
        if (key := (customer_id, occurrence)) in firsts
    }
    codes = reminded.codes(session, sorted(asked), since=_since(row)) if asked else {}
    out: dict[int, str] = {}
    waits: dict[int, datetime] = {}
    for message_id, customer_id, step, occurrence in found:
        first = firsts.get((customer_id, occurrence))
        if first is None or first.state in LOST:
            out[message_id] = FIRST_FAILED
        elif (why := _worthless(codes.get(first.message_id, []), now)) is not None:
            out[message_id] = LEFT_OUT.get(why, why)
        elif first.settled_at is None or first.state is S.UNKNOWN:
            waits[message_id] = now + UNKNOWN
        else:
            due = first.settled_at + timedelta(minutes=steps[step - 1].after or 0)
            if due > now:  # it was sent again
                waits[message_id] = due
    return out, waits


def drop_due(session: Session, row: Distribution, ids: Sequence[int], reason: str, now: datetime) -> None:
    """Drop those of some planned reminders that would be made now. Their distribution's row is locked."""
    reminders = late.still(session, ids, now)
    if reminders:
        planned_reading.drop(session, judge(session, row, reminders, now).make, reason, now)


def again(session: Session, row: Distribution, message_ids: Collection[int], now: datetime) -> None:
    """First texts or reminders are sent again: the time of each begins anew, and so do the reminders of those."""
    if row.reminders or row.mode == "automatic":
        reminded.again(session, row.id, message_ids, because=FIRST_FAILED, at=now)


def _looked_at(
    row: Distribution, reminder: Reminder | None, first: First | None, codes: Sequence[Carried], now: datetime
) -> datetime | str:
    """When a reminder is due, or looked at next; or why it is dropped."""
    if row.status == "stopped" or reminder is None:
        return "stopped"
    if first is None or first.state in LOST:
        return FIRST_FAILED
    if first.why_not is not None:
        return first.why_not
    why = _worthless(codes, now)
    if why is not None:
        return why
    if first.state is S.QUEUED or first.settled_at is None:
        return _guess(reminder, codes, now) or "no_expiry"
    if reminder.before_expiry is None:
        due = first.settled_at + timedelta(minutes=reminder.after or 0)
    else:
        ends = _expiry(codes, first.settled_at)
        if ends is None:
            return "no_expiry"
        due = ends - timedelta(minutes=reminder.before_expiry)
        if due <= first.settled_at:
            return "code_too_short"
    if first.state is S.UNKNOWN:
        return max(due, now + UNKNOWN)
    return due


def _worthless(codes: Sequence[Carried], now: datetime) -> str | None:
    """Why the codes of a first text make a reminder pointless: one was used, or none is worth anything."""
    if any(each.used for each in codes):
        return "redeemed"
    worth = [each for each in codes if _worth(each, now)]
    if not codes or worth:
        return None
    return "code_revoked" if any(each.state is CodeState.REVOKED for each in codes) else "code_expired"


def _worth(code: Carried, now: datetime) -> bool:
    over = code.expires_at is not None and code.expires_at <= now
    return code.state in (CodeState.BLOCKED, CodeState.ISSUED) and not over


def _expiry(codes: Sequence[Carried], issued_at: datetime) -> datetime | None:
    """When the first code expires of those that may be used, if any does."""
    ends = [_ends(each, issued_at) for each in codes if each.state in (CodeState.BLOCKED, CodeState.ISSUED)]
    return min((each for each in ends if each is not None), default=None)


def _ends(code: Carried, issued_at: datetime) -> datetime | None:
    if code.validity_days is not None:
        return issued_at + timedelta(days=code.validity_days)
    return code.expires_at


def _guess(reminder: Reminder, codes: Sequence[Carried], now: datetime) -> datetime | None:
    """When to look at a reminder whose first text has not left: it cannot be due before. None: it never will be."""
    if reminder.before_expiry is None:
        return now + timedelta(minutes=reminder.after or 0)
    ends = _expiry(codes, now)
    return None if ends is None else max(ends - timedelta(minutes=reminder.before_expiry), now + UNKNOWN)


def _provisional(
    session: Session, row: Distribution, steps: Sequence[Reminder], message_ids: Collection[int], now: datetime
) -> "_Times":
    """When the reminders of first texts are looked at first."""
    dated = any(each.before_expiry is not None for each in steps)
    return _Times(steps, reminded.codes(session, message_ids, since=_since(row)) if dated else {}, now)


@dataclass(frozen=True)
class _Times:
    """When reminders of first texts that have not left are looked at."""

    steps: Sequence[Reminder]
    codes: dict[int, list[Carried]]
    now: datetime

    def __call__(self, step: int, message_id: int) -> datetime:
        """When the one of `step` is, for one text; soon where it can never be due, to be dropped then."""
        reminder = self.steps[step - 1]
        return _guess(reminder, self.codes.get(message_id, []), self.now) or self.now + UNKNOWN


def _since(row: Distribution) -> datetime:
    return row.launched_at or row.started_at or row.created_at
