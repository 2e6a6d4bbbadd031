"""The depth board: every symbol's order books, when they are trusted, and who is told.

The vendor's summary of a book has no end mark, so a book that is being rebuilt is `recovering`
until its summary rows pause. What a lost connection may have hidden is a deletion: a book is
therefore cleared before it is filled again, or orders deleted meanwhile would stand as ghosts. On a
living connection the old book stands until the first row of the new summary comes.
"""

from collections.abc import Callable, Iterator
from typing import Final

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.model.enums import Cause, Flag, SymbolState
from gateway.model.messages import Kind
from gateway.normalize.board import Board
from gateway.normalize.books import BookPublisher
from gateway.normalize.depth_outages import DepthOutages
from gateway.normalize.depths import ROW_KINDS, BookOptions, Depth, PlainDepth
from gateway.normalize.rows import RowPublisher
from gateway.normalize.symbols import BookSource
from gateway.policy.shards import shard_of
from gateway.wire.envelope import Topic

_STALE: Final = int(Flag.STALE)
EMPTY_US: Final = 2_000_000
"""How long a cleared book waits for rows before it is believed to be empty."""
CLEAR_US_MAX: Final = 5_000_000
"""A summary asked for comes within this; a live symbol takes later ones for updates."""


class DepthBoard(DepthOutages):
    """The order books of one gateway run. Owned by the feed thread; nothing else touches it.

    Args:
        board: The symbols, and where their states are told.
        clock: Monotonic for durations, UTC for stamps.
        counters: Where books are counted.
        options: What of the settings decides.
        shard_count: Level 2 connections that the symbols are shared out to.
        make_depth: Makes what is known of a symbol; its rows are read in Python by default.
        depths: Where that is kept by name; an empty dict by default.
    """

    def __init__(
        self,
        board: Board,
        *,
        clock: Clock,
        counters: Counters,
        options: BookOptions,
        shard_count: int = 1,
        make_depth: Callable[..., Depth] = PlainDepth,
        depths: dict[str, Depth] | None = None,
    ) -> None:
        self._board = board
        self.envelope: Final = board.envelope
        self._clock = clock
        self._counters = counters
        self.options: Final = options
        self._make_depth = make_depth
        self.depths = depths if depths is not None else {}
        self.books: Final = BookPublisher(board.envelope, counters=counters, options=options)
        self.down_causes: list[Cause | None] = [Cause.IQCONNECT_DOWN] * shard_count
        self._settling: dict[str, Depth] = {}
        self.is_drained: Callable[[], bool] = lambda: True  # Has all that came been read?
        self.changed: Final[list[Depth]] = []
        """Symbols whose books have changed since the last `flush`."""
        self.rows: Final = RowPublisher(board.envelope, self.changed, counters=counters)

    def open(self, name: str) -> Depth:
        """Begin to want a symbol's depth: it is pending until the vendor answers.

        Raises:
            QuotaExceeded: No room for another symbol.
        """
        depth = self.depths.get(name)
        if depth is None:
            symbol = self._board.obtain(name)
            now_us = self._clock.utc_us()
            depth = self._make_depth(
                symbol,
                row_count_max=self.options.row_count_max,
                now_us=now_us,
                shard=shard_of(name, len(self.down_causes)),
            )
            self.depths[name] = depth
            symbol.level2 = depth.standing
        if depth.standing.state in (SymbolState.CLOSED, SymbolState.REFUSED):
            self.change(depth, SymbolState.PENDING, self.down_causes[depth.shard])
        return depth

    def close(self, depth: Depth) -> None:
        """Stop wanting a symbol's depth: its books are gone, its sequences are kept."""
        symbol = depth.symbol
        self.change(depth, SymbolState.CLOSED, None)
        # Who still listens must not join these rows to those of a later watch.
        self.clear(depth, self._clock.utc_us())
        for variant in list(depth.books):
            self.books.drop(depth, variant)
        del self.depths[symbol.name]
        symbol.level2 = None
        if symbol.state is not SymbolState.CLOSED:
            self._board.tell(symbol)
        self._board.park(symbol)

    def refuse(self, depth: Depth, cause: Cause) -> None:
        """Note that the vendor will not deliver a symbol's depth: what it had is gone."""
        depth.standing.source = None
        depth.settle_us = 0
        self.change(depth, SymbolState.REFUSED, cause)
        self.clear(depth, self._clock.utc_us())

    def lack(self, depth: Depth, kind: Kind) -> None:
        """Note that the vendor has no rows of a kind for a symbol."""
        if kind is Kind.ORDER:
            depth.has_no_orders = True
        else:
            depth.has_no_levels = True
        self._stop(depth, kind)

    def release(self, depth: Depth, kind: Kind) -> None:
        """Drop the rows of a kind that nobody wants any more, and those that still come."""
        depth.released.add(kind)
        self._stop(depth, kind)

    def expect(self, depth: Depth, kind: Kind) -> None:
        """Note that the vendor was asked for rows of a kind, after none or after a release."""
        depth.released.discard(kind)
        depth.asked.add(kind)
        depth.await_summaries((kind,), until_us=self._now_us() + CLEAR_US_MAX)

    def expect_anew(self, depth: Depth) -> None:
        """Note that the vendor was asked for a fresh book on a living connection."""
        kinds = sorted(depth.asked, reverse=True)
        depth.await_summaries(kinds, until_us=self._now_us() + CLEAR_US_MAX)

    def change(self, depth: Depth, state: SymbolState, cause: Cause | None) -> None:
        """Move a symbol's depth to a state and tell everyone who must know."""
        standing = depth.standing
        if standing.state is state and standing.cause is cause:
            return
        was_live, was_pending = standing.is_live, standing.state is SymbolState.PENDING
        if standing.state is not state:
            standing.since_us = self._clock.utc_us()
        standing.state, standing.cause = state, cause
        is_live = standing.is_live
        if state is not SymbolState.RECOVERING:
            self._settling.pop(depth.symbol.name, None)
        if is_live:
            depth.is_rebuilding = False
            depth.settle_us = 0
        else:
            standing.reason = None
            depth.crossed_us = 0
            if depth.arriving:
                depth.is_rebuilding = True
                self._join_arrivals(depth)
        depth.note_steady()
        self.set_flags(depth)
        self._board.tell(depth.symbol)
        if was_live and not is_live:
            flags = self._board.delayed_flag | _STALE
            self.books.repeat(depth, flags=flags, recv_us=self._clock.utc_us())
        elif is_live:
            self.mark(depth, 0)
        if was_pending and state is not SymbolState.PENDING:
            self._board.settle(depth.symbol)

    def set_flags(self, depth: Depth) -> None:
        """Bring a symbol's flags up to date with its state and with the account's delay."""
        is_stale = depth.standing.state is SymbolState.STALE
        depth.flags = self._board.delayed_flag | (_STALE if is_stale else 0)

    def set_delayed(self) -> None:
        """Flag every row DELAYED while the account's feed is."""
        for depth in self.depths.values():
            self.set_flags(depth)

    def mark(self, depth: Depth, count: int = 1) -> None:
        """Note that a symbol's book must be published, and how many changes that is."""
        depth.merged += count
        if not depth.is_dirty:
            depth.is_dirty = True
            self.changed.append(depth)

    def hear(self, depth: Depth, source: BookSource, recv_us: int, *, is_summary: bool) -> bool:
        """Note a row of a kind of which something is open, before it is put into a book.

        Returns:
            False when the row comes too late: its kind was given back.
        """
        kind = ROW_KINDS[source]
        if kind not in depth.asked and not depth.accepts(kind):
            self._counters.add(Counter.LINES_UNWATCHED)
            return False
        standing = depth.standing
        if standing.is_live and self._now_us() > depth.cleared_until_us:
            depth.renewed.clear()
        feeds_book = standing.source is not None and ROW_KINDS[standing.source] is kind
        is_first = kind in depth.expected
        if is_summary and kind in depth.renewed:
            depth.renewed.discard(kind)
            self.rows.clear(depth, kind, recv_us)
            depth.is_full = False
            depth.is_rebuilding |= feeds_book or not standing.is_live
        depth.expected.pop(kind, None)
        if standing.is_live and not feeds_book and (is_first or kind in depth.arriving):
            # What is live goes on; this kind joins it when its own summary has paused.
            if is_first or is_summary:
                depth.arriving[kind] = source
                self._settle_later(depth, self._now_us())
        else:
            self._note_source(depth, source)
            self._hear_any(depth, is_summary=is_summary)
        depth.note_steady()
        return True

    def hear_clear(self, depth: Depth, side: str, recv_us: int) -> None:
        """Empty one side at the vendor's word; the rows that follow are a summary."""
        depth.is_rebuilding = True
        self._clear_side(depth, side, recv_us)
        self._hear_any(depth, is_summary=True)
        if depth.symbol.name in self._settling:
            # Unless the book is empty indeed, rows follow.
            self._settle_later(depth, self._now_us(), wait_us=EMPTY_US)

    def clear(self, depth: Depth, recv_us: int) -> None:
        """Empty both books, and tell it on the topics that have rows."""
        for kind in (Kind.ORDER, Kind.DEPTH):
            self.rows.clear(depth, kind, recv_us)
        depth.is_full = False

    def settle(self, now_us: int) -> None:
        """Bring rebuilt books to life whose summaries have paused."""
        if not self._settling or not self.is_drained():
            # While lines wait to be read, a pause is ours and not the summary's.
            return
        for depth in [d for d in self._settling.values() if now_us >= d.settle_us]:
            del self._settling[depth.symbol.name]
            depth.settle_us = 0
            if depth.standing.is_live:
                self._join_arrivals(depth)
                depth.note_steady()
                self.mark(depth, 0)
            elif depth.standing.source is not None or not depth.expected:
                # Otherwise only a clear was heard: the summary that was asked for is to come.
                self.change(depth, SymbolState.LIVE, None)

    def next_due_us(self) -> int | None:
        """When `flush` has something to do, monotonic; None when nothing waits."""
        if self.changed:
            return 0
        due_us = self.books.next_due_us()
        for depth in self._settling.values():
            due_us = depth.settle_us if due_us is None else min(due_us, depth.settle_us)
        return due_us

    def flush(self, now_us: int) -> None:
        """Publish the books that are due, and note which of them fail a plausibility check."""
        self.settle(now_us)
        if self.changed:
            self.books.mark(self.changed, now_us)
            self.changed.clear()
        for depth in self.books.flush(now_us):
            self.judge(depth, now_us)

    def judge(self, depth: Depth, now_us: int) -> None:
        """Note whether a book fails a plausibility check, and tell when that has changed."""
        reason = depth.find_reason()
        if depth.book.crossing() == "crossed":
            depth.crossed_us = depth.crossed_us or now_us
        else:
            depth.crossed_us = 0
        if reason != depth.standing.reason:
            depth.standing.reason = reason
            self._board.tell(depth.symbol)

    def topics(self) -> Iterator[Topic]:
        """The topics that no symbol holds: the variants; for the tails scan."""
        for depth in self.depths.values():
            for variant, book in depth.books.items():
                if variant:
                    yield book.topic

    def _forget_answers(self, depth: Depth) -> None:
        """Begin a symbol anew for a new connection."""
        self.clear(depth, self._clock.utc_us())
        depth.forget_answers()

    def _stop(self, depth: Depth, kind: Kind) -> None:
        """End what is known of a kind; the book falls back to the other one, if that has rows."""
        depth.stop(kind)
        standing, source = depth.standing, depth.standing.source
        if kind is Kind.DEPTH and depth.has_level_orders:
            # The request for orders brings the levels as well.
            depth.note_steady()
            return
        gone = {kind}
        if depth.has_level_orders:
            depth.has_level_orders = False
            gone |= {Kind.DEPTH} - depth.asked
        for each in gone:
            self.rows.clear(depth, each, self._clock.utc_us())
        if source is not None and ROW_KINDS[source] in gone:
            standing.source = BookSource.PRICE_LEVELS if depth.levels.row_count else None
            self.mark(depth, 0)
            if standing.is_live and standing.source is None:
                depth.is_rebuilding = True
                self.change(depth, SymbolState.RECOVERING, None)
            elif standing.is_live:
                self._board.tell(depth.symbol)
        depth.note_steady()

    def _join_arrivals(self, depth: Depth) -> None:
        """Let kinds whose summary has come feed the book, if they are the better source."""
        for source in depth.arriving.values():
            self._note_source(depth, source)
        depth.arriving.clear()

    def _hear_any(self, depth: Depth, *, is_summary: bool) -> None:
        standing = depth.standing
        now_us = self._now_us()
        if self.down_causes[depth.shard] is not None:
            if is_summary:
                depth.settle_us = now_us + self.options.settle_us
            return
        if standing.state is SymbolState.LIVE and (not is_summary or not depth.is_rebuilding):
            return
        if standing.state is not SymbolState.RECOVERING:
            is_stale = standing.state is SymbolState.STALE
            self.change(depth, SymbolState.RECOVERING, standing.cause if is_stale else None)
            if is_summary:
                self._settle_later(depth, now_us)
            elif not is_stale:
                # An update alone proves nothing, least of all after a silence of the vendor's. The
                # summary asked for is to come; where there is none, what came is all there is.
                self._settle_later(depth, now_us, wait_us=CLEAR_US_MAX)
        elif is_summary:
            self._settle_later(depth, now_us)

    def _settle_later(self, depth: Depth, now_us: int, *, wait_us: int | None = None) -> None:
        depth.settle_us = now_us + (self.options.settle_us if wait_us is None else wait_us)
        self._settling[depth.symbol.name] = depth

    def _unsettle(self, depth: Depth) -> None:
        self._settling.pop(depth.symbol.name, None)
        depth.settle_us = 0

    def _note_source(self, depth: Depth, source: BookSource) -> None:
        """Let one source feed the book: orders where there are any."""
        known = depth.standing.source
        if known is source or (known is not None and source is BookSource.PRICE_LEVELS):
            return
        depth.standing.source = source
        if depth.standing.is_live:
            self._board.tell(depth.symbol)

    def _clear_side(self, depth: Depth, side: str, recv_us: int) -> None:
        for kind, book in ((Kind.ORDER, depth.orders), (Kind.DEPTH, depth.levels)):
            if book.row_count or kind in depth.asked:
                self.rows.clear_side(depth, kind, side, recv_us)
        if not depth.orders.row_count and not depth.levels.row_count:
            depth.is_full = False

    def _now_us(self) -> int:
        return self._clock.monotonic_ns() // 1000
