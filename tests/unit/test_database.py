"""The database: what a transaction keeps, and ids in ranges."""

from contextlib import nullcontext
from typing import Any

import pytest
from sqlalchemy.exc import InternalError
from sqlalchemy.orm import Session

from storage.database import NOTICE, Database
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
    """PostgreSQL refuses to; on SQLite it is undone."""
    with nullcontext() if db.is_sqlite else pytest.raises(InternalError, match="read-only"), db.read() as session:
        session.add(Setting(key="a", value=1))
        session.flush()
    with db.read() as session:
        assert session.get(Setting, "a") is None


def test_who_reads_sees_one_moment(db: Database) -> None:
    """What is written meanwhile is there at the next reading."""

    def there(session: Session) -> int:
        return session.query(Setting).filter(Setting.key == "a").count()

    with db.read() as session:
        assert there(session) == 0
        with db.write() as other:
            other.add(Setting(key="a", value=1))
        assert there(session) == 0
    with db.read() as session:
        assert there(session) == 1


@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
def test_who_writes_sees_what_others_wrote_meanwhile(db: Database) -> None:
    """On a connection that was read with before."""
    with db.read() as session:
        before = session.query(Setting).count()
    with db.write() as session:
        assert session.query(Setting).count() == before
        with db.write() as other:
            other.add(Setting(key="a", value=1))
        assert session.query(Setting).count() == before + 1


def test_ranges_of_ids_follow_each_other(db: Database) -> None:
    with db.write() as session:
        first, second = take(session, "code", 5), take(session, "code", 2)
    with db.write() as session:
        third = take(session, "code", 1)
    assert (first, second, third) == (1, 6, 8)


@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
def test_a_server_out_of_reach_is_noticed_soon_unless_the_url_says_otherwise(db: Database) -> None:
    def told(database: Database) -> dict[str, str]:
        with database.read() as session:
            driver: Any = session.connection().connection.driver_connection
            return {key: value for key, value in driver.info.get_parameters().items() if key in NOTICE}

    assert told(db) == {key: str(value) for key, value in NOTICE.items()}
    patient = Database(db.url.update_query_dict({"connect_timeout": "60"}).render_as_string(hide_password=False))
    assert told(patient)["connect_timeout"] == "60"
    patient.close()
