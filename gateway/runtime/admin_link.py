"""The admin connection: IQConnect's own view of itself, once a second, and its sign of life.

It is held open on purpose: IQConnect exits about five seconds after its last client has left. Where
the gateway has credentials, it logs IQConnect in here.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.clock import Clock
from gateway.counters import Complaints
from gateway.iqfeed.admin import Stats, StatsSeen
from gateway.iqfeed.lines import LineFramer
from gateway.iqfeed.link import Link
from gateway.iqfeed.session import AdminSession
from gateway.logs import get_logger
from gateway.policy.login import LoginPolicy, LoginState
from gateway.policy.retry import Retry

READ_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class AdminOptions:
    """Where the admin port is and how long to wait for it."""

    host: str
    port: int
    connect_s_max: float


class AdminView(NamedTuple):
    """What the admin port says of the upstream."""

    link: Link
    """The admin connection's own state."""
    is_connected: bool | None
    """Whether IQConnect is connected to DTN; None when it does not tell."""
    is_login_lost: bool
    """Whether it is not because of the login."""


class AdminLink:
    """Keeps one admin connection open, in the control loop.

    Args:
        options: Where and how to connect.
        make_session: Makes the state machine of each new connection.
        on_change: Told what the admin port says whenever that changes.
        on_failure: Told of each attempt or connection that is over, and why.
        retry: Decides when to try again.
        login: Decides when to log IQConnect in.
        login_commands: What logs it in; secret, never logged. Empty without credentials.
        clock: Monotonic, for deadlines.
        complaints: Where bad lines are reported.
    """

    def __init__(
        self,
        options: AdminOptions,
        *,
        make_session: Callable[[], AdminSession],
        on_change: Callable[[AdminView], None],
        on_failure: Callable[[str], None],
        retry: Retry,
        login: LoginPolicy,
        login_commands: Sequence[bytes],
        clock: Clock,
        complaints: Complaints,
    ) -> None:
        self._options = options
        self._make_session = make_session
        self._on_change = on_change
        self._on_failure = on_failure
        self.retry = retry
        self.login = login
        self._login_commands = tuple(login_commands)
        self._clock = clock
        self._complaints = complaints
        self._told: AdminView | None = None
        self._told_login = login.state
        self._writer: asyncio.StreamWriter | None = None
        self._is_given_up = False
        self._is_due = asyncio.Event()
        self._log = get_logger("admin")
        self.stats: Stats | None = None
        """The last statistics line; None before the first."""

    async def run(self) -> None:
        """Connect, read, and connect again, until cancelled.

        Cancel safety: the connection is closed and nothing is lost; statistics come every second.
        """
        self.retry.start()
        while True:
            await self._wait_until_due()
            if not self.retry.begin():
                continue
            reason = "closed"
            try:
                await self._connect_and_read()
            except OSError as error:
                reason = error.strerror or str(error)
            except TimeoutError:
                reason = "connection timed out"
            self._end(reason)

    def reconnect(self) -> None:
        """Give the connection up and make it anew at once."""
        if self._writer is not None:
            self._is_given_up = True
            self._writer.transport.abort()
        else:
            self.retry.again()
            self._is_due.set()

    def reset_breaker(self) -> None:
        """Close the circuit breaker by hand."""
        self.retry.reset()
        self._is_due.set()

    def _end(self, reason: str) -> None:
        self._log.debug("admin connection is over", reason=reason)
        self.stats = None
        self.login.note_closed()
        if self._is_given_up:
            self.retry.again()
        else:
            self.retry.failed()
        self._is_given_up = False
        self._tell(Link.CLOSED)
        self._on_failure(reason)

    async def _wait_until_due(self) -> None:
        """Wait until an attempt is due, or until somebody wants one now."""
        due_ns = self.retry.due_ns
        wait_s = 0.0 if due_ns is None else (due_ns - self._clock.monotonic_ns()) / 1e9
        self._is_due.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, wait_s)):
                await self._is_due.wait()

    async def _connect_and_read(self) -> None:
        async with asyncio.timeout(self._options.connect_s_max):
            reader, writer = await asyncio.open_connection(self._options.host, self._options.port)
        self._writer = writer
        try:
            await self._read(reader, writer)
        finally:
            self._writer = None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = self._make_session()
        framer = LineFramer(self._complaints)
        session.connection_made(self._clock.monotonic_ns())
        while session.link is not Link.CLOSED:
            self._take_events(session)
            writer.write(session.data_to_send())
            await writer.drain()
            deadline_ns = session.deadline_ns()
            wait_s = None
            if deadline_ns is not None:
                wait_s = max(0.0, (deadline_ns - self._clock.monotonic_ns()) / 1e9)
            try:
                async with asyncio.timeout(wait_s):
                    data = await reader.read(READ_BYTES_MAX)
            except TimeoutError:
                session.handle_deadline(now_ns=self._clock.monotonic_ns())
                continue
            self.retry.settle()
            now_ns = self._clock.monotonic_ns()
            if not data:
                session.eof(now_ns)
                continue
            for line in framer.feed(data):
                session.receive_line(line, now_ns=now_ns)
        self._take_events(session)

    def _take_events(self, session: AdminSession) -> None:
        while (event := session.next_event()) is not None:
            if isinstance(event, StatsSeen):
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
