"""When to try again: exponential waits with full jitter, forgotten only after stable success."""

from typing import Protocol

from gateway.clock import Clock


class Jitter(Protocol):
    """Seeded randomness, such as a `random.Random`."""

    def uniform(self, a: float, b: float, /) -> float:
        """A number of `a` to `b`."""
        ...


class Backoff:
    """How long to wait before the next attempt.

    Args:
        clock: Measures how long a success lasted.
        jitter: Seeded randomness; spreads the attempts of many connections.
        first_ns: Ceiling of the first wait, > 0.
        base: Factor by which the ceiling grows, >= 1.
        longest_ns: Highest ceiling.
        stable_ns: A success must last this long before the ceiling starts over; a link that lives
            for a moment and dies again must not be hammered.
    """

    __slots__ = (
        "_base",
        "_ceiling_ns",
        "_clock",
        "_first_ns",
        "_jitter",
        "_longest_ns",
        "_stable_ns",
        "_succeeded_ns",
        "attempts",
    )

    def __init__(
        self,
        clock: Clock,
        jitter: Jitter,
        *,
        first_ns: int,
        base: float,
        longest_ns: int,
        stable_ns: int,
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._first_ns = first_ns
        self._base = base
        self._longest_ns = longest_ns
        self._stable_ns = stable_ns
        self._ceiling_ns = first_ns
        self._succeeded_ns: int | None = None
        self.attempts = 0
        """Waits handed out since the last stable success."""

    def succeeded(self) -> None:
        """Note that the link works; whether it counts shows when it fails."""
        self._succeeded_ns = self._clock.monotonic_ns()

    def next_wait_ns(self) -> int:
        """Choose the wait before the next attempt: anything up to the ceiling, which then grows."""
        succeeded_ns, self._succeeded_ns = self._succeeded_ns, None
        if succeeded_ns is not None:
            lasted_ns = self._clock.monotonic_ns() - succeeded_ns
            if lasted_ns >= self._stable_ns:
                self._ceiling_ns = self._first_ns
                self.attempts = 0
        wait_ns = round(self._jitter.uniform(0, self._ceiling_ns))
        self._ceiling_ns = min(self._longest_ns, round(self._ceiling_ns * self._base))
        self.attempts += 1
        return wait_ns
