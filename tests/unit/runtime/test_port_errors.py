"""What goes wrong on a port becomes an error of the right kind, and a flood of it a count."""

import errno
import os

import pytest

from gateway.clock import FakeClock
from gateway.policy.breaker import CircuitBreaker
from gateway.policy.error_history import ErrorFact
from gateway.runtime.link_parts import GIVEN_UP
from gateway.runtime.port_errors import VENDOR_ERRORS_BURST_MAX, PortErrors

AT = "127.0.0.1:5009"


class Attempts:
    """A connection's attempts: a breaker that opens after two failures."""

    def __init__(self, clock: FakeClock) -> None:
        self.attempt_count = 0
        self.breaker = CircuitBreaker(
            "level1",
            clock,
            failures_max=2,
            rate_max=2.0,
            rate_outcomes_min=1_000,
            rate_window_ns=1,
            open_ns=1_000_000_000,
        )

    def fail(self) -> None:
        """One more failure."""
        self.breaker.record(self.breaker.admit(), is_success=False)


class Port:
    """One port's errors, and what was reported of them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.facts: list[ErrorFact] = []
        self.errors = PortErrors("level1", report=self.facts.append, clock=self.clock)
        self.attempts = Attempts(self.clock)

    def lose(self, reason: str, *, was_connected: bool = False) -> None:
        """The connection is over."""
        self.errors.note_loss(reason, was_connected=was_connected, address=AT, retry=self.attempts)

    def codes(self) -> list[str]:
        """What was reported."""
        return [fact.code for fact in self.facts]


@pytest.mark.parametrize(
    ("reason", "was_connected", "code"),
    [
        ("closed", True, "feed_closed"),
        ("silent", True, "feed_closed"),
        ("connection refused: Connection refused", False, "feed_unreachable"),
        ("connection timed out", False, "feed_timed_out"),
        ("protocol_refused", False, "feed_unreachable"),
        (f"connection refused: {os.strerror(errno.EMFILE)}", False, "descriptors_exhausted"),
    ],
)
def test_the_end_of_a_connection_is_told_by_its_reason(
    reason: str, was_connected: bool, code: str
) -> None:
    """A program that is not there, one that hangs, and a machine without files need other hands."""
    port = Port()
    port.lose(reason, was_connected=was_connected)
    (fact,) = port.facts
    assert (fact.code, fact.port) == (code, "level1")
    assert fact.details == {"reason": reason, "at": AT}
    assert fact.at_us == port.clock.utc_us()


def test_a_handshake_that_was_not_done_names_what_was_missing() -> None:
    """Told once: the end of the connection that follows is the same event."""
    port = Port()
    port.errors.note_handshake("fields")
    port.lose("handshake timed out")
    (fact,) = port.facts
    assert (fact.code, fact.details["missing"]) == ("feed_timed_out", "fields")
    port.lose("closed", was_connected=True)
    assert port.codes() == ["feed_timed_out", "feed_closed"]


def test_a_connection_given_up_on_request_is_no_error() -> None:
    """Somebody wanted it; the audit log says who."""
    port = Port()
    port.lose(GIVEN_UP, was_connected=True)
    assert port.facts == []


def test_a_breaker_that_opens_is_told_once_until_it_has_closed() -> None:
    """Its probes fail every second or two; each of them is not another opening."""
    port = Port()
    for _ in range(2):
        port.attempts.fail()
        port.lose("refused")
    assert port.codes() == ["feed_unreachable", "feed_unreachable", "breaker_open"]
    assert port.facts[-1].details == {"failures": 2, "retry_in_ms": 1_000}
    port.clock.advance(seconds=1)
    port.attempts.fail()
    port.lose("refused")
    assert port.codes()[3:] == ["feed_unreachable"]
    port.attempts.breaker.reset()
    port.lose("closed", was_connected=True)
    for _ in range(2):
        port.attempts.fail()
    port.lose("refused")
    assert port.codes()[-1] == "breaker_open"


def test_a_flood_of_vendor_errors_is_counted_instead_of_told() -> None:
    """A hostile or broken peer must not fill the queue that reports go through."""
    port = Port()
    for _ in range(1_000):
        port.errors.note_vendor("!SYNTAX_ERROR!")
    assert len(port.facts) == VENDOR_ERRORS_BURST_MAX
    port.clock.advance(seconds=1)
    port.errors.note_vendor("!SYNTAX_ERROR!")
    assert sum(fact.count for fact in port.facts) == 1_001
    assert port.facts[-1].code == "command_not_understood"
