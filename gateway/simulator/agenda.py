"""What is due later, by the simulator's clock."""

import asyncio
import contextlib
import heapq
from collections.abc import Callable
from typing import Final

from gateway.clock import Clock

SECOND_NS: Final = 1_000_000_000


class Agenda:
    """Runs actions when their time has come.

    With a loop `run` does it; without one, whoever holds the clock calls `run_due`.

    Args:
        clock: Says what time it is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[int, int, Callable[[], None]]] = []
        self._added = asyncio.Event()
        self._number = 0

    def add(self, due_ns: int, action: Callable[[], None]) -> None:
        """Let something happen at a time of the monotonic clock; equal times keep their order."""
        self._number += 1
        heapq.heappush(self._entries, (due_ns, self._number, action))
        self._added.set()

    def __len__(self) -> int:
        return len(self._entries)

    def run_due(self) -> None:
        """Do everything whose time has come."""
        while self._entries and self._entries[0][0] <= self._clock.monotonic_ns():
            heapq.heappop(self._entries)[2]()

    async def run(self) -> None:
        """Do everything in time, until cancelled."""
        while True:
            self._added.clear()
            self.run_due()
            wait_s = None
            if self._entries:
                wait_s = max(self._entries[0][0] - self._clock.monotonic_ns(), 0) / SECOND_NS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._added.wait()
