"""A short conversation with one of IQConnect's ports, driven by the gateway's own sessions.

Everything is bounded: the time by the caller's deadline, the text kept of a stranger by a few
characters. Sockets are blocking with a timeout; nothing here needs a loop or a thread.
"""

import contextlib
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from gateway.clock import SystemClock
from gateway.counters import Complaints, Counters
from gateway.iqfeed.events import Event
from gateway.iqfeed.lines import LineFramer
from gateway.iqfeed.link import Link, Session

SECOND_NS: Final = 1_000_000_000
READ_BYTES_MAX: Final = 65_536
OPENING_BYTES_MAX: Final = 120
EVENTS_MAX: Final = 10_000
"""More are not kept: a doctor asks for one symbol."""
DATA_LETTERS: Final = frozenset("PQFRNC0123456789ZUB")
"""First letters of lines with market data, on any port."""
_CLOCK: Final = SystemClock()


class Talk:
    """One connection to one port.

    Args:
        session: What is said and understood on it.
        host: A numeric address.
        port: Where to connect.
        seconds: Longest time for the TCP connection.

    Raises:
        OSError: Nobody accepts there.
    """

    def __init__(self, session: Session, host: str, port: int, *, seconds: float) -> None:
        self.session = session
        self.port = port
        self.opening = b""
        """The first bytes that came, to tell a stranger by."""
        self.events: list[Event] = []
        """Everything the session concluded, oldest first."""
        self.data_lines: list[str] = []
        """Lines with market data, oldest first."""
        self.is_ended = False
        """Whether the peer has closed the connection."""
        self._framer = LineFramer(Complaints(Counters()))
        self._socket = socket.create_connection((host, port), timeout=seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session.connection_made(_CLOCK.monotonic_ns())
        self._take_events()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Send what is still due, such as the release of a symbol, and leave."""
        self.send()
        with contextlib.suppress(OSError):
            # The peer may have closed it already.
            self._socket.shutdown(socket.SHUT_WR)
        self._socket.close()

    def send(self) -> None:
        """Send what is due now, without waiting for an answer."""
        try:
            self._send()
        except OSError:
            self._end()
        self._take_events()

    def run(self, is_done: Callable[[], object], *, seconds: float) -> bool:
        """Talk until something is the case.

        Args:
            is_done: Asked after everything that came.
            seconds: Longest time.

        Returns:
            Whether it is the case; False when the time is over or the connection is.
        """
        deadline_ns = _CLOCK.monotonic_ns() + round(seconds * SECOND_NS)
        while not is_done():
            left_ns = deadline_ns - _CLOCK.monotonic_ns()
            if self.is_ended or left_ns <= 0 or self.session.link is Link.CLOSED:
                return False
            try:
                self._send()
                self._receive(left_ns / SECOND_NS)
            except OSError:
                self._end()
            self._take_events()
        return True

    def found(self, kind: type[Event]) -> Event | None:
        """The latest event of a kind; None when there was none."""
        return next((event for event in reversed(self.events) if isinstance(event, kind)), None)

    def _send(self) -> None:
        data = self.session.data_to_send()
        if data:
            self._socket.sendall(data)

    def _receive(self, seconds: float) -> None:
        self._socket.settimeout(max(0.001, seconds))
        try:
            data = self._socket.recv(READ_BYTES_MAX)
        except TimeoutError:
            self.session.handle_deadline(now_ns=_CLOCK.monotonic_ns())
            return
        if not data:
            self._end()
            return
        self.opening = (self.opening + data)[:OPENING_BYTES_MAX]
        now_ns = _CLOCK.monotonic_ns()
        for line in self._framer.feed(data):
            if line[0] in DATA_LETTERS and "," in line[:2]:
                self.session.heard(now_ns)
                if len(self.data_lines) < EVENTS_MAX:
                    self.data_lines.append(line)
            else:
                self.session.receive_line(line, now_ns=now_ns)

    def _end(self) -> None:
        self.is_ended = True
        self.session.eof(_CLOCK.monotonic_ns())

    def _take_events(self) -> None:
        while (event := self.session.next_event()) is not None:
            if len(self.events) < EVENTS_MAX:
                self.events.append(event)
