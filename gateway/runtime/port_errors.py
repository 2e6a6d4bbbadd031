"""What goes wrong on one upstream port, told to the error history."""

import errno
import os
from collections.abc import Callable
from typing import Final, Protocol

from gateway.clock import Clock
from gateway.errors import (
    BreakerOpen,
    DescriptorsExhausted,
    FeedClosed,
    FeedTimedOut,
    FeedUnreachable,
    GatewayError,
)
from gateway.iqfeed.vendor_errors import error_of
from gateway.policy.breaker import BreakerState, CircuitBreaker
from gateway.policy.error_history import ErrorFact, fact_of
from gateway.policy.rate_limit import TokenBucket
from gateway.runtime.link_parts import GIVEN_UP

VENDOR_ERRORS_BURST_MAX: Final = 20
VENDOR_ERROR_NS: Final = 100_000_000
"""Error lines told one by one at this pace; what comes faster is told by a count."""
_NO_DESCRIPTORS: Final = (os.strerror(errno.EMFILE), os.strerror(errno.ENFILE))

Report = Callable[[ErrorFact], object]
"""Takes an error for the history; never blocks."""


class Retried(Protocol):
    """What is known of a connection's attempts."""

    @property
    def breaker(self) -> CircuitBreaker:
        """Its circuit breaker."""
        ...

    @property
    def attempt_count(self) -> int:
        """Attempts since the last success."""
        ...


class PortErrors:
    """Makes errors of what happens on one port and reports them.

    Args:
        port: As the history names it.
        report: Takes them.
        clock: Stamps, and the pace of vendor errors.
    """

    def __init__(self, port: str, *, report: Report, clock: Clock) -> None:
        self._port = port
        self._report = report
        self._clock = clock
        self._is_breaker_open = False
        self._handshake_missing: str | None = None
        self._pace = TokenBucket(
            clock, tokens_max=VENDOR_ERRORS_BURST_MAX, token_ns=VENDOR_ERROR_NS
        )
        self._untold = 0

    def note(self, error: GatewayError, *, count: int = 1) -> None:
        """Report an error."""
        self._report(fact_of(error, port=self._port, at_us=self._clock.utc_us(), count=count))

    def note_vendor(self, text: str) -> None:
        """Report the vendor's error line; a flood of them is counted, not told."""
        self._untold += 1
        if self._pace.wait_ns() > 0:
            return
        self._pace.take()
        count, self._untold = self._untold, 0
        self.note(error_of(text), count=count)

    def note_handshake(self, missing: str) -> None:
        """Note what had not come when the handshake's time was over; the loss follows."""
        self._handshake_missing = missing

    def note_loss(self, reason: str, *, was_connected: bool, address: str, retry: Retried) -> None:
        """Report that a connection is gone or could not be made, and what the breaker made of it.

        Args:
            reason: The link's words.
            was_connected: Whether its handshake had been done.
            address: Where it connects to.
            retry: What decides about the next attempt; it was told of this one already.
        """
        missing, self._handshake_missing = self._handshake_missing, None
        if reason != GIVEN_UP:
            self.note(_loss_of(reason, missing, was_connected=was_connected, address=address))
        self._note_breaker(retry)

    def _note_breaker(self, retry: Retried) -> None:
        """Report that the breaker opened; its probes are told by what they find."""
        breaker = retry.breaker
        was_open, self._is_breaker_open = (
            self._is_breaker_open,
            breaker.state is not BreakerState.CLOSED,
        )
        if self._is_breaker_open and not was_open:
            self.note(
                BreakerOpen(
                    "too many attempts failed: one is made each time the breaker lets one through",
                    failures=breaker.failure_count,
                    retry_in_ms=breaker.as_map()["retry_in_ms"],
                )
            )


def _loss_of(
    reason: str, missing: str | None, *, was_connected: bool, address: str
) -> GatewayError:
    """The exception for the end of a connection, or of an attempt."""
    if reason.endswith(_NO_DESCRIPTORS):
        return DescriptorsExhausted("no descriptor for a connection", reason=reason, at=address)
    if missing is not None:
        return FeedTimedOut("the handshake was not done in time", missing=missing, at=address)
    if was_connected:
        return FeedClosed("the connection to IQConnect is lost", reason=reason, at=address)
    if "timed out" in reason:
        return FeedTimedOut("IQConnect does not answer in time", reason=reason, at=address)
    return FeedUnreachable("IQConnect cannot be connected to", reason=reason, at=address)
