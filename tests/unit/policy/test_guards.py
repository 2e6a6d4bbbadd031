"""What is given up first, and when it is taken up again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import FakeClock
from gateway.policy.guards import GuardRules, Guards, Resource, Step, Use

RULES = GuardRules(soft=0.70, hard=0.90, margin=0.05, hold_ns=5_000_000_000)
STEPS = [
    (0.0, Step.NONE),
    (0.69, Step.NONE),
    (0.70, Step.SHED),
    (0.75, Step.DELAY),
    (0.81, Step.REFUSE_WATCHES),
    (0.86, Step.REFUSE_CONNECTIONS),
    (0.90, Step.CRITICAL),
    (1.5, Step.CRITICAL),
]


class Bench:
    """Guards, and a source that says what it is told to."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.guards = Guards(RULES, self.clock)

    def look(
        self, share: float, resource: Resource = Resource.MEMORY, *, after_s: float = 1
    ) -> Step:
        """Read a share after some time."""
        self.clock.advance(seconds=after_s)
        return self.guards.look({resource: Use(share * 1_000, 1_000)})


@pytest.mark.parametrize(("share", "step"), STEPS)
@pytest.mark.parametrize("resource", [Resource.MEMORY, Resource.DESCRIPTORS, Resource.THREADS])
def test_each_share_has_its_step_at_once(share: float, step: Step, resource: Resource) -> None:
    """Memory may grow by a fifth within a second: nothing is waited for on the way up."""
    assert Bench().look(share, resource) is step


def test_a_step_is_left_slowly_and_only_with_a_margin() -> None:
    """Otherwise what was given up comes and goes with every reading."""
    bench = Bench()
    assert bench.look(0.91) is Step.CRITICAL
    assert bench.look(0.86, after_s=60) is Step.CRITICAL, "within the margin"
    assert bench.look(0.84) is Step.CRITICAL
    assert bench.look(0.84, after_s=4) is Step.CRITICAL
    assert bench.look(0.84) is Step.REFUSE_CONNECTIONS, "below for five seconds"
    assert bench.look(0.2) is Step.REFUSE_CONNECTIONS
    assert bench.look(0.2, after_s=5) is Step.NONE
    assert bench.guards.short() == []


def test_rising_again_starts_the_wait_anew() -> None:
    """Room that was there for a moment is no room."""
    bench = Bench()
    bench.look(0.76)
    bench.look(0.1, after_s=4)
    bench.look(0.76, after_s=0.5)
    assert bench.look(0.1, after_s=4) is Step.DELAY
    assert bench.look(0.1, after_s=5) is Step.NONE


def test_queues_need_patience_and_send_nobody_away() -> None:
    """A burst fills them for a moment; they are bounded, and have an end of their own."""
    bench = Bench()
    assert bench.look(1.0, Resource.QUEUES) is Step.NONE
    assert bench.look(0.1, Resource.QUEUES) is Step.NONE
    assert bench.look(1.0, Resource.QUEUES, after_s=60) is Step.NONE
    assert bench.look(1.0, Resource.QUEUES, after_s=3) is Step.REFUSE_WATCHES
    assert bench.look(1.0, Resource.QUEUES, after_s=60) is Step.REFUSE_WATCHES


def test_the_worst_decides_and_what_cannot_be_read_keeps_its_step() -> None:
    """A failed reading is no proof of room."""
    bench = Bench()
    bench.guards.look(
        {
            Resource.MEMORY: Use(72, 100),
            Resource.DESCRIPTORS: Use(81, 100),
            Resource.THREADS: Use(5, 0),
        }
    )
    assert bench.guards.step is Step.REFUSE_WATCHES
    assert {resource for resource, _, _ in bench.guards.short()} == {
        Resource.MEMORY,
        Resource.DESCRIPTORS,
    }
    bench.clock.advance(seconds=60)
    assert bench.guards.look({}) is Step.REFUSE_WATCHES


@given(shares=st.lists(st.floats(0, 1.2), min_size=1, max_size=60))
def test_no_step_is_ever_below_what_the_share_calls_for(shares: list[float]) -> None:
    """And none above what some share of the last seconds called for."""
    bench = Bench()
    for at, share in enumerate(shares):
        step = bench.look(share)
        assert step >= RULES.step_of(share)
        # Five seconds of room, seen at five looks behind the first, and the margin.
        recent = shares[max(0, at - 5) : at + 1]
        if at >= 5:
            before = max(RULES.step_of(one + RULES.margin) for one in shares[: at + 1])
            assert step <= before
        assert step >= max(RULES.step_of(one) for one in recent[-1:])
