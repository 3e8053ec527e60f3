"""The world that scenarios play in (`tests.world`)."""

from tests.world import World, world

__all__ = ["World", "world"]
