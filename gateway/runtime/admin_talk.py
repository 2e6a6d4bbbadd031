"""What is said on the admin port and what follows from it, without moving a byte.

Where the gateway has credentials, it logs IQConnect in here.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from gateway.clock import Clock
from gateway.counters import Complaints
from gateway.iqfeed.admin import Stats, StatsSeen
from gateway.iqfeed.events import FeedEnded, HandshakeTimedOut
from gateway.iqfeed.lines import LineFramer
from gateway.iqfeed.link import Link
from gateway.iqfeed.session import AdminSession
from gateway.logs import get_logger
from gateway.policy.login import LoginPolicy, LoginState
from gateway.policy.retry import Retry


class AdminView(NamedTuple):
    """What the admin port says of the upstream."""

    link: Link
    """The admin connection's own state."""
    is_connected: bool | None
    """Whether IQConnect is connected to DTN; None when it does not tell."""
    is_login_lost: bool
    """Whether it is not because of the login."""


class AdminTalk:
    """The conversation with the admin port, connection after connection.

    For each connection: `begin`, then while not `is_over` send `data_to_send`, and wait for bytes
    (`receive`) or for `deadline_ns` (`tick`); then `end`.

    Args:
        make_session: Makes the state machine of each new connection.
        on_change: Told what the admin port says whenever that changes.
        on_failure: Told of each attempt or connection that is over, and why.
        retry: Decides when to try again.
        login: Decides when to log IQConnect in.
        login_commands: What logs it in; secret, never logged. Empty without credentials.
        clock: Monotonic, for deadlines.
        complaints: Where bad lines are reported.
        on_login: Told what is known of the login whenever that changes.
    """

    def __init__(
        self,
        *,
        make_session: Callable[[], AdminSession],
        on_change: Callable[[AdminView], None],
        on_failure: Callable[[str], None],
        retry: Retry,
        login: LoginPolicy,
        login_commands: Sequence[bytes],
        clock: Clock,
        complaints: Complaints,
        on_login: Callable[[LoginState], object] = lambda _: None,
    ) -> None:
        self._make_session = make_session
        self._on_change = on_change
        self._on_failure = on_failure
        self._on_login = on_login
        self.retry: Final = retry
        """When the next attempt is made."""
        self.login: Final = login
        self._login_commands = tuple(login_commands)
        self._clock = clock
        self._complaints = complaints
        self._told: AdminView | None = None
        self._told_login = login.state
        self._session: AdminSession | None = None
        self._framer = LineFramer(complaints)
        self._reason = ""
        self._log = get_logger("admin")
        self.stats: Stats | None = None
        """The last statistics line; None before the first."""

    def begin(self) -> None:
        """Begin to talk on a new connection."""
        self._session = self._make_session()
        self._framer = LineFramer(self._complaints)
        self._session.connection_made(self._clock.monotonic_ns())
        self._take_events(self._session)

    @property
    def link(self) -> Link:
        """The connection's state; CLOSED between connections."""
        return Link.CLOSED if self._session is None else self._session.link

    @property
    def heard_ns(self) -> int | None:
        """When the last sign of life came, monotonic; None between connections."""
        return None if self._session is None else self._session.heard_ns

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to say on this connection."""
        return self._session is None or self._session.link is Link.CLOSED

    def data_to_send(self) -> bytes:
        """Everything due to be sent."""
        return b"" if self._session is None else self._session.data_to_send()

    def deadline_ns(self) -> int | None:
        """When `tick` must be called at the latest, monotonic."""
        return None if self._session is None else self._session.deadline_ns()

    def tick(self) -> None:
        """Conclude what follows from the time."""
        if self._session is not None:
            self._session.handle_deadline(now_ns=self._clock.monotonic_ns())
            self._take_events(self._session)

    def receive(self, data: bytes) -> None:
        """Read what came; nothing is the peer's end of stream."""
        session = self._session
        if session is None:
            return
        self.retry.settle()
        now_ns = self._clock.monotonic_ns()
        if not data:
            session.eof(now_ns)
        for line in self._framer.feed(data):
            session.receive_line(line, now_ns=now_ns)
        self._take_events(session)

    def end(self, reason: str, *, is_given_up: bool) -> None:
        """Note that the connection is over, or could not be made.

        Args:
            reason: Why, for the log.
            is_given_up: Whether it was on purpose: then the next attempt is made at once.
        """
        # What the session concluded says more than that the socket was closed.
        reason, self._reason = self._reason or reason, ""
        self._log.debug("admin connection is over", reason=reason)
        self._session = None
        self.stats = None
        self.login.note_closed()
        if is_given_up:
            self.retry.again()
        else:
            self.retry.failed()
        self._tell(Link.CLOSED)
        self._on_failure(reason)

    def _take_events(self, session: AdminSession) -> None:
        while (event := session.next_event()) is not None:
            if isinstance(event, HandshakeTimedOut):
                self._reason = f"handshake timed out, no {event.missing} came"
            elif isinstance(event, FeedEnded):
                self._reason = event.reason
            elif isinstance(event, StatsSeen):
                if self.stats is None:
                    self.retry.connected()
                self.stats = event.stats
                self._note_login(session, event.stats)
        self._tell(session.link)

    def _note_login(self, session: AdminSession, stats: Stats) -> None:
        """Log in where that is due, and say in the log what became of it."""
        is_due = self.login.note_stats(
            is_connected=stats.is_connected, attempts=stats.reconnection_attempts
        )
        if is_due:
            self._log.info("logging IQConnect in")
            for command in self._login_commands:
                session.request(command)
        state, before = self.login.state, self._told_login
        self._told_login = state
        if state is before:
            return
        self._on_login(state)
        if state is LoginState.REFUSED:
            self._log.error(
                "IQConnect is not logged in",
                hint="check IQFEED_LOGIN, IQFEED_PASSWORD and IQFEED_PRODUCT_ID, or log in by hand",
            )
        elif state is LoginState.REPLACED:
            self._log.error(
                "IQConnect lost its login",
                hint="one login works on one machine: another one may have logged in",
            )

    def _tell(self, link: Link) -> None:
        is_connected = self.stats.is_connected if self.stats is not None else None
        view = AdminView(link, is_connected, self.login.is_lost)
        if view != self._told:
            self._told = view
            self._on_change(view)
