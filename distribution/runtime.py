"""What the engine needs from the process that it runs in; wired once in `bot.wiring` and passed to whoever does I/O."""

from dataclasses import dataclass

from distribution.clock import Clock
from distribution.jobs import Jobs
from distribution.links import Links
from distribution.vault import Vault
from storage.database import Database


@dataclass(frozen=True)
class Runtime:
    """The database, the clock, the job runner, public links, and the key to stored secrets."""

    db: Database
    clock: Clock
    jobs: Jobs
    links: Links
    vault: Vault
