"""PostgreSQL databases that one test after another finds empty: emptying one takes a tenth of what making one takes."""

import uuid
from typing import Any

import psycopg
from psycopg import Connection

# A test that changes tables, functions, triggers or their comments leaves other rows here, or newer ones.
STRUCTURE = {
    "pg_attribute": "attrelid",
    "pg_constraint": "oid",
    "pg_description": "objoid",
    "pg_index": "indexrelid",
    "pg_proc": "oid",
    "pg_trigger": "oid",
}
OURS = 16_384  # what is made after initdb has this number, or a greater one
MUCH = 262_144  # bytes of a table, beyond which what is only deleted from it would be in the way
TABLES = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
SEQUENCES = (
    "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) FROM pg_sequences "
    "WHERE last_value IS NOT NULL"
)
THROWN_OUT = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
    "WHERE datname = %s AND backend_type = 'client backend'"
)


class Databases:
    """The databases of one server, all of them copies of a migrated one."""

    def __init__(self, server: str, template: str) -> None:
        """`server`: its URL, without a database's name; `template`: the name of the migrated one."""
        self._server = server
        self._template = template
        self._free: list[str] = []
        with psycopg.connect(named(server, template)) as connection:
            tables = [table for (table,) in connection.execute(TABLES)]
            kept = [table for table in tables if _holds_any(connection, [table])]  # the migration's own number
            self._tables = [table for table in tables if table not in kept]
            looks = [*STRUCTURE.items(), *((table, f"{OURS}") for table in kept)]
            self._standing = " UNION ALL ".join(
                f"SELECT count(*), max(xmin::text::bigint) FROM {table} WHERE {oid} >= {OURS}" for table, oid in looks
            )
            self._new = connection.execute(self._standing).fetchall()

    def take(self) -> str:
        """The name of an empty, migrated database that nobody else has."""
        if self._free:
            return self._free.pop()
        name = _any_name()
        self._do(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY file_copy")
        return name

    def give_back(self, name: str) -> None:
        """Keep it for the next test, or drop it where the test rebuilt it. Whoever is connected is thrown out.

        The next test has it by another name: what a test left running does not find it.
        """
        next_name = _any_name()
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(THROWN_OUT, (name,))
            try:
                connection.execute(f"ALTER DATABASE {name} RENAME TO {next_name}")
            except psycopg.errors.ObjectInUse:  # somebody came back meanwhile
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
                return
        with psycopg.connect(self.url(next_name)) as connection:
            as_new = connection.execute(self._standing).fetchall() == self._new
            if as_new:
                self._empty(connection)
        if as_new:
            self._free.append(next_name)
        else:
            self._do(f"DROP DATABASE {next_name}")

    def url(self, name: str) -> str:
        """The URL of a database."""
        return named(self._server, name)

    def _empty(self, connection: Connection[Any]) -> None:
        """Delete every row, whatever points at it, and have every sequence begin again."""
        connection.execute("SET session_replication_role = replica")
        for table, size in _holds_any(connection, self._tables):
            if size > MUCH:
                connection.execute(f"TRUNCATE {table} CASCADE")
            else:
                connection.execute(f"DELETE FROM {table}")
        connection.execute(SEQUENCES)

    def _do(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement)


def named(server_url: str, name: str) -> str:
    """`server_url` with another database's name."""
    head, _, query = server_url.partition("?")
    base = head.rsplit("/", 1)[0]
    return f"{base}/{name}?{query}" if query else f"{base}/{name}"


def _any_name() -> str:
    return f"t{uuid.uuid4().hex}"


def _holds_any(connection: Connection[Any], tables: list[str]) -> list[tuple[str, int]]:
    """Those of `tables` that hold rows, and how many bytes each takes."""
    looks = (f"(SELECT '{table}', pg_relation_size('{table}') FROM {table} LIMIT 1)" for table in tables)
    return connection.execute(" UNION ALL ".join(looks)).fetchall()
