"""What books of orders and books of levels have in common: two sides, and images of them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from gateway.book.sides import BookSide, PriceLevel

ADD = "add"
"""The action of every row of an image."""


class Book(ABC):
    """Two sides of one symbol.

    A book takes what it is told: crossed prices and sizes of 0 are kept, and the caller says so.

    Args:
        rows_max: Rows kept; new ones beyond are refused.
    """

    __slots__ = ("_image", "_rows_max", "asks", "bids", "empty_rows")

    def __init__(self, *, rows_max: int) -> None:
        self.bids = BookSide(is_bid=True)
        self.asks = BookSide(is_bid=False)
        self.empty_rows = 0
        """Rows with size 0 at present."""
        self._rows_max = rows_max
        self._image: bytes | None = None
        """All rows packed; None since the book has changed."""

    @property
    @abstractmethod
    def row_count(self) -> int:
        """Rows at present."""

    @abstractmethod
    def clear(self, side: str) -> int:
        """Remove all rows of a side and return how many they were."""

    @abstractmethod
    def _rows_at(self, side: str, level: PriceLevel) -> Sequence[tuple[object, ...]]:
        """List the rows of one level in their order, as an image shows them."""

    def crossing(self) -> str | None:
        """Say `crossed` when the best bid is above the best ask, `locked` when they are equal."""
        bid_prices, ask_prices = self.bids.prices, self.asks.prices
        if not bid_prices or not ask_prices or bid_prices[-1] < ask_prices[0]:
            return None
        return "crossed" if bid_prices[-1] > ask_prices[0] else "locked"

    def top(
        self, count: int
    ) -> tuple[list[tuple[float, int, int | None]], list[tuple[float, int, int | None]]]:
        """List price, size and number of orders of the best levels, best first.

        Args:
            count: Most levels to list of a side, 0 or more.

        Returns:
            Bids and asks.
        """
        return self.bids.top(count), self.asks.top(count)

    def image(self, pack: Callable[[object], bytes]) -> tuple[int, bytes]:
        """Encode the whole book; levels that have not changed since the last time cost nothing.

        Args:
            pack: Encodes one row; the same function every time, its results are kept.

        Returns:
            Number of rows, and their encodings one after the other: bids best first, then asks.
        """
        image = self._image
        if image is None:
            parts = []
            for side, levels in (("B", self.bids.best_first()), ("A", self.asks.best_first())):
                for level in levels:
                    packed = level.packed
                    if packed is None:
                        packed = level.packed = b"".join(map(pack, self._rows_at(side, level)))
                    parts.append(packed)
            image = self._image = b"".join(parts)
        return self.row_count, image
