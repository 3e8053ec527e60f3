"""The migrations and the tables: one schema, told twice, held together here."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect
from sqlalchemy.exc import IntegrityError

from storage.database import Database
from storage.schema import migrations
from storage.tables import Base


def test_the_migrations_lead_to_the_tables(db: Database) -> None:
    """Columns, types, indexes and unique constraints, as far as Alembic compares them."""
    with db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": lambda name, *_: not str(name).startswith(CARRIED)}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_the_migrations_make_every_check(db: Database) -> None:
    """Alembic does not compare CHECK constraints, which is what holds the invariants."""
    inspector = inspect(db.engine)
    for table in Base.metadata.tables.values():
        wanted = {str(check.name) for check in table.constraints if isinstance(check, CheckConstraint)}
        assert {check["name"] for check in inspector.get_check_constraints(table.name)} == wanted, table.name


CARRIED = ("procrastinate_", "idx_procrastinate_")  # not ours: see storage/tickets.py

GROUP = """INSERT INTO promo_code_group (id, name, formats, low_stock_level, created_at, created_by)
VALUES (1, 'Summer', '[]', 0, '2026-06-01', 'maya')"""
LOT = """INSERT INTO promo_code_lot
(id, group_id, method, detail, inserted, duplicated, discarded, created_at, created_by)
VALUES (1, {group}, 'paste', '{{}}', 0, 0, 0, '2026-06-01', 'maya')"""


@pytest.fixture
def of_issue_two(tmp_path: Path) -> Database:
    """A SQLite database as the first version left it: a lot that points at its group."""
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    with database.engine.connect() as connection:
        command.upgrade(migrations(connection), "0001")
        connection.exec_driver_sql(GROUP)
        connection.exec_driver_sql(LOT.format(group=1))
        connection.commit()
    return database


def test_a_database_in_use_is_upgraded_with_what_points_at_what(of_issue_two: Database) -> None:
    """SQLite drops and makes anew a table that others point at; the rows stay, and keys are heeded again after."""
    of_issue_two.upgrade()
    assert of_issue_two.is_current()
    with of_issue_two.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT name, top_up FROM promo_code_group").all() == [("Summer", 0)]
        assert connection.exec_driver_sql("SELECT group_id FROM promo_code_lot").all() == [(1,)]
        with pytest.raises(IntegrityError):
            connection.exec_driver_sql("DELETE FROM promo_code_group")
    of_issue_two.close()


def test_a_migration_that_leaves_a_row_pointing_at_nothing_changes_nothing(of_issue_two: Database) -> None:
    """Foreign keys are not heeded while migrating, so they are checked before it commits."""
    with of_issue_two.engine.connect() as connection:
        connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("UPDATE promo_code_lot SET group_id = 7")
        connection.commit()
        connection.connection.cursor().execute("PRAGMA foreign_keys = ON")
    with pytest.raises(RuntimeError, match="promo_code_lot"):
        of_issue_two.upgrade()
    assert not inspect(of_issue_two.engine).has_table("redemption")
    of_issue_two.close()
