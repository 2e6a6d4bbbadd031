"""What must be noticed about books although no line says it: age, silence, crossing."""

from collections.abc import Callable
from operator import attrgetter
from typing import Final

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.model.enums import Cause, SymbolState
from gateway.normalize.depth_board import DepthBoard
from gateway.normalize.depths import Depth
from gateway.normalize.symbols import BookSource

_ASKED_US: Final = attrgetter("images_asked_us")
QUOTES_MIN: Final = 20
"""Quotes of a symbol that must have come in a silence of its book for the book to be doubted."""
ACTIVE_US: Final = 60_000_000
"""A book with a line in this time is active: a venue that is much older there is dead."""
UNANSWERED_US: Final = 30_000_000
"""A request without any answer is repeated after this."""
EXPIRY_US: Final = 5_000_000
"""How often a book is searched for rows that are too old."""


class DepthCare:
    """Looks after the books once a second.

    Args:
        depths: The books.
        clock: Monotonic for ages, UTC for stamps.
        counters: Where expired rows are counted.
        on_doubt: Asks the vendor for a book anew, within its budget.
        on_review: Told of a symbol whose requests may have to change.
    """

    def __init__(
        self,
        depths: DepthBoard,
        *,
        clock: Clock,
        counters: Counters,
        on_doubt: Callable[[Depth], bool],
        on_review: Callable[[str], object],
    ) -> None:
        self._depths = depths
        self._clock = clock
        self._counters = counters
        self._on_doubt = on_doubt
        self._on_review = on_review
        self._expired_us = 0
        self._doubted: list[Depth] = []

    def look(self) -> None:
        """Look at every book; nothing is judged while its connection itself is broken."""
        now_us = self._clock.monotonic_ns() // 1000
        is_expiry_due = now_us - self._expired_us >= EXPIRY_US
        if is_expiry_due:
            self._expired_us = now_us
        unanswered: list[str] = []
        down_causes = self._depths.down_causes
        for depth in self._depths.depths.values():
            if down_causes[depth.shard] is not None:
                continue
            self._look_at(depth, now_us, is_expiry_due=is_expiry_due)
            if depth.expected:
                unanswered.append(depth.symbol.name)
        # Where the budget is not enough, who was asked for longest ago comes first.
        for depth in sorted(self._doubted, key=_ASKED_US):
            self._on_doubt(depth)
        self._doubted.clear()
        for name in unanswered:
            # Level 1 may have said meanwhile what kind of instrument it is.
            self._on_review(name)

    def _look_at(self, depth: Depth, now_us: int, *, is_expiry_due: bool) -> None:
        match depth.standing.state:
            case SymbolState.LIVE:
                if is_expiry_due:
                    self._expire(depth, now_us)
                self._judge(depth, now_us)
            case SymbolState.RECOVERING:
                has_rows = depth.orders.row_count or depth.levels.row_count
                wait_us = 0 if has_rows else UNANSWERED_US
                if not depth.settle_us and 0 < depth.cleared_until_us < now_us - wait_us:
                    # The summary asked for did not come: the book may be full of ghosts.
                    self._doubted.append(depth)
            case SymbolState.PENDING:
                if depth.asked and 0 < depth.cleared_until_us < now_us - UNANSWERED_US:
                    self._doubted.append(depth)
            case SymbolState.STALE:
                self._doubted.append(depth)
            case _:
                pass

    def _expire(self, depth: Depth, now_us: int) -> None:
        """Delete what a market maker has not confirmed for too long."""
        if depth.standing.source is not BookSource.MARKET_MAKERS:
            return
        if now_us - depth.heard_us > ACTIVE_US:
            # The whole book is quiet, overnight perhaps: no venue is deader than the others.
            return
        rows = depth.orders.expire(now_us - self._depths.options.market_maker_age_us_max)
        if rows:
            self._counters.add(Counter.BOOK_ROWS_EXPIRED, len(rows))
            self._depths.rows.tell_deleted(depth, rows, self._clock.utc_us())

    def _judge(self, depth: Depth, now_us: int) -> None:
        options = self._depths.options
        if not depth.books:
            # Where no book is published, nobody else looks.
            self._depths.judge(depth, now_us)
        if depth.crossed_us and now_us - depth.crossed_us >= options.crossed_us_max:
            self._doubted.append(depth)
            return
        sequence = depth.symbol.quote.sequence
        if depth.heard_us != depth.seen_us or not depth.symbol.is_live:
            depth.seen_us = depth.heard_us
            depth.quote_sequence = sequence
        elif (
            now_us - depth.heard_us >= options.silence_us_max
            and sequence - depth.quote_sequence >= QUOTES_MIN
        ):
            # The quote moves and its book does not: the vendor has stopped this symbol.
            depth.is_rebuilding = True
            # Whatever comes next, asked for or not, begins the book anew.
            depth.renewed.update(depth.asked)
            self._depths.change(depth, SymbolState.STALE, Cause.SYMBOL_SILENT)
            self._doubted.append(depth)
