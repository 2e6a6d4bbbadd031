"""The circuit breaker: when it opens, who may probe, and whose outcome no longer counts."""

import pytest

from gateway.policy.breaker import OUTCOMES_JUDGED_MAX, BreakerState, Permit
from tests.support.breaker_bench import CLOSED, HALF_OPEN, OPEN, OPEN_S, WINDOW_S, Bench


@pytest.fixture
def bench() -> Bench:
    """A closed breaker."""
    return Bench()


def test_a_new_breaker_admits(bench: Bench) -> None:
    """Nothing has failed yet."""
    assert bench.breaker.state is CLOSED
    assert bench.breaker.ready_ns() == bench.clock.monotonic_ns()
    assert bench.breaker.admit() == bench.breaker.admit()
    assert bench.changes == []


def test_failures_in_a_row_open_it(bench: Bench) -> None:
    """A port that refuses every time is left alone."""
    bench.attempt("--")
    assert (bench.breaker.state, bench.breaker.failure_count) == (CLOSED, 2)
    bench.attempt("-")
    assert (bench.breaker.state, bench.breaker.failure_count) == (OPEN, 3)
    assert bench.changes == [(CLOSED, OPEN)]


def test_a_success_breaks_the_row(bench: Bench) -> None:
    """Two failures yesterday and one today are no row."""
    bench.attempt("--+--")
    assert (bench.breaker.state, bench.breaker.failure_count) == (CLOSED, 2)


def test_a_share_of_failures_opens_it(bench: Bench) -> None:
    """A link that dies every other time never fails three times in a row."""
    bench.attempt("-+-+-+-+-")
    assert bench.breaker.state is CLOSED
    bench.attempt("+")
    assert bench.breaker.state is OPEN


def test_a_smaller_share_does_not_open_it(bench: Bench) -> None:
    """Four of ten is under the limit of half."""
    bench.attempt("-+-+-+-++++")
    assert bench.breaker.state is CLOSED


def test_old_outcomes_do_not_count_for_the_share(bench: Bench) -> None:
    """Yesterday's failures must not open the breaker at today's first one."""
    bench.attempt("-+-+-+-+")
    bench.clock.advance(seconds=WINDOW_S)
    bench.attempt("-+-+")
    assert bench.breaker.state is CLOSED
    bench.attempt("-+-+-+")
    assert bench.breaker.state is OPEN


def test_outcomes_count_until_the_window_has_passed(bench: Bench) -> None:
    """The window is as long as it was configured, to the nanosecond."""
    bench.attempt("-+-+-+-+")
    bench.clock.advance(seconds=WINDOW_S - 1e-9)
    bench.attempt("-+")
    assert bench.breaker.state is OPEN


def test_memory_is_bounded_and_the_newest_outcomes_count() -> None:
    """A thousand good attempts a minute must not hide that the last hundred failed."""
    bench = Bench(failures_max=100_000)
    bench.attempt("+" * 1_000 + "-" * (OUTCOMES_JUDGED_MAX // 2 - 1))
    assert bench.breaker.state is CLOSED
    bench.attempt("-")
    assert bench.breaker.state is OPEN


def test_many_outcomes_may_be_needed_for_the_share() -> None:
    """A minimum above the usual memory is a minimum, not a switch that turns the share off."""
    minimum = OUTCOMES_JUDGED_MAX + 100
    bench = Bench(failures_max=100_000, rate_outcomes_min=minimum)
    bench.attempt("-" * (minimum - 1))
    assert bench.breaker.state is CLOSED
    bench.attempt("-")
    assert bench.breaker.state is OPEN


def test_an_open_breaker_refuses_and_says_until_when(bench: Bench) -> None:
    """Who is refused can wait instead of asking again and again."""
    bench.opened()
    bench.clock.advance(seconds=1.5)
    error = bench.refusal()
    assert error.facts == {"breaker": "level1", "retry_in_ms": 3_500}
    assert bench.breaker.ready_ns() == bench.clock.monotonic_ns() + 3_500_000_000
    bench.refusal()
    assert bench.breaker.as_map()["refused"] == 2


def test_waiting_as_long_as_told_is_enough(bench: Bench) -> None:
    """A wait rounded down would be refused once more for less than a millisecond."""
    bench.opened()
    bench.clock.advance(seconds=OPEN_S - 1e-9)
    assert bench.refusal().facts["retry_in_ms"] == 1
    bench.clock.advance(seconds=1e-3)
    bench.breaker.admit()


def test_after_its_time_exactly_one_probe_is_admitted(bench: Bench) -> None:
    """Everybody at once would hit the vendor at its weakest moment."""
    bench.opened()
    bench.clock.advance(seconds=OPEN_S)
    assert bench.breaker.state is OPEN
    assert bench.breaker.ready_ns() <= bench.clock.monotonic_ns()
    bench.breaker.admit()
    assert bench.breaker.state is HALF_OPEN
    bench.refusal()
    assert bench.changes == [(CLOSED, OPEN), (OPEN, HALF_OPEN)]


def test_a_good_probe_closes_it_and_the_past_is_forgotten(bench: Bench) -> None:
    """Failures from before the repair must not count against what works now."""
    bench.attempt("-+-+-+")
    probe = bench.probe()
    bench.breaker.record(probe, is_success=True)
    assert (bench.breaker.state, bench.breaker.failure_count) == (CLOSED, 0)
    assert bench.changes[-1] == (HALF_OPEN, CLOSED)
    bench.attempt("--+-")
    assert bench.breaker.state is CLOSED


def test_a_bad_probe_opens_it_for_the_whole_time(bench: Bench) -> None:
    """One probe in each period, however long the outage."""
    probe = bench.probe()
    bench.clock.advance(seconds=3)
    bench.breaker.record(probe, is_success=False)
    assert (bench.breaker.state, bench.breaker.failure_count) == (OPEN, 4)
    assert bench.refusal().facts["retry_in_ms"] == OPEN_S * 1_000
    bench.clock.advance(seconds=OPEN_S)
    bench.breaker.admit()
    assert bench.changes[-2:] == [(HALF_OPEN, OPEN), (OPEN, HALF_OPEN)]


def test_a_lost_probe_does_not_jam_it(bench: Bench) -> None:
    """A task that was cancelled between permit and outcome would keep everybody out for ever."""
    lost = bench.probe()
    bench.clock.advance(seconds=OPEN_S - 1e-9)
    assert bench.refusal().facts["retry_in_ms"] == 1
    bench.clock.advance(seconds=1e-9)
    assert bench.breaker.admit() != lost
    assert bench.breaker.state is HALF_OPEN
    assert len(bench.changes) == 2
    bench.refusal()


@pytest.mark.parametrize("is_success", [True, False])
def test_the_late_outcome_of_a_lost_probe_changes_nothing(bench: Bench, is_success: bool) -> None:
    """It says how things were before the probe that is out now."""
    lost = bench.probe()
    bench.clock.advance(seconds=OPEN_S)
    probe = bench.breaker.admit()
    bench.breaker.record(lost, is_success=is_success)
    assert (bench.breaker.state, bench.breaker.failure_count) == (HALF_OPEN, 3)
    assert bench.breaker.as_map()["late_outcomes"] == 1
    bench.breaker.record(probe, is_success=True)
    assert bench.breaker.state is CLOSED
    bench.breaker.record(lost, is_success=is_success)
    assert (bench.breaker.state, bench.breaker.failure_count) == (CLOSED, 0)


@pytest.mark.parametrize(("is_success", "state"), [(True, CLOSED), (False, OPEN)])
def test_a_slow_probe_counts_while_no_other_was_admitted(
    bench: Bench, is_success: bool, state: BreakerState
) -> None:
    """A connection is a success only when it was stable for longer than the breaker stays open."""
    probe = bench.probe()
    bench.clock.advance(seconds=10 * OPEN_S)
    bench.breaker.record(probe, is_success=is_success)
    assert bench.breaker.state is state


def test_a_probe_counts_once(bench: Bench) -> None:
    """A connection that succeeded and is lost later must not look like a failed attempt."""
    probe = bench.probe()
    bench.breaker.record(probe, is_success=True)
    bench.breaker.record(probe, is_success=False)
    assert bench.breaker.failure_count == 0
    assert bench.breaker.as_map()["late_outcomes"] == 1


def test_attempts_from_before_the_opening_are_late(bench: Bench) -> None:
    """Ten attempts that end together must neither close an open breaker nor prolong its time."""
    early = bench.breaker.admit()
    bench.opened()
    ready_ns = bench.breaker.ready_ns()
    bench.clock.advance(seconds=1)
    for is_success in (True, False):
        bench.breaker.record(early, is_success=is_success)
        assert (bench.breaker.state, bench.breaker.failure_count) == (OPEN, 3)
    assert bench.breaker.ready_ns() == ready_ns
    bench.clock.advance(seconds=OPEN_S)
    bench.breaker.admit()
    bench.breaker.record(early, is_success=True)
    assert bench.breaker.state is HALF_OPEN
    assert bench.changes == [(CLOSED, OPEN), (OPEN, HALF_OPEN)]


def test_a_forged_permit_is_ignored(bench: Bench) -> None:
    """A permit of another breaker, or of another run, says nothing about this one."""
    for generation in (-1, 1, 99):
        bench.breaker.record(Permit(generation), is_success=False)
    assert bench.breaker.failure_count == 0
    assert bench.breaker.as_map()["late_outcomes"] == 3
