"""The circuit breaker in the hands of others: tripped, reset, switched off, listened to."""

import pytest

from gateway.clock import FakeClock
from gateway.policy.breaker import BreakerState, CircuitBreaker
from tests.support.breaker_bench import CLOSED, HALF_OPEN, OPEN, OPEN_S, SECOND_NS, Bench


@pytest.fixture
def bench() -> Bench:
    """A closed breaker."""
    return Bench()


def test_it_can_be_opened_at_once_and_for_another_time(bench: Bench) -> None:
    """A refused login is no case for three more attempts, and waits longer than a lost line."""
    bench.breaker.trip(open_ns=30 * SECOND_NS)
    assert bench.refusal().facts["retry_in_ms"] == 30_000
    bench.clock.advance(seconds=30)
    bench.breaker.record(bench.breaker.admit(), is_success=False)
    assert bench.refusal().facts["retry_in_ms"] == OPEN_S * 1_000
    assert bench.changes == [(CLOSED, OPEN), (OPEN, HALF_OPEN), (HALF_OPEN, OPEN)]


def test_tripping_makes_what_is_out_late(bench: Bench) -> None:
    """Whoever opened it by hand knows something that no attempt from before can disprove."""
    probe = bench.probe()
    bench.breaker.trip()
    assert bench.refusal().facts["retry_in_ms"] == OPEN_S * 1_000
    bench.breaker.record(probe, is_success=True)
    assert bench.breaker.state is OPEN
    assert bench.changes[-1] == (HALF_OPEN, OPEN)


def test_tripping_again_prolongs_and_never_shortens(bench: Bench) -> None:
    """Thirty seconds promised to the vendor are not cut by a lesser reason of five."""
    bench.breaker.trip(open_ns=30 * SECOND_NS)
    bench.breaker.trip()
    assert bench.refusal().facts["retry_in_ms"] == 30_000
    bench.breaker.trip(open_ns=40 * SECOND_NS)
    assert bench.refusal().facts["retry_in_ms"] == 40_000
    assert bench.changes == [(CLOSED, OPEN)]
    assert bench.breaker.as_map()["opened"] == 1


def test_it_can_be_closed_by_hand(bench: Bench) -> None:
    """The operator repaired what was broken and does not want to wait."""
    early = bench.breaker.admit()
    bench.opened()
    bench.breaker.reset()
    assert (bench.breaker.state, bench.breaker.failure_count) == (CLOSED, 0)
    bench.breaker.record(early, is_success=False)
    assert bench.breaker.failure_count == 0
    bench.attempt("--")
    assert bench.breaker.state is CLOSED
    assert bench.changes == [(CLOSED, OPEN), (OPEN, CLOSED)]


def test_a_reset_forgets_a_probe_that_is_out(bench: Bench) -> None:
    """Its failure belongs to the time before the repair."""
    probe = bench.probe()
    bench.breaker.reset()
    bench.breaker.record(probe, is_success=False)
    assert (bench.breaker.state, bench.breaker.failure_count) == (CLOSED, 0)


def test_a_reset_of_a_closed_breaker_forgets_without_a_change(bench: Bench) -> None:
    """Nobody is told of a change that is none, yet what was counted is gone."""
    early = bench.breaker.admit()
    bench.attempt("-+-+-+--")
    bench.breaker.reset()
    assert bench.breaker.failure_count == 0
    bench.breaker.record(early, is_success=False)
    bench.attempt("-+-")
    assert bench.breaker.state is CLOSED
    assert bench.changes == []


def test_a_disabled_breaker_counts_and_never_refuses() -> None:
    """Who turns it off still wants to see what it would have seen."""
    bench = Bench(is_enabled=False)
    bench.attempt("-" * 20)
    bench.breaker.trip()
    assert (bench.breaker.state, bench.breaker.failure_count) == (CLOSED, 20)
    assert bench.breaker.as_map()["opened"] == 0
    assert bench.changes == []
    bench.breaker.reset()
    assert bench.breaker.failure_count == 0


def test_the_wall_clock_has_no_say(bench: Bench) -> None:
    """A clock set forward must not send everybody back to a vendor that is down."""
    bench.opened()
    bench.clock.step_wall(seconds=3_600)
    bench.refusal()


def test_a_listener_may_use_the_breaker() -> None:
    """Whoever is told that it opened may want it closed at once; it must be ready for that."""
    clock = FakeClock()

    def close(_before: BreakerState, after: BreakerState) -> None:
        if after is OPEN:
            breaker.reset()

    breaker = CircuitBreaker(
        "admin",
        clock,
        failures_max=1,
        rate_max=1.0,
        rate_outcomes_min=10,
        rate_window_ns=SECOND_NS,
        open_ns=SECOND_NS,
        on_change=close,
    )
    breaker.record(breaker.admit(), is_success=False)
    assert (breaker.state, breaker.failure_count) == (CLOSED, 0)


def test_it_works_without_a_listener() -> None:
    """Not every breaker has somebody to tell."""
    breaker = CircuitBreaker(
        "lookup",
        FakeClock(),
        failures_max=1,
        rate_max=1.0,
        rate_outcomes_min=10,
        rate_window_ns=SECOND_NS,
        open_ns=SECOND_NS,
    )
    breaker.record(breaker.admit(), is_success=False)
    assert breaker.state is OPEN


def test_diagnostics_tell_everything(bench: Bench) -> None:
    """An operator sees why nothing is tried, how often that happened, and for how long still."""
    assert bench.breaker.as_map() == {
        "state": "closed",
        "failure_count": 0,
        "generation": 0,
        "opened": 0,
        "refused": 0,
        "retry_in_ms": None,
        "late_outcomes": 0,
    }
    bench.opened()
    bench.refusal()
    bench.clock.advance(seconds=1)
    assert bench.breaker.as_map() == {
        "state": "open",
        "failure_count": 3,
        "generation": 1,
        "opened": 1,
        "refused": 1,
        "retry_in_ms": 4_000,
        "late_outcomes": 0,
    }
    bench.clock.advance(seconds=OPEN_S)
    assert bench.breaker.as_map()["retry_in_ms"] == 0
    bench.breaker.admit()
    assert bench.breaker.as_map()["state"] == "half_open"
    assert bench.breaker.as_map()["retry_in_ms"] is None
