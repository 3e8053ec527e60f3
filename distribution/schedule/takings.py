"""How many codes of which group each thing that is planned takes, and when: what `conflicts` plays through.

Scheduled ones take what their review counted, each time that they are sent; their reminders with a new code take up to
as many again. Of automatic ones there is what is planned already, and what their review saw of the last 30 days.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution import audience as audiences
from distribution import recipients
from distribution.automatic import reminders as reminding
from distribution.automatic.reminders import Reminder
from distribution.automatic.texts import FIRST, body_of
from distribution.codes.taking import SAME
from distribution.drafts import rule
from distribution.errors import Refused
from distribution.schedule import repeat
from distribution.templates import render
from storage import planned_counts
from storage.tables import Distribution, PromoCodeGroup

AHEAD = timedelta(days=90)
DAY = timedelta(days=1)
PLANNED = ("pending", "scheduled")


@dataclass(frozen=True)
class Taking:
    """One distribution at one time, and how many codes of a group it needs then.

    `step`: 0 for its first text, 1… for a reminder, which needs so many at most. `about`: an automatic one, by its last
    30 days or by what is planned; it is never refused for want of codes, but leaves others too few.
    """

    at: datetime
    distribution_id: int
    subject: str
    needed: int
    step: int = FIRST
    about: bool = False


ByGroup = tuple[int, Taking]  # the group's id, and a taking of its codes


def planned(session: Session) -> list[Distribution]:
    """What is scheduled or waits for its approval, in the order of time; those without a time are sent at once."""
    waiting = select(Distribution).where(Distribution.status.in_(PLANNED))
    return list(session.scalars(waiting.order_by(Distribution.send_at, Distribution.id)))


def times(row: Distribution, zone: ZoneInfo, now: datetime, until: datetime) -> list[datetime]:
    """When a distribution is to be sent, from `now` to `until`: once, or each time. What is overdue is at `now`.

    What repeats and was not sent off yet begins with the next of its times.
    """
    due, rule_ = row.put_off_to or row.send_at or now, repeat.parse(row.repeat)
    if rule_ is not None and due <= now and row.status != "scheduled":
        return list(rule_.between(now, until, zone))
    first = max(due, now)
    if first > until:
        return []
    return [first, *rule_.between(first, until, zone)] if rule_ else [first]


def of(
    session: Session, row: Distribution, zone: ZoneInfo, now: datetime, review: Mapping[str, Any] | None = None
) -> Iterator[ByGroup]:
    """What a distribution that is planned takes in the next `AHEAD`. `review`: as JSON, where it is not kept yet."""
    review = review or row.draft.get("review")
    if row.mode == "automatic":
        yield from _as_read(_set_live(session, row, now, review))
    else:
        yield from _as_read(_sent(session, row, zone, now, review))


def under_way(session: Session, now: datetime) -> Iterator[ByGroup]:
    """What those take that were sent off: texts and reminders that are planned, and what live ones go on to send."""
    for row in planned_counts.going(session):
        yield from _as_read(_planned_texts(session, row, now))
        if row.mode == "automatic" and row.status != "done":
            yield from _as_read(_at_pace(session, row, now, row.draft.get("review")))


def _as_read(found: Iterator[ByGroup]) -> Iterator[ByGroup]:
    """What is found until a text or an audience cannot be read any more: its launch, or its clock, says so."""
    try:
        yield from found
    except Refused:
        return


def _sent(
    session: Session, row: Distribution, zone: ZoneInfo, now: datetime, review: Mapping[str, Any] | None
) -> Iterator[ByGroup]:
    """What a manual one takes: its first text at each of its times, its reminders after each of them."""
    coming = times(row, zone, now, now + AHEAD)
    first = _first_text(session, row, now, review)
    if row.code_policy == SAME:  # the next times they have a code
        coming = coming[:1]
    for at in coming:
        for group_id, n in first.items():
            yield group_id, Taking(at, row.id, row.subject, n)
    texts = review["recipients"] if review else max(first.values(), default=0)
    for step, reminder in enumerate(reminding.parse(row.reminders), 1):
        for group_id in _groups(session, row, step):
            if row.code_policy == SAME and group_id in first:
                continue
            for at in coming:
                due = _reminded(session, row, reminder, at)
                if due is not None and due <= now + AHEAD:
                    yield group_id, Taking(due, row.id, row.subject, texts, step)


def _first_text(session: Session, row: Distribution, now: datetime, review: Mapping[str, Any] | None) -> dict[int, int]:
    """How many codes of each group the first text takes: as its review counted, else as counted now."""
    if review:
        return {need["group_id"]: need["needed"] for need in review["codes"] if need["needed"]}
    groups = _groups(session, row, FIRST)
    n = audiences.count(session, rule(row.audience), now).textable if groups else 0
    return dict.fromkeys(groups, n) if n else {}


def _set_live(
    session: Session, row: Distribution, now: datetime, review: Mapping[str, Any] | None
) -> Iterator[ByGroup]:
    """What an automatic one takes once it is live: today's members, where it begins with them, and then its pace."""
    foreseen = (review or {}).get("foreseen") or {}
    begins = foreseen.get("begins", foreseen.get("members"))  # a review of an older release has no `begins`
    if foreseen.get("at_once") and begins:
        for group_id in _groups(session, row, FIRST):
            yield group_id, Taking(now, row.id, row.subject, begins, about=True)
    yield from _at_pace(session, row, now, review)


def _at_pace(session: Session, row: Distribution, now: datetime, review: Mapping[str, Any] | None) -> Iterator[ByGroup]:
    """What an automatic one takes day by day, if it goes on as its review saw the last days; up to its end."""
    foreseen = (review or {}).get("foreseen") or {}
    if not foreseen.get("made"):
        return
    until = min(row.ends_at or now + AHEAD, now + AHEAD)
    for step in range(len(row.reminders) + 1):
        for group_id in _groups(session, row, step):
            if row.code_policy == SAME and step and group_id in _groups(session, row, FIRST):
                continue
            for day in range((until - now) // DAY):
                n = (day + 1) * foreseen["made"] // foreseen["days"] - day * foreseen["made"] // foreseen["days"]
                if n:
                    yield group_id, Taking(now + (day + 1) * DAY, row.id, row.subject, n, step, about=True)


def _planned_texts(session: Session, row: Distribution, now: datetime) -> Iterator[ByGroup]:
    """What texts that are planned take, each step when the first of them is due; those that wait for codes at once."""
    steps = {step: groups for step in range(len(row.reminders) + 1) if (groups := _groups(session, row, step))}
    if row.mode == "manual":
        steps.pop(FIRST, None)
    if not steps:
        return
    waiting, dry = planned_counts.to_come(session, row.id)
    for step in sorted(steps.keys() & waiting.keys()):
        n, due = waiting[step]
        for group_id in steps[step]:
            yield group_id, Taking(max(due, now), row.id, row.subject, n, step, about=row.mode == "automatic")
    for group_id in next(iter(steps.values())) if dry else ():
        yield group_id, Taking(now, row.id, row.subject, dry, about=True)


def _groups(session: Session, row: Distribution, step: int) -> list[int]:
    """The groups that the text of a step takes a new code from."""
    template = render.compile(body_of(row, step))
    if not template.issues_from:
        return []
    keys = recipients.group_keys(session, row, template)
    return sorted(group_id for group_id, key in keys.items() if key in template.issues_from)


def _reminded(session: Session, row: Distribution, reminder: Reminder, at: datetime) -> datetime | None:
    """When a reminder of what is sent `at` a time is due; None where its code has no expiry."""
    if reminder.before_expiry is None:
        return at + timedelta(minutes=reminder.after or 0)
    group = session.get(PromoCodeGroup, row.group_id) if row.group_id else None
    if group is None:
        return None
    ends = at + timedelta(days=group.validity_days) if group.validity_days is not None else group.expires_at
    due = ends - timedelta(minutes=reminder.before_expiry) if ends else None
    return due if due is not None and due > at else None
