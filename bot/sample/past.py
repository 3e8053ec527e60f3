"""Distributions of a large shop's past: their messages, and what became of each, as the engine would have left them."""

import hashlib
import random
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import bulk, tally
from storage.customers import exclusion
from storage.sequences import take
from storage.tables import Customer, Distribution, Message, MessageState, PromoCodeRepeat, Segment

S = MessageState
MARKETER = "U0MAYA"
# How many texts left together, and how long that took.
TOGETHER, TOOK, ARRIVED = 5_000, timedelta(minutes=1), timedelta(seconds=14)
# One text in so many did not arrive, was refused, or nobody said what became of it.
LOST, REFUSED, SILENT = 23, 89, 41

COLUMNS = (
    "id",
    "distribution_id",
    "customer_id",
    "state",
    "reason",
    "phone",
    "provider_ref",
    "segments",
    "settled_at",
    "delivered_at",
)
REPEATS = ("message_id", "code_id", "customer_id", "issued_at")


class People:
    """All customers in the order of their ids: number, and why they cannot be texted."""

    def __init__(self, session: Session) -> None:
        self.ids = array("q")
        self.phones: list[str | None] = []
        self.why: list[str | None] = []
        found = select(Customer.id, Customer.phone, exclusion()).order_by(Customer.id)
        for customer_id, phone, why in session.execute(found.execution_options(yield_per=50_000)):
            self.ids.append(customer_id)
            self.phones.append(phone)
            self.why.append(why)


@dataclass
class Held:
    """The messages of a group that have a code, in the order of the codes."""

    message_ids: "array[int]" = field(default_factory=lambda: array("q"))
    customer_ids: "array[int]" = field(default_factory=lambda: array("q"))
    # From which place on codes were issued when; None: they are blocked.
    since: list[int] = field(default_factory=list)
    times: list[datetime | None] = field(default_factory=list)
    pace: Counter[datetime] = field(default_factory=Counter)

    def issued_at(self, place: int) -> datetime | None:
        """When the code at `place` was issued."""
        return self.times[bisect_right(self.since, place) - 1]

    def add(self, at: datetime | None, message_ids: Sequence[int], customer_ids: Sequence[int]) -> None:
        """The next messages, all issued `at`, or blocked."""
        if not message_ids:
            return
        self.since.append(len(self.message_ids))
        self.times.append(at)
        self.message_ids.extend(message_ids)
        self.customer_ids.extend(customer_ids)
        if at is not None:
            self.pace[at.replace(minute=0, second=0, microsecond=0)] += len(message_ids)


def send(
    session: Session,
    subject: str,
    body: str,
    people: People,
    places: Sequence[int],
    at: datetime,
    held: Held,
    *,
    group_id: int | None,
    provider_id: int,
    paused: bool = False,
) -> Distribution:
    """A distribution of `at` to the customers at `places`; `paused`: half of it has left.

    Its messages that took a code, or may, are added to `held`.
    """
    row = _distribution(session, subject, body, group_id, provider_id, at, paused)
    first = take(session, "message", len(places))
    row.first_message_id, row.last_message_id = first, first + len(places) - 1
    left = len(places) // 2 if paused else len(places)
    row.claimed_to = first + left - 1
    counts: Counter[MessageState] = Counter()
    moment = bulk.moments(session)
    for start in range(0, len(places), TOGETHER):
        written = [
            _message(first + place, row.id, people, who, at, moment, waits=place >= left)
            for place, who in enumerate(places[start : start + TOGETHER], start)
        ]
        bulk.load(session, Message, COLUMNS, written)
        counts.update(S(message[3]) for message in written)
        for time, states in ((at, (S.ACCEPTED, S.DELIVERED, S.UNDELIVERED)), (None, (S.QUEUED,))):
            having = [message for message in written if message[3] in states]
            held.add(time, [message[0] for message in having], [message[2] for message in having])
        at += TOOK
    tally.move(session, row.id, counts)
    if group_id:
        row.codes_taken = {str(group_id): len(places) - counts[S.EXCLUDED]}
    return row


def repeat(session: Session, held: Held, code_ids: Sequence[int]) -> None:
    """Let the messages in `held` have sent again these codes, one each in order."""
    moment = bulk.moments(session)
    times = [held.issued_at(place) for place in range(len(code_ids))]
    rows = [
        (message_id, code_id, customer_id, moment(at) if at else None)
        for message_id, code_id, customer_id, at in zip(
            held.message_ids, code_ids, held.customer_ids, times, strict=True
        )
    ]
    bulk.load(session, PromoCodeRepeat, REPEATS, rows)


def window(people: People, size: int, chance: random.Random) -> list[int]:
    """Places of `size` customers, in order: every first to eighth from somewhere on."""
    step = min(chance.randint(1, 8), len(people.ids) // size)
    start = chance.randint(0, len(people.ids) - size * step)
    return list(range(start, start + size * step, step))


def _message(
    key: int, distribution_id: int, people: People, who: int, at: datetime, moment: bulk.Moment, *, waits: bool
) -> tuple[Any, ...]:
    """A message's row."""
    customer_id, phone, why = people.ids[who], people.phones[who], people.why[who]
    if why is not None:
        return (key, distribution_id, customer_id, int(S.EXCLUDED), why, phone, None, None, None, None)
    if waits:
        return (key, distribution_id, customer_id, int(S.QUEUED), None, phone, None, None, None, None)
    left = moment(at)
    if key % REFUSED == 0:
        return (key, distribution_id, customer_id, int(S.REJECTED), "invalid_number", phone, None, None, left, None)
    reference = f"SAMPLE{key}"
    if key % SILENT == 0:
        return (key, distribution_id, customer_id, int(S.ACCEPTED), None, phone, reference, 1, left, None)
    lost = key % LOST == 0
    state, reason = (S.UNDELIVERED, "phone_unreachable") if lost else (S.DELIVERED, None)
    return (key, distribution_id, customer_id, int(state), reason, phone, reference, 1, left, moment(at + ARRIVED))


def _distribution(
    session: Session, subject: str, body: str, group_id: int | None, provider_id: int, at: datetime, paused: bool
) -> Distribution:
    """The row of a distribution that was sent at `at`."""
    segment_id = session.scalars(select(Segment.id).order_by(Segment.id).limit(1)).first()
    audience = {"kind": "segment", "segment_id": segment_id}
    facts: dict[str, Any] = {"subject": subject, "body": body, "audience": audience}
    row = Distribution(
        status="paused" if paused else "done",
        status_reason="Paused by Maya." if paused else None,
        purpose="unique_codes" if group_id else "custom",
        group_id=group_id,
        audience=audience,
        subject=subject,
        provider_id=provider_id,
        body=body,
        sealed=facts,
        seal=hashlib.sha256(repr(facts).encode()).hexdigest(),
        created_by=MARKETER,
        created_at=at - timedelta(hours=2),
        updated_at=at,
        started_at=at,
        finished_at=None if paused else at + timedelta(hours=3),
    )
    session.add(row)
    session.flush()
    return row
