"""The database: what a transaction keeps, and ids in ranges."""

from storage.database import Database
from storage.sequences import take
from storage.tables import Setting


def test_a_block_that_raises_changes_nothing(db: Database) -> None:
    try:
        with db.write() as session:
            session.add(Setting(key="a", value=1))
            session.flush()
            raise RuntimeError
    except RuntimeError:
        pass
    with db.read() as session:
        assert session.get(Setting, "a") is None


def test_a_reading_session_changes_nothing(db: Database) -> None:
    with db.read() as session:
        session.add(Setting(key="a", value=1))
        session.flush()
    with db.read() as session:
        assert session.get(Setting, "a") is None


def test_ranges_of_ids_follow_each_other(db: Database) -> None:
    with db.write() as session:
        first, second = take(session, "code", 5), take(session, "code", 2)
    with db.write() as session:
        third = take(session, "code", 1)
    assert (first, second, third) == (1, 6, 8)
