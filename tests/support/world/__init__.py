"""A whole gateway and its surroundings in one process: seeded, with time that stands still."""

from tests.support.world.world import World, WorldOptions

__all__ = ["World", "WorldOptions"]
