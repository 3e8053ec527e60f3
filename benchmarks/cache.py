"""What is kept between runs, in BENCH_CACHE or a folder of this machine's: large shops, packages to compare with."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot import sample
from bot.sample.size import Size
from bot.sample.telling import Telling
from distribution.clock import SystemClock
from distribution.kinds import jobs_for
from distribution.links import Links
from distribution.runtime import Runtime
from distribution.vault import Vault
from storage.database import Database

# The sample's times count back from when it was made: after a week "in the last 30 days" means something else.
KEPT_SECONDS = 7 * 86_400


def folder(name: str) -> Path:
    """A folder that is kept; made where it is not there."""
    found = Path(os.environ.get("BENCH_CACHE") or Path.home() / ".cache" / "promobot-benchmarks") / name
    found.mkdir(parents=True, exist_ok=True)
    return found


def runtime_over(db: Database) -> Runtime:
    """A runtime as the process has it."""
    clock, vault = SystemClock(), Vault("a secret key for benchmarks")
    return Runtime(db, clock, jobs_for(clock), Links("http://localhost:8000", vault.derive("qr links")), vault)


@contextmanager
def shop(size: Size) -> Iterator[Database]:
    """The sample shop of a size, on SQLite: a copy of its own, which may be written to."""
    kept = _kept(size)
    copy = kept.with_suffix(f".{os.getpid()}.copy")
    shutil.copyfile(kept, copy)
    db = Database(f"sqlite:///{copy}")
    try:
        db.upgrade()
        yield db
    finally:
        db.close()
        for left in copy.parent.glob(f"{copy.stem}*"):
            left.unlink()


def _kept(size: Size) -> Path:
    """The file with the sample shop; made where it is not there or too old."""
    path = folder("shops") / f"{size.customers}-{size.codes}-{size.groups}-{size.events}-{size.seed}.db"
    if path.exists() and time.time() - path.stat().st_mtime < KEPT_SECONDS:
        return path
    made = path.with_suffix(".making")
    for left in made.parent.glob(f"{made.name}*"):
        left.unlink()
    db = Database(f"sqlite:///{made}")
    db.upgrade()
    with Telling() as say:
        sample.load(runtime_over(db), size, say=say)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    made.rename(path)
    return path
