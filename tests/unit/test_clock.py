"""The only readers of time: the host's clocks and one that tests hold still."""

import time

import pytest

from gateway.clock import FakeClock, SystemClock


def test_the_system_clock_reads_the_host() -> None:
    """Stamps on the wire are the host's own time, in microseconds."""
    clock = SystemClock()
    before_us, before_ns = time.time_ns() // 1000, time.monotonic_ns()
    assert before_us <= clock.utc_us() <= time.time_ns() // 1000
    assert before_ns <= clock.monotonic_ns() <= time.monotonic_ns()


def test_a_fake_clock_moves_only_when_told() -> None:
    """A test that depends on the host's speed is no test."""
    clock = FakeClock(monotonic_ns=5, utc_us=7)
    assert [(clock.monotonic_ns(), clock.utc_us()) for _ in range(3)] == [(5, 7)] * 3
    clock.advance(seconds=1.5)
    assert (clock.monotonic_ns(), clock.utc_us()) == (1_500_000_005, 1_500_007)


def test_a_wall_clock_may_step_while_the_monotonic_one_stands() -> None:
    """So leases and silences can be proved to ignore a host whose clock is set."""
    clock = FakeClock(monotonic_ns=5, utc_us=10_000_000)
    clock.step_wall(seconds=-3)
    assert (clock.monotonic_ns(), clock.utc_us()) == (5, 7_000_000)
    clock.step_wall(seconds=4)
    assert (clock.monotonic_ns(), clock.utc_us()) == (5, 11_000_000)


def test_time_does_not_go_back() -> None:
    """A test that moves the monotonic clock back would prove something that cannot happen."""
    with pytest.raises(ValueError, match="cannot go back"):
        FakeClock().advance(seconds=-0.1)
