"""The world that scenarios play in (`tests.world`), on SQLite and on PostgreSQL."""

from tests.world import World, world

__all__ = ["World", "world"]
