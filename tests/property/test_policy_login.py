"""Statistics, silence, closings and time in any order: the login policy does what a model does."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.clock import FakeClock
from gateway.policy.login import LoginPolicy, LoginState

SECOND_NS = 1_000_000_000
RETRY_S = 30
MINUTE_S = 60
LOGINS_PER_MINUTE_MAX = 2


@dataclass
class Connection:
    """Everything that one admin connection has said."""

    heard: list[tuple[int, bool, int | None]] = field(default_factory=list)
    logins: int = 0

    def growth_s(self) -> list[int]:
        """When the count of attempts was seen to have grown while IQConnect was not connected."""
        readable = [item for item in self.heard if item[2] is not None]
        return [
            after[0]
            for before, after in pairwise(readable)
            if not after[1] and (after[2] or 0) > (before[2] or 0)
        ]

    def quiet_since_s(self) -> int:
        """Since when IQConnect is neither connected nor seen trying."""
        absent = [at_s for at_s, is_connected, _ in self.heard if not is_connected]
        connected = [at_s for at_s, is_connected, _ in self.heard if is_connected]
        first_s = next(at_s for at_s in absent if not connected or at_s > connected[-1])
        return max([first_s, *self.growth_s()])


class LoginMachine(RuleBasedStateMachine):
    """A policy against a model that looks at the whole history each time."""

    @initialize(
        has_credentials=st.sampled_from([True, True, False]),
        login_wait_s=st.integers(1, 45),
        replaced_s=st.integers(1, 20),
    )
    def begin(self, has_credentials: bool, login_wait_s: int, replaced_s: int) -> None:
        """Set both up."""
        self.has_credentials = has_credentials
        self.login_wait_s = login_wait_s
        self.replaced_s = replaced_s
        self.clock = FakeClock(monotonic_ns=11)
        self.now_s = 0
        self.attempts = 3
        self.policy = LoginPolicy(
            self.clock,
            has_credentials=has_credentials,
            login_wait_ns=login_wait_s * SECOND_NS,
            retry_ns=RETRY_S * SECOND_NS,
            replaced_ns=replaced_s * SECOND_NS,
        )
        self.connection = Connection()
        self.logins: list[int] = []
        self.is_answered = True
        self.has_last_worked = False
        self.state, self.is_lost = LoginState.UNKNOWN, False

    def judge(self) -> LoginState:
        """What an absence means."""
        if not self.is_answered:
            is_in_time = self.now_s - self.logins[-1] < self.login_wait_s
            return LoginState.LOGGING_IN if is_in_time else LoginState.REFUSED
        if self.now_s - self.connection.quiet_since_s() < self.replaced_s:
            return LoginState.AWAY
        was_connected = any(is_connected for _, is_connected, _ in self.connection.heard)
        return LoginState.REPLACED if was_connected else LoginState.REFUSED

    def hear(self, *, is_connected: bool, attempts: int | None) -> None:
        """Give both the statistics of this second."""
        said = self.connection
        said.heard.append((self.now_s, is_connected, attempts))
        is_asked = self.policy.note_stats(is_connected=is_connected, attempts=attempts)
        if is_connected:
            self.has_last_worked |= not self.is_answered
            self.is_answered = True
            self.state, self.is_lost = LoginState.CONNECTED, False
            assert not is_asked
            return
        self.state = self.judge()
        is_over = self.state in (LoginState.REFUSED, LoginState.REPLACED)
        self.is_lost = self.is_lost if self.state is LoginState.LOGGING_IN else is_over
        is_new = (
            self.state is LoginState.AWAY
            and not any(is_connected for _, is_connected, _ in said.heard)
            and not said.growth_s()
            and not said.logins
        )
        is_rested = not self.logins or self.now_s - self.logins[-1] >= RETRY_S
        is_rare = len(self.logins) < 2 or self.now_s - self.logins[-2] >= MINUTE_S
        is_allowed = is_rare and (is_rested or (is_new and self.has_last_worked))
        assert is_asked is (self.has_credentials and (is_over or is_new) and is_allowed)
        if is_asked:
            self.logins.append(self.now_s)
            said.logins += 1
            self.is_answered = self.has_last_worked = False
            self.state = LoginState.LOGGING_IN

    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.clock.advance(seconds=seconds)
        self.now_s += seconds

    @rule(is_readable=st.booleans())
    def be_connected(self, is_readable: bool) -> None:
        """IQConnect is logged in for a second."""
        self.wait(1)
        self.hear(is_connected=True, attempts=self.attempts if is_readable else None)

    @rule(seconds=st.integers(1, 50), period_s=st.none() | st.integers(1, 25))
    def be_away(self, seconds: int, period_s: int | None) -> None:
        """IQConnect is not logged in for some seconds, and perhaps tries now and then."""
        for second in range(seconds):
            self.wait(1)
            if period_s is not None and second % period_s == 0:
                self.attempts += 1
            self.hear(is_connected=False, attempts=self.attempts)

    @rule(attempts=st.none() | st.integers(0, 9), is_connected=st.booleans())
    def say_anything(self, attempts: int | None, is_connected: bool) -> None:
        """The count falls, jumps or cannot be read."""
        self.wait(1)
        self.hear(is_connected=is_connected, attempts=attempts)
        if attempts is not None:
            self.attempts = attempts

    @rule(seconds=st.integers(0, 70))
    def be_silent(self, seconds: int) -> None:
        """Nothing is heard for a while."""
        self.wait(seconds)

    @rule()
    def close(self) -> None:
        """The admin connection is gone."""
        self.policy.note_closed()
        self.connection = Connection()
        self.state, self.is_lost = LoginState.UNKNOWN, False

    @rule(seconds=st.integers(-1_000, 1_000))
    def set_the_clock(self, seconds: int) -> None:
        """The host's wall clock is set, which means nothing here."""
        self.clock.step_wall(seconds=seconds)

    @invariant()
    def it_is_where_the_model_is(self) -> None:
        """State and verdict agree after every step."""
        assert (self.policy.state, self.policy.is_lost) == (self.state, self.is_lost)

    @invariant()
    def logins_are_rare(self) -> None:
        """No history brings a third login within a minute, or one without credentials."""
        for start_s in self.logins:
            in_minute = [at_s for at_s in self.logins if start_s <= at_s < start_s + MINUTE_S]
            assert len(in_minute) <= LOGINS_PER_MINUTE_MAX
        assert self.has_credentials or not self.logins

    @invariant()
    def nothing_is_lost_while_connected(self) -> None:
        """One statistics line that says Connected ends every complaint."""
        heard = self.connection.heard
        assert not (heard and heard[-1][1] and self.policy.is_lost)

    def teardown(self) -> None:
        """Whatever happened, an IQConnect that does nothing gets its login, or is called lost."""
        if not hasattr(self, "policy"):
            return
        before = len(self.logins)
        patience_s = 1 + self.replaced_s + max(MINUTE_S, self.login_wait_s)
        self.be_away(seconds=patience_s, period_s=None)
        assert len(self.logins) > before if self.has_credentials else self.is_lost
        self.be_connected(is_readable=True)
        self.it_is_where_the_model_is()


LoginMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestLoginMachine = pytest.mark.slow(LoginMachine.TestCase)
