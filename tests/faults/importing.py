"""A file of events in which each line is something else, and the processes that import it until they are killed."""

import csv
import ctypes
import io
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot import wiring
from bot.settings import Settings
from distribution import events_import, jobs
from distribution.automatic import firing
from distribution.runtime import Runtime
from tests.conftest import unsynced
from tests.faults.armed import KEY, forks

LEASE = timedelta(seconds=1)  # who is killed is replaced after that
COLUMNS = {
    "id": {"role": "source_id"},
    "customer": {"role": "customer"},
    "event": {"role": "name"},
    "at": {"role": "at"},
    "row": {"role": "property", "property": "row", "type": "number"},
    "note": {"role": "property", "property": "note", "type": "text"},
    "properties": {"role": "properties"},
}
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

# What a line is, and how often among a hundred.
KINDS = {
    "new": 50, "without an id": 8, "old": 8, "ahead": 3, "told by the API": 6, "another name": 2, "the same again": 6,
    "its id again": 4, "of nobody": 5, "no time": 2, "no JSON": 2, "never": 1, "far ahead": 3,
}  # fmt: skip
FIRES = ("new", "without an id", "ahead", "told by the API")
RECORDED = (*FIRES, "old", "another name")
AGAIN = ("told by the API", "the same again")
REFUSED = ("its id again", "of nobody", "no time", "no JSON", "never", "far ahead")


class Lines:
    """A file, and what must become of it. A property says which line each event is of."""

    def __init__(self, chance: random.Random, customers: list[str], now: datetime, count: int) -> None:
        self._chance, self._customers, self._now = chance, customers, now
        self.rows: list[tuple[str, dict[str, str]]] = []
        self.api: list[dict[str, Any]] = []  # what the API tells before
        said: list[dict[str, str]] = []
        for number in range(count):
            kind = chance.choices(list(KINDS), list(KINDS.values()))[0] if said else "new"
            row = dict(chance.choice(said)) if kind in ("the same again", "its id again") else self._row(kind, number)
            if kind == "its id again":
                row["note"] = f"{number}: another one"
            if kind in RECORDED and row["id"]:
                said.append(row)
            self.rows.append((kind, row))

    def _row(self, kind: str, number: int) -> dict[str, str]:
        at = self._now - self._chance.uniform(1, 1200) * MINUTE
        at += {"old": -2 * DAY, "ahead": DAY, "far ahead": 5 * DAY}.get(kind, timedelta())
        total = [1] if kind == "no JSON" else number
        row = {
            "id": "" if kind == "without an id" else f"e{number}",
            "customer": "nobody" if kind == "of nobody" else self._chance.choice(self._customers),
            "event": "visited" if kind == "another name" else "cart_abandoned",
            "at": {"no time": "soon", "never": "0001-01-01"}.get(kind, f"{at:%Y-%m-%d %H:%M:%S+00:00}"),
            "row": str(number),
            "note": self._chance.choice(["", "two words", 'a "quote"', "two\nlines", "a,b;c"]),
            "properties": json.dumps({"cart_total": total}),
        }
        if kind == "told by the API":
            told = {"source_id": row["id"], "customer": row["customer"], "name": row["event"], "at": at.isoformat()}
            self.api.append(told | {"properties": {"cart_total": number, "row": number, "note": row["note"]}})
        return row

    def file(self) -> tuple[bytes, list[int]]:
        """The file, and its lines that are not to be taken."""
        parts, refused, line = [",".join(COLUMNS) + "\r\n"], list[int](), 2
        for kind, row in self.rows:
            if kind in REFUSED:
                refused.append(line)
            text = io.StringIO()
            csv.writer(text).writerow([row[column] for column in COLUMNS])
            parts.append(text.getvalue())
            line += parts[-1].count("\n")
        return "".join(parts).encode(), refused

    def of(self, *kinds: str) -> Counter[int]:
        """The lines of these kinds, each once."""
        return Counter(int(row["row"]) for kind, row in self.rows if kind in kinds)


def work(url: str, chunk: int, log: Path) -> None:
    """What a process does until it is killed: it runs jobs, and fires what was noted."""
    with suppress(AttributeError, OSError):  # Linux: it does not outlive the tests, however they end
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(written, stream)
    jobs.LEASE, events_import.CHUNK = LEASE, chunk
    runtime = wiring.build(Settings(database_url=url, secret_key=KEY, _env_file=None))  # type: ignore[call-arg, arg-type]
    unsynced(runtime.db)

    def again_and_again(what: Callable[[Runtime], object]) -> None:
        while True:
            what(runtime)
            time.sleep(0.05)

    # Who reads a long file for the first time commits nothing meanwhile: the lease is held beside that.
    for what in (firing.look, runtime.jobs.hold):
        threading.Thread(target=again_and_again, args=(what,), daemon=True).start()
    while True:
        runtime.jobs.run_next(runtime)
        time.sleep(0.02)


def worker(url: str, chunk: int, log: Path) -> Any:
    """Such a process, at work."""
    process = forks.Process(target=work, args=(url, chunk, log), daemon=True)
    process.start()
    return process
