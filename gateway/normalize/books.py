"""The `book` topics: each at most once in its interval, always the newest value.

A change is published at once when the topic was quiet for its interval, else when that has passed.
Changes of one chunk of lines are one change: a batch of lines that the vendor sent together never
shows a half-changed book.
"""

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Final

from gateway.counters import Counter, Counters
from gateway.model.enums import Flag
from gateway.model.messages import Kind
from gateway.normalize.depths import BookOptions, BookTopic, Depth
from gateway.wire.envelope import HEADER_ITEMS, Envelope

_CONFLATED: Final = int(Flag.CONFLATED)
_SUSPECT: Final = int(Flag.SUSPECT)
_BIDS: Final = HEADER_ITEMS
_ASKS: Final = HEADER_ITEMS + 1
BOOKS_AT_ONCE_MAX: Final = 200
"""Books published at a stretch, some milliseconds' work: under load books slow down, not rows."""
INTERVAL_US_MIN: Final = 10_000
"""A variant that asks for more is served this often."""


class BookPublisher:
    """Publishes the `book` topics of all symbols.

    Args:
        envelope: Stamps and sends.
        counters: Where books are counted.
        options: Levels and interval of the base topics.
    """

    def __init__(self, envelope: Envelope, *, counters: Counters, options: BookOptions) -> None:
        self._envelope = envelope
        self._counters = counters
        self._options = options
        self._waiting: list[tuple[int, int, BookTopic]] = []
        self._turn = 0
        self.slowdown = 1
        """How many times as long every interval is, while memory or time is short."""

    def add(self, depth: Depth, variant: str) -> BookTopic | None:
        """Make a topic, or find it.

        Args:
            depth: The symbol's books.
            variant: Empty for the base topic, `250` or `250x5`.

        Returns:
            The topic; None when the symbol has enough of them already.
        """
        known = depth.books.get(variant)
        if known is not None:
            return known
        # The base topic does not count: variants that came first must not keep it out.
        if variant and len(depth.books) - ("" in depth.books) >= self._options.variants_max:
            self._counters.add(Counter.BOOK_VARIANTS_REFUSED)
            return None
        interval_text, _, levels_text = variant.partition("x")
        interval_us = int(interval_text) * 1000 if variant else self._options.interval_us
        symbol = depth.symbol
        topic = (
            self._envelope.topic(Kind.BOOK, symbol.name, variant)
            if variant
            else symbol.topic(Kind.BOOK)
        )
        book = depth.books[variant] = BookTopic(
            depth,
            topic,
            interval_us=max(interval_us, INTERVAL_US_MIN),
            levels=int(levels_text) if levels_text else self._options.levels,
        )
        return book

    def drop(self, depth: Depth, variant: str) -> None:
        """Forget a topic; a variant's sequences never go back all the same."""
        book = depth.books.pop(variant, None)
        if book is None:
            return
        book.is_dropped = True
        book.topic.last = None
        if variant:
            self._envelope.discard(book.topic)

    def mark(self, depths: Iterable[Depth], now_us: int) -> None:
        """Note what has changed.

        Args:
            depths: Symbols whose books have changed; their counts are taken over.
            now_us: Monotonic.
        """
        for depth in depths:
            count, depth.merged, depth.is_dirty = depth.merged, 0, False
            for book in depth.books.values():
                book.merged += count
                if not book.is_waiting:
                    self._wait(book, now_us)

    def _wait(self, book: BookTopic, now_us: int) -> None:
        book.is_waiting = True
        book.due_us = max(now_us, book.published_us + book.interval_us * self.slowdown)
        self._turn += 1
        heappush(self._waiting, (book.due_us, self._turn, book))

    def flush(self, now_us: int) -> list[Depth]:
        """Publish what is due, at most `BOOKS_AT_ONCE_MAX`: rows and trades come first.

        Returns:
            The symbols that had something published, perhaps more than once.
        """
        waiting = self._waiting
        published: list[Depth] = []
        while waiting and waiting[0][0] <= now_us and len(published) < BOOKS_AT_ONCE_MAX:
            book = heappop(waiting)[2]
            book.is_waiting = False
            # A symbol that is not live has told its last value flagged STALE; the next one it
            # publishes when its book is whole again.
            if not book.is_dropped and book.depth.standing.is_live:
                self.publish(book, now_us)
                published.append(book.depth)
        return published

    def next_due_us(self) -> int | None:
        """When `flush` has something to do, monotonic; None when nothing waits."""
        return self._waiting[0][0] if self._waiting else None

    def publish(self, book: BookTopic, now_us: int) -> None:
        """Publish the present value of one topic, if consumers do not have it already.

        Most changes of a deep book lie below the levels that are shown.
        """
        depth, merged, last = book.depth, book.merged, book.topic.last
        flags = depth.flags
        if depth.find_reason() is not None:
            flags |= _SUSPECT
        bids, asks = depth.book.top(book.levels)
        book.published_us = now_us
        if (
            last is not None
            and last[_BIDS] == bids
            and last[_ASKS] == asks
            and last[3] & ~_CONFLATED == flags
        ):
            return
        if flags & _SUSPECT:
            self._counters.add(Counter.BOOKS_SUSPECT)
        if merged > 1:
            flags |= _CONFLATED
            self._counters.add(Counter.BOOKS_MERGED, merged - 1)
        book.merged = 0
        self._counters.add(Counter.BOOKS_PUBLISHED)
        self._envelope.publish(
            book.topic,
            (bids, asks, max(merged, 1)),
            flags=flags,
            recv_us=depth.recv_us,
            event_us=depth.event_us,
        )

    def repeat(self, depth: Depth, *, flags: int, recv_us: int) -> None:
        """Repeat the last value of every topic of a symbol with what it is worth now."""
        for book in depth.books.values():
            last = book.topic.last
            if last is not None and len(last) > HEADER_ITEMS:
                kept = last[3] & (_CONFLATED | _SUSPECT)
                self._envelope.repeat(book.topic, flags=flags | kept, recv_us=recv_us)
