"""Builds what the engine needs from what the process was told."""

import structlog

from bot.settings import Settings, Unset
from distribution.clock import SystemClock
from distribution.kinds import jobs_for
from distribution.links import Links
from distribution.runtime import Runtime
from distribution.vault import Vault
from storage.database import Database
from storage.schema import Standing

log = structlog.get_logger(__name__)

BEHIND = "The database does not have the schema of this version.\n  Migrate it: promobot db upgrade"
TOO_NEW = "The database was upgraded for a newer version of promobot.\n  Install that version here too."


def build(settings: Settings) -> Runtime:
    """A runtime over the settings' database, which is neither created nor migrated here. Raises `Unset`."""
    vault = Vault(settings.key())
    clock = SystemClock()
    links = Links(settings.links_url, vault.derive("qr links"))
    return Runtime(Database(settings.database_url), clock, jobs_for(clock), links, vault)


def fit(db: Database, *, new: bool = False) -> None:
    """Raise `Unset` when this version cannot work on the database's schema, which is only looked at.

    `new`: an empty database is given the schema; no other one has it changed under its processes.
    """
    standing = db.standing()
    if standing is Standing.BEHIND and new and db.is_empty():
        db.upgrade()
    elif standing is Standing.BEHIND:
        raise Unset(BEHIND)
    if standing is Standing.TOO_NEW:
        raise Unset(TOO_NEW)
    if standing is Standing.AHEAD:
        log.warning("the database is a newer version's, on which this one may go on; install that version here soon")
