"""What providers tell us: kept as it came, applied once and only forward, in whatever order it arrives.

`receive` is what the HTTP side calls: one insert under a unique key. `apply` is called by the sender: it moves
messages, issues codes, takes STOP, START and HELP, and keeps every other reply for people to read.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from distribution.errors import Refused
from distribution.providers import registry
from distribution.providers.port import Arrival, Callback, InboundNews, NotGenuine, Provider, StatusNews
from distribution.runtime import Runtime
from distribution.sending import failpoints
from distribution.sending.attempts import parts
from distribution.sending.record import apply_evidence
from distribution.sending.replies import take
from storage.batches import lock
from storage.bulk import among
from storage.database import is_sqlite
from storage.messages import Settled
from storage.tables import CallbackInbox, Distribution, Message, MessageState
from storage.tables import Provider as ProviderRow

log = structlog.get_logger(__name__)

AT_ONCE = 500
# Where the HTTP side puts what is not a field of the callback itself. No provider's own field starts like this.
ATTEMPT, URL, SIGNATURE = "_attempt", "_url", "_signature"

STATES = {
    Arrival.ACCEPTED: MessageState.ACCEPTED,
    Arrival.DELIVERED: MessageState.DELIVERED,
    Arrival.UNDELIVERED: MessageState.UNDELIVERED,
}


def receive(session: Session, provider_id: int, payloads: Sequence[Mapping[str, Any]], now: datetime) -> int:
    """Keep callbacks; a repetition, byte for byte the same, is not kept twice. Returns how many were new.

    A payload is the provider's JSON object or form fields, with `ATTEMPT`, `URL` and `SIGNATURE` from the request.
    """
    into = (sqlite.insert if is_sqlite(session) else postgresql.insert)(CallbackInbox)
    fresh = {_key(payload): dict(payload) for payload in payloads}
    kept = session.scalars(
        into.on_conflict_do_nothing().returning(CallbackInbox.id),
        [
            {"provider_id": provider_id, "key": key, "payload": payload, "received_at": now}
            for key, payload in fresh.items()
        ],
    )
    return len(kept.all())


def _key(payload: Mapping[str, Any]) -> str:
    """What makes a callback news."""
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def apply(runtime: Runtime, limit: int = AT_ONCE) -> int:
    """Apply up to `limit` of what was received, oldest first, in one transaction; returns how many."""
    with runtime.db.read() as session:
        if session.scalar(select(CallbackInbox.id).where(CallbackInbox.applied_at.is_(None)).limit(1)) is None:
            return 0
    with runtime.db.write() as session:
        waiting = (
            select(CallbackInbox).where(CallbackInbox.applied_at.is_(None)).order_by(CallbackInbox.id).limit(limit)
        )
        rows = session.scalars(waiting if is_sqlite(session) else waiting.with_for_update(skip_locked=True)).all()
        now = runtime.clock.now()
        statuses, inbound = _read(session, runtime, rows)
        _apply_statuses(session, statuses, now)
        for provider_id, news in inbound:
            take(session, provider_id, news, now)
        session.execute(
            update(CallbackInbox)
            .where(among(session, CallbackInbox.id, [row.id for row in rows]))
            .values(applied_at=now)
            .execution_options(synchronize_session=False)
        )
        failpoints.reach("callbacks.before_commit")
    failpoints.reach("callbacks.after_commit")
    return len(rows)


def _read(
    session: Session, runtime: Runtime, rows: Sequence[CallbackInbox]
) -> tuple[list[tuple[int, StatusNews]], list[tuple[int, InboundNews]]]:
    """What callbacks say, each with its provider's id. Those that cannot be read are logged and done with."""
    opened: dict[int, Provider | None] = {}
    statuses: list[tuple[int, StatusNews]] = []
    inbound: list[tuple[int, InboundNews]] = []
    for row in rows:
        if row.provider_id not in opened:
            opened[row.provider_id] = _open(session, runtime, row.provider_id)
        provider = opened[row.provider_id]
        if provider is None:
            continue
        fields = {key: value for key, value in row.payload.items() if key not in (ATTEMPT, URL, SIGNATURE)}
        callback = Callback(fields, row.payload.get(ATTEMPT), row.payload.get(URL, ""), row.payload.get(SIGNATURE))
        try:
            news = provider.read_callback(callback)
        except NotGenuine as error:
            log.warning("a callback was not believed", inbox=row.id, provider=row.provider_id, why=str(error))
            continue
        if isinstance(news, StatusNews):
            statuses.append((row.provider_id, news))
        else:
            inbound.append((row.provider_id, news))
    return statuses, inbound


def _open(session: Session, runtime: Runtime, provider_id: int) -> Provider | None:
    """The provider of a callback; None when it was deleted or its secret cannot be read."""
    row = session.get(ProviderRow, provider_id)
    try:
        return registry.opened(runtime.vault, row) if row is not None else None
    except Refused:
        log.exception("a callback's provider cannot be opened", provider=provider_id)
        return None


def _apply_statuses(session: Session, statuses: Sequence[tuple[int, StatusNews]], now: datetime) -> None:
    """Move the messages that statuses are about, distribution by distribution in the order of their ids."""
    found = [(provider_id, news, parts(news.attempt_id)) for provider_id, news in statuses]
    ids = {attempt[1] for _, _, attempt in found if attempt is not None}
    owners = {
        message_id: (distribution_id, provider_id)
        for message_id, distribution_id, provider_id in session.execute(
            select(Message.id, Message.distribution_id, Distribution.provider_id)
            .join(Distribution, Distribution.id == Message.distribution_id)
            .where(among(session, Message.id, ids))
        )
    }
    by_distribution: dict[int, list[Settled]] = defaultdict(list)
    for provider_id, news, attempt in found:
        if attempt is None or owners.get(attempt[1], (0, None))[1] != provider_id:
            log.warning("a status of nothing we sent", attempt=news.attempt_id, provider=provider_id)
            continue
        state = STATES[news.arrival]
        reason = (news.reason or "undelivered") if state is MessageState.UNDELIVERED else None
        by_distribution[owners[attempt[1]][0]].append(Settled(attempt[1], state, reason, news.provider_ref))
    for distribution_id, rows in sorted(by_distribution.items()):
        lock(session, distribution_id)
        apply_evidence(session, distribution_id, rows, now, outcome="callback")
