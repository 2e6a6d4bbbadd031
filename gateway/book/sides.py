"""What every book is made of: rows, price levels, and sides that keep their prices in order."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import TypeAlias

RowKey: TypeAlias = int | tuple[str, str]
"""What a row is known by: its order number, or its market maker and side."""


SIZE_MAX = 2**63 - 1
"""Largest size on the wire: absurd rows may add up to more."""


class OrderRow:
    """One order, or one market maker's best row.

    Made empty and filled by its book: a constructor with nine arguments would cost as much as all
    the rest of adding a row.
    """

    __slots__ = (
        "heard_us", "level", "market_maker", "order_id", "precision", "price", "priority",
        "side", "size",
    )  # fmt: skip

    side: str
    """`B` or `A`."""
    order_id: int | None
    """The exchange's number; None for a market maker's row."""
    market_maker: str | None
    """Market maker or venue; None for an anonymous order."""
    price: float
    """In the quote currency; negative prices are legal."""
    size: int
    """In shares or contracts, 0 or more."""
    priority: int | None
    """Place in the queue at this price, lower is earlier; None where there are no queues."""
    precision: int | None
    """Decimals to show the price with; None when the vendor does not say."""
    heard_us: int
    """When it was told last, by the caller's clock."""
    level: "PriceLevel"
    """Where it stands, or stood before it was deleted."""


class PriceLevel:
    """One price of one side, with what stands there.

    Args:
        price: In the quote currency; negative prices are legal.
    """

    __slots__ = ("count", "packed", "precision", "price", "rows", "size")

    def __init__(self, price: float) -> None:
        self.price = price
        self.size = 0
        """Total size of the rows."""
        self.count: int | None = 0
        """Number of rows; in a book of levels the vendor's number of orders, None if unknown."""
        self.precision: int | None = None
        """Decimals to show the price with, in a book of levels; rows have their own."""
        self.rows: dict[RowKey, OrderRow] = {}
        """What makes up the level; empty in a book of levels, where a level is one row."""
        self.packed: bytes | None = None
        """The level's rows as an image shows them; None since it has changed."""


class BookSide:
    """The price levels of one side.

    Args:
        is_bid: Whether the highest price is the best.
    """

    __slots__ = ("is_bid", "levels", "prices")

    def __init__(self, *, is_bid: bool) -> None:
        self.is_bid = is_bid
        self.levels: dict[float, PriceLevel] = {}
        """By price: equal texts of the vendor give equal doubles."""
        self.prices: list[float] = []
        """Ascending: the best bid is the last, the best ask the first."""

    @property
    def best(self) -> float | None:
        """The best price; None while the side is empty."""
        if not self.prices:
            return None
        return self.prices[-1 if self.is_bid else 0]

    def top(self, count: int) -> list[tuple[float, int, int | None]]:
        """List price, size and number of orders of the best levels, best first.

        Args:
            count: Most levels to list, 0 or more.
        """
        prices = self.prices[: -count - 1 : -1] if self.is_bid else self.prices[:count]
        levels = self.levels
        return [
            (
                price,
                size if (size := (level := levels[price]).size) <= SIZE_MAX else SIZE_MAX,
                level.count,
            )
            for price in prices
        ]

    def best_first(self) -> Iterator[PriceLevel]:
        """Go through all levels, best first; the side must not change meanwhile."""
        return map(self.levels.__getitem__, reversed(self.prices) if self.is_bid else self.prices)

    def add(self, price: float) -> PriceLevel:
        """Make a level at a price that has none."""
        level = self.levels[price] = PriceLevel(price)
        insort(self.prices, price)
        return level

    def remove(self, price: float) -> None:
        """Forget the level at a price that has one."""
        del self.levels[price]
        del self.prices[bisect_left(self.prices, price)]

    def clear(self) -> None:
        """Forget all levels."""
        self.levels.clear()
        self.prices.clear()
