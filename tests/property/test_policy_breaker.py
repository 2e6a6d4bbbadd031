"""Attempts, outcomes, losses and time in any order: the breaker does what a plain model does."""

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.clock import FakeClock
from gateway.errors import BreakerOpen
from gateway.policy.breaker import BreakerState, CircuitBreaker, Permit

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Config:
    """How a breaker is set up; whole seconds, so that the model needs no rounding."""

    failures_max: int
    rate_max: float
    rate_outcomes_min: int
    window_s: int
    open_s: int
    is_enabled: bool


CONFIGS = st.builds(
    Config,
    failures_max=st.integers(1, 5),
    rate_max=st.sampled_from([0.25, 0.5, 0.6, 1.0, 1.1]),
    rate_outcomes_min=st.integers(1, 7),
    window_s=st.integers(1, 30),
    open_s=st.integers(1, 10),
    is_enabled=st.sampled_from([True, True, True, False]),
)


class BreakerMachine(RuleBasedStateMachine):
    """A breaker against a model that keeps everything and computes from it."""

    @initialize(config=CONFIGS)
    def begin(self, config: Config) -> None:
        """Set both up."""
        self.config = config
        self.clock = FakeClock()
        self.now_s = 0
        self.told: list[tuple[BreakerState, BreakerState]] = []
        self.breaker = CircuitBreaker(
            "model",
            self.clock,
            failures_max=config.failures_max,
            rate_max=config.rate_max,
            rate_outcomes_min=config.rate_outcomes_min,
            rate_window_ns=config.window_s * SECOND_NS,
            open_ns=config.open_s * SECOND_NS,
            is_enabled=config.is_enabled,
            on_change=lambda before, after: self.told.append((before, after)),
        )
        self.given: list[Permit] = []
        self.state = CLOSED
        self.changes: list[tuple[BreakerState, BreakerState]] = []
        # The permit whose outcome would count; None when nobody holds one.
        self.live: Permit | None = None
        self.waits_until_s = 0
        self.row: list[bool] = []
        self.seen: list[tuple[int, bool]] = []
        self.late = self.refused = self.opened = 0

    def move(self, state: BreakerState) -> None:
        """Change the model's state; nothing that is out counts any more."""
        self.live = None
        self.opened += state is OPEN
        if state is not self.state:
            self.changes.append((self.state, state))
        self.state = state

    def is_refused(self) -> bool:
        """Whether the model refuses now."""
        return self.state is not CLOSED and self.now_s < self.waits_until_s

    @rule()
    def admit(self) -> None:
        """Somebody wants to try."""
        if self.is_refused():
            with pytest.raises(BreakerOpen) as caught:
                self.breaker.admit()
            wait_ms = (self.waits_until_s - self.now_s) * 1_000
            assert caught.value.facts == {"breaker": "model", "retry_in_ms": wait_ms}
            self.refused += 1
            return
        permit = self.breaker.admit()
        if self.state is not CLOSED:
            self.move(HALF_OPEN)
            self.waits_until_s = self.now_s + self.config.open_s
            assert permit not in self.given, "a probe is told apart from all before"
        elif self.live is None:
            assert permit not in self.given, "a closing makes everything before late"
        else:
            assert permit == self.live
        self.live = permit
        self.given.append(permit)

    @precondition(lambda self: self.live is not None)
    @rule(is_success=st.booleans())
    def record_what_counts(self, is_success: bool) -> None:
        """An attempt of now ends."""
        assert self.live is not None
        self.breaker.record(self.live, is_success=is_success)
        self.row = [] if is_success else [*self.row, False]
        if self.state is HALF_OPEN:
            if is_success:
                self.seen = []
                self.move(CLOSED)
            else:
                self.waits_until_s = self.now_s + self.config.open_s
                self.move(OPEN)
            return
        self.seen.append((self.now_s, is_success))
        recent = [ok for seen_s, ok in self.seen if self.now_s - seen_s < self.config.window_s]
        is_share_reached = (
            len(recent) >= self.config.rate_outcomes_min
            and recent.count(False) >= self.config.rate_max * len(recent) - 1e-9
        )
        is_row_reached = len(self.row) >= self.config.failures_max
        if self.config.is_enabled and (is_row_reached or is_share_reached):
            self.waits_until_s = self.now_s + self.config.open_s
            self.move(OPEN)

    @precondition(lambda self: any(permit != self.live for permit in self.given))
    @rule(is_success=st.booleans(), data=st.data())
    def record_what_is_late(self, is_success: bool, data: st.DataObject) -> None:
        """An attempt ends that belongs to an earlier time."""
        late = [permit for permit in self.given if permit != self.live]
        self.breaker.record(data.draw(st.sampled_from(late)), is_success=is_success)
        self.late += 1

    @rule(is_success=st.booleans(), generation=st.sampled_from([-1, -7, 10**6, 2**70]))
    def record_what_was_never_given(self, is_success: bool, generation: int) -> None:
        """Somebody hands in a permit of another breaker."""
        self.breaker.record(Permit(generation), is_success=is_success)
        self.late += 1

    @precondition(lambda self: self.state is CLOSED)
    @rule(outcomes=st.lists(st.booleans(), min_size=1, max_size=8))
    def attempt(self, outcomes: list[bool]) -> None:
        """Several attempts follow each other, so that rows and shares come about."""
        for is_success in outcomes:
            if self.is_refused():
                return
            self.admit()
            self.record_what_counts(is_success=is_success)

    @rule(seconds=st.integers(0, 12))
    def wait(self, seconds: int) -> None:
        """Time passes; a probe that is out may be lost meanwhile."""
        self.clock.advance(seconds=seconds)
        self.now_s += seconds

    @rule(seconds=st.integers(-1_000, 1_000))
    def set_the_clock(self, seconds: int) -> None:
        """The host's wall clock is set, which means nothing here."""
        self.clock.step_wall(seconds=seconds)

    @rule(open_s=st.none() | st.integers(0, 30))
    def trip(self, open_s: int | None) -> None:
        """Somebody knows better and opens it."""
        self.breaker.trip(open_ns=None if open_s is None else open_s * SECOND_NS)
        if not self.config.is_enabled:
            return
        until_s = self.now_s + (self.config.open_s if open_s is None else open_s)
        if self.state is OPEN:
            self.waits_until_s = max(self.waits_until_s, until_s)
        else:
            self.waits_until_s = until_s
            self.move(OPEN)

    @rule()
    def reset(self) -> None:
        """Somebody closes it by hand."""
        self.breaker.reset()
        self.row, self.seen = [], []
        self.move(CLOSED)

    @invariant()
    def it_is_where_the_model_is(self) -> None:
        """States, counts and what listeners were told agree after every step."""
        assert self.breaker.state is self.state
        assert self.breaker.failure_count == len(self.row)
        assert self.told == self.changes
        told = self.breaker.as_map()
        assert (told["late_outcomes"], told["refused"]) == (self.late, self.refused)
        assert (told["state"], told["opened"]) == (self.state.value, self.opened)
        wait_ms = max(0, self.waits_until_s - self.now_s) * 1_000
        assert told["retry_in_ms"] == (wait_ms if self.state is OPEN else None)

    @invariant()
    def ready_tells_the_truth(self) -> None:
        """Who sleeps until then is admitted, and who is admitted now need not sleep."""
        ready_s = self.breaker.ready_ns() / SECOND_NS
        assert ready_s == self.waits_until_s if self.is_refused() else ready_s <= self.now_s

    @invariant()
    def a_row_of_failures_never_leaves_it_closed(self) -> None:
        """The promise that the first of the two limits makes."""
        is_over = self.breaker.failure_count >= self.config.failures_max
        assert not (self.config.is_enabled and is_over and self.breaker.state is CLOSED)

    @invariant()
    def a_disabled_one_stays_closed(self) -> None:
        """Off is off."""
        assert self.config.is_enabled or self.breaker.state is CLOSED

    def teardown(self) -> None:
        """Whatever happened, who waits long enough is admitted: nothing jams it."""
        if hasattr(self, "breaker"):
            self.wait(max(0, self.waits_until_s - self.now_s))
            self.admit()
            if self.state is HALF_OPEN:
                self.wait(self.config.open_s)
                self.admit()
            assert self.state in (CLOSED, HALF_OPEN)


BreakerMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestBreakerMachine = pytest.mark.slow(BreakerMachine.TestCase)
