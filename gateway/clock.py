"""The only readers of time in the gateway.

Durations use the monotonic clock in nanoseconds (`_ns`); stamps use UTC in microseconds since the
Unix epoch (`_us`). The two are never mixed: the wall clock may step, the monotonic one cannot.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What policies with many callers are handed, so that tests can hold time still."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary point; never goes back."""
        ...

    def utc_us(self) -> int:
        """Microseconds since the Unix epoch, UTC; may step when the host's clock is set."""
        ...


class SystemClock:
    """The host's clocks."""

    __slots__ = ()

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary point; never goes back."""
        return time.monotonic_ns()

    def utc_us(self) -> int:
        """Microseconds since the Unix epoch, UTC."""
        return time.time_ns() // 1000


class FakeClock:
    """A clock that moves only when told to.

    Args:
        monotonic_ns: Where the monotonic clock starts.
        utc_us: Where the wall clock starts, microseconds since the Unix epoch.
    """

    __slots__ = ("_monotonic_ns", "_utc_us")

    def __init__(self, *, monotonic_ns: int = 0, utc_us: int = 1_700_000_000_000_000) -> None:
        self._monotonic_ns = monotonic_ns
        self._utc_us = utc_us

    def monotonic_ns(self) -> int:
        """The monotonic clock as last advanced."""
        return self._monotonic_ns

    def utc_us(self) -> int:
        """The wall clock as last advanced or stepped."""
        return self._utc_us

    def advance(self, *, seconds: float) -> None:
        """Move both clocks forward together."""
        if seconds < 0:
            raise ValueError("a monotonic clock cannot go back; use step_wall for the wall clock")
        self._monotonic_ns += round(seconds * 1_000_000_000)
        self._utc_us += round(seconds * 1_000_000)

    def step_wall(self, *, seconds: float) -> None:
        """Set the wall clock forward or back, as NTP does; the monotonic clock stays."""
        self._utc_us += round(seconds * 1_000_000)
