"""A streaming connection whose peer does what no IQConnect does."""

import random

from gateway.clock import FakeClock
from gateway.counters import Counters
from gateway.iqfeed.events import Event
from gateway.iqfeed.fields import GATEWAY_FIELDS
from gateway.iqfeed.link import Link
from gateway.iqfeed.session import Level1Session
from gateway.policy.backoff import Backoff
from gateway.policy.breaker import CircuitBreaker
from gateway.policy.retry import Retry
from gateway.runtime.host_address import HostAddress
from gateway.runtime.level1_link import Level1Link
from gateway.runtime.link_parts import LINE_BYTES_USUAL_MAX, READS_HELD_MIN, LinkOptions
from tests.unit.normalize.line_desk import Desk, Options

SECOND_NS = 1_000_000_000
READ_BYTES_MAX = 1_000
HELD_LINES_MAX = 100


class FakeStream:
    """A connection that answers what it is told to, and then is reset or has nothing."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.is_reset = False
        self.is_endless = False
        self.reads = 0

    def fileno(self) -> int:
        """No descriptor is polled here."""
        return 5

    def connect_error(self) -> str | None:
        """Connected at once."""
        return None

    def recv(self, bytes_max: int) -> bytes:
        """The next chunk."""
        self.reads += 1
        if self.is_endless:
            assert self.reads < 10_000, "never comes to an end"
            return b"x" * bytes_max
        if self.chunks:
            return self.chunks.pop(0)
        if self.is_reset:
            raise ConnectionResetError(104, "Connection reset by peer")
        raise BlockingIOError

    def send(self, data: bytes) -> int:
        """Take everything, or nothing once it was reset."""
        if self.is_reset:
            raise BrokenPipeError(32, "Broken pipe")
        return len(data)

    def close(self) -> None:
        """Nothing is left."""


class Bench:
    """A link that streams over a fake connection, and its losses."""

    def __init__(self) -> None:
        self.stream = FakeStream()
        self.clock = FakeClock()
        self.lost: list[str] = []
        desk = Desk(Options(names=None))
        breaker = CircuitBreaker(
            "level1", self.clock, failures_max=5, rate_max=1.0, rate_outcomes_min=99,
            rate_window_ns=60 * SECOND_NS, open_ns=SECOND_NS,
        )  # fmt: skip
        backoff = Backoff(
            self.clock, random.Random(1), first_ns=SECOND_NS // 10, base=2.0,
            longest_ns=2 * SECOND_NS, stable_ns=10 * SECOND_NS,
        )  # fmt: skip
        options = LinkOptions(
            host=HostAddress("127.0.0.1", self.clock), port=5009, connect_ns_max=2 * SECOND_NS,
            read_bytes_max=READ_BYTES_MAX, held_lines_max=HELD_LINES_MAX,
            open_stream=lambda host, port: self.stream,
        )  # fmt: skip
        self.link = Level1Link(
            options,
            make_session=lambda: Level1Session(
                client_name="test", silence_ns_max=3 * SECOND_NS, handshake_ns_max=2 * SECOND_NS,
                close_after_silence_ns=2 * SECOND_NS, is_news_wanted=False,
            ),
            make_pipeline=lambda _: desk.pipeline,
            retry=Retry(
                self.clock, backoff=backoff, breaker=breaker, stable_ns=SECOND_NS,
                flap_ns=SECOND_NS,
            ),
            clock=self.clock,
            counters=Counters(),
        )  # fmt: skip
        self.link.owner = self
        desk.pipeline._on_system_line = self.link._on_system_line
        self.link.begin()
        self.link.tick()
        self.link.on_writable()
        names = ",".join(["Symbol", *map(str, GATEWAY_FIELDS)])
        self.hear("S,CURRENT PROTOCOL,6.2")
        self.hear(f"S,CURRENT UPDATE FIELDNAMES,{names}", "T,20260916 10:00:00")
        assert self.link.link is Link.STREAMING

    def hear(self, *lines: str) -> None:
        """Let lines come, and what is due be sent."""
        self.stream.chunks.append("".join(f"{line}\r\n" for line in lines).encode())
        self.link.on_readable()
        self.clock.advance(seconds=0.1)
        self.link.tick()

    def on_session_event(self, event: Event) -> None:
        """What the session says is no matter here."""

    def on_link_lost(self, reason: str) -> None:
        """Keep the reason."""
        self.lost.append(reason)


def test_bytes_without_an_end_of_a_line_fill_no_memory_and_stop_nothing() -> None:
    """A wrong port may send them faster than they are read, and the thread has more to do."""
    bench = Bench()
    bench.stream.is_endless = True
    bench.stream.reads = 0
    bench.link.on_readable()
    held_max = max(HELD_LINES_MAX * LINE_BYTES_USUAL_MAX, READS_HELD_MIN * READ_BYTES_MAX)
    assert bench.stream.reads <= held_max // READ_BYTES_MAX + 2
    assert not bench.link.has_backlog, "too long for a line, and left out"
    assert bench.lost == []


def test_a_reset_connection_is_lost_once() -> None:
    """Its backlog is published first; that requests cannot be sent any more is the same loss."""
    bench = Bench()
    bench.link.watch("AAPL")
    text = b"T,20260916 10:00:01\r\n"
    bench.stream.chunks.append(text * (READ_BYTES_MAX // len(text) + 1))
    bench.stream.is_reset = True
    bench.clock.advance(seconds=0.1)
    for _ in range(5):
        bench.link.on_readable()
    assert len(bench.lost) == 1
    assert bench.link.retry.attempt_count == 1
