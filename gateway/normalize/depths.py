"""One symbol on the Level 2 port: its books, its topics, and where it stands."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.book.level_book import LevelBook
from gateway.book.order_book import OrderBook
from gateway.model.messages import Kind
from gateway.normalize.symbols import BookSource, Level2Standing, Symbol
from gateway.wire.envelope import Topic

ROW_KINDS: Final = {
    BookSource.ORDERS: Kind.ORDER,
    BookSource.MARKET_MAKERS: Kind.ORDER,
    BookSource.PRICE_LEVELS: Kind.DEPTH,
}
"""The kind whose rows a source consists of."""


@dataclass(frozen=True, slots=True)
class BookOptions:
    """What of the settings decides about books; times in microseconds."""

    levels: int
    """Price levels a side in `book`."""
    interval_us: int
    """At most one `book` a symbol in this time."""
    settle_us: int
    """A rebuilt book is live when no summary row came for this long."""
    market_maker_age_us_max: int
    """A market maker's row not heard of for this long is deleted."""
    crossed_us_max: int
    """A book crossed for this long is asked of the vendor anew."""
    silence_us_max: int
    """A book silent for this long beside a changing quote is stale."""
    row_count_max: int
    """Rows kept of one symbol and source."""
    variants_max: int
    """Different `book@…` topics of one symbol."""


class BookTopic:
    """One `book` topic: the base or a variant, with what waits to be published on it.

    Args:
        depth: The symbol's books.
        topic: Counts and keeps the last value.
        interval_us: At most one message in this time.
        levels: Price levels a side.
    """

    __slots__ = (
        "depth", "due_us", "interval_us", "is_dropped", "is_waiting", "levels", "merged",
        "published_us", "topic",
    )  # fmt: skip

    def __init__(self, depth: "Depth", topic: Topic, *, interval_us: int, levels: int) -> None:
        self.depth: Final = depth
        self.topic: Final = topic
        self.interval_us: Final = interval_us
        self.levels: Final = levels
        self.merged = 0
        """Changes since the last message."""
        self.published_us = 0
        """When the last message went out, monotonic."""
        self.due_us = 0
        """When the next one may, monotonic."""
        self.is_waiting = False
        self.is_dropped = False
        """Whether nobody wants it any more, although it may still wait in a queue."""


class Depth:
    """One symbol's Level 2 data.

    What its usual rows read and change is plain slots in `PlainDepth`, and memory that is read
    without Python in the compiled one; everybody else needs not know which it is.
    """

    if not TYPE_CHECKING:
        __slots__ = ()  # The attributes below are its subclasses' to keep.

    symbol: Symbol
    """What is known of it on all ports."""
    shard: int
    """Which Level 2 connection delivers it."""
    standing: Level2Standing
    orders: OrderBook
    levels: LevelBook
    order_topic: Topic
    depth_topic: Topic
    books: dict[str, BookTopic]
    """`book` topics by variant; the base topic under the empty text."""
    asked: set[Kind]
    """Kinds of rows the vendor was asked for: ORDER, DEPTH."""
    expected: dict[Kind, None]
    """Kinds asked for of which no row has come yet, the one asked for longest first."""
    renewed: set[Kind]
    """Kinds asked for whose summary has not begun: its first row clears what came before."""
    arriving: dict[Kind, BookSource]
    """Kinds whose first summary comes in while the symbol is live by another one."""
    released: set[Kind]
    """Kinds given back on this connection: rows of them that still come are too late."""
    has_no_orders: bool
    has_no_levels: bool
    """Whether the vendor says that there are none."""
    has_level_orders: bool
    """Whether the vendor answers the request for orders by price levels (type 0)."""
    flags: int
    """Flags of every row: DELAYED, and STALE while the upstream is not whole."""
    takes_orders: bool
    takes_levels: bool
    """Whether a row of the kind needs nothing beside the book: live, and nothing is open."""
    is_rebuilding: bool
    """Whether rows of an earlier time may be missing: from a loss to the summary's end."""
    is_dirty: bool
    merged: int
    """Rows since the books were last marked."""
    recv_us: int
    """When the last row was read, UTC."""
    event_us: int | None
    """The vendor's time of the last row that had one, UTC."""
    heard_us: int
    """When the last line came, monotonic."""
    seen_us: int
    quote_sequence: int
    """`heard_us` as the silence check saw it last, and where the quote topic stood then."""
    settle_us: int
    """When a rebuilt book is live, monotonic; 0 while no summary has begun."""
    cleared_until_us: int
    """How long a live symbol waits for the summaries of `renewed`."""
    images_asked_us: int
    """When a fresh book was asked for last, being in doubt, monotonic; 0 for never."""
    is_full: bool
    """Whether a row was refused since the last rebuild."""
    crossed_us: int
    """Since when the book is crossed, monotonic; 0 while it is not."""

    def _begin(self, symbol: Symbol, *, now_us: int, shard: int) -> None:
        """Set what no usual row reads, the books and their topics being there."""
        self.symbol = symbol
        self.shard = shard
        self.standing = Level2Standing(now_us)
        self.books = {}
        self.asked = set()
        self.expected = {}
        self.renewed = set()
        self.arriving = {}
        self.released = set()
        self.has_no_orders = self.has_no_levels = self.has_level_orders = False
        self.is_rebuilding = False
        self.seen_us = self.quote_sequence = 0
        self.settle_us = self.cleared_until_us = self.images_asked_us = 0
        self.is_full = False
        self.crossed_us = 0

    @property
    def book(self) -> OrderBook | LevelBook:
        """What feeds `book`."""
        is_levels = self.standing.source is BookSource.PRICE_LEVELS
        return self.levels if is_levels else self.orders

    def await_summaries(self, kinds: Iterable[Kind], *, until_us: int) -> None:
        """Note that summaries were asked for: the first row of each begins its rows anew.

        Args:
            kinds: In the order in which they were asked for.
            until_us: How long a live symbol waits for them, monotonic.
        """
        for kind in kinds:
            self.expected[kind] = None
            self.renewed.add(kind)
        self.cleared_until_us = until_us
        self.note_steady()

    def accepts(self, kind: Kind) -> bool:
        """Judge a row of a kind that is not asked for; False when it comes too late."""
        if kind is Kind.DEPTH and self.has_level_orders:
            return True
        if kind in self.released:
            return False
        # The vendor has after all what it had said that it has not.
        self.asked.add(kind)
        if kind is Kind.ORDER:
            self.has_no_orders = False
        else:
            self.has_no_levels = False
        return True

    def note_level_orders(self) -> None:
        """Note that levels came although orders were asked for: these are not to be had."""
        if Kind.ORDER not in self.asked or self.has_level_orders:
            return
        if Kind.ORDER in self.expected or not (Kind.DEPTH in self.asked or self.orders.row_count):
            self.has_level_orders = True
            self.expected.pop(Kind.ORDER, None)

    def stop(self, kind: Kind) -> None:
        """Forget what is asked and awaited of one kind."""
        self.asked.discard(kind)
        self.expected.pop(kind, None)
        self.renewed.discard(kind)
        self.arriving.pop(kind, None)

    def forget_answers(self) -> None:
        """Forget what one connection was asked and has answered."""
        self.asked.clear()
        self.expected.clear()
        self.renewed.clear()
        self.arriving.clear()
        self.released.clear()
        self.cleared_until_us = self.settle_us = 0
        self.standing.source = None
        self.has_no_orders = self.has_no_levels = self.has_level_orders = False

    def note_steady(self) -> None:
        """Bring `takes_orders` and `takes_levels` up to date: what is open of one holds up one."""
        self.takes_orders = self._is_settled(Kind.ORDER) and Kind.ORDER not in self.released
        self.takes_levels = self._is_settled(Kind.DEPTH) and (
            self.has_level_orders or Kind.DEPTH not in self.released
        )

    def _is_settled(self, kind: Kind) -> bool:
        """Whether the symbol is live and no answer of a kind is awaited."""
        return self.standing.is_live and not (
            kind in self.expected or kind in self.renewed or kind in self.arriving
        )

    def find_reason(self) -> str | None:
        """Which plausibility check the book fails, the gravest first."""
        if self.is_full:
            return "book_full"
        return self.book.crossing() or ("implausible" if self.book.empty_rows else None)


class PlainDepth(Depth):
    """A symbol whose rows are read in Python: slots, because the busiest loop uses them.

    Args:
        symbol: What is known of it on all ports.
        row_count_max: Rows kept of each source.
        now_us: UTC.
        shard: Which Level 2 connection delivers it.
    """

    __slots__ = (
        "arriving", "asked", "books", "cleared_until_us", "crossed_us", "depth_topic", "event_us",
        "expected", "flags", "has_level_orders", "has_no_levels", "has_no_orders", "heard_us",
        "images_asked_us", "is_dirty", "is_full", "is_rebuilding", "levels", "merged",
        "order_topic", "orders", "quote_sequence", "recv_us", "released", "renewed", "seen_us",
        "settle_us", "shard", "standing", "symbol", "takes_levels", "takes_orders",
    )  # fmt: skip

    def __init__(self, symbol: Symbol, *, row_count_max: int, now_us: int, shard: int = 0) -> None:
        self._begin(symbol, now_us=now_us, shard=shard)
        self.orders = OrderBook(rows_max=row_count_max)
        self.levels = LevelBook(rows_max=row_count_max)
        self.order_topic = symbol.topic(Kind.ORDER)
        self.depth_topic = symbol.topic(Kind.DEPTH)
        self.flags = 0
        self.takes_orders = self.takes_levels = self.is_dirty = False
        self.merged = self.recv_us = self.heard_us = 0
        self.event_us = None
