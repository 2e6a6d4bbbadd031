"""One Level 2 pipeline with everything around it, what may happen to it, and what can be seen."""

from dataclasses import dataclass
from typing import Any, Final

from gateway.control.depth_desk import EQUITY
from gateway.errors import QuotaExceeded
from gateway.iqfeed.system import (
    NoDepth,
    SymbolLimitReached,
    SymbolNotFound,
    VendorError,
    parse_system,
)
from gateway.model.enums import Cause
from gateway.model.messages import Kind
from gateway.normalize.depth_pipeline import DepthPipeline
from gateway.normalize.depths import BookOptions, BookTopic, Depth
from gateway.policy.demand import Demand, Service
from gateway.wire.codec import Encoded
from gateway.wire.topics import TopicName
from tests.support.any_side import AnySide, SideOptions, topic_state
from tests.support.depth_bench import OPTIONS
from tests.support.depth_parts import DepthParts
from tests.support.pipelines import PYTHON

SHOWN: Final = 50
"""Price levels a side that are compared."""
_DEPTH_PARTS: Final = (
    *("shard", "asked", "renewed", "released", "has_no_orders", "has_no_levels"),
    *("has_level_orders", "flags", "takes_orders", "takes_levels", "is_rebuilding", "is_dirty"),
    *(
        "merged",
        "recv_us",
        "event_us",
        "heard_us",
        "seen_us",
        "quote_sequence",
        "settle_us",
        "cleared_until_us",
    ),
    *("images_asked_us", "is_full", "crossed_us"),
)
_BOOK_PARTS: Final = (
    *("interval_us", "levels", "merged", "published_us", "due_us", "is_waiting", "is_dropped"),
)


@dataclass(frozen=True)
class DepthOptions(SideOptions):
    """What a world of Level 2 is like."""

    book: BookOptions = OPTIONS
    images_per_minute_max: int = 30
    is_classic: bool = False
    """Whether the connection speaks the dialect without price levels."""
    is_watched: bool = True
    """Whether somebody takes an image of every book after each step: what is kept of the last one
    must be right with and without."""


class DepthSide(AnySide):
    """One of two Level 2 pipelines with everything around it.

    Args:
        name: Which pipeline.
        options: What the world is like.
    """

    pipeline: DepthPipeline

    def __init__(self, name: str, options: DepthOptions) -> None:
        super().__init__(name, options)
        self._is_watched = options.is_watched
        self._is_drained = True
        self.demand = Demand(self.clock, linger_ns=0)
        parts = DepthParts(
            name,
            self.board,
            clock=self.clock,
            counters=self.counters,
            demand=self.demand,
            options=options.book,
            images_per_minute_max=options.images_per_minute_max,
            shard_count=options.shard_count,
        )
        self.depths, self.upstream = parts.depths, parts.upstream
        self.desk, self.answers, self.care = parts.desk, parts.answers, parts.care
        self.depths.is_drained = lambda: self._is_drained
        self.upstream.is_classic = options.is_classic
        self._variants: set[tuple[str, str]] = set()
        self.pipeline = self._make_pipeline(name, options, parts)

    def _make_pipeline(self, name: str, options: DepthOptions, parts: DepthParts) -> DepthPipeline:
        of_pipeline = parts.of_pipeline(
            self.complaints,
            self._hear,
            line_bytes_max=options.line_bytes_max,
            limits=options.limits,
        )
        if name == PYTHON:
            return DepthPipeline(**of_pipeline)
        # Only where it was built.
        from tests.support.counted_depth import CountedDepthPipeline  # noqa: PLC0415

        native = self._native() if options.is_sent_natively else None
        return CountedDepthPipeline(**of_pipeline, native=native)

    def _act_on(self, line: str, words: list[str]) -> None:
        if line.startswith("S,DO,"):
            # What the runtime does with the news of another connection, in its place.
            self._do(words[2])
            return
        match parse_system(line):
            case NoDepth(symbol):
                self.desk.note_no_depth(symbol)
            case SymbolNotFound(symbol):
                self.desk.note_not_found(symbol)
            case SymbolLimitReached(symbol):
                self.desk.note_limit(symbol)
            case VendorError(text) if text.startswith("Unauthorized"):
                self.desk.note_not_entitled()
            case _:
                pass

    def _do(self, word: str) -> None:
        match word:
            case "RESET":
                self.reset()
            case "LOSE":
                self.lose("link_silent")
            case "RESUME":
                self.resume()
            case "AGAIN":
                self.recover(0, True)
            case "REFRESH":
                self.recover(0, False)
            case "LOOK":
                self.look()
            case _:
                pass

    # -- What may happen

    def shed(self, *chunks: bytes) -> int:
        """Bytes arrive that have waited."""
        now_us = self.clock.utc_us()
        return self.pipeline.feed_shedding([(data, now_us, at) for at, data in enumerate(chunks)])

    def flush(self) -> None:
        """The timer looks for books."""
        self.pipeline.flush()

    def drain(self, is_drained: bool) -> None:
        """Lines begin to wait for being read, or have been."""
        self._is_drained = is_drained

    def slow(self, slowdown: int) -> None:
        """Memory or time is short, or not any more."""
        self.depths.books.slowdown = slowdown

    def want(self, symbol: str, service: str) -> bool:
        """Somebody wants something of a symbol; whether there is room for it."""
        try:
            self.desk.open(symbol)
        except QuotaExceeded:
            return False
        self.demand.want(symbol, Service(service))
        self.desk.review(symbol)
        return True

    def unwant(self, symbol: str, service: str) -> None:
        """Somebody does not want it any more."""
        if not self.demand.count(symbol, Service(service)):
            return
        self.demand.unwant(symbol, Service(service))
        for ended, _ in self.demand.ended():
            self.desk.review(ended)
        self.desk.forget_refused(symbol)

    def open(self, symbol: str) -> bool:
        """Somebody wants a symbol's book."""
        return self.want(symbol, "book")

    def close(self, symbol: str) -> None:
        """Nobody wants anything of it any more."""
        for service in ("orders", "levels", "book"):
            while self.demand.count(symbol, Service(service)):
                self.unwant(symbol, service)

    def vary(self, symbol: str, variant: str, is_wanted: bool) -> None:
        """A conflated topic of a book is wanted, or not any more."""
        if is_wanted is ((symbol, variant) in self._variants):
            return
        self._variants ^= {(symbol, variant)}
        (self.desk.add_variant if is_wanted else self.desk.drop_variant)(symbol, variant)

    def lose(self, cause: str, shard: int = 0) -> None:
        """A connection breaks."""
        self.depths.lose_upstream(Cause(cause), shard)

    def recover(self, shard: int, is_new: bool) -> None:
        """It is whole, and all must be asked for anew; `is_new` clears the books first."""
        (self.desk.ask_again if is_new else self.desk.ask_refresh)(shard)

    def resume(self, shard: int = 0) -> None:
        """It is whole, and nothing was missed."""
        self.depths.resume_upstream(shard)

    def delay(self, is_delayed: bool) -> None:
        """The account's feed becomes delayed, or real."""
        self.board.set_delayed(is_delayed)
        self.depths.set_delayed()

    def look(self) -> None:
        """The books are looked after: doubts, silence, market makers that are too old."""
        self.care.look()

    def resync(self, symbol: str, is_in_doubt: bool = False) -> bool | None:
        """A fresh book is asked for on a living connection."""
        depth = self.depths.depths.get(symbol)
        if depth is None:
            return None
        if is_in_doubt:
            return self.desk.ask_in_doubt(depth)
        self.desk.ask_on_request(depth)
        return None

    def retry(self) -> None:
        """The vendor has a free slot."""
        self.desk.retry_limited()

    def quote(self, symbol: str, count: int) -> None:
        """Level 1 has told of a symbol, and of so many quotes since."""
        self.board.recover_upstream(0)
        known = self.board.symbols.get(symbol)
        if known is not None:
            self.board.open(symbol)
            self.board.hear(known)
            known.quote.sequence += count

    def note_equity(self, symbol: str) -> None:
        """Level 1 has said that a symbol is a share, which has no price levels."""
        known = self.board.symbols.get(symbol)
        if known is not None:
            topic, values = known.topic(Kind.FUNDAMENTAL), ({"security_type": EQUITY},)
            self.envelope.publish(topic, values, flags=0, recv_us=1, event_us=None)

    def _answer(self, name: TopicName) -> Any:
        answer = self.answers.answer(name)
        return answer.data if isinstance(answer, Encoded) else answer

    # -- What can be seen

    def state(self) -> list[object]:
        """All there is between two steps."""
        depths, eastern = self.depths, self.pipeline.eastern
        return [
            (eastern.clock_text, eastern.clock_us, eastern.clock_until_us, self.pipeline.clock_us),
            (list(depths.down_causes), depths.next_due_us(), list(depths._settling)),
            [depth.symbol.name for depth in depths.changed],
            [(due, turn, book.topic.prefix) for due, turn, book in depths.books._waiting],
            (self.upstream.take(), list(self.desk._limited), self.demand.watched()),
            {name: self._depth_state(depth) for name, depth in depths.depths.items()},
            [topic_state(topic) for topic in depths.topics()],
            *super().state(),
        ]

    def _depth_state(self, depth: Depth) -> object:
        symbol, standing = depth.symbol, depth.standing
        return (
            [(part, getattr(depth, part)) for part in _DEPTH_PARTS],
            # Who was asked for longest comes first.
            (list(depth.expected), list(depth.arriving.items())),
            (standing.state, standing.cause, standing.source, standing.reason, standing.since_us),
            (depth.find_reason(), symbol.level2 is standing),
            [symbol.topic(kind) is topic for kind, topic in _topics(depth)],
            {variant: _book_topic_state(book) for variant, book in depth.books.items()},
            *[self._book_state(book) for book in (depth.orders, depth.levels)],
        )

    def _book_state(self, book: Any) -> object:
        # As texts: an integer is not the same as a number that equals it, nor -0 as 0.
        return {
            "counts": (book.row_count, book.empty_rows, book.crossing()),
            "top": repr(book.top(SHOWN)),
            "image": book.image(self.envelope.pack) if self._is_watched else None,
        }


def _topics(depth: Depth) -> tuple[tuple[Kind, object], ...]:
    return (Kind.ORDER, depth.order_topic), (Kind.DEPTH, depth.depth_topic)


def _book_topic_state(book: BookTopic) -> object:
    return [getattr(book, part) for part in _BOOK_PARTS], topic_state(book.topic)
