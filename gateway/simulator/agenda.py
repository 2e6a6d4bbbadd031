"""What is due later, by the simulator's clock."""

import asyncio
import contextlib
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
        self._entries: dict[str, tuple[int, Callable[[], None]]] = {}
        self._changed = asyncio.Event()

    def set(self, name: str, due_ns: int, action: Callable[[], None]) -> None:
        """Let something happen at a time of the monotonic clock.

        Args:
            name: What it is; there is one of each name, so a second one replaces the first.
            due_ns: When.
            action: Called then.
        """
        self._entries[name] = (due_ns, action)
        self._changed.set()

    def drop(self, name: str) -> None:
        """Let it not happen."""
        self._entries.pop(name, None)

    @property
    def names(self) -> list[str]:
        """What is still to come, soonest first."""
        return sorted(self._entries, key=lambda name: self._entries[name][0])

    @property
    def next_due_ns(self) -> int | None:
        """When the soonest of it is due; None while there is nothing."""
        return min((due_ns for due_ns, _ in self._entries.values()), default=None)

    def run_due(self) -> None:
        """Do everything whose time has come, in the order of time."""
        for name in self.names:
            entry = self._entries.get(name)
            # An action may have set or dropped another.
            if entry is not None and entry[0] <= self._clock.monotonic_ns():
                del self._entries[name]
                entry[1]()

    async def run(self) -> None:
        """Do everything in time, until cancelled."""
        while True:
            self._changed.clear()
            self.run_due()
            wait_s = None
            if (due_ns := self.next_due_ns) is not None:
                wait_s = max(due_ns - self._clock.monotonic_ns(), 0) / SECOND_NS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
