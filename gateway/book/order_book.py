"""A book of orders by number, or of market makers' best rows."""

import re
from collections.abc import Collection
from operator import attrgetter
from typing import Final

from gateway.book.book import ADD, Book
from gateway.book.sides import OrderRow, PriceLevel, RowKey

__all__ = ["OrderBook", "OrderRow", "RowKey"]

_LEVEL_NAME: Final = re.compile(r"MD[0-9]{2}")
"""Market makers of the classic dialect that are price levels of an exchange: `MD01`, `MD02`."""
_PLACE: Final = attrgetter("priority", "order_id", "market_maker")


class OrderBook(Book):
    """Rows by order number, or by market maker and side, added up to price levels.

    Args:
        rows_max: Rows kept, both sides together; new ones beyond are refused.
    """

    __slots__ = ("_has_makers", "rows")

    def __init__(self, *, rows_max: int) -> None:
        super().__init__(rows_max=rows_max)
        self.rows: Final[dict[RowKey, OrderRow]] = {}
        """All rows; to be changed through `put` and `delete` only."""
        self._has_makers = False
        """Whether a market maker's row may be there, which can grow too old."""

    @property
    def row_count(self) -> int:
        """Rows at present."""
        return len(self.rows)

    def put(  # noqa: PLR0917 - keywords would cost a tenth of a row
        self,
        key: RowKey,
        side: str,
        order_id: int | None,
        market_maker: str | None,
        price: float,
        size: int,
        priority: int | None,
        precision: int | None,
        heard_us: int,
    ) -> bool | None:
        """Add or replace a row; one that is replaced may change price and side.

        Args:
            key: The order number, or market maker and side.
            side: `B` or `A`.
            order_id: The order number; None for a market maker's row.
            market_maker: Market maker or venue, if known.
            price: In the quote currency, finite.
            size: 0 or more.
            priority: Place in the queue at this price, lower is earlier.
            precision: Decimals to show the price with.
            heard_us: Now, by the clock that `expire` is asked by.

        Returns:
            True when it is new, False when it replaces one, None when the book is full.
        """
        row = self.rows.get(key)
        is_new = row is None
        if row is None:
            if len(self.rows) >= self._rows_max:
                return None
            row = self.rows[key] = OrderRow()
            row.order_id = order_id
            if order_id is None:
                self._has_makers = True
            if not size:
                self.empty_rows += 1
            level = self._join(key, row, side, price)
        else:
            if not size or not row.size:
                self.empty_rows += (not size) - (not row.size)
            level = row.level
            if row.price == price and row.side == side:
                level.size -= row.size
            else:
                self._leave(key, row)
                level = self._join(key, row, side, price)
        level.size += size
        level.packed = self._image = None
        row.market_maker = market_maker
        row.size = size
        row.priority = priority
        row.precision = precision
        row.heard_us = heard_us
        return is_new

    def delete(self, key: RowKey) -> OrderRow | None:
        """Remove a row and return it; None when there is none."""
        row = self.rows.pop(key, None)
        if row is None:
            return None
        if not row.size:
            self.empty_rows -= 1
        self._image = None
        self._leave(key, row)
        return row

    def confirm(self, key: RowKey, heard_us: int) -> tuple[float, int] | None:
        """Note that a row was told again as it is.

        Args:
            key: The order number, or market maker and side.
            heard_us: Now, as of `put`.

        Returns:
            Its price and size; None when there is none.
        """
        row = self.rows.get(key)
        if row is None:
            return None
        row.heard_us = heard_us
        return row.price, row.size

    def clear(self, side: str) -> int:
        """Remove all rows of a side and return how many they were."""
        book_side = self.bids if side == "B" else self.asks
        rows, count_before = self.rows, len(self.rows)
        for level in book_side.levels.values():
            for key, row in level.rows.items():
                del rows[key]
                if not row.size:
                    self.empty_rows -= 1
            # Rows point to their level: without this, only the garbage collector could free them.
            level.rows.clear()
        book_side.clear()
        self._image = None
        return count_before - len(rows)

    def expire(self, heard_before_us: int) -> list[OrderRow]:
        """Remove market makers' rows that were told last before some time, and return them.

        Orders stay, and so do price levels that the classic dialect names like market makers
        (`MD01`): the exchange deletes both when they are gone.
        """
        if not self._has_makers:
            return []
        old: dict[RowKey, OrderRow] = {}
        self._has_makers = False
        for key, row in self.rows.items():
            if isinstance(key, tuple):
                self._has_makers = True
                if row.heard_us < heard_before_us and not _LEVEL_NAME.fullmatch(key[0]):
                    old[key] = row
        for key in old:
            self.delete(key)
        return list(old.values())

    def _join(self, key: RowKey, row: OrderRow, side: str, price: float) -> PriceLevel:
        """Place a row at a level, which may be new; the caller adds its size."""
        book_side = self.bids if side == "B" else self.asks
        level = book_side.levels.get(price) or book_side.add(price)
        level.rows[key] = row
        level.count = len(level.rows)
        row.side = side
        row.price = price
        row.level = level
        return level

    def _leave(self, key: RowKey, row: OrderRow) -> None:
        """Take a row from its level, and the level from its side when it was the last."""
        level = row.level
        rows = level.rows
        del rows[key]
        if rows:
            level.size -= row.size
            level.count = len(rows)
            level.packed = None
        else:
            (self.bids if row.side == "B" else self.asks).remove(level.price)

    def _rows_at(self, side: str, level: PriceLevel) -> list[tuple[object, ...]]:
        return [
            (
                ADD,
                side,
                row.order_id,
                row.market_maker,
                row.price,
                row.size,
                row.priority,
                row.precision,
            )
            for row in _in_order(level.rows.values())
        ]


def _in_order(rows: Collection[OrderRow]) -> list[OrderRow]:
    """Sort rows of one price: by priority, then number (none last), then name (none first)."""
    try:
        return sorted(rows, key=_PLACE)
    except TypeError:
        # Some lack what others have: None can be compared with nothing.
        return sorted(rows, key=_exact_place)


def _exact_place(row: OrderRow) -> tuple[bool, int, bool, int, bool, str]:
    priority, order_id, maker = row.priority, row.order_id, row.market_maker
    return (
        *(priority is None, priority or 0),
        *(order_id is None, order_id or 0),
        *(maker is not None, maker or ""),
    )
