"""The migrations and the tables: one schema, told twice, held together here."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect

from storage.database import Database
from storage.tables import Base


def test_the_migrations_lead_to_the_tables(db: Database) -> None:
    """Columns, types, indexes and unique constraints, as far as Alembic compares them."""
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_migrations_make_every_check(db: Database) -> None:
    """Alembic does not compare CHECK constraints, which is what holds the invariants."""
    inspector = inspect(db.engine)
    for table in Base.metadata.tables.values():
        wanted = {str(check.name) for check in table.constraints if isinstance(check, CheckConstraint)}
        assert {check["name"] for check in inspector.get_check_constraints(table.name)} == wanted, table.name
