"""A book of price levels, as the exchange adds them up."""

from gateway.book.book import ADD, Book
from gateway.book.sides import PriceLevel


class LevelBook(Book):
    """Price levels by side and price.

    Args:
        rows_max: Levels kept, both sides together; new ones beyond are refused.
    """

    __slots__ = ()

    @property
    def row_count(self) -> int:
        """Levels at present."""
        return len(self.bids.prices) + len(self.asks.prices)

    def has(self, side: str, price: float) -> bool:
        """Whether there is a level."""
        return price in (self.bids if side == "B" else self.asks).levels

    def put(
        self, side: str, price: float, size: int, order_count: int | None, precision: int | None
    ) -> bool | None:
        """Add or replace a level.

        Args:
            side: `B` or `A`.
            price: In the quote currency, finite.
            size: Total size, 0 or more.
            order_count: Orders at the level; None when the vendor does not count them.
            precision: Decimals to show the price with.

        Returns:
            True when it is new, False when it replaces one, None when the book is full.
        """
        book_side = self.bids if side == "B" else self.asks
        level = book_side.levels.get(price)
        if level is None:
            if len(self.bids.prices) + len(self.asks.prices) >= self._rows_max:
                return None
            level = book_side.add(price)
            is_new = True
            if not size:
                self.empty_rows += 1
        else:
            is_new = False
            if not size or not level.size:
                self.empty_rows += (not size) - (not level.size)
        level.size = size
        level.count = order_count
        level.precision = precision
        level.packed = self._image = None
        return is_new

    def delete(self, side: str, price: float) -> bool:
        """Remove a level.

        Returns:
            Whether there was one.
        """
        book_side = self.bids if side == "B" else self.asks
        level = book_side.levels.get(price)
        if level is None:
            return False
        if not level.size:
            self.empty_rows -= 1
        book_side.remove(price)
        self._image = None
        return True

    def clear(self, side: str) -> int:
        """Remove all levels of a side and return how many they were."""
        book_side = self.bids if side == "B" else self.asks
        count = len(book_side.prices)
        self.empty_rows -= sum(not level.size for level in book_side.levels.values())
        book_side.clear()
        self._image = None
        return count

    def _rows_at(self, side: str, level: PriceLevel) -> list[tuple[object, ...]]:
        return [(ADD, side, level.price, level.size, level.count, level.precision)]
