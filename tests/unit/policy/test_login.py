"""The login policy: when the gateway logs in, and when it says that the login is lost."""

from itertools import pairwise

import pytest

from gateway.clock import FakeClock
from gateway.policy.login import LoginPolicy, LoginState

SECOND_NS = 1_000_000_000
LOGIN_WAIT_S, RETRY_S, REPLACED_S = 10, 30, 5


class Bench:
    """A policy and the statistics of one second after the other."""

    def __init__(self, *, has_credentials: bool = True) -> None:
        # The policy must not care where the monotonic clock started.
        self.clock = FakeClock(monotonic_ns=5)
        self.now_s = 0
        self.attempts: int | None = 0
        self.policy = LoginPolicy(
            self.clock,
            has_credentials=has_credentials,
            login_wait_ns=LOGIN_WAIT_S * SECOND_NS,
            retry_ns=RETRY_S * SECOND_NS,
            replaced_ns=REPLACED_S * SECOND_NS,
        )

    def hear(self, is_connected: bool, *, seconds: int = 1, is_trying: bool = False) -> list[int]:
        """Let IQConnect say the same for some seconds.

        Returns:
            The seconds in which to log in.
        """
        logins = []
        for _ in range(seconds):
            if is_trying:
                self.attempts = (self.attempts or 0) + 1
            if self.policy.note_stats(is_connected=is_connected, attempts=self.attempts):
                logins.append(self.now_s)
            self.wait(1)
        return logins

    def wait(self, seconds: int) -> None:
        """Nothing is heard for a while."""
        self.clock.advance(seconds=seconds)
        self.now_s += seconds

    @property
    def view(self) -> tuple[LoginState, bool]:
        """State, and whether the login is lost."""
        return self.policy.state, self.policy.is_lost


@pytest.fixture
def bench() -> Bench:
    """A policy with credentials."""
    return Bench()


@pytest.fixture
def mute() -> Bench:
    """A policy that can only judge."""
    return Bench(has_credentials=False)


def test_nothing_is_known_before_the_first_statistics(bench: Bench) -> None:
    """An admin port that says nothing is not a lost login."""
    assert bench.view == (LoginState.UNKNOWN, False)


def test_the_gateway_logs_in_at_the_first_statistics(bench: Bench) -> None:
    """An IQConnect that was started without credentials waits for somebody to send them."""
    assert bench.hear(False, seconds=5) == [0]
    assert bench.view == (LoginState.LOGGING_IN, False)
    assert bench.hear(True, seconds=100) == []
    assert bench.view == (LoginState.CONNECTED, False)


def test_who_is_connected_is_left_alone(bench: Bench) -> None:
    """A login on top of a login would be a disturbance for nothing."""
    assert bench.hear(True, seconds=100) == []
    assert bench.view == (LoginState.CONNECTED, False)


def test_a_login_that_brings_nothing_is_refused(bench: Bench) -> None:
    """Bad credentials give no error line: only time tells."""
    bench.hear(False, seconds=LOGIN_WAIT_S)
    assert bench.view == (LoginState.LOGGING_IN, False)
    bench.hear(False)
    assert bench.view == (LoginState.REFUSED, True)


def test_a_refused_login_is_repeated_with_patience(bench: Bench) -> None:
    """Another try costs little, many tries cost the account."""
    assert bench.hear(False, seconds=100) == [0, RETRY_S, 2 * RETRY_S, 3 * RETRY_S]


def test_a_refused_login_stays_lost_while_it_is_repeated(bench: Bench) -> None:
    """Consumers must not see the cause come and go with each of our attempts."""
    bench.hear(False, seconds=RETRY_S)
    assert bench.hear(False) == [RETRY_S]
    assert bench.view == (LoginState.LOGGING_IN, True)
    bench.hear(True)
    assert bench.view == (LoginState.CONNECTED, False)


def test_a_late_success_is_one(bench: Bench) -> None:
    """What we gave up may have worked; then nothing is lost."""
    bench.hear(False, seconds=LOGIN_WAIT_S + 5)
    assert bench.hear(True) == []
    assert bench.view == (LoginState.CONNECTED, False)
    bench.hear(False)
    assert bench.view == (LoginState.AWAY, False)


def test_attempts_that_grow_do_not_hide_a_refused_login(bench: Bench) -> None:
    """IQConnect may try with the bad credentials that we gave it."""
    assert bench.hear(False, seconds=RETRY_S, is_trying=True) == [0]
    assert bench.view == (LoginState.REFUSED, True)
    assert bench.hear(False, is_trying=True) == [RETRY_S]


def test_while_iqconnect_tries_the_gateway_does_not(bench: Bench) -> None:
    """IQConnect comes back by itself when DTN does; a login of ours would only disturb it."""
    bench.hear(True)
    assert bench.hear(False, seconds=600, is_trying=True) == []
    assert bench.view == (LoginState.AWAY, False)


def test_iqconnect_may_pause_between_its_attempts(bench: Bench) -> None:
    """It does not try each second; a short pause is no sign of anything."""
    bench.hear(True)
    for _ in range(20):
        assert bench.hear(False, seconds=REPLACED_S - 1) == []
        assert bench.hear(False, is_trying=True) == []
        assert bench.view == (LoginState.AWAY, False)


def test_a_login_that_was_taken_is_taken_back_once(bench: Bench) -> None:
    """The desk's other machine logged in: we may ask for the login again, without a war."""
    bench.hear(True, seconds=10)
    assert bench.hear(False, seconds=REPLACED_S) == []
    assert bench.view == (LoginState.AWAY, False)
    assert bench.hear(False) == [10 + REPLACED_S]
    assert bench.view == (LoginState.LOGGING_IN, True)
    bench.hear(False, seconds=LOGIN_WAIT_S)
    assert bench.view == (LoginState.REFUSED, True)


def test_a_war_for_the_login_is_fought_slowly(bench: Bench) -> None:
    """Two gateways that both insist must not throw each other out twice a second."""
    logins = []
    for _ in range(100):
        logins += bench.hear(False, seconds=REPLACED_S + 1)
        logins += bench.hear(True)
    assert len(logins) > 10
    assert min(b - a for a, b in pairwise(logins)) >= RETRY_S


def test_a_replaced_login_waits_for_its_turn(bench: Bench) -> None:
    """Logged in, thrown out at once: the cause is told at once, the login follows in time."""
    assert bench.hear(False) == [0]
    bench.hear(True)
    assert bench.hear(False, seconds=REPLACED_S + 1) == []
    assert bench.view == (LoginState.REPLACED, True)
    assert bench.hear(False, seconds=60) == [RETRY_S, 2 * RETRY_S]


def test_iqconnect_may_change_its_mind(mute: Bench) -> None:
    """Somebody pressed its button: it tries again, so it is not given up any more."""
    mute.hear(True)
    mute.hear(False, seconds=REPLACED_S + 1)
    assert mute.view == (LoginState.REPLACED, True)
    mute.hear(False, is_trying=True)
    assert mute.view == (LoginState.AWAY, False)
    mute.hear(False, seconds=REPLACED_S)
    assert mute.view == (LoginState.REPLACED, True)


def test_without_credentials_nobody_logs_in(mute: Bench) -> None:
    """The gateway cannot help, but it says that somebody must."""
    assert mute.hear(False, seconds=REPLACED_S) == []
    assert mute.view == (LoginState.AWAY, False)
    assert mute.hear(False, seconds=600) == []
    assert mute.view == (LoginState.REFUSED, True)


def test_without_credentials_a_trying_iqconnect_is_not_lost(mute: Bench) -> None:
    """Over a weekend IQConnect tries for hours; that is weather, not a lost login."""
    assert mute.hear(False, seconds=600, is_trying=True) == []
    assert mute.view == (LoginState.AWAY, False)


def test_attempts_from_before_are_not_seen_as_growth(mute: Bench) -> None:
    """Only growth between two statistics shows that IQConnect tries now."""
    mute.attempts = 40
    mute.hear(False, seconds=REPLACED_S + 1)
    assert mute.view == (LoginState.REFUSED, True)


def test_unreadable_attempts_are_no_growth(mute: Bench) -> None:
    """An empty field says nothing, and must not look like a jump from zero either."""
    mute.attempts = 3
    mute.hear(True)
    for attempts in (None, 3, None, 3, None, 3):
        mute.attempts = attempts
        mute.hear(False)
    assert mute.view == (LoginState.REPLACED, True)


def test_growth_is_seen_across_an_unreadable_field(mute: Bench) -> None:
    """One unreadable second must not hide that IQConnect tries."""
    mute.hear(True)
    mute.hear(False, seconds=4)
    mute.attempts = None
    mute.hear(False)
    mute.attempts = 1
    mute.hear(False, seconds=2)
    assert mute.view == (LoginState.AWAY, False)


def test_a_count_that_falls_is_no_growth(mute: Bench) -> None:
    """A count that starts over shows no attempt."""
    mute.attempts = 9
    mute.hear(True)
    mute.attempts = 2
    mute.hear(False, seconds=REPLACED_S + 1)
    assert mute.view == (LoginState.REPLACED, True)


def test_what_a_closed_connection_said_is_forgotten(mute: Bench) -> None:
    """IQConnect itself may be gone; the next one starts with a clean sheet."""
    mute.attempts = 7
    mute.hear(True)
    mute.hear(False, seconds=REPLACED_S + 1)
    mute.policy.note_closed()
    assert mute.view == (LoginState.UNKNOWN, False)
    mute.attempts = 8
    mute.hear(False, seconds=REPLACED_S)
    assert mute.view == (LoginState.AWAY, False)
    mute.hear(False)
    assert mute.view == (LoginState.REFUSED, True)


def test_a_closed_connections_count_is_no_yardstick(mute: Bench) -> None:
    """The next IQConnect's count says nothing about this one's."""
    mute.attempts = 7
    mute.hear(True)
    mute.policy.note_closed()
    mute.attempts = None
    mute.hear(False, seconds=REPLACED_S)
    mute.attempts = 8
    mute.hear(False)
    assert mute.view == (LoginState.REFUSED, True)


def test_each_new_iqconnect_gets_a_login(bench: Bench) -> None:
    """After a restart of IQConnect the login is as absent as on the first day."""
    bench.hear(False)
    bench.hear(True, seconds=RETRY_S)
    bench.policy.note_closed()
    bench.wait(3)
    assert bench.hear(False) == [RETRY_S + 4]


def test_a_flapping_admin_port_brings_no_flood_of_logins(bench: Bench) -> None:
    """Each new connection begins with first statistics, and none of them may forget our logins."""
    logins = []
    for _ in range(100):
        logins += bench.hear(False)
        bench.policy.note_closed()
        assert bench.view == (LoginState.UNKNOWN, False)
    assert logins == [0, RETRY_S, 2 * RETRY_S, 3 * RETRY_S]


def test_a_login_without_an_answer_is_remembered_over_a_closing(bench: Bench) -> None:
    """Whether it worked is seen on the next connection."""
    bench.hear(False)
    bench.policy.note_closed()
    bench.hear(False)
    assert bench.view == (LoginState.LOGGING_IN, False)
    bench.hear(False, seconds=LOGIN_WAIT_S)
    assert bench.view == (LoginState.REFUSED, True)


def worn_out(bench: Bench) -> None:
    """Two logins of ours worked, and IQConnect was started again after each."""
    for _ in range(2):
        assert len(bench.hear(False)) == 1
        bench.hear(True)
        bench.policy.note_closed()


def test_an_iqconnect_that_was_started_again_is_logged_in_at_once(bench: Bench) -> None:
    """It knows no login any more, and ours had worked: nobody shall wait half a minute."""
    worn_out(bench)


def test_a_login_that_brought_nothing_is_not_repeated_for_a_new_iqconnect(bench: Bench) -> None:
    """Whatever was wrong is wrong still."""
    bench.hear(False, seconds=2)
    bench.policy.note_closed()
    assert bench.hear(False, seconds=RETRY_S - 3) == []
    assert bench.hear(False, seconds=2) == [RETRY_S]


def test_a_first_login_that_must_wait_is_not_lost(bench: Bench) -> None:
    """The third IQConnect in a minute gets its login once that is allowed."""
    worn_out(bench)
    bench.wait(2 * RETRY_S - 6)
    assert bench.hear(False) == []
    assert bench.view == (LoginState.AWAY, False)
    assert bench.hear(False, seconds=8) == [2 * RETRY_S]


def test_a_first_login_that_must_wait_is_dropped_when_iqconnect_tries(bench: Bench) -> None:
    """By the time it is allowed, IQConnect has shown that it logs in by itself."""
    worn_out(bench)
    bench.wait(2 * RETRY_S - 6)
    assert bench.hear(False, seconds=20, is_trying=True) == []
    assert bench.view == (LoginState.AWAY, False)
    assert len(bench.hear(False, seconds=REPLACED_S)) == 1


def test_a_first_login_that_waited_is_not_owed_after_a_connection(bench: Bench) -> None:
    """IQConnect logged in meanwhile: the next absence is judged anew."""
    bench.hear(False)
    bench.hear(True)
    bench.policy.note_closed()
    bench.hear(False)
    bench.hear(True, seconds=RETRY_S)
    assert bench.hear(False) == []
    assert bench.view == (LoginState.AWAY, False)


def test_the_wall_clock_has_no_say(bench: Bench) -> None:
    """A clock set forward must not bring the next login forward."""
    bench.hear(False, seconds=LOGIN_WAIT_S + 1)
    bench.clock.step_wall(seconds=3_600)
    assert bench.hear(False, seconds=RETRY_S - LOGIN_WAIT_S - 1) == []
