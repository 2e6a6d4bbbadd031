"""A circuit breaker: after repeated failure nothing is tried for a while, then one thing is.

    CLOSED ──(failures in a row, or their share)──▶ OPEN ──(time is over, one probe)──▶ HALF_OPEN
       ▲                                             ▲                                   │     │
       │                                             └──────────(the probe fails)────────┘     │
       └───────────────────────────────(the probe succeeds)────────────────────────────────────┘

Two mistakes are common in breakers, and both are excluded by generations. A late outcome cannot
flip this one: every permit carries the generation it was given in, each opening, probe and closing
begins a new one, and outcomes of other generations are only counted. A lost probe cannot jam it:
after the time that the breaker stays open another probe is admitted, and the lost one is late from
then on. Until then a probe may take as long as it likes: a connection succeeds only once it has
been stable for a while.
"""

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.clock import Clock
from gateway.errors import BreakerOpen

OUTCOMES_JUDGED_MAX: Final = 256
"""Outcomes whose share of failures is judged, the newest ones; bounds memory at any pace."""

MS_NS: Final = 1_000_000


class BreakerState(enum.StrEnum):
    """Whether attempts are admitted."""

    CLOSED = "closed"
    """All of them."""
    OPEN = "open"
    """None until the time is over, then one."""
    HALF_OPEN = "half_open"
    """One is out, and its outcome decides."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to one attempt; hand it back with the outcome."""

    generation: int
    """When it was given; the outcome counts while nothing has changed since."""


class CircuitBreaker:
    """Admits attempts, judges their outcomes.

    Args:
        name: What is protected; named in refusals.
        clock: Monotonic time; the wall clock has no say.
        failures_max: Failures in a row that open it, 1 or more.
        rate_max: Share of failures that opens it, above 0; a share above 1 is never reached.
        rate_outcomes_min: Outcomes without which their share says nothing, 1 or more.
        rate_window_ns: Age from which an outcome no longer belongs to the share.
        open_ns: How long it stays open, and how long a probe has before another may follow.
        is_enabled: Whether it ever opens; when not, it still counts.
        on_change: Told the states before and after each change, once, when the change is done.
    """

    __slots__ = (
        "_clock",
        "_failure_count",
        "_failures_max",
        "_generation",
        "_is_enabled",
        "_late_outcomes",
        "_on_change",
        "_open_ns",
        "_opened",
        "_outcomes",
        "_rate_max",
        "_rate_outcomes_min",
        "_rate_window_ns",
        "_ready_ns",
        "_refused",
        "_state",
        "name",
    )

    def __init__(
        self,
        name: str,
        clock: Clock,
        *,
        failures_max: int,
        rate_max: float,
        rate_outcomes_min: int,
        rate_window_ns: int,
        open_ns: int,
        is_enabled: bool = True,
        on_change: Callable[[BreakerState, BreakerState], object] | None = None,
    ) -> None:
        self.name = name
        self._clock = clock
        self._failures_max = failures_max
        self._rate_max = rate_max
        self._rate_outcomes_min = rate_outcomes_min
        self._rate_window_ns = rate_window_ns
        self._open_ns = open_ns
        self._is_enabled = is_enabled
        self._on_change = on_change
        self._state = BreakerState.CLOSED
        self._generation = 0
        self._ready_ns = 0
        self._failure_count = 0
        # Fewer places than outcomes needed would mean a share that is never judged.
        places = max(OUTCOMES_JUDGED_MAX, rate_outcomes_min)
        self._outcomes: deque[tuple[int, bool]] = deque(maxlen=places)
        self._opened = 0
        self._refused = 0
        self._late_outcomes = 0

    @property
    def state(self) -> BreakerState:
        """The state; OPEN remains when its time is over, until a probe is admitted."""
        return self._state

    @property
    def failure_count(self) -> int:
        """Failures in a row, those of probes included; 0 after a success."""
        return self._failure_count

    def ready_ns(self) -> int:
        """Monotonic moment from which `admit` grants; now or earlier when it grants now."""
        return self._clock.monotonic_ns() if self._state is BreakerState.CLOSED else self._ready_ns

    def admit(self) -> Permit:
        """Ask for an attempt.

        Returns:
            The permit to hand to `record` with the outcome; one that is never handed back does no
            harm.

        Raises:
            BreakerOpen: Not now; `retry_in_ms` says when.
        """
        if self._state is BreakerState.CLOSED:
            return Permit(self._generation)
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._ready_ns:
            self._refused += 1
            raise BreakerOpen("refused", breaker=self.name, retry_in_ms=self._wait_ms(now_ns))
        # A probe whose outcome never comes must not keep all others out: the next one may follow
        # after the same wait, and makes this one late.
        self._ready_ns = now_ns + self._open_ns
        self._generation += 1
        permit = Permit(self._generation)
        self._enter(BreakerState.HALF_OPEN)
        return permit

    def record(self, permit: Permit, *, is_success: bool) -> None:
        """Note how an attempt went; ignored and counted when it belongs to another generation."""
        if permit.generation != self._generation:
            self._late_outcomes += 1
            return
        self._failure_count = 0 if is_success else self._failure_count + 1
        if self._state is BreakerState.HALF_OPEN:
            if is_success:
                self._close()
            else:
                self._open(self._clock.monotonic_ns() + self._open_ns)
            return
        now_ns = self._clock.monotonic_ns()
        self._outcomes.append((now_ns, is_success))
        if self._is_enabled and self._is_too_much(now_ns):
            self._open(now_ns + self._open_ns)

    def trip(self, *, open_ns: int | None = None) -> None:
        """Open now, whatever was recorded.

        Args:
            open_ns: For how long; as usual when absent. A wait that is longer already stays.
        """
        if not self._is_enabled:
            return
        ready_ns = self._clock.monotonic_ns() + (self._open_ns if open_ns is None else open_ns)
        if self._state is BreakerState.OPEN:
            self._ready_ns = max(self._ready_ns, ready_ns)
        else:
            self._open(ready_ns)

    def reset(self) -> None:
        """Close by hand; what permits given before bring is ignored."""
        self._failure_count = 0
        self._close()

    def as_map(self) -> dict[str, object]:
        """Everything about it, for diagnostics."""
        is_open = self._state is BreakerState.OPEN
        return {
            "state": self._state.value,
            "failure_count": self._failure_count,
            "generation": self._generation,
            "opened": self._opened,
            "refused": self._refused,
            "retry_in_ms": self._wait_ms(self._clock.monotonic_ns()) if is_open else None,
            "late_outcomes": self._late_outcomes,
        }

    def _is_too_much(self, now_ns: int) -> bool:
        if self._failure_count >= self._failures_max:
            return True
        outcomes = self._outcomes
        while now_ns - outcomes[0][0] >= self._rate_window_ns:
            outcomes.popleft()
            if not outcomes:
                return False
        if len(outcomes) < self._rate_outcomes_min:
            return False
        failures = sum(not is_success for _, is_success in outcomes)
        return failures / len(outcomes) >= self._rate_max

    def _wait_ms(self, now_ns: int) -> int:
        # Rounded up: who waits as long as told must not be refused again.
        return max(0, -((now_ns - self._ready_ns) // MS_NS))

    def _open(self, ready_ns: int) -> None:
        self._ready_ns = ready_ns
        self._generation += 1
        self._opened += 1
        self._enter(BreakerState.OPEN)

    def _close(self) -> None:
        self._outcomes.clear()
        self._generation += 1
        self._enter(BreakerState.CLOSED)

    def _enter(self, state: BreakerState) -> None:
        before, self._state = self._state, state
        if before is not state and self._on_change is not None:
            self._on_change(before, state)
