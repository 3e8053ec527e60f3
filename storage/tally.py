"""How many messages of a distribution stand where, moved by whoever moves them, in the same transaction."""

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.database import is_sqlite
from storage.tables import DistributionTally, MessageState


def move(session: Session, distribution_id: int, deltas: Mapping[MessageState, int]) -> None:
    """Add `deltas` to a distribution's counts, in the order of the states so that two workers cannot deadlock.

    The database refuses counts below zero (`IntegrityError`): a bug, nobody's mistake.
    """
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    for state in sorted(deltas):
        if deltas[state] < 0:  # not by an upsert: the row that it would insert may not be negative
            session.execute(
                update(DistributionTally)
                .where(DistributionTally.distribution_id == distribution_id, DistributionTally.state == state)
                .values(n=DistributionTally.n + deltas[state])
                .execution_options(synchronize_session=False)
            )
        elif deltas[state]:
            row = insert(DistributionTally).values(distribution_id=distribution_id, state=state, n=deltas[state])
            session.execute(
                row.on_conflict_do_update(
                    index_elements=["distribution_id", "state"], set_={"n": DistributionTally.n + row.excluded.n}
                )
            )


def read(session: Session, distribution_id: int) -> Counter[MessageState]:
    """The counts by state; a state that nothing is in counts 0."""
    rows = session.execute(
        select(DistributionTally.state, DistributionTally.n).where(DistributionTally.distribution_id == distribution_id)
    )
    return Counter({MessageState(state): n for state, n in rows})
