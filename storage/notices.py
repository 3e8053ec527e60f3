"""Messages in Slack about a distribution beside its progress: which there are, and where."""

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage import late, planned_counts
from storage.database import is_sqlite
from storage.tables import Distribution, Notice, PlannedState

LATE, DRY = "late", "dry"

Key = tuple[int, str]


def wanted(session: Session) -> list[Key]:
    """Every distribution and kind of which there is a notice, or should be: a few look-ups by index."""
    found: set[Key] = {(row.distribution_id, row.kind) for row in session.scalars(select(Notice))}
    kinds = {PlannedState.LATE: LATE, PlannedState.DRY: DRY}
    decided = late.decided(session)
    for distribution_id, state in planned_counts.of_whom(session):
        if state is PlannedState.DRY or distribution_id not in decided:
            found.add((distribution_id, kinds[state]))
    scheduled = select(Distribution.id).where(Distribution.status == "scheduled", Distribution.late_since.is_not(None))
    found |= {(distribution_id, LATE) for distribution_id in session.scalars(scheduled)}
    return sorted(found)


def get(session: Session, key: Key) -> Notice | None:
    """One notice."""
    return session.get(Notice, key)


def shown(session: Session, key: Key, *, channel: str, ts: str, shown: str) -> None:
    """Write down where a notice is, and what it shows."""
    _put(session, key, channel=channel, ts=ts, shown=shown)


def settle(session: Session, key: Key, words: str) -> None:
    """Write down a person's word on what a notice asks, in mrkdwn: it is edited once more, and is over. Who presses at
    once is quicker than `shown`."""
    _put(session, key, settled=words)


def _put(session: Session, key: Key, **known: str) -> None:
    """Write down what became known of a notice."""
    into = (sqlite.insert if is_sqlite(session) else postgresql.insert)(Notice)
    row = into.values(distribution_id=key[0], kind=key[1], **{"channel": "", **known})
    keep = Notice.settled.is_(None) if "settled" in known else None  # the first word counts
    session.execute(row.on_conflict_do_update(index_elements=["distribution_id", "kind"], set_=known, where=keep))


def forget(session: Session, key: Key) -> None:
    """A notice that is over: the next is another message."""
    session.execute(delete(Notice).where(Notice.distribution_id == key[0], Notice.kind == key[1]))
