"""The circuit breaker: when it opens, who may probe, and whose outcome no longer counts."""

import pytest

from gateway.clock import FakeClock
from gateway.errors import BreakerOpen
from gateway.policy.breaker import OUTCOMES_JUDGED_MAX, BreakerState, CircuitBreaker, Permit

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
SECOND_NS = 1_000_000_000
OPEN_S = 5
WINDOW_S = 60


class Bench:
    """A breaker that opens after three failures in a row or when half of ten are failures."""

    def __init__(
        self, *, failures_max: int = 3, rate_outcomes_min: int = 10, is_enabled: bool = True
    ) -> None:
        # The breaker must not care where the monotonic clock started.
        self.clock = FakeClock(monotonic_ns=7 * SECOND_NS + 1)
        self.changes: list[tuple[BreakerState, BreakerState]] = []
        self.breaker = CircuitBreaker(
            "level1",
            self.clock,
            failures_max=failures_max,
            rate_max=0.5,
            rate_outcomes_min=rate_outcomes_min,
            rate_window_ns=WINDOW_S * SECOND_NS,
            open_ns=OPEN_S * SECOND_NS,
            is_enabled=is_enabled,
            on_change=self.note_change,
        )

    def note_change(self, before: BreakerState, after: BreakerState) -> None:
        """Keep what the breaker tells; it must be true by then."""
        assert self.breaker.state is after
        self.changes.append((before, after))

    def attempt(self, outcomes: str) -> None:
        """Make attempts one after the other: `+` succeeds, `-` fails."""
        for outcome in outcomes:
            self.breaker.record(self.breaker.admit(), is_success=outcome == "+")

    def opened(self) -> None:
        """Open it by failures, so that its time begins now."""
        self.attempt("---")
        assert self.breaker.state is OPEN

    def probe(self) -> Permit:
        """Open it, wait, and send a probe out."""
        self.opened()
        self.clock.advance(seconds=OPEN_S)
        return self.breaker.admit()

    def refusal(self) -> BreakerOpen:
        """How an attempt is refused now."""
        with pytest.raises(BreakerOpen) as caught:
            self.breaker.admit()
        return caught.value


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
