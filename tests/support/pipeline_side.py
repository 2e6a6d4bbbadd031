"""One pipeline with everything around it, what may happen to it, and all that can be seen of it."""

import ctypes
import socket
import time
from dataclasses import dataclass
from typing import Any, Final

import msgpack
import zmq

from gateway.clock import FakeClock
from gateway.compiled.library import Functions, find_functions
from gateway.compiled.pipeline import CompiledPipeline, NativeSocket
from gateway.counters import Complaints, Counter, Counters, Sample
from gateway.errors import QuotaExceeded
from gateway.model.enums import Cause
from gateway.model.messages import Kind
from gateway.normalize.board_answers import BoardAnswers
from gateway.normalize.pipeline import Pipeline
from gateway.normalize.suspicion import ANY_PRICE, PriceLimits
from gateway.normalize.symbols import Attention, Symbol
from gateway.normalize.values import Values
from gateway.normalize.variants import VariantPublisher
from gateway.wire.envelope import Envelope, Topic
from gateway.wire.rings import RingOptions, Rings
from gateway.wire.topics import parse_topic
from tests.support.pipelines import PYTHON, make_board
from tests.unit.normalize.line_desk import GATEWAY_NAMES, REORDERED

LAYOUTS: Final = (
    GATEWAY_NAMES,
    GATEWAY_NAMES[:10],
    (*GATEWAY_NAMES, "Delay"),
    GATEWAY_NAMES[:20],
    REORDERED,
)
"""Our own field set; quotes alone; one column more; some fewer; another order."""
FOREVER_NS: Final = 2**62
READ_BYTES_MAX: Final = 1 << 18
_RECV: Final = 4
"""A body's item that says when its line was read."""
_SEND_TYPE = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
)
_SYMBOL_PARTS: Final = (
    *("name", "shard", "state", "cause", "since_us", "details", "is_live", "life"),
    *("has_old_values", "flags", "last_line_us", "bid_time_text", "bid_us", "ask_time_text"),
    *("ask_us", "line", "quote_us", "last_conditions", "summary_line", "summary_recv_us"),
    *("summary_merged", "summary_due_us"),
)
_ATTENTION_PARTS: Final = Attention.__slots__


@dataclass(frozen=True)
class Options:
    """What a world is like."""

    utc_us: int
    """When it begins."""
    limits: PriceLimits = ANY_PRICE
    symbol_count_max: int = 6
    line_bytes_max: int = 1_000
    interval_us: int = 250_000
    shard_count: int = 1
    ring_bytes_max: int = 20_000
    variants_max: int = 3
    is_sent_natively: bool = False
    """Whether frames of the compiled pipeline go through a C function, as they do to libzmq."""
    is_pumped: bool = False
    """Whether its bytes come from a socket that it waits for itself, by this machine's clock.

    Its frames then go through a C function, too. Linux only.
    """


class CountedPipeline(CompiledPipeline):
    """Counts the lines that Python reads."""

    others = 0
    moment = 0
    """When the last of them was read, UTC."""

    def _read_one(self, line: str, recv_us: int) -> None:
        self.others += 1
        self.moment = recv_us
        super()._read_one(line, recv_us)


class Side:
    """One of the two pipelines with everything around it.

    Args:
        name: Which pipeline.
        options: What the world is like.
    """

    def __init__(self, name: str, options: Options) -> None:
        self.clock = FakeClock(utc_us=options.utc_us)
        self.counters = Counters()
        self.samples: dict[Counter, list[Sample]] = {}
        self.complaints = Complaints(self.counters, on_sample=self._keep_sample)
        self.told: list[object] = []
        """Frames, lines for the session and other news, in their order."""
        self.pumped = 0
        """Reads of the extension's own."""
        self.moments: set[int] = set()
        """When that was read which went through the C function, UTC."""
        self.is_faulty = False
        """Whether whoever reads the session's lines raises at each clock line."""
        rings = Rings(RingOptions(bytes_max=options.ring_bytes_max, frames_max=20))
        self.envelope = Envelope(epoch=1_790_000_000_000, send=self.told.append, rings=rings)
        self.variants = VariantPublisher(
            self.envelope, counters=self.counters, per_topic_max=options.variants_max
        )
        self.board = make_board(
            name,
            envelope=self.envelope,
            clock=self.clock,
            symbol_count_max=options.symbol_count_max,
            shard_count=options.shard_count,
            on_settled=lambda symbol: self.told.append(("settled", symbol.name)),
            variants=self.variants,
        )
        self.board.on_silent = lambda symbol: self.told.append(("silent", symbol))
        self.answers = BoardAnswers(self.board, clock=self.clock)
        self.pipeline = self._make_pipeline(name, options)

    def _make_pipeline(self, name: str, options: Options) -> Pipeline:
        parts: dict[str, Any] = {
            "board": self.board,
            "values": Values(self.complaints, limits=options.limits),
            "counters": self.counters,
            "complaints": self.complaints,
            "on_system_line": self._hear,
            "summary_interval_us": options.interval_us,
            "line_bytes_max": options.line_bytes_max,
        }
        if name == PYTHON:
            return Pipeline(**parts)
        self._function = _SEND_TYPE(self._send)
        address = ctypes.cast(self._function, ctypes.c_void_p).value or 0
        poll = find_functions().poll if options.is_pumped else 0
        is_native = options.is_sent_natively or options.is_pumped
        native = NativeSocket(Functions(send=address, poll=poll), socket=4711)
        return CountedPipeline(**parts, native=native if is_native else None)

    def _send(self, socket: int, data: int, size: int, flags: int) -> int:
        if (socket, flags) != (4711, 0):
            return -1
        frame = ctypes.string_at(data, size)
        self.told.append(frame)
        body = msgpack.unpackb(frame.split(b",", 2)[2])
        self.moments.add(body[_RECV])
        return size

    def _keep_sample(self, sample: Sample) -> None:
        if sample.counter is not Counter.CACHE_RESETS:
            self.samples.setdefault(sample.counter, []).append(sample)

    def _hear(self, line: str) -> None:
        """Do what the runtime may do on a session's line."""
        self.told.append(line)
        if self.is_faulty and line[:1] == "T":
            raise ValueError("a fault of ours")
        words = line.split(",")
        if line.startswith("S,FIELDS,") and words[2].isdecimal() and words[2].isascii():
            self.select(int(words[2][:9]))
        elif line == "S,RESET":
            self.pipeline.reset()
        elif line == "S,LOSE":
            self.lose("link_silent")
        elif line == "S,RECOVER":
            self.recover()
        elif line == "S,RESUME":
            self.resume()
        elif line.startswith(("S,OPEN,", "S,CLOSE,")) and words[2].isascii() and words[2]:
            (self.open if words[1] == "OPEN" else self.close)(words[2])
        elif line.startswith("n,"):
            self.refuse(words[1])

    # -- What may happen

    def feed(self, data: bytes, ahead_us: int = 0) -> None:
        """Bytes arrive."""
        self.pipeline.feed(data, self.clock.utc_us() + ahead_us)

    def pump(self, data: bytes) -> int:
        """Bytes arrive at a socket; by what moment they were read, UTC microseconds."""
        pipeline = self.pipeline
        assert isinstance(pipeline, CountedPipeline)
        begun_us, before = time.time_ns() // 1000, self.counters.value(Counter.FEED_BYTES)
        known = {name: one.last_line_us for name, one in self.board.symbols.items()}
        self.moments.clear()
        pipeline.moment = 0
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(data)
            now_ns = time.monotonic_ns()
            pipeline.pump(
                [(0, ours.fileno(), zmq.POLLIN)],
                deadline_ns=now_ns,
                seen_ns=now_ns,
                pause_ns_max=FOREVER_NS,
                read_bytes_max=READ_BYTES_MAX,
            )
        if self.counters.value(Counter.FEED_BYTES) == before:
            # It has no clock to date anything by: whoever asked for it reads then.
            pipeline.feed(data, begun_us)
            return begun_us
        self.pumped += 1
        changed = {
            symbol.last_line_us
            for symbol in self.board.symbols.values()
            if symbol.name in known and symbol.last_line_us != known[symbol.name]
        }
        (recv_us,) = {*self.moments, *changed, pipeline.moment} - {0, None} or {begun_us}
        assert recv_us is not None
        return recv_us

    def shed(self, *chunks: bytes) -> int:
        """Bytes arrive that have waited."""
        now_us = self.clock.utc_us()
        first_us = now_us - 1_000 * len(chunks)
        held = [(data, first_us + 1_000 * at, at) for at, data in enumerate(chunks)]
        return self.pipeline.feed_shedding(held)

    def flush(self) -> None:
        """The timer looks for summaries."""
        self.pipeline.flush(self.clock.utc_us())

    def flush_all(self) -> None:
        """Every summary is due."""
        self.pipeline.flush_all()

    def wait(self, micros: int) -> None:
        """Time passes."""
        self.clock.advance(seconds=micros / 1e6)

    def step(self, micros: int) -> None:
        """The host's clock is set."""
        self.clock.step_wall(seconds=micros / 1e6)

    def select(self, layout: int) -> None:
        """A field set is agreed."""
        self.pipeline.select(LAYOUTS[layout % len(LAYOUTS)])

    def reset(self) -> None:
        """The connection is gone."""
        self.pipeline.reset()

    def open(self, symbol: str) -> bool:
        """Somebody wants a symbol."""
        try:
            self.board.open(symbol)
        except QuotaExceeded:
            return False
        return True

    def close(self, symbol: str) -> None:
        """Nobody wants it any more."""
        if symbol in self.board.symbols:
            self.board.close(self.board.symbols[symbol])

    def refuse(self, symbol: str) -> None:
        """The vendor does not have it."""
        self.board.refuse(symbol, Cause.SYMBOL_NOT_FOUND)

    def lose(self, cause: str) -> None:
        """The upstream breaks."""
        self.board.lose_upstream(Cause(cause))

    def recover(self, shard: int = 0) -> None:
        """It is whole, and all must be heard anew."""
        self.board.recover_upstream(shard)

    def resume(self) -> None:
        """It is whole, and nothing was missed."""
        self.board.resume_upstream()

    def delay(self, is_delayed: bool) -> None:
        """The account's feed becomes delayed, or real."""
        self.board.set_delayed(is_delayed)

    def audit(self, symbol: str) -> None:
        """A symbol's values are asked for, because it is suspiciously quiet."""
        if symbol in self.board.symbols:
            self.board.symbols[symbol].attention.is_audited = True

    def vary(self, symbol: str, kind: str, variant: str, is_wanted: bool) -> bool | None:
        """A conflated topic is wanted, or not any more."""
        known = self.board.symbols.get(symbol)
        if known is None:
            return None
        base = known.quote if kind == Kind.QUOTE else known.summary
        if not is_wanted:
            return self.variants.drop(base, variant)
        made = self.variants.add(base, symbol=symbol, kind=Kind(kind), variant=variant)
        return made is not None

    def tell_variants(self) -> None:
        """Conflated topics are due."""
        self.variants.flush(self.clock.monotonic_ns() // 1000)

    def fault(self, is_faulty: bool) -> None:
        """Whoever reads the session's lines begins to raise, or ends it."""
        self.is_faulty = is_faulty
        # Those it has caused are not ours.
        self.counters._values[Counter.PROCESSING_FAULTS] = 0

    def ask(self, *topics: str) -> list[Any]:
        """Snapshots are asked for."""
        names = [parse_topic(topic.encode()) for topic in topics]
        return [self.answers.answer(name) for name in names if name is not None]

    # -- What can be seen

    def take(self) -> list[object]:
        """What was told since the last call."""
        told = self.told[:]
        self.told.clear()
        return told

    def counts(self) -> dict[str, int]:
        """Counters, without those of caches, which are each pipeline's own."""
        counts = self.counters.as_map()
        del counts[Counter.CACHE_RESETS.label]
        return counts

    def state(self) -> list[object]:
        """All there is between two steps."""
        eastern, level1 = self.pipeline.eastern, self.pipeline._level1
        waiting = None if level1 is None else list(level1._unflushed)
        return [
            (eastern.clock_text, eastern.clock_us, eastern.clock_until_us, waiting),
            (list(self.board.down_causes), self.board.delayed_flag, list(self.board._closed)),
            (self.envelope.floor, self.envelope.messages),
            (self.envelope.rings.bytes, self.envelope.rings.forgotten, self.variants.next_due_us()),
            *[_symbol_state(symbol) for symbol in self.board.symbols.values()],
            *[_topic_state(topic) for topic in self.board._news.values()],
        ]


def _symbol_state(symbol: Symbol) -> object:
    return (
        [(part, getattr(symbol, part)) for part in _SYMBOL_PARTS],
        [(part, getattr(symbol.attention, part)) for part in _ATTENTION_PARTS],
        (symbol.prints.newest_us, symbol.prints.has_sizes),
        {kind.value: _topic_state(topic) for kind, topic in symbol.topics.items()},
    )


def _topic_state(topic: Topic) -> object:
    ring = topic.ring
    return (
        (topic.prefix, topic.type, topic.is_kept, topic.sequence, topic.scanned, topic.told),
        # An integer is not the same as a number that equals it.
        None if topic.last is None else msgpack.packb(topic.last),
        None if ring is None else (list(ring.frames), ring.added, ring.bytes),
        None
        if topic.variants is None
        else {
            text: (
                (v.merged, v.published_us, v.due_us, v.is_marked, v.is_dropped),
                (v.topic.sequence, v.topic.last),
            )
            for text, v in topic.variants.items()
        },
    )
