"""One pipeline with everything around it, what may happen to it, and all that can be seen of it."""

import socket
import time
from dataclasses import dataclass
from typing import Any, Final

import msgpack
import zmq

from gateway.compiled.library import find_functions
from gateway.compiled.pipeline import CompiledPipeline
from gateway.counters import Counter
from gateway.errors import QuotaExceeded
from gateway.model.enums import Cause
from gateway.model.messages import Kind
from gateway.normalize.board_answers import BoardAnswers
from gateway.normalize.pipeline import Pipeline
from gateway.normalize.values import Values
from gateway.wire.topics import TopicName
from tests.support.any_side import AnySide, SideOptions
from tests.support.pipelines import PYTHON
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


@dataclass(frozen=True)
class Options(SideOptions):
    """What a world of Level 1 is like."""

    interval_us: int = 250_000
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


class Side(AnySide):
    """One of the two pipelines with everything around it.

    Args:
        name: Which pipeline.
        options: What the world is like.
    """

    pipeline: Pipeline

    def __init__(self, name: str, options: Options) -> None:
        super().__init__(name, options)
        self.pumped = 0
        """Reads of the extension's own."""
        self.moments: set[int] = set()
        """When that was read which went through the C function, UTC."""
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
        poll = find_functions().poll if options.is_pumped else 0
        is_native = options.is_sent_natively or options.is_pumped
        return CountedPipeline(**parts, native=self._native(poll=poll) if is_native else None)

    def _take_frame(self, frame: bytes) -> None:
        super()._take_frame(frame)
        body = msgpack.unpackb(frame.split(b",", 2)[2])
        self.moments.add(body[_RECV])

    def _act_on(self, line: str, words: list[str]) -> None:
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
        elif line.startswith("n,"):
            self.refuse(words[1])

    # -- What may happen

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

    def select(self, layout: int) -> None:
        """A field set is agreed."""
        self.pipeline.select(LAYOUTS[layout % len(LAYOUTS)])

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

    def _answer(self, name: TopicName) -> Any:
        return self.answers.answer(name)

    # -- What can be seen

    def state(self) -> list[object]:
        """All there is between two steps."""
        eastern, level1 = self.pipeline.eastern, self.pipeline._level1
        waiting = None if level1 is None else list(level1._unflushed)
        return [
            (eastern.clock_text, eastern.clock_us, eastern.clock_until_us, waiting),
            *super().state(),
        ]
