"""The rows of one book, added up to price levels that are always in order. No I/O."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Final

from gateway_client.messages import DepthRow, OrderRow, PriceLevel

Row = DepthRow | OrderRow
"""A row as an Image holds it."""
RowKey = int | tuple[str, float | None] | tuple[str | None, str]
"""What a row is known by: (side, price), the order number, or (market maker, side)."""


class _Level:
    """One price of one side, with the rows that stand there."""

    __slots__ = ("rows", "size")

    def __init__(self) -> None:
        self.rows: dict[RowKey, Row] = {}
        self.size = 0


class _Side:
    """One side: its levels by price, and its prices in ascending order."""

    __slots__ = ("is_bid", "levels", "prices")

    def __init__(self, *, is_bid: bool) -> None:
        self.is_bid: Final = is_bid
        self.levels: dict[float, _Level] = {}
        self.prices: list[float] = []

    def add(self, key: RowKey, row: Row, price: float) -> None:
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = _Level()
            insort(self.prices, price)
        level.rows[key] = row
        level.size += row.size or 0

    def remove(self, key: RowKey, price: float) -> None:
        level = self.levels[price]
        level.size -= level.rows.pop(key).size or 0
        if not level.rows:
            del self.levels[price]
            del self.prices[bisect_left(self.prices, price)]

    def best_first(self) -> Iterator[float]:
        return reversed(self.prices) if self.is_bid else iter(self.prices)

    def best(self) -> PriceLevel | None:
        for price in self.best_first():
            return self.sum(price)
        return None

    def sum(self, price: float) -> PriceLevel:
        level = self.levels[price]
        row = next(iter(level.rows.values()))
        count = row.order_count if isinstance(row, DepthRow) else len(level.rows)
        return PriceLevel(price, level.size, count)


class BookRows:
    """Both sides of one book.

    Args:
        rows_max: Rows kept, both sides together.
    """

    def __init__(self, *, rows_max: int) -> None:
        self._rows_max = rows_max
        self._rows: dict[RowKey, Row] = {}
        self._sides = {"B": _Side(is_bid=True), "A": _Side(is_bid=False)}

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, row: Row, price: float) -> bool:
        """Add a row, or replace the one with its key, on whichever side that stands.

        Args:
            row: With side `B` or `A` and action add.
            price: The row's own.

        Returns:
            False when it is new and there is no place for it.
        """
        key = key_of(row)
        if not self.remove(key) and len(self._rows) >= self._rows_max:
            return False
        self._rows[key] = row
        self._sides[row.side].add(key, row, price)
        return True

    def remove(self, key: RowKey) -> bool:
        """Remove a row; returns whether there was one."""
        row = self._rows.pop(key, None)
        if row is None or row.price is None:
            return False
        self._sides[row.side].remove(key, row.price)
        return True

    def clear_side(self, side: str) -> bool:
        """Remove all rows of a side; returns whether there were any."""
        old = self._sides[side]
        for level in old.levels.values():
            for key in level.rows:
                del self._rows[key]
        self._sides[side] = _Side(is_bid=old.is_bid)
        return bool(old.prices)

    def clear(self) -> None:
        """Remove everything."""
        for side in self._sides:
            self.clear_side(side)

    def best(self, side: str) -> PriceLevel | None:
        """Add up the best price of a side; None when it is empty."""
        return self._sides[side].best()

    def levels(self, side: str) -> tuple[PriceLevel, ...]:
        """Add up every price of a side, best first."""
        chosen = self._sides[side]
        return tuple(map(chosen.sum, chosen.best_first()))

    def in_order(self, side: str) -> Iterator[Row]:
        """Go through the rows of a side as an Image lists them."""
        chosen = self._sides[side]
        for price in chosen.best_first():
            yield from sorted(chosen.levels[price].rows.values(), key=_place_of)


def key_of(row: Row) -> RowKey:
    """Tell what a row is known by."""
    if isinstance(row, DepthRow):
        return (row.side, row.price)
    return row.order_id if row.order_id is not None else (row.market_maker, row.side)


def _place_of(row: Row) -> tuple[bool, int, bool, int, bool, str]:
    """Order rows of one price: by priority, then number (none last), then name (none first)."""
    if isinstance(row, DepthRow):
        return (False, 0, False, 0, False, "")
    return (
        row.priority is None,
        row.priority or 0,
        row.order_id is None,
        row.order_id or 0,
        row.market_maker is not None,
        row.market_maker or "",
    )
