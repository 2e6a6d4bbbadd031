"""A circuit breaker under test, with its clock, its listener and short ways to use it."""

import pytest

from gateway.clock import FakeClock
from gateway.errors import BreakerOpen
from gateway.policy.breaker import BreakerState, CircuitBreaker, Permit

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
SECOND_NS = 1_000_000_000
OPEN_S = 5
WINDOW_S = 60


class Bench:
    """A breaker that opens after three failures in a row or when half of ten are failures."""

    def __init__(
        self, *, failures_max: int = 3, rate_outcomes_min: int = 10, is_enabled: bool = True
    ) -> None:
        # The breaker must not care where the monotonic clock started.
        self.clock = FakeClock(monotonic_ns=7 * SECOND_NS + 1)
        self.changes: list[tuple[BreakerState, BreakerState]] = []
        self.breaker = CircuitBreaker(
            "level1",
            self.clock,
            failures_max=failures_max,
            rate_max=0.5,
            rate_outcomes_min=rate_outcomes_min,
            rate_window_ns=WINDOW_S * SECOND_NS,
            open_ns=OPEN_S * SECOND_NS,
            is_enabled=is_enabled,
            on_change=self.note_change,
        )

    def note_change(self, before: BreakerState, after: BreakerState) -> None:
        """Keep what the breaker tells; it must be true by then."""
        assert self.breaker.state is after
        self.changes.append((before, after))

    def attempt(self, outcomes: str) -> None:
        """Make attempts one after the other: `+` succeeds, `-` fails."""
        for outcome in outcomes:
            self.breaker.record(self.breaker.admit(), is_success=outcome == "+")

    def opened(self) -> None:
        """Open it by failures, so that its time begins now."""
        self.attempt("---")
        assert self.breaker.state is OPEN

    def probe(self) -> Permit:
        """Open it, wait, and send a probe out."""
        self.opened()
        self.clock.advance(seconds=OPEN_S)
        return self.breaker.admit()

    def refusal(self) -> BreakerOpen:
        """How an attempt is refused now."""
        with pytest.raises(BreakerOpen) as caught:
            self.breaker.admit()
        return caught.value
