"""What a relay's control loop does every second, whoever asks for what."""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.control.access import Access

LOOK_S: Final = 1.0


class Upkeep:
    """Looks after what is counted in the control loop of a relay.

    Args:
        access: Judges requests, and folds what it writes down.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self.on_look: Callable[[], object] = lambda: None
        """Called with every look."""

    async def run(self) -> None:
        """Look until cancelled.

        Cancel safety: what was looked at is done.
        """
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Look once."""
        self._access.tell_due()
        self.on_look()
