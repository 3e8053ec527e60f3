"""What survives a restart: documents by kind and key, in one SQLite file, or only in memory without a folder.

Writes are collected and committed together at most `FLUSH_SECONDS` later, so a burst of edits or texts costs
one commit; closing commits what is left.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLUSH_SECONDS = 0.05


class Store:
    """Documents (JSON objects) by (kind, key), and files by id."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._pending: dict[tuple[str, str], str | None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._bytes: dict[str, bytes] = {}
        self._db: sqlite3.Connection | None = None
        if folder is not None:
            (folder / "files").mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(folder / "sandbox.db", check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS documents (kind TEXT, key TEXT, body TEXT NOT NULL,"
                " PRIMARY KEY (kind, key)) WITHOUT ROWID"
            )
            self._db.commit()

    def load(self, kind: str) -> Iterator[tuple[str, Any]]:
        """Every stored document of a kind as (key, body), by key."""
        if self._db is not None:
            query = "SELECT key, body FROM documents WHERE kind = ? ORDER BY key"
            for key, body in self._db.execute(query, (kind,)):
                yield key, json.loads(body)

    def put(self, kind: str, key: str, body: Any) -> None:
        """Store or replace a document."""
        if self._db is not None:
            self._write(kind, key, json.dumps(body, ensure_ascii=False))

    def remove(self, kind: str, key: str) -> None:
        """Forget a document; nothing happens if there is none."""
        if self._db is not None:
            self._write(kind, key, None)

    def put_file(self, file_id: str, content: bytes) -> None:
        """Keep a file's bytes."""
        if self._folder is None:
            self._bytes[file_id] = content
        else:
            (self._folder / "files" / file_id).write_bytes(content)

    def file(self, file_id: str) -> bytes:
        """A file's bytes. Raises KeyError when there is no such file."""
        if self._folder is None:
            return self._bytes[file_id]
        try:
            return (self._folder / "files" / file_id).read_bytes()
        except FileNotFoundError:
            raise KeyError(file_id) from None

    def remove_file(self, file_id: str) -> None:
        """Forget a file's bytes."""
        self._bytes.pop(file_id, None)
        if self._folder is not None:
            (self._folder / "files" / file_id).unlink(missing_ok=True)

    def flush(self) -> None:
        """Commit what was written since the last commit."""
        self._timer = None
        pending, self._pending = self._pending, {}
        if self._db is None or not pending:
            return
        gone = [key for key, body in pending.items() if body is None]
        kept = [(*key, body) for key, body in pending.items() if body is not None]
        self._db.executemany("DELETE FROM documents WHERE kind = ? AND key = ?", gone)
        self._db.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", kept)
        self._db.commit()

    def close(self) -> None:
        """Commit and close; the store is not used after that."""
        if self._timer is not None:
            self._timer.cancel()
        self.flush()
        if self._db is not None:
            self._db.close()
            self._db = None

    def _write(self, kind: str, key: str, body: str | None) -> None:
        self._pending[kind, key] = body
        if self._timer is None:
            try:
                self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
            except RuntimeError:  # no loop: start-up or a plain unit test
                self.flush()
