"""Subscriptions that have to wait until there is room for another watch."""

from collections.abc import Callable
from typing import Final

from gateway.counters import Counter, Counters
from gateway.wire.topics import TopicName

NAMES_MAX: Final = 100_000
"""Names that wait; what is beyond is not watched when there is room again, and counted."""


class HeldWishes:
    """Passes subscriptions on to the desk of watches, or keeps new ones while it must.

    What is watched already costs nothing more, and is passed on at any time. Owned by the feed
    thread.

    Args:
        gain: Takes a topic that gained a connection.
        lose: Takes a topic that lost one.
        is_watched: Whether a symbol is watched already.
        counters: Where what waits, and what cannot, is counted.
    """

    def __init__(
        self,
        gain: Callable[[TopicName], object],
        lose: Callable[[TopicName], object],
        *,
        is_watched: Callable[[str], bool],
        counters: Counters,
    ) -> None:
        self._gain = gain
        self._lose = lose
        self._is_watched = is_watched
        self._held: dict[TopicName, int] = {}
        self._is_holding = False
        self._counters = counters

    def __len__(self) -> int:
        return len(self._held)

    def gain(self, name: TopicName) -> None:
        """A complete public topic gained a connection."""
        if not self._is_holding or self._is_watched(name.symbol):
            self._gain(name)
        elif name in self._held or len(self._held) < NAMES_MAX:
            self._held[name] = self._held.get(name, 0) + 1
            self._counters.add(Counter.WISHES_HELD)
        else:
            self._counters.add(Counter.WISHES_REFUSED)

    def lose(self, name: TopicName) -> None:
        """It lost one; what was held is taken back first, because it was never passed on."""
        count = self._held.get(name, 0)
        if count > 1:
            self._held[name] = count - 1
        elif count:
            del self._held[name]
        else:
            self._lose(name)

    def hold(self, *, is_holding: bool) -> None:
        """Keep new ones from now on, or let all go that were kept."""
        self._is_holding = is_holding
        if is_holding:
            return
        held, self._held = self._held, {}
        for name, count in held.items():
            for _ in range(count):
                self._gain(name)
