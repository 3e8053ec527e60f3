"""What is sent again and again: the row itself stays `scheduled`; each time that comes is a copy with its own receipt.

A copy is made under a unique key (of which one, for which time) while the row is locked, in the transaction that moves
the row to its next time: whoever's clock strikes, it is made once. It goes by the approval of the one that it is a copy
of: whoever is in the audience then gets it, and anything else that changed makes a draft of the repeating one instead.

Where several times have passed unnoticed, one copy is sent for all of them: nobody wants four weekly texts at once.
What waits for a word after an outage waits until its next time: that one goes as planned, and what was missed does not.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Text, cast, select
from sqlalchemy.orm import Session

from distribution import drafts, seal, settings
from distribution.errors import Refused
from distribution.limits import zone_of
from distribution.runtime import Runtime
from distribution.schedule import repeat
from distribution.schedule.repeat import Repeat
from distribution.sending.status import PAUSED_BY
from storage import distributions
from storage.batches import lock
from storage.tables import Distribution

# What a copy has of the one that it is a copy of: all that was approved.
SAME = (
    *("mode", "purpose", "group_id", "promotion_id", "subject", "provider_id", "body", "code_policy"),
    *("lifetime_minutes", "reminders", "when_dry", "fallback_body", "channel", "created_by"),
)
OVER = "Its last day has passed."
REPEATS = cast(Distribution.repeat, Text) != "{}"
BEFORE = timedelta(microseconds=1)


class Missed(NamedTuple):
    """The times that passed while nothing ran, and the next one; None where there is none any more."""

    times: tuple[datetime, ...]
    following: datetime | None


def zone_here(session: Session) -> ZoneInfo:
    """The workspace's zone, by whose wall clock things are repeated."""
    return zone_of(None, settings.get(session, "time_zone"))


def fire(session: Session, row: Distribution, now: datetime) -> Distribution | None:
    """The copy for the time that has come, sealed and `scheduled` for it, to be launched in this transaction.

    `row` is locked, `scheduled`, and due. None where there is nothing to launch: it was sent for that time already, or
    something that was approved has changed, and it is a draft again that says what.
    """
    changed = seal.void_if_changed(session, row, now=now)
    rule = repeat.parse(row.repeat)
    if changed or rule is None:
        return None
    zone = zone_here(session)
    on = max(rule.between(row.send_at or now, now, zone), default=row.send_at or now)
    known = select(Distribution.id).where(Distribution.repeats_id == row.id, Distribution.repeats_on == on)
    made = None
    if session.scalar(known) is None:
        made = _copy(row, on, now)
        session.add(made)
    _go_on(session, row, rule.after(max(on, now), zone), now)
    return made


def missed(session: Session, row: Distribution) -> Missed:
    """The times of a late one that nothing ran for; what it was put off to counts as the first of them. Where nobody
    can read any more how it is repeated, that is the only one."""
    first = row.put_off_to or row.send_at or row.created_at
    try:
        rule, zone = _rule(row), zone_here(session)
    except Refused:
        return Missed((first,), None)
    last = max(row.late_since or first, first)
    return Missed((first, *rule.between(first, last, zone)), rule.after(last, zone))


def overtaken(session: Session, now: datetime) -> list[int]:
    """Late ones of which nobody has decided before their next time came: that one goes, for all of them."""
    waiting = (Distribution.status == "scheduled") & Distribution.late_since.is_not(None)
    found = session.scalars(select(Distribution).where(waiting, REPEATS).order_by(Distribution.id))
    return [row.id for row in found if _is_overtaken(session, row, now)]


def is_due(session: Session, row: Distribution, now: datetime) -> bool:
    """Whether a time of a row that is locked has come, and waits for nobody's word."""
    if row.status != "scheduled":
        return False
    if row.late_since is not None:
        return bool(row.repeat) and _is_overtaken(session, row, now)
    at = row.put_off_to or row.send_at
    return at is not None and at <= now


def skip(session: Session, row: Distribution, now: datetime) -> None:
    """Let the time pass that has come, and go on with the next one. The row is locked and `scheduled`."""
    rule = repeat.parse(row.repeat)
    _go_on(session, row, rule.after(now, zone_here(session)) if rule else None, now)


def realign(runtime: Runtime, now: datetime) -> None:
    """Where the workspace's zone was changed, the next times become those that its wall clock makes now."""
    with runtime.db.read() as session:
        zone = zone_here(session)
        waiting = select(Distribution).where(Distribution.status == "scheduled", REPEATS)
        off = [row.id for row in session.scalars(waiting) if _is_off(row, zone, now)]
    for distribution_id in off:
        with runtime.db.write() as session:
            row = lock(session, distribution_id)
            if row.status == "scheduled" and _is_off(row, zone, now):
                _go_on(session, row, _nearest(_rule(row), row.send_at or now, zone, now), now)


def pause(session: Session, row: Distribution, *, by: str, now: datetime) -> None:
    """Let no time of a repeating one come until it is resumed; what it has sent off goes on. The row is locked."""
    distributions.move(session, row.id, was=("scheduled",), to="paused", reason=f"{PAUSED_BY}{by}.", at=now)


def resume(session: Session, row: Distribution, *, now: datetime) -> None:
    """Go on with a paused repeating one at its next time to come: none that passed meanwhile. The row is locked.

    Raises `Refused` where its last day has passed meanwhile.
    """
    following = _rule(row).after(now, zone_here(session))
    if following is None:
        raise Refused(f"'{row.subject}' cannot be resumed: its last day has passed. Send it again as a new one.")
    row.send_at, row.put_off_to, row.late_since = following, None, None
    session.flush()
    distributions.move(session, row.id, was=("paused",), to="scheduled", reason=None, at=now)


def _copy(row: Distribution, on: datetime, now: datetime) -> Distribution:
    same: dict[str, Any] = {name: getattr(row, name) for name in SAME}
    return Distribution(
        **same,
        status="scheduled",
        audience=drafts.rule(row.audience),
        send_at=on,
        repeats_id=row.id,
        repeats_on=on,
        seal=row.seal,
        sealed=row.sealed,
        draft={"reached": len(drafts.STEPS)},
        created_at=now,
        updated_at=now,
    )


def _go_on(session: Session, row: Distribution, following: datetime | None, now: datetime) -> None:
    """The next time; without one, it is done."""
    row.put_off_to, row.late_since = None, None
    if following is not None:
        row.send_at = following
        session.flush()
        return
    row.finished_at = now
    session.flush()
    distributions.move(session, row.id, was=("scheduled",), to="done", reason=OVER, at=now)


def _nearest(rule: Repeat, at: datetime, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The time to come that is nearest to `at`: the same day's by another clock, and not one more that day."""
    around = [on for on in rule.between(at - repeat.DAY, at + repeat.DAY, zone) if on > now]
    return min(around, key=lambda on: abs(on - at), default=None) or rule.after(max(at, now), zone)


def _is_overtaken(session: Session, row: Distribution, now: datetime) -> bool:
    following = missed(session, row).following
    return following is not None and following <= now


def _is_off(row: Distribution, zone: ZoneInfo, now: datetime) -> bool:
    """Whether the next time is none that the wall clock of `zone` makes; one that is due now is left to be sent."""
    if row.send_at is None or row.send_at <= now or row.late_since or row.put_off_to:
        return False
    try:
        return _rule(row).after(row.send_at - BEFORE, zone) != row.send_at
    except Refused:  # said when its time comes
        return False


def _rule(row: Distribution) -> Repeat:
    rule = repeat.parse(row.repeat)
    if rule is None:
        raise Refused(f"'{row.subject}' is not repeated.")
    return rule
