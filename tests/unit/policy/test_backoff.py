"""Waits between attempts: growing, random, and forgotten only after stable success."""

import random

import pytest

from gateway.clock import FakeClock
from gateway.policy.backoff import Backoff

SEED = 20_260_916
STABLE_S = 10


class Highest:
    """Jitter that always chooses the ceiling."""

    def uniform(self, a: float, b: float, /) -> float:
        """The higher end."""
        assert a == 0
        return b


@pytest.fixture
def clock() -> FakeClock:
    """Measures how long a success lasts."""
    return FakeClock()


@pytest.fixture
def backoff(clock: FakeClock) -> Backoff:
    """Ceilings 100, 200, 400, 800, 1000 ns, which are also the waits."""
    return Backoff(
        clock,
        Highest(),
        first_ns=100,
        base=2.0,
        longest_ns=1_000,
        stable_ns=STABLE_S * 1_000_000_000,
    )


def waits(backoff: Backoff, count: int) -> list[int]:
    """The next few waits."""
    return [backoff.next_wait_ns() for _ in range(count)]


def test_the_ceiling_grows_up_to_its_limit(backoff: Backoff) -> None:
    """A vendor that is down for an hour is asked ever less often, but never given up."""
    assert waits(backoff, 6) == [100, 200, 400, 800, 1_000, 1_000]
    assert backoff.attempts == 6


def test_a_stable_success_starts_over(backoff: Backoff, clock: FakeClock) -> None:
    """After hours of service the first retry must be quick again."""
    waits(backoff, 4)
    backoff.succeeded()
    clock.advance(seconds=STABLE_S)
    assert waits(backoff, 2) == [100, 200]
    assert backoff.attempts == 2


def test_a_short_success_does_not_start_over(backoff: Backoff, clock: FakeClock) -> None:
    """A link that lives for a moment and dies again must not be hammered."""
    waits(backoff, 2)
    backoff.succeeded()
    clock.advance(seconds=STABLE_S - 0.001)
    assert waits(backoff, 2) == [400, 800]
    assert backoff.attempts == 4


def test_a_success_counts_for_one_failure_only(backoff: Backoff, clock: FakeClock) -> None:
    """Time spent waiting after the loss must not look like time of service."""
    waits(backoff, 3)
    backoff.succeeded()
    clock.advance(seconds=1)
    assert waits(backoff, 1) == [800]
    clock.advance(seconds=3_600)
    assert waits(backoff, 1) == [1_000]


def test_the_wall_clock_has_no_say(backoff: Backoff, clock: FakeClock) -> None:
    """A clock set forward is no hour of stable service."""
    waits(backoff, 2)
    backoff.succeeded()
    clock.step_wall(seconds=3_600)
    assert waits(backoff, 1) == [400]


def test_waits_are_spread_over_the_whole_range() -> None:
    """Many gateways that lost one vendor at one moment must not come back at one moment."""
    print(f"seed {SEED}")
    first = []
    for number in range(1_000):
        jitter = random.Random(SEED + number)
        spread = Backoff(
            FakeClock(), jitter, first_ns=1_000_000, base=2, longest_ns=2_000_000, stable_ns=1
        )
        first.append(spread.next_wait_ns())
    assert min(first) < 100_000
    assert max(first) > 900_000
    assert max(first) <= 1_000_000
    assert len(set(first)) > 900
