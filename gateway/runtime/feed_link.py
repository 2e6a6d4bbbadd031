"""One TCP connection to one of IQConnect's streaming ports, owned by the feed thread.

It moves bytes between socket, session and pipeline, opens the connection again after a wait, and
decides nothing about market data. All calls are from the feed thread; nothing blocks. What differs
between the ports is in `level1_link.py` and `level2_link.py`; when to try again is decided by
`retry.py`, what is held back and shed under load by `backlog.py`.
"""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.iqfeed.events import Event, FeedEnded, ProtocolSelected
from gateway.iqfeed.link import Link
from gateway.iqfeed.streaming import StreamingSession
from gateway.policy.retry import Retry
from gateway.runtime.backlog import Backlog, Held
from gateway.runtime.host_address import HostUnknown
from gateway.runtime.link_parts import GIVEN_UP, LinePipeline, LinkOptions, LinkOwner
from gateway.runtime.tcp_stream import Stream

PACE_NS: Final = 20_000_000
"""Pause between two batches of commands: 10,000 watches a second at most."""


S = TypeVar("S", bound=StreamingSession)
P = TypeVar("P", bound=LinePipeline)


class FeedLink(Generic[S, P]):
    """Keeps one streaming connection open.

    A port adds its requests and `_note`, what its link does about an event of its session.

    Args:
        options: Where and how to connect.
        make_session: Makes the state machine of each new connection.
        make_pipeline: Makes the pipeline once, given where system lines go.
        retry: Decides when to try again.
        clock: Monotonic for deadlines, UTC for stamps.
        counters: Where connections are counted.
    """

    def __init__(
        self,
        options: LinkOptions,
        *,
        make_session: Callable[[], S],
        make_pipeline: Callable[[Callable[[str], None]], P],
        retry: Retry,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._options = options
        self._make_session = make_session
        self.owner: LinkOwner | None = None
        """Told of events and losses; set before the first `tick`."""
        self.is_drained = True
        """Whether the last read found less than it could have taken, and nothing is held back."""
        self.retry: Final = retry
        """When the next attempt is made."""
        self._clock = clock
        self._counters = counters
        self._socket: Stream | None = None
        self._session: S | None = None
        self._unsent = b""
        self._is_connecting = False
        self._connect_deadline_ns = 0
        self._pace_until_ns = 0
        self.pipeline: Final = make_pipeline(self._on_system_line)
        self._backlog = Backlog(
            options.held_lines_max,
            bytes_max=options.held_bytes_max,
            count_lines=self.pipeline.count_lines,
        )

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
    def heard_ns(self) -> int | None:
        """When the last sign of life came, monotonic; None between connections."""
        return self._session.heard_ns if self._session is not None else None

    @property
    def held_lines(self) -> int:
        """Lines that were read and wait to be published."""
        return self._backlog.lines

    @property
    def held_lines_max(self) -> int:
        """Most lines that may wait, and one read more."""
        return self._options.held_lines_max

    @property
    def oldest_held_ns(self) -> int | None:
        """When the oldest of them was read, monotonic; None when none waits."""
        return self._backlog.oldest_ns

    @property
    def has_backlog(self) -> bool:
        """Whether `work` has something to do."""
        return bool(self._backlog)

    @property
    def wants_write(self) -> bool:
        """Whether to poll for writing: connecting, or bytes left over."""
        return self._is_connecting or bool(self._unsent)

    def begin(self) -> None:
        """Connect from now on; before, nothing was tried."""
        self.retry.start()

    def deadline_ns(self) -> int | None:
        """When `tick` must be called at the latest, monotonic."""
        if self.retry.due_ns is not None:
            return self.retry.due_ns
        if self._is_connecting:
            return self._connect_deadline_ns
        session = self._session
        if session is None:
            return None
        # Asked several times a round for each connection: plain comparisons, no list.
        deadline_ns, success_ns = session.deadline_ns(), self.retry.success_ns()
        if success_ns is not None and (deadline_ns is None or success_ns < deadline_ns):
            deadline_ns = success_ns
        if session.has_more_to_send and not self._unsent:
            pace_ns = self._pace_until_ns
            deadline_ns = pace_ns if deadline_ns is None else min(deadline_ns, pace_ns)
        return deadline_ns

    @property
    def _ready_session(self) -> S | None:
        """The session once its handshake is done: what is asked for before is asked anew then."""
        session = self._session
        return session if session is not None and session.is_ready else None

    def on_readable(self) -> int | None:
        """Read, and publish what was read first.

        Usually one read takes all there is. When it does not, as much as may be held is read ahead
        at once: only what has been read can be judged as too much.

        Returns:
            When that was read, monotonic; None when nothing was published.
        """
        backlog = self._backlog
        while not backlog.is_full and (held := self._read()) is not None:
            is_all = len(held.data) < self._options.read_bytes_max
            if is_all and not backlog:
                self.is_drained = True
                return self._publish(held)
            backlog.put(held)
            self.is_drained = False
            if is_all or not self.pipeline.can_shed:
                break
        return self.work()

    def work(self) -> int | None:
        """Publish the oldest of what is held back, or all of it without what is replaced by newer.

        Returns:
            When the oldest was read, monotonic; None when nothing is held back.
        """
        backlog = self._backlog
        if not backlog:
            return None
        if backlog.is_full and self.pipeline.can_shed:
            return self._shed()
        return self._publish(backlog.take())

    @property
    def read_bytes_max(self) -> int:
        """Bytes of one read."""
        return self._options.read_bytes_max

    def note_read(self, heard_ns: int, *, is_drained: bool) -> None:
        """Note what was read by another than `on_readable`.

        Args:
            heard_ns: When the end of a line was read last, monotonic.
            is_drained: Whether that took all there was.
        """
        self.is_drained = is_drained
        if self._session is not None:
            self._session.heard(heard_ns)
            self._take_events()
        self._send()

    def _publish(self, held: Held) -> int:
        self.pipeline.feed(held.data, held.recv_us)
        self._send()
        return held.recv_ns

    def _shed(self) -> int:
        """Publish everything that is held back, state kinds conflated."""
        held = self._backlog.take_all()
        self._counters.add(Counter.BACKLOGS_SHED)
        self._counters.add(Counter.QUOTES_MERGED, self.pipeline.feed_shedding(held))
        self._send()
        return held[0].recv_ns

    def _read(self) -> Held | None:
        """Read once; None when nothing came or the connection is over."""
        if self._socket is None or self._session is None or self._is_connecting:
            return None
        try:
            chunk = self._socket.recv(self._options.read_bytes_max)
        except BlockingIOError:
            self.is_drained = not self._backlog
            return None
        except OSError as error:
            self._finish_backlog()
            # Publishing it also sends what is due, which may have found the same.
            if self._socket is not None:
                self._lose(f"read failed: {error.strerror}")
            return None
        now_ns = self._clock.monotonic_ns()
        if not chunk:
            # What came before the end came while the connection stood: nothing of it is lost.
            self._finish_backlog()
            if self._session is not None:
                self._session.eof(now_ns)
                self._take_events()
            return None
        if b"\n" in chunk:
            # A line is a sign of life; bytes without an end, however many, are not.
            self._session.heard(now_ns)
            self._take_events()
        return Held(chunk, self._clock.utc_us(), now_ns)

    def _finish_backlog(self) -> None:
        if self._backlog:
            self._shed()

    def on_writable(self) -> None:
        """Finish connecting, or send what was left over."""
        if self._socket is None:
            return
        if self._is_connecting:
            problem = self._socket.connect_error()
            if problem is not None:
                self._lose(f"connection refused: {problem}")
                return
            self._begin_session()
        self._send()

    def tick(self) -> None:
        """Do what is due: connect, judge silence, send the next batch."""
        now_ns = self._clock.monotonic_ns()
        if self.retry.due_ns is not None:
            if self.retry.begin():
                self._connect()
            return
        if self._is_connecting:
            if now_ns >= self._connect_deadline_ns:
                self._lose("connection timed out")
            return
        self.retry.settle()
        session = self._session
        if session is None:
            return
        deadline_ns = session.deadline_ns()
        if deadline_ns is not None and now_ns >= deadline_ns:
            session.handle_deadline(now_ns=now_ns)
            self._take_events()
        self._send()

    def expect_server(self) -> None:
        """Note that IQConnect is connected to DTN again, by the admin port's word."""
        if self._session is not None:
            self._session.expect_server(self._clock.monotonic_ns())

    def reconnect(self) -> None:
        """Give the connection up and make it anew at once."""
        if self._socket is not None:
            self._lose(GIVEN_UP, is_failure=False)
        elif self.retry.due_ns is not None:
            self.retry.again()

    def close(self) -> None:
        """Close for good; never tells IQConnect to disconnect, which would hit every program."""
        self.pipeline.flush_all()
        self.retry.stop()
        self._session = None
        self._unsent = b""
        self._is_connecting = False
        self._backlog.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        options = self._options
        try:
            self._socket = options.open_stream(options.host.numeric(), options.port)
        except HostUnknown as error:
            self._lose(str(error))
            return
        except OSError as error:
            self._lose(f"connection refused: {error.strerror or error}")
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

    def _lose(self, reason: str, *, is_failure: bool = True) -> None:
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
        self._backlog.clear()
        self.pipeline.reset()
        if is_failure:
            self.retry.failed()
        else:
            self.retry.again()
        if self.owner is not None:
            self.owner.on_link_lost(reason)

    def _count_refused(self, is_queued: bool) -> None:
        if not is_queued:
            self._counters.add(Counter.COMMANDS_REFUSED)
