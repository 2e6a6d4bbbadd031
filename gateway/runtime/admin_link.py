"""The admin connection: IQConnect's own view of itself, once a second, and its sign of life.

It is held open on purpose: IQConnect exits about five seconds after its last client has left.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.counters import Complaints
from gateway.iqfeed.admin import Stats, StatsSeen
from gateway.iqfeed.lines import LineFramer
from gateway.iqfeed.link import Link
from gateway.iqfeed.session import AdminSession
from gateway.logs import get_logger
from gateway.policy.backoff import Backoff

READ_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class AdminOptions:
    """Where the admin port is and how long to wait for it."""

    host: str
    port: int
    connect_s_max: float


class AdminLink:
    """Keeps one admin connection open, in the control loop.

    Args:
        options: Where and how to connect.
        make_session: Makes the state machine of each new connection.
        on_change: Told of the link's state and of what the statistics say of DTN, None when they
            say nothing, whenever either changes.
        backoff: Waits between attempts.
        clock: Monotonic, for deadlines.
        complaints: Where bad lines are reported.
    """

    def __init__(
        self,
        options: AdminOptions,
        *,
        make_session: Callable[[], AdminSession],
        on_change: Callable[[Link, bool | None], None],
        backoff: Backoff,
        clock: Clock,
        complaints: Complaints,
    ) -> None:
        self._options = options
        self._make_session = make_session
        self._on_change = on_change
        self._backoff = backoff
        self._clock = clock
        self._complaints = complaints
        self._told: tuple[Link, bool | None] | None = None
        self._log = get_logger("admin")
        self.stats: Stats | None = None
        """The last statistics line; None before the first."""

    async def run(self) -> None:
        """Connect, read, and connect again, until cancelled.

        Cancel safety: the connection is closed and nothing is lost; statistics come every second.
        """
        while True:
            try:
                await self._connect_and_read()
            except OSError as error:
                self._log.debug("admin connection failed", reason=str(error))
            except TimeoutError:
                self._log.debug("admin connection timed out")
            self.stats = None
            self._tell(Link.CLOSED, None)
            await asyncio.sleep(self._backoff.next_wait_ns() / 1e9)

    async def _connect_and_read(self) -> None:
        async with asyncio.timeout(self._options.connect_s_max):
            reader, writer = await asyncio.open_connection(self._options.host, self._options.port)
        try:
            await self._read(reader, writer)
        finally:
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
            now_ns = self._clock.monotonic_ns()
            if not data:
                session.eof(now_ns)
                continue
            session.heard(now_ns)
            for line in framer.feed(data):
                session.receive_line(line, now_ns=now_ns)
        self._take_events(session)

    def _take_events(self, session: AdminSession) -> None:
        while (event := session.next_event()) is not None:
            if isinstance(event, StatsSeen):
                if self.stats is None:
                    self._backoff.succeeded()
                self.stats = event.stats
        is_connected = self.stats.is_connected if self.stats is not None else None
        self._tell(session.link, is_connected)

    def _tell(self, link: Link, is_connected: bool | None) -> None:
        if (link, is_connected) != self._told:
            self._told = (link, is_connected)
            self._on_change(link, is_connected)
