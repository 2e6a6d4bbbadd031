"""One TCP connection to one of IQConnect's streaming ports, owned by the feed thread.

It moves bytes between socket, session and pipeline, opens the connection again after a wait, and
decides nothing about market data. All calls are from the feed thread; nothing blocks. What differs
between the ports is in `level1_link.py` and `level2_link.py`.
"""

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.iqfeed.events import Event, FeedEnded, ProtocolSelected
from gateway.iqfeed.link import Link
from gateway.iqfeed.streaming import StreamingSession
from gateway.policy.backoff import Backoff

_IN_PROGRESS: Final = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY, 10035})
"""What a connection that is being made answers; 10035 is Windows' WSAEWOULDBLOCK."""
PACE_NS: Final = 20_000_000
"""Pause between two batches of commands: 10,000 watches a second at most."""


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """How to connect; all durations in nanoseconds."""

    host: str
    port: int
    connect_ns_max: int
    read_bytes_max: int
    receive_buffer_bytes: int


class LinkOwner(Protocol):
    """Who is told what happens on the link."""

    def on_session_event(self, event: Event) -> None:
        """One event of the session, in its place between the data lines."""
        ...

    def on_link_lost(self, reason: str) -> None:
        """The connection is over, or could not be made; another attempt follows."""
        ...


class LinePipeline(Protocol):
    """What the link hands its bytes to."""

    def feed(self, chunk: bytes, recv_us: int) -> None:
        """Publish everything the next bytes complete; lines that are no data come back."""
        ...

    def reset(self) -> None:
        """Forget what belonged to the connection that was lost."""
        ...

    def flush_all(self) -> None:
        """Publish everything that waits."""
        ...

    def set_protocol(self, version: str) -> None:
        """Read by this protocol version's layouts from now on."""
        ...


S = TypeVar("S", bound=StreamingSession)
P = TypeVar("P", bound=LinePipeline)


class FeedLink(Generic[S, P]):
    """Keeps one streaming connection open.

    A port adds its requests and `_note`, what its link does about an event of its session.

    Args:
        options: Where and how to connect.
        make_session: Makes the state machine of each new connection.
        make_pipeline: Makes the pipeline once, given where system lines go.
        backoff: Waits between attempts.
        clock: Monotonic for deadlines, UTC for stamps.
        counters: Where connections are counted.
    """

    def __init__(
        self,
        options: LinkOptions,
        *,
        make_session: Callable[[], S],
        make_pipeline: Callable[[Callable[[str], None]], P],
        backoff: Backoff,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._options = options
        self._make_session = make_session
        self.owner: LinkOwner | None = None
        """Told of events and losses; set before the first `tick`."""
        self.is_drained = True
        """Whether the last read found less than it could have taken."""
        self._backoff = backoff
        self._clock = clock
        self._counters = counters
        self._socket: socket.socket | None = None
        self._session: S | None = None
        self._unsent = b""
        self._is_connecting = False
        self._connect_deadline_ns = 0
        self._attempt_at_ns: int | None = clock.monotonic_ns()
        self._pace_until_ns = 0
        self.pipeline: Final = make_pipeline(self._on_system_line)

    @property
    def address(self) -> str:
        """Where it connects to, for people."""
        return f"{self._options.host}:{self._options.port}"

    @property
    def link(self) -> Link:
        """The link's state; CLOSED between connections."""
        return self._session.link if self._session is not None else Link.CLOSED

    @property
    def descriptor(self) -> int | None:
        """What to poll; None between connections."""
        return self._socket.fileno() if self._socket is not None else None

    @property
    def wants_write(self) -> bool:
        """Whether to poll for writing: connecting, or bytes left over."""
        return self._is_connecting or bool(self._unsent)

    def deadline_ns(self) -> int | None:
        """When `tick` must be called at the latest, monotonic."""
        if self._attempt_at_ns is not None:
            return self._attempt_at_ns
        if self._is_connecting:
            return self._connect_deadline_ns
        session = self._session
        if session is None:
            return None
        deadline_ns = session.deadline_ns()
        if session.has_more_to_send and not self._unsent:
            deadline_ns = min(deadline_ns or self._pace_until_ns, self._pace_until_ns)
        return deadline_ns

    @property
    def _ready_session(self) -> S | None:
        """The session once its handshake is done: what is asked for before is asked anew then."""
        session = self._session
        return session if session is not None and session.is_ready else None

    def on_readable(self) -> None:
        """Read once and publish everything that was read."""
        if self._socket is None or self._session is None or self._is_connecting:
            return
        try:
            chunk = self._socket.recv(self._options.read_bytes_max)
        except BlockingIOError:
            self.is_drained = True
            return
        except OSError as error:
            self._lose(f"read failed: {error.strerror}")
            return
        self.is_drained = len(chunk) < self._options.read_bytes_max
        now_ns = self._clock.monotonic_ns()
        if not chunk:
            self._session.eof(now_ns)
            self._take_events()
            return
        self._session.heard(now_ns)
        self._take_events()
        self.pipeline.feed(chunk, self._clock.utc_us())
        self._send()

    def on_writable(self) -> None:
        """Finish connecting, or send what was left over."""
        if self._socket is None:
            return
        if self._is_connecting:
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._lose(f"connection refused: {errno.errorcode.get(code, code)}")
                return
            self._begin_session()
        self._send()

    def tick(self) -> None:
        """Do what is due: connect, judge silence, send the next batch."""
        now_ns = self._clock.monotonic_ns()
        if self._attempt_at_ns is not None:
            if now_ns >= self._attempt_at_ns:
                self._connect()
            return
        if self._is_connecting:
            if now_ns >= self._connect_deadline_ns:
                self._lose("connection timed out")
            return
        session = self._session
        if session is None:
            return
        deadline_ns = session.deadline_ns()
        if deadline_ns is not None and now_ns >= deadline_ns:
            session.handle_deadline(now_ns=now_ns)
            self._take_events()
        self._send()

    def close(self) -> None:
        """Close for good; never tells IQConnect to disconnect, which would hit every program."""
        self.pipeline.flush_all()
        self._attempt_at_ns = None
        self._session = None
        self._unsent = b""
        self._is_connecting = False
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        self._attempt_at_ns = None
        options = self._options
        try:
            # A numeric address: looking names up could block the feed thread.
            family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
            self._socket = socket.socket(family, socket.SOCK_STREAM)
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, options.receive_buffer_bytes
            )
            code = self._socket.connect_ex((options.host, options.port))
        except OSError as error:
            self._lose(f"connection failed: {error.strerror}")
            return
        if code and code not in _IN_PROGRESS:
            self._lose(f"connection refused: {errno.errorcode.get(code, code)}")
            return
        self._is_connecting = True
        self._connect_deadline_ns = self._clock.monotonic_ns() + options.connect_ns_max

    def _begin_session(self) -> None:
        self._is_connecting = False
        self._counters.add(Counter.CONNECTS)
        self._session = self._make_session()
        self._session.connection_made(self._clock.monotonic_ns())
        self._take_events()

    def _on_system_line(self, line: str) -> None:
        """Let the session read a line; called by the pipeline, between data lines."""
        if self._session is not None:
            self._session.receive_line(line, now_ns=self._clock.monotonic_ns())
            self._take_events()

    def _take_events(self) -> None:
        while self._session is not None and (event := self._session.next_event()) is not None:
            match event:
                case ProtocolSelected(version):
                    self.pipeline.set_protocol(version)
                case FeedEnded(reason):
                    self._lose(reason)
                case _:
                    pass
            self._note(event)
            if self.owner is not None:
                self.owner.on_session_event(event)
        if self._session is not None and self._session.link is Link.CLOSED:
            self._lose("handshake timed out")

    def _note(self, event: Event) -> None:
        """Do what an event means on this port; the owner is told afterwards."""
        raise NotImplementedError

    def _send(self) -> None:
        """Send what is due, at most one batch of requests each pace."""
        session = self._session
        if session is None or self._socket is None or self._is_connecting:
            return
        now_ns = self._clock.monotonic_ns()
        if not self._unsent and session.has_more_to_send and now_ns >= self._pace_until_ns:
            self._unsent = session.data_to_send()
            self._pace_until_ns = now_ns + PACE_NS
            self._take_events()
        if not self._unsent or self._socket is None:
            return
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError as error:
            # Half a command may have gone out: which watches stand is unknown.
            self._lose(f"write failed: {error.strerror}")
            return
        self._unsent = self._unsent[sent:]

    def _lose(self, reason: str) -> None:
        """Give the connection up and wait before the next attempt."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._session is not None:
            self._counters.add(Counter.DISCONNECTS)
        self._session = None
        self._is_connecting = False
        self.is_drained = True
        self._unsent = b""
        self.pipeline.reset()
        self._attempt_at_ns = self._clock.monotonic_ns() + self._backoff.next_wait_ns()
        if self.owner is not None:
            self.owner.on_link_lost(reason)

    def _count_refused(self, is_queued: bool) -> None:
        if not is_queued:
            self._counters.add(Counter.COMMANDS_REFUSED)
