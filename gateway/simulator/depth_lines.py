"""The Level 2 lines of protocol 6.2: orders, price levels, market makers."""

import random
from collections.abc import Callable
from typing import Final

from gateway.simulator.matching import DELETED, SIDES, Change, Level, MatchingBook
from gateway.simulator.venues import CODES

SUMMARY_TYPE: Final = 6


class Text:
    """How a symbol's values are written.

    Args:
        symbol: The vendor's spelling.
        price_text: A price in ticks as the vendor writes it.
        decimals: Digits after the point.
        empty_time_share: Share of order deletes without a time.
        rng: Decides which of them.
    """

    def __init__(
        self,
        symbol: str,
        price_text: Callable[[int], str],
        decimals: int,
        *,
        empty_time_share: float,
        rng: random.Random,
    ) -> None:
        self.symbol = symbol
        self.price = price_text
        self.decimals = decimals
        self._empty_time_share = empty_time_share
        self._rng = rng

    def delete_stamp(self, stamp: str) -> str:
        """The stamp of an order delete, which now and then has a date only."""
        if self._empty_time_share and self._rng.random() < self._empty_time_share:
            return stamp[stamp.index(",") :]
        return stamp


def maker_code(maker: str) -> str:
    """A venue's four letters, by its market center id."""
    return CODES.get(maker, maker)


class OrderLines:
    """Market by order: every order with its id; the market maker is empty."""

    def __init__(self, book: MatchingBook, text: Text) -> None:
        self._book = book
        self._text = text

    def summary(self) -> list[str]:
        """A type 6 line for each order."""
        symbol, price_of = self._text.symbol, self._text.price
        decimals = self._text.decimals
        lines: list[str] = []
        for is_bid in SIDES:
            letter = "B" if is_bid else "A"
            for level in self._book.side(is_bid=is_bid).best_first():
                price = price_of(level.price)
                lines.extend(
                    f"{SUMMARY_TYPE},{symbol},{order.order_id},,{letter},{price},{order.size},"
                    f"{order.priority},{decimals},{order.stamp},\r\n"
                    for order in level.orders.values()
                )
        return lines

    def update(self) -> list[str]:
        """A type 3, 4 or 5 line for each change."""
        text = self._text
        symbol, price_of, decimals = text.symbol, text.price, text.decimals
        lines = []
        for kind, is_bid, order_id, price, _, size, priority, _, stamp in self._book.changes:
            letter = "B" if is_bid else "A"
            if kind == DELETED:
                lines.append(f"5,{symbol},{order_id},,{letter},{text.delete_stamp(stamp)},\r\n")
            else:
                lines.append(
                    f"{kind},{symbol},{order_id},,{letter},{price_of(price)},{size},{priority},"
                    f"{decimals},{stamp},\r\n"
                )
        return lines

    def resync(self) -> None:
        """Nothing to do: each change stands for itself."""


Shown = tuple[int, int]
"""Size and number of orders of a level as last told."""


class LevelLines:
    """Market by price: every price with its total size.

    Args:
        book: The symbol's book.
        text: How its values are written.
        levels_max: Only the best levels of each side; None for all.
        is_order_like: Whether levels are told in the form of orders (type 0).
    """

    def __init__(
        self, book: MatchingBook, text: Text, *, levels_max: int | None, is_order_like: bool
    ) -> None:
        self._book = book
        self._text = text
        self._levels_max = levels_max
        self._is_order_like = is_order_like
        self._shown: dict[bool, dict[int, Shown]] = {}
        self.resync()

    def resync(self) -> None:
        """Take the book as told."""
        self._shown = {is_bid: self._window(is_bid=is_bid) for is_bid in SIDES}

    def _window(self, *, is_bid: bool) -> dict[int, Shown]:
        levels = self._book.side(is_bid=is_bid).best_first(self._levels_max)
        return {level.price: (level.size, len(level.orders)) for level in levels}

    def summary(self) -> list[str]:
        """A type 7 or 0 line for each level."""
        return [
            self._line(level, is_bid=is_bid, is_summary=True)
            for is_bid in SIDES
            for level in self._book.side(is_bid=is_bid).best_first(self._levels_max)
        ]

    def _line(self, level: Level, *, is_bid: bool, is_summary: bool) -> str:
        text = self._text
        letter = "B" if is_bid else "A"
        price = text.price(level.price)
        if self._is_order_like:
            # Neither id, maker nor priority: a level is known by its side and price alone.
            head = f"0,{text.symbol},,,{letter},{price},{level.size},"
        else:
            kind = 7 if is_summary else 8
            head = f"{kind},{text.symbol},{letter},{price},{level.size},{len(level.orders)}"
        return f"{head},{text.decimals},{level.stamp},\r\n"

    def update(self) -> list[str]:
        """A type 8 or 0 line for each level that changed, a type 9 line for each that went."""
        changes = self._book.changes
        if self._levels_max is not None:
            return [
                line
                for is_bid in dict.fromkeys(change.is_bid for change in changes)
                for line in self._window_changes(changes[-1].stamp, is_bid=is_bid)
            ]
        touched: dict[tuple[bool, int], Change] = {}
        for change in changes:
            touched[change.is_bid, change.price] = change
            if change.old_price != change.price:
                touched[change.is_bid, change.old_price] = change
        lines = []
        for (is_bid, price), change in touched.items():
            shown = self._shown[is_bid]
            level = self._book.side(is_bid=is_bid).levels.get(price)
            if level is None:
                if shown.pop(price, None) is not None:
                    lines.append(self._deleted(price, change.stamp, is_bid=is_bid))
            elif shown.get(price) != (now := (level.size, len(level.orders))):
                shown[price] = now
                lines.append(self._line(level, is_bid=is_bid, is_summary=False))
        return lines

    def _window_changes(self, stamp: str, *, is_bid: bool) -> list[str]:
        """What entered, left or changed among the best levels of a side."""
        before, now = self._shown[is_bid], self._window(is_bid=is_bid)
        self._shown[is_bid] = now
        levels = self._book.side(is_bid=is_bid).levels
        lines = [self._deleted(price, stamp, is_bid=is_bid) for price in before if price not in now]
        lines.extend(
            self._line(levels[price], is_bid=is_bid, is_summary=False)
            for price, shown in now.items()
            if before.get(price) != shown
        )
        return lines

    def _deleted(self, price: int, stamp: str, *, is_bid: bool) -> str:
        letter = "B" if is_bid else "A"
        return f"9,{self._text.symbol},{letter},{self._text.price(price)},{stamp},\r\n"


class MakerLines:
    """Equities: each venue's best price on each side, and its size there."""

    def __init__(self, book: MatchingBook, text: Text) -> None:
        self._book = book
        self._text = text
        self._shown: dict[tuple[bool, str], tuple[int, int]] = {}
        self._stamps: dict[tuple[bool, str], str] = {}
        self.resync()

    def resync(self) -> None:
        """Take the book as told."""
        self._shown.clear()
        for is_bid in SIDES:
            side = self._book.side(is_bid=is_bid)
            for maker in side.makers:
                row = side.maker_best(maker)
                if row is not None:
                    self._shown[is_bid, maker] = row
                    self._stamps[is_bid, maker] = side.levels[row[0]].stamp

    def summary(self) -> list[str]:
        """A type 6 line for each row."""
        return [
            self._line(SUMMARY_TYPE, key, row, self._stamps[key])
            for key, row in self._shown.items()
        ]

    def _line(self, kind: int, key: tuple[bool, str], row: tuple[int, int], stamp: str) -> str:
        text = self._text
        (is_bid, maker), (price, size) = key, row
        return (
            f"{kind},{text.symbol},,{maker_code(maker)},{'B' if is_bid else 'A'},"
            f"{text.price(price)},{size},,{text.decimals},{stamp},\r\n"
        )

    def update(self) -> list[str]:
        """A type 4 line for each row that changed, a type 5 line for each that went."""
        changes = self._book.changes
        lines = []
        for key, stamp in {(one.is_bid, one.maker): one.stamp for one in changes}.items():
            is_bid, maker = key
            row = self._book.side(is_bid=is_bid).maker_best(maker)
            if row is None:
                if self._shown.pop(key, None) is not None:
                    when = self._text.delete_stamp(stamp)
                    letter = "B" if is_bid else "A"
                    lines.append(f"5,{self._text.symbol},,{maker_code(maker)},{letter},{when},\r\n")
            elif self._shown.get(key) != row:
                self._shown[key] = row
                self._stamps[key] = stamp
                lines.append(self._line(4, key, row, stamp))
        return lines
