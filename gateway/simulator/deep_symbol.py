"""A symbol with a book: an equity or a future.

Until somebody asks for its depth, only the top of the book exists: best prices, their sizes and the
venues first in line. `deepen` puts a whole book underneath, whose top is what Level 1 showed; from
then on every quote and every trade is something that happened in that book.
"""

import random
from collections.abc import Callable
from typing import Final

from gateway.simulator import symbol_state as column
from gateway.simulator.changes import ASK, BID, CONTENTS
from gateway.simulator.conditions import (
    EXTENDED_DRAWS,
    ODD_SIZES,
    PLAIN_DRAWS,
    REGULAR_DRAWS,
    Draw,
)
from gateway.simulator.eastern import Hours, Moment, Session, day_date
from gateway.simulator.fields import MESSAGE_CONTENTS
from gateway.simulator.instruments import DepthKind, Instrument
from gateway.simulator.matching import SIDES, MatchingBook
from gateway.simulator.order_flow import OrderFlow
from gateway.simulator.seeded_symbol import BUYER, SELLER, SeededSymbol
from gateway.simulator.venues import QUOTING_CENTERS, REPORTING_FACILITIES

ROUND_LOT: Final = 100
_ODD_REGULAR: Final = next(draw for draw in REGULAR_DRAWS if draw.conditions == "87")
_ODD_EXTENDED: Final = next(draw for draw in EXTENDED_DRAWS if draw.conditions == "8717")
UNSEEN_EVENTS: Final = (20, 80)
"""Fewest and most events that a book has while nobody can hear of them."""


class DeepSymbol(SeededSymbol):
    """A symbol whose quote is the top of a book.

    Args:
        instrument: What it is.
        seed: The market's seed.
        orders_per_side: Orders a side of the whole book keeps, about.
    """

    __slots__ = (
        "_flow", "_orders_per_side", "_seed", "_tops", "book", "date_iso", "depth_kind",
        "is_deep", "renew_depth", "stamp_time",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, *, seed: int, orders_per_side: int) -> None:
        self.date_iso = ""
        self.stamp_time = "00:00:00.000000"
        self.is_deep = False
        self._tops = ((0, ""), (0, ""))
        super().__init__(instrument, seed=seed)
        self._seed = seed
        self._orders_per_side = orders_per_side
        self.depth_kind: DepthKind = instrument.depth_kind
        self._flow: OrderFlow
        self.book = MatchingBook()
        self.renew_depth: Callable[[], None] | None = None
        """Told of a book that was emptied and filled anew."""

    def deepen(self) -> None:
        """Put a whole book under the quote that is shown; once is enough."""
        if self.is_deep:
            return
        rng = random.Random(f"{self._seed}/{self.symbol}/depth")
        instrument = self.instrument
        self.book = MatchingBook(first_priority=rng.getrandbits(36) + (1 << 35))
        self._flow = OrderFlow(
            self.book,
            rng,
            makers=QUOTING_CENTERS if instrument.is_equity else instrument.quote_centers,
            sizes=instrument.trade_sizes,
            orders_per_side=self._orders_per_side,
            is_quoted_by_venue=self.depth_kind is DepthKind.MAKERS,
        )
        self._fill()
        self.is_deep = True

    def _fill(self) -> None:
        self._flow.fill((self.bid, self.ask), self._tops, self._stamp(self.stamp_time))
        self.book.changes.clear()

    def reset_book(self) -> None:
        """Empty the book and fill it anew under the same quote, as a new session does."""
        if not self.is_deep:
            return
        self._read_tops()
        self.book.clear()
        self._fill()
        if self.renew_depth is not None:
            self.renew_depth()

    def _read_tops(self) -> None:
        best = [self.book.side(is_bid=is_bid).best() for is_bid in SIDES]
        bid, ask = ((level.size, level.first.maker) for level in best if level is not None)
        self._tops = (bid, ask)

    def _stamp(self, time: str) -> str:
        self.stamp_time = time
        return f"{time},{self.date_iso}"

    def _set_date(self, moment: Moment) -> None:
        self.date_iso = day_date(moment.second // 86_400).isoformat()

    def show_session(self, moment: Moment) -> None:
        """Say whether the regular market is open; note the calendar date."""
        super().show_session(moment)
        self._set_date(moment)

    def start_trading_day(self, moment: Moment) -> None:
        """Begin a new trading day; a futures exchange begins it with an empty book."""
        super().start_trading_day(moment)
        if not self.instrument.is_equity:
            self.stamp_time = f"{moment.prefix}000000"
            self.reset_book()

    def set_bid(self, time: str) -> None:
        """Show the bid: the book's, or one with a new size."""
        self._tops = (self._show(self.bid, time, is_bid=True), self._tops[1])

    def set_ask(self, time: str) -> None:
        """Show the ask: the book's, or one with a new size."""
        self._tops = (self._tops[0], self._show(self.ask, time, is_bid=False))

    def _show(self, price: int, time: str, *, is_bid: bool) -> tuple[int, str]:
        """Bring one side's columns up to date; its size and first venue."""
        self.stamp_time = time
        level = self.book.side(is_bid=is_bid).best() if self.is_deep else None
        if level is not None:
            top = (level.size, level.first.maker)
        else:
            bits = self.rng.getrandbits(16)
            centers = (
                QUOTING_CENTERS if self.instrument.is_equity else self.instrument.quote_centers
            )
            top = (
                ((bits & 31) + 1) * self.instrument.quote_size_unit,
                centers[(bits >> 5) % len(centers)],
            )
        self._show_top(price, top, time, is_bid=is_bid)
        return top

    def _show_top(self, price: int, top: tuple[int, str], time: str, *, is_bid: bool) -> None:
        columns = self.columns
        text = self._texts.get(price) or self.text(price)
        if is_bid:
            columns[column.BID_PRICE_COLUMN] = text
            columns[column.BID_SIZE] = str(top[0])
            columns[column.BID_TIME] = time
            columns[column.BID_CENTER] = top[1]
        else:
            columns[column.ASK_PRICE_COLUMN] = text
            columns[column.ASK_SIZE] = str(top[0])
            columns[column.ASK_TIME] = time
            columns[column.ASK_CENTER] = top[1]

    def quote(self, time: str) -> int:
        """Let the quote change.

        Args:
            time: `HH:MM:SS.ffffff`.

        Returns:
            Change flags.
        """
        if not self.is_deep:
            return super().quote(time)
        self._forget_untold()
        bits = self.rng.getrandbits(8)
        is_bid = bool(bits & 1)
        flags = BID if is_bid else ASK
        flow, stamp = self._flow, self._stamp(time)
        if bits & 14 < 6:
            bid_before = self.bid
            flags |= self._move_quote(is_up=bool(bits & 16), is_bid=is_bid)
            # The side that gives way goes first, so that nothing crosses.
            for side in SIDES if self.bid < bid_before else (False, True):
                flow.set_best(self.bid if side else self.ask, stamp, is_bid=side)
        else:
            flow.touch_best(stamp, is_bid=is_bid)
        flow.tend(stamp)
        if flags & BID:
            self.set_bid(time)
        if flags & ASK:
            self.set_ask(time)
        self.columns[MESSAGE_CONTENTS] = CONTENTS[flags]
        return flags

    def trade(self, time: str, moment: Moment) -> int:
        """Let a trade happen at the bid or the ask.

        Args:
            time: `HH:MM:SS.ffffff`.
            moment: The second it happens in; decides the kinds of trade possible.

        Returns:
            Change flags.
        """
        instrument = self.instrument
        bits = self.rng.getrandbits(32)
        is_regular = moment.sessions[Hours.EQUITY] is Session.REGULAR
        if not instrument.is_equity:
            draw = PLAIN_DRAWS[0]
        elif is_regular:
            draw = REGULAR_DRAWS[bits & 1023]
        else:
            draw = EXTENDED_DRAWS[bits & 1023]
        is_at_ask = bool(bits >> 10 & 1)
        size = (ODD_SIZES if draw.is_odd_lot else instrument.trade_sizes)[bits >> 11 & 255]
        center = instrument.trade_centers[bits >> 19 & 255]
        is_fill = center not in REPORTING_FACILITIES
        if is_fill:
            size, center = self._take(size, time, is_at_ask=is_at_ask)
            if instrument.is_equity and size < ROUND_LOT and not draw.is_odd_lot:
                draw = _ODD_REGULAR if is_regular else _ODD_EXTENDED
        flags = self._print(draw, size, center, time, moment, is_at_ask=is_at_ask)
        if is_fill:
            flags |= ASK if is_at_ask else BID
        self.columns[MESSAGE_CONTENTS] = CONTENTS[flags]
        return flags

    def _print(
        self, draw: Draw, size: int, center: str, time: str, moment: Moment, *, is_at_ask: bool
    ) -> int:
        flags = self.print_trade(
            self.ask if is_at_ask else self.bid,
            size,
            conditions=draw.conditions,
            basis=draw.basis,
            center=center,
            time=time,
            moment=moment,
        )
        if self.instrument.has_aggressor:
            self.columns[column.TRADE_AGGRESSOR] = BUYER if is_at_ask else SELLER
        return flags

    def _take(self, size: int, time: str, *, is_at_ask: bool) -> tuple[int, str]:
        """Fill an order at the best price, and show what is left there.

        A level that is taken whole gets a new order at once, so a print's price is always the bid
        or the ask that is shown beside it.
        """
        if self.is_deep:
            self._forget_untold()
            stamp, price = self._stamp(time), self.ask if is_at_ask else self.bid
            fills = self.book.take(is_buy=is_at_ask, size=size, limit=price, stamp=stamp)
            self._flow.set_best(price, stamp, is_bid=not is_at_ask)
            self._flow.tend(stamp)
            size, center = sum(fill.size for fill in fills), fills[0].maker
        else:
            standing, center = self._tops[is_at_ask]
            size = min(size, standing)
            if size < standing:
                self._leave(standing - size, center, time, is_at_ask=is_at_ask)
                return size, center
        if is_at_ask:
            self.set_ask(time)
        else:
            self.set_bid(time)
        return size, center

    def _leave(self, size: int, center: str, time: str, *, is_at_ask: bool) -> None:
        """Show what a trade left at the price it took."""
        top = (size, center)
        self._show_top(self.ask if is_at_ask else self.bid, top, time, is_bid=not is_at_ask)
        self._tops = (self._tops[0], top) if is_at_ask else (top, self._tops[1])

    def deep_event(self, time: str) -> None:
        """Let something happen behind the best prices."""
        self._forget_untold()
        self._flow.deep_event(self._stamp(time))

    def change_unseen(self) -> None:
        """Let the book change as it does while nobody can hear of it; there are no trades."""
        for place in range(self.rng.randint(*UNSEEN_EVENTS)):
            if place % 3:
                self._flow.deep_event(self._stamp(self.stamp_time))
            else:
                self.quote(self.stamp_time)

    def _forget_untold(self) -> None:
        """Changes that nobody was there to tell of must not pile up."""
        if self.publish_depth is None:
            self.book.changes.clear()
