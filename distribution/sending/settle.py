"""What is not known is found out, never guessed (DESIGN §6, Unknown).

Two ways into UNKNOWN: a request that ended without a plain answer, and a batch whose worker is gone. Evidence settles
it: a callback, the worker's own late answer, or the provider's own list. Only when that list lacks the text twice, both
times after every request of the attempt must have ended, does the same code go to the same customer again.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from distribution.errors import Refused
from distribution.links import Links
from distribution.providers.connections import Client
from distribution.providers.port import Arrival, Found, LookUpFailed, Provider, Sought
from distribution.recipients import Loader
from distribution.runtime import Runtime
from distribution.sending.attempts import attempt_id
from distribution.sending.options import backoff
from distribution.sending.record import Moment, apply_evidence, cancel, queue_again
from storage import batches, messages
from storage.batches import lock
from storage.bulk import among
from storage.database import Database, is_sqlite
from storage.messages import Settled
from storage.tables import (
    Batch,
    Distribution,
    Message,
    MessageState,
    PromoCode,
    PromoCodeRepeat,
    UnknownAttempt,
)

log = structlog.get_logger(__name__)

AT_ONCE = 20  # look-ups in flight
LOOKS = 100  # attempts claimed at a time
CLAIM = timedelta(minutes=3)  # how long one worker's look-up keeps others from the same attempt
ABSENCES = 2
MOST_FAILED_LOOKS = 12  # then a person decides (about twenty minutes)

STATES = {
    Arrival.ACCEPTED: MessageState.ACCEPTED,
    Arrival.DELIVERED: MessageState.DELIVERED,
    Arrival.UNDELIVERED: MessageState.UNDELIVERED,
}


class Open(NamedTuple):
    """An attempt to ask about, and the claim that allows it."""

    message_id: int
    batch_id: int
    distribution_id: int
    provider_id: int
    claimed: datetime
    sought: Sought


def sweep(db: Database, at: Moment, listed_within: Mapping[int, float | None], limit: int = 20) -> int:
    """Make unknown what a vanished worker had dispatched and not recorded; returns how many messages.

    `listed_within` is by provider, of those that can be asked here: what went through another waits for a sender that
    can ask it. A batch is swept only after every request of it must have ended.
    """
    with db.read() as session:
        overdue = batches.overdue(session, at.machine, listed_within, limit)
    swept = 0
    for distribution_id, batch_id in overdue:
        with db.write() as session:
            distribution = lock(session, distribution_id)
            ids = batches.close_overdue(session, batch_id, at.machine)
            rows = [Settled(message_id, MessageState.UNKNOWN, "interrupted") for message_id in ids]
            moved = messages.settle(session, distribution_id, rows, at.business)
            within = listed_within.get(distribution.provider_id or 0)
            messages.note_unknown(
                session,
                distribution_id,
                [(message_id, batch_id) for message_id in moved],
                since=at.machine,
                look_at=None if within is None else at.machine + timedelta(seconds=within),
            )
        swept += len(moved)
        if moved:
            log.warning("a batch was left behind", batch=batch_id, unknown=len(moved))
    return swept


async def look_up(
    claimed: list[Open], providers: Mapping[int, tuple[Provider, Client]]
) -> list[tuple[Open, Found | LookUpFailed | None]]:
    """Ask the providers about claimed attempts, a few at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(item: Open) -> tuple[Open, Found | LookUpFailed | None]:
        provider, http = providers[item.provider_id]
        async with gate:
            try:
                return item, await provider.look_up(http, item.sought)
            except LookUpFailed as error:
                return item, error
            except Exception as error:
                log.exception("a look-up failed in our own code", attempt=item.sought.attempt_id)
                return item, LookUpFailed(type(error).__name__)

    return await asyncio.gather(*map(ask, claimed))


# Whose customer was erased since has no number to be asked about: a person decides.
_ADDRESSED = (
    select(Message.id)
    .where(Message.id == UnknownAttempt.message_id, Message.phone.is_not(None))
    .correlate(UnknownAttempt)
).exists()


def claim(runtime: Runtime, now: datetime, provider_ids: set[int]) -> list[Open]:
    """Claim attempts that are due to be asked about, for one look-up each."""
    with runtime.db.read() as session:
        due = select(UnknownAttempt.message_id).where(
            UnknownAttempt.outcome.is_(None), UnknownAttempt.look_at <= now, _ADDRESSED
        )
        if session.scalar(due.limit(1)) is None:
            return []
    with runtime.db.write() as session:
        query = (
            select(UnknownAttempt, Distribution.provider_id, Batch.dispatched_at)
            .join(Distribution, Distribution.id == UnknownAttempt.distribution_id)
            .outerjoin(Batch, Batch.id == UnknownAttempt.batch_id)
            .where(
                UnknownAttempt.outcome.is_(None),
                UnknownAttempt.look_at <= now,
                _ADDRESSED,
                Distribution.provider_id.in_(sorted(provider_ids)),
            )
            .order_by(UnknownAttempt.look_at)
            .limit(LOOKS)
        )
        if not is_sqlite(session):
            query = query.with_for_update(of=UnknownAttempt, skip_locked=True)
        rows = session.execute(query).all()
        until = now + CLAIM
        for attempt, _, _ in rows:
            attempt.look_at = until
        session.flush()
        opened = [
            Open(
                attempt.message_id,
                attempt.batch_id,
                attempt.distribution_id,
                provider_id or 0,
                until,
                Sought(attempt_id(attempt.batch_id, attempt.message_id), "", (), intended or attempt.since),
            )
            for attempt, provider_id, intended in rows
        ]
        return _described(session, runtime.links, opened)


def _described(session: Session, links: Links, opened: list[Open]) -> list[Open]:
    """What a provider's list can be searched for: numbers, texts, and what of a text is in no other.

    That is its codes, or the links that stand for them in it. A text that cannot be written again has none.
    """
    ids = [item.message_id for item in opened]
    phones = {
        message_id: phone or ""
        for message_id, phone in session.execute(
            select(Message.id, Message.phone).where(among(session, Message.id, ids))
        )
    }
    codes = _codes(session, ids)
    texts: dict[int, str] = {}
    for distribution_id in sorted({item.distribution_id for item in opened}):
        texts |= _texts(
            session, links, distribution_id, [i.message_id for i in opened if i.distribution_id == distribution_id]
        )
    described = []
    for item in opened:
        text = texts.get(item.message_id)
        marks = []
        for code_id, code in codes[item.message_id]:
            marks += [mark for mark in (code, links.qr(code_id)) if text is not None and mark in text][:1]
        sought = item.sought._replace(phone=phones.get(item.message_id, ""), codes=tuple(marks), text=text)
        described.append(item._replace(sought=sought))
    return described


def _texts(session: Session, links: Links, distribution_id: int, message_ids: list[int]) -> dict[int, str]:
    """The texts of messages, by message, as they would be written now; what cannot be is left out."""
    texts = {}
    try:
        loader = Loader(session, session.get_one(Distribution, distribution_id), links)
        for each in loader.for_messages(message_ids):
            with contextlib.suppress(Exception):  # one customer's data must not hold up the others' look-ups
                texts[each.message_id] = each.template.render(each.recipient).strip()
    except Refused:
        log.exception("a launched body cannot be compiled", distribution=distribution_id)
    return texts


def _codes(session: Session, message_ids: list[int]) -> dict[int, list[tuple[int, str]]]:
    """Ids and codes that messages carry, by message."""
    codes: dict[int, list[tuple[int, str]]] = defaultdict(list)
    initial = select(PromoCode.message_id, PromoCode.id, PromoCode.code).where(
        among(session, PromoCode.message_id, message_ids)
    )
    repeated = (
        select(PromoCodeRepeat.message_id, PromoCode.id, PromoCode.code)
        .join(PromoCode, PromoCode.id == PromoCodeRepeat.code_id)
        .where(among(session, PromoCodeRepeat.message_id, message_ids))
    )
    for message_id, code_id, code in [*session.execute(initial), *session.execute(repeated)]:
        if message_id is not None:
            codes[message_id].append((code_id, code))
    return codes


def conclude(
    db: Database,
    answers: list[tuple[Open, Found | LookUpFailed | None]],
    at: Moment,
    listed_within: Mapping[int, float | None],
) -> None:
    """Write down what providers answered, one transaction for each distribution."""
    by_distribution: dict[int, list[tuple[Open, Found | LookUpFailed | None]]] = defaultdict(list)
    for item, answer in answers:
        by_distribution[item.distribution_id].append((item, answer))
    for distribution_id, group in sorted(by_distribution.items()):
        with db.write() as session:
            distribution = lock(session, distribution_id)
            group = [(item, answer) for item, answer in group if _still_claimed(session, item)]
            _found(session, distribution_id, group, at)
            absent = [item for item, answer in group if answer is None]
            _absent(session, distribution, absent, at, listed_within)
            for item, answer in group:
                if isinstance(answer, LookUpFailed):
                    _failed(session, item, at.machine)


def _still_claimed(session: Session, item: Open) -> bool:
    """Whether the question is still open and ours."""
    return (
        session.scalar(
            select(UnknownAttempt.message_id).where(
                UnknownAttempt.message_id == item.message_id,
                UnknownAttempt.batch_id == item.batch_id,
                UnknownAttempt.outcome.is_(None),
                UnknownAttempt.look_at == item.claimed,
            )
        )
        is not None
    )


def _found(
    session: Session, distribution_id: int, group: list[tuple[Open, Found | LookUpFailed | None]], at: Moment
) -> None:
    """The provider has the text: it left."""
    rows = [
        Settled(item.message_id, STATES[answer.arrival], None, answer.provider_ref)
        for item, answer in group
        if isinstance(answer, Found)
    ]
    apply_evidence(session, {distribution_id: rows}, at.business, outcome="found")


def _absent(
    session: Session,
    distribution: Distribution,
    items: list[Open],
    at: Moment,
    listed_within: Mapping[int, float | None],
) -> None:
    """The provider has no such text. The second time it certainly never left, and is sent again with its own code."""
    again = []
    for item in items:
        within = listed_within.get(item.provider_id) or 0.0
        absences = session.scalar(
            update(UnknownAttempt)
            .where(UnknownAttempt.message_id == item.message_id, UnknownAttempt.batch_id == item.batch_id)
            .values(absences=UnknownAttempt.absences + 1, look_at=at.machine + timedelta(seconds=max(within, 1.0)))
            .returning(UnknownAttempt.absences)
            .execution_options(synchronize_session=False)
        )
        if absences is not None and absences >= ABSENCES:
            again.append(item.message_id)
    if not again:
        return
    queued = queue_again(session, distribution.id, again, at.business, outcome="absent")
    if distribution.status == "stopped":
        cancel(session, distribution.id, queued, at.business)
    else:
        batches.send_back(session, distribution.id, queued, not_before=at.machine, tries=1)


def _failed(session: Session, item: Open, now: datetime) -> None:
    """The provider could not be asked: ask later, and after many times leave it to a person."""
    failed = session.scalar(
        update(UnknownAttempt)
        .where(UnknownAttempt.message_id == item.message_id, UnknownAttempt.batch_id == item.batch_id)
        .values(looks_failed=UnknownAttempt.looks_failed + 1)
        .returning(UnknownAttempt.looks_failed)
        .execution_options(synchronize_session=False)
    )
    over = failed is None or failed >= MOST_FAILED_LOOKS
    session.execute(
        update(UnknownAttempt)
        .where(UnknownAttempt.message_id == item.message_id, UnknownAttempt.batch_id == item.batch_id)
        .values(look_at=None if over else now + timedelta(seconds=backoff(failed or 1)))
        .execution_options(synchronize_session=False)
    )
