"""procrastinate's tables on PostgreSQL, as SQL sees them: their schema, and which jobs no worker is called to.

A *ticket* is what procrastinate calls a job: one row of `procrastinate_jobs` that calls a worker to one row of our
`job`, in a queue named after its kind (https://procrastinate.readthedocs.io). SQLite has none of this.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from sqlalchemy import Connection, func, select, text
from sqlalchemy.orm import Session

# Any number, the same in every process: one of them at a time looks for jobs without a ticket, or changes the schema.
LOOKING, MIGRATING = 7_700_001, 7_700_002

# How many jobs without a ticket one look finds.
AT_ONCE = 100

WITHOUT = text("""
    SELECT id, kind FROM job
    WHERE kind = ANY(:kinds) AND (state = 'queued' OR state = 'running' AND lease_until < :now)
      AND NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs AS ticket
        WHERE ticket.status = 'todo' AND ticket.queue_name = job.kind AND ticket.args -> 'job' = to_jsonb(job.id)
      )
    ORDER BY id LIMIT :most
""")


def without_ticket(session: Session, *, kinds: Iterable[str], now: datetime) -> Sequence[tuple[int, str]]:
    """Id and kind of jobs of `kinds` that may be claimed and that nobody is called to, the oldest first.

    None while another process looks: one ticket is enough. More than one would be harmless.
    """
    if not session.scalar(select(func.pg_try_advisory_xact_lock(LOOKING))):
        return []
    found = session.execute(WITHOUT, {"kinds": list(kinds), "now": now, "most": AT_ONCE})
    return [(row.id, row.kind) for row in found]


def workers(session: Session, *, within: float) -> int:
    """How many processes are ready to run jobs: those heard of in the last `within` seconds."""
    heard = "last_heartbeat > now() - make_interval(secs => :within)"
    found = text(f"SELECT count(*) FROM procrastinate_workers WHERE {heard}")  # noqa: S608  nothing typed is in it
    return int(session.scalar(found, {"within": within}) or 0)


def is_current(connection: Connection) -> bool:
    """Whether procrastinate's schema is as its installed version needs it."""
    installed = _installed(connection)
    return installed is not None and not _pending(installed)


def upgrade(connection: Connection) -> None:
    """Bring procrastinate's schema to what its installed version needs, and remember its last script as a comment.

    Of an older schema, what only *drops* what its version called ("post") waits for the upgrade after: until then
    processes of the older version go on (https://procrastinate.readthedocs.io, "Migrate the Procrastinate schema").
    """
    installed = _installed(connection)
    if installed is None:
        _run(connection, resources.files("procrastinate.sql").joinpath("schema.sql").read_text("utf-8"))
        _note(connection, _scripts()[-1])
    for name in _pending(installed) if installed else ():
        script = resources.files("procrastinate.sql").joinpath("migrations", name)
        _run(connection, script.read_text("utf-8"))
        _note(connection, name)  # each is committed apart: a value that is added to an enum can be used only then


def _pending(installed: str) -> list[str]:
    """Names of the scripts that come after `installed`, without the last ones that only drop."""
    names = [name for name in _scripts() if name > installed]
    while names and "_post_" in names[-1]:
        names.pop()
    return names


@cache
def _scripts() -> list[str]:
    """Names of procrastinate's migration scripts, in their order."""
    folder = resources.files("procrastinate.sql").joinpath("migrations")
    return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))


def _installed(connection: Connection) -> str | None:
    """Name of the last script that was run; None where there is no procrastinate yet."""
    found = connection.exec_driver_sql("SELECT obj_description(to_regclass('procrastinate_jobs'), 'pg_class')")
    name = found.scalar()
    return None if name is None else str(name)


def _run(connection: Connection, script: str) -> None:
    """Run a script of several statements: with parameters, even none, psycopg takes but one."""
    driver: Any = connection.connection.driver_connection
    driver.execute(script)


def _note(connection: Connection, name: str) -> None:
    connection.exec_driver_sql(f"COMMENT ON TABLE procrastinate_jobs IS '{name}'")
    connection.commit()
