"""A schema beside a version: which may work on which, and how procrastinate's part of it gets there."""

import threading
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, text

from storage import schema, tickets
from storage.database import Database
from storage.schema import OLDEST, Standing
from storage.tables import Setting


def of_a_newer_version(db: Database, *, oldest: str) -> None:
    """As the database is after a newer version's upgrade, on which versions from `oldest` on may still work."""
    with db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        session.get_one(Setting, schema.KEY).value = oldest


def test_a_database_that_was_just_upgraded_is_this_versions(db: Database) -> None:
    assert db.standing() is Standing.CURRENT
    with db.read() as session:
        assert session.get_one(Setting, schema.KEY).value == OLDEST


def test_a_database_of_an_older_version_is_to_be_upgraded_first(db: Database) -> None:
    with db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert db.standing() is Standing.BEHIND


def test_an_empty_database_is_to_be_upgraded_first(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    assert db.standing() is Standing.BEHIND
    db.close()


def test_this_version_goes_on_beside_a_newer_one_that_only_adds(db: Database) -> None:
    """While workers are replaced one by one; and nobody downgrades the schema by mistake."""
    of_a_newer_version(db, oldest=OLDEST)
    assert db.standing() is Standing.AHEAD
    db.upgrade()
    assert db.standing() is Standing.AHEAD


def test_this_version_stops_before_a_schema_that_it_would_get_wrong(db: Database) -> None:
    of_a_newer_version(db, oldest="9998")
    assert db.standing() is Standing.TOO_NEW
    with db.write() as session:
        session.delete(session.get_one(Setting, schema.KEY))
    assert db.standing() is Standing.TOO_NEW, "somebody else's schema, or a very new one"


def empty(connection: Connection) -> None:
    """Leave nothing in a PostgreSQL database."""
    connection.execute(text("DROP SCHEMA public CASCADE"))
    connection.execute(text("CREATE SCHEMA public"))
    connection.commit()


@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
class TestProcrastinate:
    """procrastinate's tables, on PostgreSQL."""

    def _comment(self, connection: Connection) -> str:
        return str(connection.scalar(text("SELECT obj_description('procrastinate_jobs'::regclass)")))

    def test_a_database_without_them_is_behind_and_gets_them(self, db: Database) -> None:
        """As one that was migrated before promobot knew procrastinate."""
        with db.engine.connect() as connection:
            empty(connection)
            command.upgrade(schema.migrations(connection), "head")
        assert db.standing() is Standing.BEHIND
        db.upgrade()
        assert db.standing() is Standing.CURRENT
        assert inspect(db.engine).has_table("procrastinate_jobs")

    def test_two_machines_that_upgrade_at_once_take_turns(self, db: Database) -> None:
        with db.engine.connect() as connection:
            empty(connection)
        errors: list[Exception] = []

        def upgrade() -> None:
            other = Database(str(db.url.render_as_string(hide_password=False)))
            try:
                other.upgrade()
            except Exception as error:
                errors.append(error)
            finally:
                other.close()

        both = [threading.Thread(target=upgrade) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert errors == []
        assert db.standing() is Standing.CURRENT

    def test_a_newer_procrastinate_brings_what_it_adds_and_drops_only_the_next_time(
        self, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its "post" scripts drop what processes of the older version still call."""
        scripts = {
            "99.00.00_01_pre_more.sql": "ALTER TABLE procrastinate_jobs ADD COLUMN more integer; SELECT 1",
            "99.00.00_50_post_more.sql": "ALTER TABLE procrastinate_jobs DROP COLUMN more",
        }
        (tmp_path / "migrations").mkdir()
        for name, script in scripts.items():
            (tmp_path / "migrations" / name).write_text(script)
        installed = tickets._scripts()
        monkeypatch.setattr(tickets, "_scripts", lambda: [*installed, *scripts])
        monkeypatch.setattr(tickets.resources, "files", lambda _package: tmp_path)
        assert db.standing() is Standing.BEHIND
        with db.engine.connect() as connection:
            tickets.upgrade(connection)
            assert self._comment(connection) == "99.00.00_01_pre_more.sql"
        assert db.standing() is Standing.CURRENT
        assert "more" in {column["name"] for column in inspect(db.engine).get_columns("procrastinate_jobs")}
        monkeypatch.setattr(tickets, "_scripts", lambda: [*installed, *scripts, "99.01.00_01_pre_next.sql"])
        (tmp_path / "migrations" / "99.01.00_01_pre_next.sql").write_text("SELECT 1")
        with db.engine.connect() as connection:
            tickets.upgrade(connection)
            assert self._comment(connection) == "99.01.00_01_pre_next.sql"
        assert "more" not in {column["name"] for column in inspect(db.engine).get_columns("procrastinate_jobs")}
