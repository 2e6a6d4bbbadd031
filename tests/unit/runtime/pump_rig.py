"""The pump on real sockets: a TCP peer in place of IQConnect, and a consumer of the data socket."""

import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgpack
import zmq

from gateway.clock import SystemClock
from gateway.counters import Complaints, Counter, Counters
from gateway.iqfeed.events import Event
from gateway.iqfeed.link import Link
from gateway.iqfeed.session import Level1Session
from gateway.normalize.board import Board
from gateway.normalize.suspicion import ANY_PRICE
from gateway.normalize.values import Values
from gateway.policy.backoff import Backoff
from gateway.policy.breaker import CircuitBreaker
from gateway.policy.retry import Retry
from gateway.runtime.feed_report import Latencies
from gateway.runtime.host_address import HostAddress
from gateway.runtime.level1_link import Level1Link
from gateway.runtime.link_parts import LinkOptions
from gateway.runtime.pipelines import CompiledPipelines
from gateway.runtime.pump import Pump
from gateway.runtime.tcp_stream import TcpStream
from gateway.wire.envelope import Envelope
from tests.unit.normalize.line_desk import EPOCH, GATEWAY_NAMES, INTERVAL_US, NOW, line

SECOND_NS = 1_000_000_000
PAUSE_NS_MAX = 2 * SECOND_NS
READ_BYTES_MAX = 262_144
HELD_LINES_MAX = 50
IN = int(zmq.POLLIN)
ARRIVAL_S_MAX = 10.0
ARRIVAL_MS_MAX = 10_000


class Rig:
    """A streaming link, its pump, and what came of its lines.

    Args:
        read_bytes_max: Of one read.
    """

    def __init__(self, *, read_bytes_max: int = READ_BYTES_MAX) -> None:
        self._opened = contextlib.ExitStack()
        self.context: zmq.Context[zmq.Socket[bytes]] = self._opened.enter_context(zmq.Context())
        self.data = self.context.socket(zmq.XPUB)
        self._opened.callback(self.data.close, 0)
        self.data.setsockopt(zmq.SNDHWM, 0)
        self.endpoint = f"tcp://127.0.0.1:{self.data.bind_to_random_port('tcp://127.0.0.1')}"
        self._consumer = self.subscriber("")
        assert self.data.poll(ARRIVAL_MS_MAX)
        self.data.recv()
        self.counters = Counters()
        self.latencies = Latencies(self.counters)
        self.react: Callable[[Event], object] = lambda _: None
        """Told what the session says, in the middle of a read."""
        self.lost: list[str] = []
        pipelines = CompiledPipelines(self.data)
        self.board = Board(
            envelope=Envelope(epoch=EPOCH, send=zmq.backend.Socket.send.__get__(self.data)),
            clock=SystemClock(),
            symbol_count_max=100,
            **pipelines.board_parts,
        )
        self.link = self._connect(pipelines, read_bytes_max)
        self.pump = Pump(self.link, self.link.pipeline, pause_ns_max=PAUSE_NS_MAX)  # type: ignore[arg-type]

    def __enter__(self) -> "Rig":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every socket."""
        self.link.close()
        self.peer.close()
        self._opened.close()

    def subscriber(self, topic: str) -> "zmq.Socket[bytes]":
        """A consumer's socket, subscribed."""
        made = self.context.socket(zmq.SUB)
        self._opened.callback(made.close, 0)
        made.setsockopt(zmq.RCVHWM, 0)
        made.setsockopt(zmq.SUBSCRIBE, topic.encode())
        made.connect(self.endpoint)
        return made

    def _connect(self, pipelines: CompiledPipelines, read_bytes_max: int) -> Level1Link:
        """Make the link and shake hands by hand."""
        clock, complaints = SystemClock(), Complaints(self.counters)
        with socket.create_server(("127.0.0.1", 0)) as server:
            link = Level1Link(
                LinkOptions(
                    host=HostAddress("127.0.0.1", clock), port=server.getsockname()[1],
                    connect_ns_max=10 * SECOND_NS, read_bytes_max=read_bytes_max,
                    held_lines_max=HELD_LINES_MAX,
                    open_stream=lambda host, port: TcpStream(
                        host, port, receive_buffer_bytes=1_048_576
                    ),
                ),
                make_session=lambda: Level1Session(
                    client_name="test", silence_ns_max=60 * SECOND_NS,
                    handshake_ns_max=60 * SECOND_NS, close_after_silence_ns=60 * SECOND_NS,
                    is_news_wanted=False,
                ),
                make_pipeline=lambda on_system_line: pipelines.make(
                    board=self.board,
                    values=Values(complaints, limits=ANY_PRICE),
                    counters=self.counters,
                    complaints=complaints,
                    on_system_line=on_system_line,
                    summary_interval_us=INTERVAL_US,
                    line_bytes_max=65_536,
                ),
                retry=_make_retry(clock),
                clock=clock,
                counters=self.counters,
            )  # fmt: skip
            link.owner = self
            link.begin()
            link.tick()
            self.peer, _ = server.accept()
        link.on_writable()
        self.peer.sendall(
            f"S,CURRENT PROTOCOL,6.2\r\nS,CURRENT UPDATE FIELDNAMES,{','.join(GATEWAY_NAMES)}\r\n"
            f"T,{NOW.replace('-', '')}\r\n".encode()
        )
        until_s = time.monotonic() + ARRIVAL_S_MAX
        while link.link is not Link.STREAMING and time.monotonic() < until_s:
            link.on_readable()
            link.tick()
        assert link.link is Link.STREAMING
        assert not link.wants_write
        self.board.recover_upstream()
        return link

    def on_session_event(self, event: Event) -> None:
        """Hand on what the session says."""
        self.react(event)

    def on_link_lost(self, reason: str) -> None:
        """Keep the reason."""
        self.lost.append(reason)

    def send(self, *lines: str) -> None:
        """Let lines arrive, all at once."""
        self.send_bytes("".join(f"{text}\r\n" for text in lines).encode("latin-1"))

    def send_bytes(self, data: bytes) -> None:
        """Let bytes arrive."""
        before = self.waiting_bytes()
        self.peer.sendall(data)
        until_s = time.monotonic() + ARRIVAL_S_MAX
        while self.waiting_bytes() < before + len(data):
            assert time.monotonic() < until_s, "the kernel does not deliver"

    def waiting_bytes(self) -> int:
        """What has arrived and was not read."""
        descriptor = self.link.descriptor
        assert descriptor is not None
        with socket.socket(fileno=socket.dup(descriptor)) as twin:
            try:
                return len(twin.recv(4_194_304, socket.MSG_PEEK))
            except BlockingIOError:
                return 0

    def live(self, symbol: str = "AAPL") -> None:
        """Have a symbol asked for and answered."""
        self.board.open(symbol)
        self.send(line("P", "Cbav", symbol=symbol))
        self.wait()
        assert self.board.symbols[symbol].is_live

    def wait(
        self,
        *watched: tuple[Any, int],
        seconds: float = 0.05,
        paused_s: float = 0.0,
    ) -> dict[Any, int]:
        """Wait and read as the feed thread does."""
        now_ns = time.monotonic_ns()
        return self.pump.wait(
            watched,
            deadline_ns=now_ns + round(seconds * SECOND_NS),
            seen_ns=now_ns - round(paused_s * SECOND_NS),
            latencies=self.latencies,
        )

    def reset_by_peer(self) -> None:
        """Have the peer break the connection off."""
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.close()

    def heard(self, kind: str) -> list[list[Any]]:
        """The bodies of a kind that the consumer has received and not yet told of."""
        return [body for name, body in self._frames() if name == kind]

    def _frames(self) -> Iterator[tuple[str, list[Any]]]:
        # What is published last is the sign that everything before has arrived.
        self.data.send(b"end,,\xc0")
        while (frame := self._next_frame()) != b"end,,\xc0":
            kind, _, body = frame.split(b",", 2)
            yield kind.decode(), msgpack.unpackb(body)

    def _next_frame(self) -> bytes:
        assert self._consumer.poll(ARRIVAL_MS_MAX)
        return self._consumer.recv()

    def published(self, *counters: Counter) -> list[int]:
        """How much was counted."""
        return [self.counters.value(counter) for counter in counters]


def _make_retry(clock: SystemClock) -> Retry:
    return Retry(
        clock,
        backoff=Backoff(
            clock, random.Random(1), first_ns=SECOND_NS, base=2.0,
            longest_ns=2 * SECOND_NS, stable_ns=10 * SECOND_NS,
        ),
        breaker=CircuitBreaker(
            "level1", clock, failures_max=5, rate_max=1.0, rate_outcomes_min=99,
            rate_window_ns=60 * SECOND_NS, open_ns=SECOND_NS,
        ),
        stable_ns=SECOND_NS,
        flap_ns=SECOND_NS,
    )  # fmt: skip


def quotes(count: int, *, first: int = 0) -> Sequence[str]:
    """Usual lines: each is another quote."""
    return [
        line("Q", "ba", {
            "Bid": f"{100 + number % 50}.25", "Ask": f"{200 + number % 50}.25",
            "Bid Size": str(100 + number), "Bid Time": "09:59:59.500000",
            "Ask Time": "09:59:59.500000",
        })
        for number in range(first, first + count)
    ]  # fmt: skip
