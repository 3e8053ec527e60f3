"""Ids in ranges, for bulk inserts that must know their ids before they start."""

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.database import is_sqlite
from storage.tables import Sequence


def take(session: Session, name: str, count: int) -> int:
    """Reserve `count` consecutive ids of the sequence `name`; returns the first."""
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    session.execute(insert(Sequence).values(name=name, next=1).on_conflict_do_nothing())
    after = session.execute(
        update(Sequence).where(Sequence.name == name).values(next=Sequence.next + count).returning(Sequence.next)
    ).scalar_one()
    return after - count
