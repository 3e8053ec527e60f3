"""From a leased batch to request bodies: load its recipients, write each text, measure and encode it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy.orm import Session

from distribution.links import Links
from distribution.pictures import pictures
from distribution.providers.port import Outgoing, Provider
from distribution.recipients import Loader
from distribution.sending import lifetime
from distribution.sending.attempts import attempt_id
from distribution.sending.record import Moment
from distribution.sms import MOST_SEGMENTS, segments_of
from storage.batches import Lease
from storage.messages import Settled
from storage.tables import Distribution, MessageState

log = structlog.get_logger(__name__)


class Ready(NamedTuple):
    """One text that can be posted as it is."""

    message_id: int
    body: bytes
    segments: int  # a picture message counts as one


@dataclass
class Prepared:
    """A leased batch, written. `poison`: messages that cannot be written; the others do not wait for them."""

    lease: Lease
    repeats: bool  # whether its texts may repeat codes
    group_ids: frozenset[int]  # whose codes its texts carry
    written_at: datetime  # by the machine's clock
    look_at_codes: bool = False  # whether a code of it may be worth nothing by the time it leaves
    ready: list[Ready] = field(default_factory=list)
    poison: list[Settled] = field(default_factory=list)


def prepare(session: Session, links: Links, provider: Provider, callbacks: str, lease: Lease, at: Moment) -> Prepared:
    """Write and encode every text of a leased batch. `callbacks`: where the provider tells what becomes of them.

    Raises `Refused` when the body cannot be compiled: a launched one always can, so that is a bug.
    """
    distribution = session.get_one(Distribution, lease.distribution_id)
    loader = Loader(session, distribution, links)
    addressed = loader.for_messages(lease.message_ids)
    prepared = Prepared(lease, loader.repeats, frozenset(loader.group_ids), at.machine)
    planned = any(each.made_at is not None for each in addressed)
    own = lifetime.own_ends(session, distribution, lease.message_ids)
    lasts = timedelta(minutes=lifetime.minutes(session, distribution)) if planned else timedelta()
    missing = set(lease.message_ids)
    for message_id, phone, recipient, template, made_at in addressed:
        missing.discard(message_id)
        try:
            text = template.render(recipient).strip()
            if not text:
                prepared.poison.append(Settled(message_id, MessageState.REJECTED, "empty_text"))
                continue
            segments = segments_of(text)
            if segments > MOST_SEGMENTS:  # the review refuses that, but names change
                prepared.poison.append(Settled(message_id, MessageState.REJECTED, "text_too_long"))
                continue
            ends = own.get(message_id, distribution.gives_up_at) if made_at is None else made_at + lasts
            validity = seconds_left(ends, at.business)
            attempt = attempt_id(lease.batch_id, message_id)
            shown = pictures(provider.pictures, phone, recipient, text)
            body = provider.encode(Outgoing(attempt, phone, text, f"{callbacks}/{attempt}", validity, shown))
            prepared.ready.append(Ready(message_id, body, 1 if shown else segments))
        except Exception:  # whatever one customer's data does to one text must not hold up the others
            log.exception("a text could not be written", message=message_id, distribution=lease.distribution_id)
            prepared.poison.append(Settled(message_id, MessageState.REJECTED, "render_failed"))
    prepared.poison += [Settled(message_id, MessageState.REJECTED, "deleted") for message_id in sorted(missing)]
    prepared.look_at_codes = loader.repeats or loader.may_be_stale
    return prepared


def seconds_left(ends: datetime | None, now: datetime) -> int | None:
    """How long a text that is given up at `ends` is worth delivering, a second at least; None: for ever."""
    return None if ends is None else max(1, int((ends - now).total_seconds()))
