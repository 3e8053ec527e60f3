"""Alembic's entry: runs the migrations on the connection that `storage.database` hands over."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from storage.tables import Base
from storage.tables.base import SmallEnum, UtcDateTime


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """What a new migration calls our own column types: plain ones, so that it stays true when ours change."""
    if kind == "type" and isinstance(item, SmallEnum):
        return "sa.SmallInteger()"
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def check_keys(*_applied: Any, **_named: Any) -> None:
    """Raise where a migration left a row that points at nothing, before it commits: SQLite does not heed foreign keys
    meanwhile (see `Database.upgrade`)."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise RuntimeError(f"A migration left a row of {broken[0]!r} that points at nothing in {broken[2]!r}.")


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=render_item,
    on_version_apply=check_keys,
)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
