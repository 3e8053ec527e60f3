"""The door: everything that is looked at once more before a text may leave (DESIGN §5.7), a whole batch at once.

What may never go is left out with a reason, and its code goes back. What may not go *now*, because its customer sleeps,
their own clock does not show its time yet, or it reminds of a text that is sent once more, waits in a batch of its own.
What is switched off costs one look at the settings.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from distribution import settings
from distribution.automatic import calling_off, reminding
from distribution.limits import Cap, Silence, zone_of
from distribution.schedule import local
from distribution.sending import lifetime
from distribution.sending.prepare import Prepared
from distribution.sending.record import Moment
from storage import leaving
from storage.belonging import has_planned
from storage.tables import Distribution

# Codes were read when the text was written, seconds before; a batch that waited longer for its turn is read again.
KNOWN_FOR = timedelta(seconds=5)


@dataclass
class Verdict:
    """What must not leave: for good, with the reason (None: it is settled already), and for now, with until when."""

    left_out: dict[int, str | None] = field(default_factory=dict)
    waits: dict[int, datetime] = field(default_factory=dict)

    def __contains__(self, message_id: int) -> bool:
        """Whether a message must not leave now."""
        return message_id in self.left_out or message_id in self.waits


def look(session: Session, distribution: Distribution, prepared: Prepared, at: Moment, lead: timedelta) -> Verdict:
    """Look at a batch that is about to be intended. Its distribution is locked and being sent.

    `lead`: how long after this look a text of it may still begin to leave.
    """
    verdict = Verdict(leaving.forbidden(session, prepared.lease.message_ids))
    left = _without(prepared.lease.message_ids, verdict.left_out)
    over = lifetime.over(session, distribution, left, at.business) if left else []
    if over:
        verdict.left_out |= dict.fromkeys(over, "lifetime")
        left = _without(left, over)
    if left and _codes_may_be_stale(session, prepared, at):
        since = distribution.launched_at or distribution.started_at or distribution.created_at
        verdict.left_out |= leaving.stale_codes(
            session, left, since=since, now=at.business, planned=has_planned(distribution)
        )
        left = _without(left, verdict.left_out)
    if left and (off := calling_off.at_the_door(session, distribution, left, at.business)):
        verdict.left_out |= dict.fromkeys(off, calling_off.CALLED_OFF)
        left = _without(left, off)
    if left and distribution.reminders:
        pointless, verdict.waits = reminding.at_the_door(session, distribution, left, at.business)
        verdict.left_out |= pointless
        left = [message_id for message_id in left if message_id not in verdict]
    silence, cap = settings.sending_limits(session)
    wall = local.not_yet(distribution.local_at, at.business)
    if left and (silence is not None or wall is not None):
        verdict.waits |= _waits(session, silence, wall, left, at.business, lead)
        left = _without(left, verdict.waits)
    if left and cap is not None:
        verdict.left_out |= dict.fromkeys(_over(session, cap, left, at.business), "cap")
    return verdict


def _codes_may_be_stale(session: Session, prepared: Prepared, at: Moment) -> bool:
    """Whether a code of the batch could be worth nothing: all but new codes without an expiry, read just now."""
    if not prepared.group_ids:
        return False
    if prepared.look_at_codes or at.machine - prepared.written_at > KNOWN_FOR:
        return True
    return leaving.expired_groups(session, prepared.group_ids, at.business)


def _waits(
    session: Session,
    silence: Silence | None,
    wall: datetime | None,
    message_ids: Sequence[int],
    now: datetime,
    lead: timedelta,
) -> dict[int, datetime]:
    """Messages whose customers may not have them yet, and until when: each zone is asked once.

    Their own clock does not show `wall` yet, or it is quiet now, or will be before the text would be gone.
    """
    workspace = settings.get(session, "time_zone")
    ends: dict[str | None, datetime | None] = {}
    found: dict[int, datetime] = {}
    for message_id, name in leaving.zones(session, message_ids).items():
        if name not in ends:
            zone = zone_of(name, workspace)
            begins = max(now, local.moment(wall, zone)) if wall else now
            later = (silence.ends(begins, zone) or silence.ends(begins + lead, zone)) if silence else None
            ends[name] = later or (begins if begins > now else None)
        end = ends[name]
        if end is not None:
            found[message_id] = end
    return found


def _over(session: Session, cap: Cap, message_ids: Sequence[int], now: datetime) -> list[int]:
    """Messages whose customers had as many texts as they may, those of this batch that go before included."""
    leaving.hold_cap_turn(session)
    found = leaving.recent_texts(session, message_ids, cap.since(now))
    going: dict[int, int] = {}
    over = []
    for message_id, (customer_id, had) in sorted(found.items()):
        if had + going.get(customer_id, 0) >= cap.texts:
            over.append(message_id)
        else:
            going[customer_id] = going.get(customer_id, 0) + 1
    return over


def _without(message_ids: Iterable[int], out: Iterable[int]) -> list[int]:
    """The messages that are not among `out`."""
    gone = set(out)
    return [message_id for message_id in message_ids if message_id not in gone] if gone else list(message_ids)
