"""When one connection is tried again: random waits first, a circuit breaker when they do not help.

While the breaker is closed, attempts follow each other after a wait that grows. Once it has opened,
one attempt is made each time it lets one through, for as long as it takes: nobody has to come and
help. A connection is a success only after it has been stable for a while, so one that comes up and
dies again and again opens the breaker as well.
"""

from gateway.clock import Clock
from gateway.policy.backoff import Backoff
from gateway.policy.breaker import BreakerState, CircuitBreaker, Permit


class Retry:
    """The attempts of one connection.

    Args:
        clock: Monotonic.
        backoff: Waits while the breaker is closed.
        breaker: Told of every attempt's outcome.
        stable_ns: How long a connection must live to be a success.
        flap_ns: How long the breaker stays open after a connection that came up and died.
    """

    __slots__ = (
        "_backoff",
        "_clock",
        "_due_ns",
        "_flap_ns",
        "_permit",
        "_stable_ns",
        "_success_ns",
        "breaker",
    )

    def __init__(
        self,
        clock: Clock,
        *,
        backoff: Backoff,
        breaker: CircuitBreaker,
        stable_ns: int,
        flap_ns: int,
    ) -> None:
        self._clock = clock
        self._backoff = backoff
        self.breaker = breaker
        self._stable_ns = stable_ns
        self._flap_ns = flap_ns
        self._due_ns: int | None = None
        self._permit: Permit | None = None
        self._success_ns: int | None = None

    @property
    def attempt_count(self) -> int:
        """Attempts since the last success that lasted."""
        return self._backoff.attempts

    @property
    def due_ns(self) -> int | None:
        """When the next attempt is due, monotonic; None while none is wanted."""
        return self._due_ns

    def start(self) -> None:
        """Want a connection from now on; it is tried as soon as the breaker allows."""
        if self._permit is None and self._success_ns is None:
            self._due_ns = self.breaker.ready_ns()

    def stop(self) -> None:
        """Want no connection any more; an attempt in progress has no outcome."""
        self._due_ns = self._permit = self._success_ns = None

    def begin(self) -> bool:
        """Begin an attempt if one is due.

        Returns:
            Whether to connect now.
        """
        if self._due_ns is None or self._clock.monotonic_ns() < self._due_ns:
            return False
        ready_ns = self.breaker.ready_ns()
        # A closed breaker is ready "now", so now is read afterwards.
        if self._clock.monotonic_ns() < ready_ns:
            self._due_ns = ready_ns
            return False
        self._permit = self.breaker.admit()
        self._due_ns = None
        return True

    def connected(self) -> None:
        """Note that the handshake is done; whether it was a success shows when it lasts."""
        self._backoff.succeeded()
        if self._permit is not None:
            self._success_ns = self._clock.monotonic_ns() + self._stable_ns

    def success_ns(self) -> int | None:
        """When `settle` has something to note, monotonic; None when it has not."""
        return self._success_ns

    def settle(self) -> None:
        """Note the success of a connection that has lasted; harmless at any time."""
        if self._success_ns is None or self._clock.monotonic_ns() < self._success_ns:
            return
        self._success_ns = None
        permit, self._permit = self._permit, None
        if permit is not None:
            self.breaker.record(permit, is_success=True)

    def failed(self) -> None:
        """Note that the attempt, or the connection it made, is over; choose the next moment."""
        self.settle()
        permit, self._permit = self._permit, None
        is_flapping, self._success_ns = self._success_ns is not None, None
        if permit is not None:
            self.breaker.record(permit, is_success=False)
        if is_flapping and self.breaker.state is BreakerState.OPEN:
            # Each of its short lives costs both sides a whole beginning: wait longer for the next.
            self.breaker.trip(open_ns=self._flap_ns)
        wait_ns = self._backoff.next_wait_ns()
        if self.breaker.state is BreakerState.CLOSED:
            self._due_ns = self._clock.monotonic_ns() + wait_ns
        else:
            self._due_ns = self.breaker.ready_ns()

    def again(self) -> None:
        """Note that the connection was given up on purpose: try at once, nothing has failed."""
        self.stop()
        self._due_ns = self.breaker.ready_ns()

    def reset(self) -> None:
        """Close the breaker by hand; what waits for it is tried at once."""
        self.breaker.reset()
        # The permit of an attempt in progress is of an earlier generation now: it is late.
        if self._due_ns is not None:
            self._due_ns = self._clock.monotonic_ns()
