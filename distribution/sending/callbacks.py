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
from sqlalchemy import Select, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from distribution.errors import Refused
from distribution.providers import registry
from distribution.providers.port import Arrival, Callback, InboundNews, NotGenuine, Provider, StatusNews
from distribution.runtime import Runtime
from distribution.sending.attempts import parts
from distribution.sending.record import apply_evidence
from distribution.sending.replies import take
from storage import messages
from storage.batches import lock
from storage.bulk import among
from storage.database import is_sqlite
from storage.messages import Settled
from storage.tables import CallbackInbox, Distribution, Message, MessageState
from storage.tables import Provider as ProviderRow

log = structlog.get_logger(__name__)

AT_ONCE = 500
# Where the HTTP side puts what is not a field of the callback itself. No provider's own field starts like this.
ATTEMPT, URL, SIGNATURE, TIMESTAMP, BODY = "_attempt", "_url", "_signature", "_timestamp", "_body"
ENVELOPE = frozenset({ATTEMPT, URL, SIGNATURE, TIMESTAMP, BODY})

STATES = {
    Arrival.ACCEPTED: MessageState.ACCEPTED,
    Arrival.DELIVERED: MessageState.DELIVERED,
    Arrival.UNDELIVERED: MessageState.UNDELIVERED,
}


def receive(session: Session, provider_id: int, payloads: Sequence[Mapping[str, Any]], now: datetime) -> int:
    """Keep callbacks; a repetition, byte for byte the same, is not kept twice. Returns how many were new.

    A payload is the provider's JSON object or form fields, with what `ENVELOPE` names from the request.
    """
    into = (sqlite.insert if is_sqlite(session) else postgresql.insert)(CallbackInbox)
    fresh = {_key(payload): storable(payload) for payload in payloads}
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


def storable(value: Any) -> Any:
    """A JSON value as a database can hold it: without NUL, and without the half of an emoji that a gateway cut off."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {storable(key): storable(item) for key, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list) else value


def apply(runtime: Runtime, limit: int = AT_ONCE) -> int:
    """Apply up to `limit` of what was received, oldest first; returns how many.

    In one transaction, unless one of them breaks us: then each has its own, and that one is put aside. A text that
    nobody foresaw must not hold up everybody's opt-outs.
    """
    try:
        return _apply(runtime, limit)
    except (OperationalError, InterfaceError):  # the database's trouble, not a callback's
        raise
    except Exception:
        log.exception("callbacks could not be applied together; one by one now")
    with runtime.db.read() as session:
        ids = session.scalars(_waiting(limit).with_only_columns(CallbackInbox.id)).all()
    for inbox_id in ids:
        try:
            _apply(runtime, 1, only=inbox_id)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("a callback could not be applied and is put aside", inbox=inbox_id)
            with runtime.db.write() as session:
                _done(session, [inbox_id], runtime.clock.now())
    return len(ids)


def _apply(runtime: Runtime, limit: int, *, only: int | None = None) -> int:
    """Apply the oldest, or `only` one, in one transaction."""
    with runtime.db.read() as session:
        if session.scalar(_waiting(1).with_only_columns(CallbackInbox.id)) is None:
            return 0
    with runtime.db.write() as session:
        waiting = _waiting(limit) if only is None else _waiting(limit).where(CallbackInbox.id == only)
        # Two senders apply one after the other: a START must not overtake the STOP that came before it, or the reverse.
        rows = session.scalars(waiting if is_sqlite(session) else waiting.with_for_update()).all()
        now = runtime.clock.now()
        statuses, inbound = _read(session, runtime, rows)
        _apply_statuses(session, statuses, now)
        for provider_id, news in inbound:
            take(session, provider_id, news, now)
        _done(session, [row.id for row in rows], now)
    return len(rows)


def _waiting(limit: int) -> Select[CallbackInbox]:
    """What is to be applied, oldest first."""
    return select(CallbackInbox).where(CallbackInbox.applied_at.is_(None)).order_by(CallbackInbox.id).limit(limit)


def _done(session: Session, ids: Sequence[int], now: datetime) -> None:
    """These need not be looked at again."""
    session.execute(
        update(CallbackInbox)
        .where(among(session, CallbackInbox.id, ids))
        .values(applied_at=now)
        .execution_options(synchronize_session=False)
    )


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
        said = row.payload
        callback = Callback(
            {key: value for key, value in said.items() if key not in ENVELOPE},
            said.get(ATTEMPT),
            said.get(URL, ""),
            said.get(SIGNATURE),
            said.get(TIMESTAMP),
            said.get(BODY),
        )
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
    """Move the messages that statuses are about. Their distributions are locked first, in the order of their ids."""
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
    known = []
    for provider_id, news, attempt in found:
        if attempt is None or owners.get(attempt[1], (0, None))[1] != provider_id:
            log.warning("a status of nothing we sent", attempt=news.attempt_id, provider=provider_id)
        else:
            known.append((owners[attempt[1]][0], attempt, news))
    for distribution_id in sorted({distribution_id for distribution_id, _, _ in known}):
        lock(session, distribution_id)
    retried = messages.retried_after(session, [message_id for _, (_, message_id), _ in known])
    rows: dict[int, list[Settled]] = defaultdict(list)
    for distribution_id, (batch_id, message_id), news in known:
        state = STATES[news.arrival]
        if batch_id <= retried.get(message_id, 0) and state is not MessageState.DELIVERED:
            continue
        reason = (news.reason or "undelivered") if state is MessageState.UNDELIVERED else None
        rows[distribution_id].append(Settled(message_id, state, reason, news.provider_ref))
    apply_evidence(session, rows, now, outcome="callback")
