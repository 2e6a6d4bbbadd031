"""When a connection is tried again: waits, the breaker, and what counts as a success."""

import pytest

from gateway.clock import FakeClock
from gateway.policy.backoff import Backoff
from gateway.policy.breaker import BreakerState, CircuitBreaker
from gateway.policy.retry import Retry

S = 1_000_000_000
START_NS = 1_000 * S
FAILURES_MAX = 3
OPEN_NS, FLAP_NS, STABLE_NS = 2 * S, 3 * S, 10 * S


class Longest:
    """The longest wait that may be drawn, every time."""

    def uniform(self, a: float, b: float, /) -> float:
        """The upper end."""
        del a
        return b


class Bench:
    """One connection's attempts on a clock that is moved by hand."""

    def __init__(self, *, is_enabled: bool = True) -> None:
        self.clock = FakeClock(monotonic_ns=START_NS)
        self.breaker = CircuitBreaker(
            "level1",
            self.clock,
            failures_max=FAILURES_MAX,
            rate_max=0.5,
            rate_outcomes_min=10,
            rate_window_ns=60 * S,
            open_ns=OPEN_NS,
            is_enabled=is_enabled,
        )
        backoff = Backoff(
            self.clock, Longest(), first_ns=S // 10, base=2.0, longest_ns=2 * S, stable_ns=STABLE_NS
        )
        self.retry = Retry(
            self.clock, backoff=backoff, breaker=self.breaker, stable_ns=STABLE_NS, flap_ns=FLAP_NS
        )

    def wait_s(self) -> float:
        """How long until the next attempt."""
        assert self.retry.due_ns is not None
        return (self.retry.due_ns - self.clock.monotonic_ns()) / S

    def attempt(self) -> None:
        """Let the next attempt begin as soon as it is due."""
        self.clock.advance(seconds=max(0.0, self.wait_s()))
        assert self.retry.begin()

    def fail(self) -> float:
        """Let the next attempt begin and fail; the wait that follows."""
        self.attempt()
        self.retry.failed()
        return self.wait_s()


@pytest.fixture
def bench() -> Bench:
    """A connection that is wanted."""
    bench = Bench()
    bench.retry.start()
    return bench


def test_nothing_is_tried_before_it_is_wanted() -> None:
    """Depth that nobody asked for costs no connection."""
    bench = Bench()
    assert bench.retry.due_ns is None
    assert not bench.retry.begin()
    bench.retry.start()
    assert bench.wait_s() == 0.0
    assert bench.retry.begin()


def test_waits_grow_until_the_breaker_opens(bench: Bench) -> None:
    """Then one attempt each time it lets one through, for ever."""
    assert [bench.fail() for _ in range(FAILURES_MAX)] == [0.1, 0.2, 2.0]
    assert bench.breaker.state is BreakerState.OPEN
    assert not bench.retry.begin(), "not before its time"
    assert [bench.fail() for _ in range(50)] == [2.0] * 50, "the gateway never gives up"


def test_without_a_breaker_waits_grow_to_their_ceiling() -> None:
    """The operator's choice: still never faster than the backoff."""
    bench = Bench(is_enabled=False)
    bench.retry.start()
    assert [bench.fail() for _ in range(7)] == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_a_connection_is_a_success_once_it_has_lasted(bench: Bench) -> None:
    """A moment's life proves nothing; a stable one lets waits start over."""
    for _ in range(FAILURES_MAX + 1):
        bench.fail()
    bench.attempt()
    bench.retry.connected()
    assert bench.breaker.state.value == "half_open"
    success_ns = bench.retry.success_ns()
    assert success_ns == bench.clock.monotonic_ns() + STABLE_NS
    bench.clock.advance(seconds=STABLE_NS / S)
    bench.retry.settle()
    assert bench.breaker.state is BreakerState.CLOSED
    assert bench.retry.success_ns() is None
    bench.retry.failed()
    assert bench.wait_s() == 0.1
    assert bench.breaker.failure_count == 0, "its end is no failed attempt"


def test_what_comes_up_and_dies_waits_longer(bench: Bench) -> None:
    """Each short life costs both sides a whole beginning."""
    for _ in range(FAILURES_MAX):
        bench.attempt()
        bench.retry.connected()
        bench.clock.advance(seconds=1.0)
        bench.retry.failed()
    assert bench.wait_s() == FLAP_NS / S


def test_a_flapping_peer_is_tried_at_most_sixty_times_in_a_hundred_seconds() -> None:
    """Up for a second and down for a second, fifty times: no thundering."""
    bench = Bench()
    bench.breaker._open_ns = round(1.2 * S)
    bench.retry._flap_ns = round(1.8 * S)
    bench.retry.start()
    begin_ns, attempts = bench.clock.monotonic_ns(), 0
    while (passed_ns := bench.clock.monotonic_ns() - begin_ns) < 100 * S:
        is_up = passed_ns % (2 * S) < S
        if bench.retry.begin():
            attempts += 1
            if is_up:
                bench.retry.connected()
                bench.clock.advance(seconds=(S - passed_ns % (2 * S)) / S)
            bench.retry.failed()
        else:
            bench.clock.advance(seconds=max(0.0, bench.wait_s()))
    assert 40 <= attempts <= 60


def test_a_connection_given_up_on_purpose_is_no_failure(bench: Bench) -> None:
    """An operator's wish must not open the breaker."""
    for _ in range(2 * FAILURES_MAX):
        bench.attempt()
        bench.retry.connected()
        bench.retry.again()
        assert bench.wait_s() == 0.0
    assert bench.breaker.state is BreakerState.CLOSED
    assert bench.breaker.failure_count == 0


def test_a_reset_breaker_is_tried_at_once(bench: Bench) -> None:
    """Whoever repaired the other end need not wait."""
    for _ in range(FAILURES_MAX):
        bench.fail()
    bench.retry.reset()
    assert bench.breaker.state is BreakerState.CLOSED
    assert bench.wait_s() == 0.0
    assert bench.retry.begin()


def test_a_stopped_connection_is_not_tried(bench: Bench) -> None:
    """A gateway that ends makes no new connection."""
    bench.attempt()
    bench.retry.stop()
    assert bench.retry.due_ns is None
    bench.clock.advance(seconds=60.0)
    assert not bench.retry.begin()
