"""Who is not logged in to DTN, and when the gateway logs in.

IQConnect logs in by itself as a rule, and one login works on one machine only: a second machine
that logs in throws the first one out. Two programs that both insist would throw each other out for
ever, so the gateway leaves time between its logins, whatever happens in between.

IQConnect never says why it is not connected; bad credentials give no error. What it does is
concluded from the statistics of each second: while its count of attempts grows, it is trying.
"""

import enum
from collections import deque
from typing import Final

from gateway.clock import Clock


class LoginState(enum.StrEnum):
    """What is known about IQConnect's login to DTN."""

    UNKNOWN = "unknown"
    """No statistics since the admin connection stands."""
    CONNECTED = "connected"
    """Logged in."""
    AWAY = "away"
    """Not logged in, for reasons that IQConnect may overcome by itself: it tries, or may begin."""
    LOGGING_IN = "logging_in"
    """We asked for a login; the answer may take a moment."""
    REFUSED = "refused"
    """Our login brought nothing; or nobody logs in at all and we have no credentials."""
    REPLACED = "replaced"
    """It was logged in, is not, and does not try: another machine took the login."""


LOGINS_MAX: Final = 2
"""Logins of ours in twice the time between two of them."""
_LOST: Final = frozenset({LoginState.REFUSED, LoginState.REPLACED})


class LoginPolicy:
    """Decides from the statistics of each second whether the login is lost and when to log in.

    Args:
        clock: Monotonic time; the wall clock has no say.
        has_credentials: Whether the gateway can log in; without, it only judges.
        login_wait_ns: How long a login of ours may take before it has brought nothing.
        retry_ns: Least time between a login of ours that brought nothing, or was lost to another
            machine, and the next, across all connections to the admin port. In twice that time
            there are never more than `LOGINS_MAX`.
        replaced_ns: How long IQConnect must be seen doing nothing before it is given up.
    """

    __slots__ = (
        "_attempts",
        "_clock",
        "_has_been_connected",
        "_has_credentials",
        "_has_last_worked",
        "_is_first_login_due",
        "_is_lost",
        "_login_wait_ns",
        "_logins_ns",
        "_quiet_since_ns",
        "_replaced_ns",
        "_retry_ns",
        "_state",
        "_unanswered_ns",
    )

    def __init__(
        self,
        clock: Clock,
        *,
        has_credentials: bool,
        login_wait_ns: int,
        retry_ns: int,
        replaced_ns: int,
    ) -> None:
        self._clock = clock
        self._has_credentials = has_credentials
        self._login_wait_ns = login_wait_ns
        self._retry_ns = retry_ns
        self._replaced_ns = replaced_ns
        # Of our own logins: survives the admin connection.
        self._logins_ns: deque[int] = deque(maxlen=LOGINS_MAX)
        self._has_last_worked = False
        self._unanswered_ns: int | None = None
        # Of what IQConnect said: forgotten with the admin connection.
        self._state = LoginState.UNKNOWN
        self._is_lost = False
        self._has_been_connected = False
        self._is_first_login_due = False
        self._attempts: int | None = None
        self._quiet_since_ns = 0

    @property
    def state(self) -> LoginState:
        """What the last statistics say, together with those before."""
        return self._state

    @property
    def is_lost(self) -> bool:
        """Whether the login is lost: refused or replaced, and while we try to get it back.

        A retry is no news: consumers would see the cause come and go with each of them.
        """
        return self._is_lost

    def note_stats(self, *, is_connected: bool, attempts: int | None) -> bool:
        """Take the statistics of one second.

        Args:
            is_connected: Whether IQConnect is logged in.
            attempts: Its count of attempts to reconnect; None when it could not be read.

        Returns:
            Whether to send the login sequence now; it then counts as sent.
        """
        now_ns = self._clock.monotonic_ns()
        seen, self._attempts = self._attempts, self._attempts if attempts is None else attempts
        if is_connected:
            self._state = LoginState.CONNECTED
            self._has_been_connected = True
            self._is_lost = self._is_first_login_due = False
            self._has_last_worked |= self._unanswered_ns is not None
            self._unanswered_ns = None
            return False
        has_grown = attempts is not None and seen is not None and attempts > seen
        if self._state is LoginState.UNKNOWN:
            self._is_first_login_due = True
        elif has_grown:
            # It logs in by itself: what could not be sent at once is not needed any more.
            self._is_first_login_due = False
        if has_grown or self._state in (LoginState.UNKNOWN, LoginState.CONNECTED):
            self._quiet_since_ns = now_ns
        self._state = self._judge(now_ns)
        if self._state is not LoginState.LOGGING_IN:
            self._is_lost = self._state in _LOST
        if not self._is_login_due(now_ns):
            return False
        self._state = LoginState.LOGGING_IN
        self._logins_ns.append(now_ns)
        self._unanswered_ns = now_ns
        self._has_last_worked = False
        return True

    def note_closed(self) -> None:
        """Forget what the admin connection said: it is gone, perhaps with IQConnect itself."""
        self._state = LoginState.UNKNOWN
        self._is_lost = False
        self._has_been_connected = False
        self._attempts = None

    def _judge(self, now_ns: int) -> LoginState:
        """Why IQConnect is not logged in."""
        if self._unanswered_ns is not None:
            is_in_time = now_ns - self._unanswered_ns < self._login_wait_ns
            return LoginState.LOGGING_IN if is_in_time else LoginState.REFUSED
        if now_ns - self._quiet_since_ns < self._replaced_ns:
            return LoginState.AWAY
        return LoginState.REPLACED if self._has_been_connected else LoginState.REFUSED

    def _is_login_due(self, now_ns: int) -> bool:
        is_first = self._state is LoginState.AWAY and self._is_first_login_due
        if not self._has_credentials or not (is_first or self._state in _LOST):
            return False
        logins_ns = self._logins_ns
        if not logins_ns:
            return True
        if len(logins_ns) == LOGINS_MAX and now_ns - logins_ns[0] < LOGINS_MAX * self._retry_ns:
            return False
        # An IQConnect that was started again knows no login any more. If ours had worked, asking
        # once more takes nothing from anybody.
        is_fresh = is_first and self._has_last_worked
        return is_fresh or now_ns - logins_ns[-1] >= self._retry_ns
