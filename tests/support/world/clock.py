"""Time in a world: it stands still until the next event, and then is there at once."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

START_NS: Final = 1_000_000_000_000
SECOND_NS: Final = 1_000_000_000


class WorldClock:
    """Both clocks of a world, and what happens when.

    Args:
        utc_us: Where the wall clock starts, microseconds since the Unix epoch.
    """

    __slots__ = ("_entries", "_number", "_wall_us", "now_ns")

    def __init__(self, *, utc_us: int) -> None:
        self.now_ns = START_NS
        self._wall_us = utc_us - START_NS // 1000
        self._entries: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0

    def monotonic_ns(self) -> int:
        """Nanoseconds; never goes back."""
        return self.now_ns

    def utc_us(self) -> int:
        """The wall clock, as it was last stepped."""
        return self._wall_us + self.now_ns // 1000

    @property
    def elapsed_s(self) -> float:
        """Seconds since the world began."""
        return (self.now_ns - START_NS) / SECOND_NS

    def step_wall(self, *, seconds: float) -> None:
        """Set the wall clock forward or back, as NTP does."""
        self._wall_us += round(seconds * 1_000_000)

    def at(self, due_ns: int, action: Callable[[], None]) -> None:
        """Let something happen at a time; equal times keep their order."""
        self._number += 1
        heappush(self._entries, (max(due_ns, self.now_ns), self._number, action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Let something happen a while from now."""
        self.at(self.now_ns + round(seconds * SECOND_NS), action)

    @property
    def next_ns(self) -> int | None:
        """When the next thing happens."""
        return self._entries[0][0] if self._entries else None

    def run_due(self) -> bool:
        """Let happen what is due now.

        Returns:
            Whether anything was.
        """
        entries, is_any = self._entries, False
        while entries and entries[0][0] <= self.now_ns:
            is_any = True
            heappop(entries)[2]()
        return is_any

    def __len__(self) -> int:
        return len(self._entries)
