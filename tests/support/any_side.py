"""What both levels' sides of a comparison have: a board, what was told, and how it is looked at."""

import ctypes
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgpack

from gateway.clock import FakeClock
from gateway.counters import Complaints, Counter, Counters, Sample
from gateway.normalize.depth_pipeline import DepthPipeline
from gateway.normalize.pipeline import Pipeline
from gateway.normalize.suspicion import ANY_PRICE, PriceLimits
from gateway.normalize.symbols import Attention, Symbol
from gateway.normalize.variants import VariantPublisher
from gateway.wire.envelope import Envelope, Topic
from gateway.wire.rings import RingOptions, Rings
from gateway.wire.topics import TopicName, parse_topic
from tests.support.depth_bench import START_NS
from tests.support.pipelines import make_board

if TYPE_CHECKING:
    from gateway.compiled.pipeline import NativeSocket

SOCKET: Final = 4711
"""Stands for a socket's address where frames go through a C function."""
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
class SideOptions:
    """What a world is like, on whichever port."""

    utc_us: int
    """When it begins."""
    limits: PriceLimits = ANY_PRICE
    symbol_count_max: int = 6
    line_bytes_max: int = 1_000
    shard_count: int = 1
    ring_bytes_max: int = 20_000
    variants_max: int = 3
    is_sent_natively: bool = False
    """Whether frames of the compiled pipeline go through a C function, as they do to libzmq."""


class AnySide(ABC):
    """One of two pipelines with everything around it.

    Args:
        name: Which pipeline.
        options: What the world is like.
    """

    pipeline: Pipeline | DepthPipeline

    def __init__(self, name: str, options: SideOptions) -> None:
        self.clock = FakeClock(monotonic_ns=START_NS, utc_us=options.utc_us)
        self.counters = Counters()
        self.samples: dict[Counter, list[Sample]] = {}
        self.complaints = Complaints(self.counters, on_sample=self._keep_sample)
        self.told: list[object] = []
        """Frames, lines for the session and other news, in their order."""
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

    def _native(self, *, poll: int = 0) -> "NativeSocket":
        """Where the compiled pipeline sends to: a C function, which is ours."""
        # Only where the extension was built.
        from gateway.compiled.library import Functions  # noqa: PLC0415
        from gateway.compiled.pipeline import NativeSocket  # noqa: PLC0415

        self._function = _SEND_TYPE(self._send)
        address = ctypes.cast(self._function, ctypes.c_void_p).value or 0
        return NativeSocket(Functions(send=address, poll=poll), socket=SOCKET)

    def _send(self, socket: int, data: int, size: int, flags: int) -> int:
        if (socket, flags) != (SOCKET, 0):
            return -1
        self._take_frame(ctypes.string_at(data, size))
        return size

    def _take_frame(self, frame: bytes) -> None:
        """A frame has gone through the C function."""
        self.told.append(frame)

    def _keep_sample(self, sample: Sample) -> None:
        if sample.counter is not Counter.CACHE_RESETS:
            self.samples.setdefault(sample.counter, []).append(sample)

    def _hear(self, line: str) -> None:
        """Do what the runtime may do on a session's line."""
        self.told.append(line)
        if self.is_faulty and line[:1] == "T":
            raise ValueError("a fault of ours")
        words = line.split(",")
        if line.startswith(("S,OPEN,", "S,CLOSE,")) and words[2].isascii() and words[2]:
            (self.open if words[1] == "OPEN" else self.close)(words[2])
        else:
            self._act_on(line, words)

    # -- What may happen

    def feed(self, data: bytes, ahead_us: int = 0) -> None:
        """Bytes arrive."""
        self.pipeline.feed(data, self.clock.utc_us() + ahead_us)

    def flush_all(self) -> None:
        """All that waits is due, as far as it may be."""
        self.pipeline.flush_all()

    def reset(self) -> None:
        """The connection is gone."""
        self.pipeline.reset()

    @abstractmethod
    def open(self, symbol: str) -> bool:
        """Somebody wants a symbol; whether there is room for it."""

    @abstractmethod
    def close(self, symbol: str) -> None:
        """Nobody wants it any more."""

    @abstractmethod
    def lose(self, cause: str) -> None:
        """The upstream breaks."""

    def wait(self, micros: int) -> None:
        """Time passes."""
        self.clock.advance(seconds=micros / 1e6)

    def step(self, micros: int) -> None:
        """The host's clock is set."""
        self.clock.step_wall(seconds=micros / 1e6)

    def fault(self, is_faulty: bool) -> None:
        """Whoever reads the session's lines begins to raise, or ends it."""
        self.is_faulty = is_faulty
        # Those it has caused are not ours.
        self.counters._values[Counter.PROCESSING_FAULTS] = 0

    def ask(self, *topics: str) -> list[Any]:
        """Snapshots are asked for."""
        names = [parse_topic(topic.encode()) for topic in topics]
        return [self._answer(name) for name in names if name is not None]

    @abstractmethod
    def _answer(self, name: TopicName) -> Any:
        """The answer to a snapshot request."""

    @abstractmethod
    def _act_on(self, line: str, words: list[str]) -> None:
        """Do what the runtime may do on a session's line that opens and closes nothing."""

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

    def native_lines(self) -> int:
        """How many of its lines were read without Python, by a pipeline that counts the others."""
        others: int = getattr(self.pipeline, "others", 0)
        return self.counters.value(Counter.FEED_LINES) - others

    def state(self) -> list[object]:
        """All there is between two steps."""
        return [
            (list(self.board.down_causes), self.board.delayed_flag, list(self.board._closed)),
            (self.envelope.floor, self.envelope.messages),
            (self.envelope.rings.bytes, self.envelope.rings.forgotten, self.variants.next_due_us()),
            *[_symbol_state(symbol) for symbol in self.board.symbols.values()],
            *[topic_state(topic) for topic in self.board._news.values()],
        ]


def _symbol_state(symbol: Symbol) -> object:
    return (
        [(part, getattr(symbol, part)) for part in _SYMBOL_PARTS],
        [(part, getattr(symbol.attention, part)) for part in _ATTENTION_PARTS],
        (symbol.prints.newest_us, symbol.prints.has_sizes),
        {kind.value: topic_state(topic) for kind, topic in symbol.topics.items()},
    )


def topic_state(topic: Topic) -> object:
    """All there is of a topic."""
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
