"""Builds what the engine needs from what the process was told."""

from bot.settings import Settings
from distribution.clock import SystemClock
from distribution.kinds import jobs_for
from distribution.links import Links
from distribution.runtime import Runtime
from distribution.vault import Vault
from storage.database import Database


def build(settings: Settings) -> Runtime:
    """A runtime over the settings' database, which is neither created nor migrated here. Raises `Unset`."""
    vault = Vault(settings.key())
    clock = SystemClock()
    links = Links(settings.links_url, vault.derive("qr links"))
    return Runtime(Database(settings.database_url), clock, jobs_for(clock), links, vault)
