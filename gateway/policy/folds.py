"""What happens again and again is told once, and then how often."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from gateway.clock import Clock

Key = TypeVar("Key", bound=Hashable)
KEYS_MAX: Final = 1_000
INTERVAL_NS: Final = 60_000_000_000


class Folds(Generic[Key]):
    """Decides what is told at once, and what is counted and told later.

    Args:
        clock: Monotonic.
        interval_ns: The same is told at most this often.
        keys_max: Different ones that are remembered; the oldest is told and forgotten first.
    """

    def __init__(
        self, clock: Clock, *, interval_ns: int = INTERVAL_NS, keys_max: int = KEYS_MAX
    ) -> None:
        self._clock = clock
        self._interval_ns = interval_ns
        self._keys_max = keys_max
        self._told: OrderedDict[Key, tuple[int, int]] = OrderedDict()
        """When each was last told, and how often it happened since; the oldest first."""

    def __contains__(self, key: object) -> bool:
        """Whether it is remembered, so that it would be counted and not told at once."""
        return key in self._told

    def note(self, key: Key) -> list[tuple[Key, int]]:
        """It has happened.

        Returns:
            What is to be told now: pairs of what, and how often since it was last told.
        """
        told = self._told.get(key)
        if told is not None:
            self._told[key] = (told[0], told[1] + 1)
            return self.due()
        self._told[key] = (self._clock.monotonic_ns(), 0)
        out = self.due()
        if len(self._told) > self._keys_max:
            oldest, (_, count) = self._told.popitem(last=False)
            if count:
                out.append((oldest, count))
        return [(key, 1), *out]

    def due(self) -> list[tuple[Key, int]]:
        """What happened again and was not told for an interval; call it now and then."""
        now_ns = self._clock.monotonic_ns()
        out: list[tuple[Key, int]] = []
        while self._told:
            key, (at_ns, count) = next(iter(self._told.items()))
            if now_ns - at_ns < self._interval_ns:
                break
            del self._told[key]
            if count:
                out.append((key, count))
                # It goes on: the next one is counted again, not told at once.
                self._told[key] = (now_ns, 0)
        return out

    def take_all(self) -> list[tuple[Key, int]]:
        """What happened again and was not told yet, whenever that was; for the end."""
        out = [(key, count) for key, (_, count) in self._told.items() if count]
        self._told.clear()
        return out
