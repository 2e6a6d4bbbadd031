"""Messages that repeat themselves: the first few pass, the rest are counted and told in one line.

A window begins with a message's first occurrence and lasts a minute. When it is over, or when the
message comes once more behind its end, one line says how many were left out.
"""

from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from gateway.clock import Clock
from gateway.logs.streams import AUDIT

WINDOW_NS: Final = 60_000_000_000
KEYS_MAX: Final = 1_000
"""Different messages that are counted at one time; the oldest makes room, and is told of."""
TEXT_CHARACTERS_MAX: Final = 200
IDENTITY: Final = ("at", "code", "counter", "file", "id", "peer", "port")
"""Facts that make two events of the same words different ones: another connection, another code."""

_Key = tuple[str, ...]


@dataclass(slots=True)
class _Window:
    """One message's minute."""

    ends_ns: int
    seen: int
    known: dict[str, object]
    """What of the message is repeated in the line that tells of it."""


class RepeatLimiter:
    """Lets a message pass so many times a minute; a structlog processor, for any thread.

    Critical events and those of the audit log always pass.

    Args:
        clock: Monotonic.
        count_max: How often the same message passes in a minute; 0 for always.
        lock: Held for a few microseconds by each thread that logs.
    """

    def __init__(
        self, clock: Clock, *, count_max: int, lock: AbstractContextManager[object]
    ) -> None:
        self._clock = clock
        self._count_max = count_max
        self._lock = lock
        # All windows are equally long: the first of them ends first.
        self._windows: dict[_Key, _Window] = {}
        self.suppressed = 0
        """Events that were left out."""
        self.tell: Callable[[dict[str, object]], object] = lambda _: None
        """Writes the line that says how many were left out."""

    def __call__(
        self, _: Any, __: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Let an event pass.

        Raises:
            DropEvent: It is left out.
        """
        if not self._count_max or event.get("level") == "critical" or event.get("part") == AUDIT:
            return event
        with self._lock:
            is_passing, ended = self._admit(event, self._clock.monotonic_ns())
        for window in ended:
            self._tell(window)
        if not is_passing:
            raise structlog.DropEvent
        return event

    def set_count_max(self, count_max: int) -> None:
        """Let the same message pass so many times a minute from now on; 0 for always."""
        self._count_max = count_max

    def tell_ended(self, *, is_last: bool = False) -> None:
        """Tell of the windows that are over; call it about once a second.

        Args:
            is_last: Tell of those that are not over as well, because the log ends.
        """
        if not self._windows:
            return
        with self._lock:
            ended = self._take_ended(self._clock.monotonic_ns(), is_last=is_last)
        for window in ended:
            self._tell(window)

    def _admit(self, event: Mapping[str, Any], now_ns: int) -> tuple[bool, list[_Window]]:
        ended = self._take_ended(now_ns)
        key = _key_of(event)
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= KEYS_MAX:
                ended.append(self._windows.pop(next(iter(self._windows))))
            names = ("part", "level", *IDENTITY)
            known = {name: event[name] for name in names if name in event}
            known["event"] = str(event.get("event"))[:TEXT_CHARACTERS_MAX]
            self._windows[key] = _Window(now_ns + WINDOW_NS, 1, known)
            return True, ended
        window.seen += 1
        if window.seen <= self._count_max:
            return True, ended
        self.suppressed += 1
        return False, ended

    def _take_ended(self, now_ns: int, *, is_last: bool = False) -> list[_Window]:
        ended = []
        while self._windows:
            key = next(iter(self._windows))
            if self._windows[key].ends_ns > now_ns and not is_last:
                break
            ended.append(self._windows.pop(key))
        return ended

    def _tell(self, window: _Window) -> None:
        left_out = window.seen - self._count_max
        if left_out > 0:
            self.tell({**window.known, "repeated": left_out})


def _key_of(event: Mapping[str, Any]) -> _Key:
    names = ("event", "part", "level", *IDENTITY)
    return tuple(str(event.get(name, ""))[:TEXT_CHARACTERS_MAX] for name in names)
