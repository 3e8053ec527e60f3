"""Which schema a database has, and whether this version of promobot may work on it.

`promobot db upgrade` comes before the new processes, so for a while processes of the older version work on the newer
schema. They may, unless a migration says otherwise by raising `OLDEST` (docs/decisions/jobs-and-workers.md).
"""

from enum import StrEnum
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, delete, insert, select

from storage import tickets
from storage.tables import Setting

# The oldest revision whose version may go on working on today's schema. Raise it to the newest one in a migration that
# takes away or gives another meaning to what that version reads or writes; leave it where one only adds.
OLDEST = "0003"

KEY = "schema.oldest"  # where the database keeps the `OLDEST` of whoever upgraded it


class Standing(StrEnum):
    """How a database's schema and this version stand to each other."""

    CURRENT = "current"
    BEHIND = "behind"  # to be upgraded first
    AHEAD = "ahead"  # a newer version's, on which this one may go on
    TOO_NEW = "too new"  # a newer version's, which this one would get wrong


def standing(connection: Connection) -> Standing:
    """How the schema stands to this version; an empty database is `BEHIND`."""
    found = MigrationContext.configure(connection).get_current_revision()
    known = _revisions()
    if found is not None and found not in known:
        oldest = connection.scalar(select(Setting.value).where(Setting.key == KEY))
        return Standing.AHEAD if oldest in known else Standing.TOO_NEW
    if found != known[0]:
        return Standing.BEHIND
    if connection.dialect.name != "sqlite" and not tickets.is_current(connection):
        return Standing.BEHIND
    return Standing.CURRENT


def upgrade(connection: Connection) -> None:
    """Bring the schema to the newest migration, and say who may still work on it. Commits."""
    command.upgrade(migrations(connection), "head")
    if connection.dialect.name != "sqlite":
        tickets.upgrade(connection)
    connection.execute(delete(Setting).where(Setting.key == KEY))
    connection.execute(insert(Setting).values(key=KEY, value=OLDEST))
    connection.commit()


def migrations(connection: Connection | None = None) -> Config:
    """Alembic's configuration: no file, only where the migrations are, and what they run on."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


@cache
def _revisions() -> list[str]:
    """Every revision that this version knows, the newest first."""
    return [script.revision for script in ScriptDirectory.from_config(migrations()).walk_revisions()]
