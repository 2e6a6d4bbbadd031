"""A matching book: limit orders in price-time priority, and what happens to them.

At equal prices the order with the lower priority number comes first. An order that grows or moves
loses its place; one that shrinks keeps it. Nothing here is random and nothing knows of lines.

Every change is appended to `changes`, which whoever tells of them empties after each market event.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, NamedTuple

ADDED, CHANGED, DELETED = 3, 4, 5
"""Kinds of change."""
SIDES: Final = (True, False)
"""Bid, then ask."""


class Change(NamedTuple):
    """What happened to one order."""

    kind: int
    """`ADDED`, `CHANGED` or `DELETED`."""
    is_bid: bool
    """Its side."""
    order_id: int
    """Its id."""
    price: int
    """Price in ticks, after the change."""
    old_price: int
    """Price in ticks before it."""
    size: int
    """Size left; before a delete."""
    priority: int
    """Lower comes first at equal prices."""
    maker: str
    """Market center id of its venue."""
    stamp: str
    """When, as lines show it."""


class Fill(NamedTuple):
    """One resting order met by an incoming one."""

    order_id: int
    """The resting order."""
    price: int
    """The resting order's price, in ticks."""
    size: int
    """How much of it."""
    maker: str
    """Market center id of its venue."""


class Order:
    """A resting limit order."""

    __slots__ = ("is_bid", "maker", "order_id", "price", "priority", "size", "stamp")

    def __init__(
        self,
        order_id: int,
        *,
        is_bid: bool,
        price: int,
        size: int,
        priority: int,
        maker: str,
        stamp: str,
    ) -> None:
        self.order_id = order_id
        self.is_bid = is_bid
        self.price = price
        self.size = size
        self.priority = priority
        self.maker = maker
        self.stamp = stamp


class Level:
    """All orders of one side at one price."""

    __slots__ = ("orders", "price", "size", "stamp")

    def __init__(self, price: int) -> None:
        self.price = price
        self.size = 0
        self.orders: dict[int, Order] = {}
        """By id, first in line first."""
        self.stamp = ""

    @property
    def first(self) -> Order:
        """The order with priority."""
        return next(iter(self.orders.values()))


class Side:
    """One side of a book."""

    __slots__ = ("is_bid", "levels", "makers", "order_count", "prices")

    def __init__(self, *, is_bid: bool) -> None:
        self.is_bid = is_bid
        self.order_count = 0
        self.prices: list[int] = []
        """Ascending on both sides."""
        self.levels: dict[int, Level] = {}
        self.makers: dict[str, dict[int, int]] = {}
        """Total size by price, for each venue that has orders."""

    def best(self) -> Level | None:
        """The level that trades first; None when the side is empty."""
        if not self.prices:
            return None
        return self.levels[self.prices[-1 if self.is_bid else 0]]

    def best_first(self, count: int | None = None) -> Iterator[Level]:
        """Levels from the best, at most `count` of them."""
        prices = self.prices
        if self.is_bid:
            chosen = prices[: -count - 1 : -1] if count is not None else prices[::-1]
        else:
            chosen = prices[:count]
        return map(self.levels.__getitem__, chosen)

    def maker_best(self, maker: str) -> tuple[int, int] | None:
        """A venue's best price and its total size there; None when it has no order."""
        sizes = self.makers.get(maker)
        if not sizes:
            return None
        price = max(sizes) if self.is_bid else min(sizes)
        return price, sizes[price]

    def is_better(self, price: int, than: int) -> bool:
        """Whether a price trades before another one."""
        return price > than if self.is_bid else price < than


class MatchingBook:
    """Both sides of one symbol's book.

    Args:
        first_priority: The first priority number it gives.
    """

    __slots__ = ("_priority", "asks", "bids", "changes", "orders")

    def __init__(self, *, first_priority: int = 1) -> None:
        self._priority = first_priority
        self.bids = Side(is_bid=True)
        self.asks = Side(is_bid=False)
        self.orders: dict[int, Order] = {}
        self.changes: list[Change] = []

    def side(self, *, is_bid: bool) -> Side:
        """One side."""
        return self.bids if is_bid else self.asks

    def clear(self) -> None:
        """Forget every order; `changes` says nothing of it."""
        self.bids = Side(is_bid=True)
        self.asks = Side(is_bid=False)
        self.orders.clear()
        self.changes.clear()

    def add(
        self, order_id: int, *, is_bid: bool, price: int, size: int, maker: str, stamp: str
    ) -> list[Fill]:
        """Enter a limit order; what can trade does, the rest rests.

        Args:
            order_id: An id that no resting order has.
            is_bid: Buy or sell.
            price: Limit in ticks.
            size: More than 0.
            maker: Market center id of its venue.
            stamp: When, as lines show it.

        Returns:
            What it met, best price and longest wait first.
        """
        if order_id in self.orders or size <= 0:
            raise ValueError(f"order {order_id} of size {size}")
        fills = self.take(is_buy=is_bid, size=size, limit=price, stamp=stamp)
        size -= sum(fill.size for fill in fills)
        if size:
            order = Order(
                order_id,
                is_bid=is_bid,
                price=price,
                size=size,
                priority=self._next_priority(),
                maker=maker,
                stamp=stamp,
            )
            self.orders[order_id] = order
            self._enter(order)
            self._note(ADDED, order, price)
        return fills

    def take(self, *, is_buy: bool, size: int, limit: int, stamp: str) -> list[Fill]:
        """Trade at once what can, and let nothing rest.

        Args:
            is_buy: Whether it meets asks.
            size: At most this much.
            limit: Not beyond this price.
            stamp: When, as lines show it.

        Returns:
            What it met, best price and longest wait first.
        """
        side = self.asks if is_buy else self.bids
        fills = []
        while size:
            level = side.best()
            if level is None or side.is_better(limit, than=level.price):
                break
            order = level.first
            part = min(size, order.size)
            size -= part
            fills.append(Fill(order.order_id, order.price, part, order.maker))
            if part == order.size:
                self.cancel(order.order_id, stamp=stamp)
            else:
                self.resize(order.order_id, order.size - part, stamp=stamp)
        return fills

    def cancel(self, order_id: int, *, stamp: str) -> None:
        """Take an order out.

        Args:
            order_id: A resting order.
            stamp: When, as lines show it.
        """
        order = self.orders.pop(order_id)
        order.stamp = stamp
        self._leave(order)
        self._note(DELETED, order, order.price)

    def resize(self, order_id: int, size: int, *, stamp: str) -> None:
        """Change an order's size; growing costs it its place.

        Args:
            order_id: A resting order.
            size: The new size, more than 0.
            stamp: When, as lines show it.
        """
        order = self.orders[order_id]
        order.stamp = stamp
        side = self.bids if order.is_bid else self.asks
        level = side.levels[order.price]
        growth = size - order.size
        order.size = size
        level.size += growth
        level.stamp = stamp
        side.makers[order.maker][order.price] += growth
        if growth > 0:
            del level.orders[order_id]
            order.priority = self._next_priority()
            level.orders[order_id] = order
        self._note(CHANGED, order, order.price)

    def replace(self, order_id: int, *, price: int, size: int, stamp: str) -> list[Fill]:
        """Move an order to another price; it may trade there, and it queues anew.

        Args:
            order_id: A resting order.
            price: The new limit.
            size: The new size, more than 0.
            stamp: When, as lines show it.

        Returns:
            What it met.
        """
        order = self.orders[order_id]
        old_price = order.price
        if price == old_price:
            self.resize(order_id, size, stamp=stamp)
            return []
        self._leave(order)
        fills = self.take(is_buy=order.is_bid, size=size, limit=price, stamp=stamp)
        rest = size - sum(fill.size for fill in fills)
        order.stamp = stamp
        if not rest:
            del self.orders[order_id]
            self._note(DELETED, order, old_price)
            return fills
        order.price, order.size, order.priority = price, rest, self._next_priority()
        self._enter(order)
        self._note(CHANGED, order, old_price)
        return fills

    def _next_priority(self) -> int:
        self._priority += 1
        return self._priority

    def _note(self, kind: int, order: Order, old_price: int) -> None:
        self.changes.append(
            Change(
                kind,
                order.is_bid,
                order.order_id,
                order.price,
                old_price,
                order.size,
                order.priority,
                order.maker,
                order.stamp,
            )
        )

    def _enter(self, order: Order) -> None:
        side = self.bids if order.is_bid else self.asks
        price = order.price
        level = side.levels.get(price)
        if level is None:
            level = side.levels[price] = Level(price)
            side.prices.insert(bisect_left(side.prices, price), price)
        level.orders[order.order_id] = order
        side.order_count += 1
        level.size += order.size
        level.stamp = order.stamp
        sizes = side.makers.setdefault(order.maker, {})
        sizes[price] = sizes.get(price, 0) + order.size

    def _leave(self, order: Order) -> None:
        side = self.bids if order.is_bid else self.asks
        price = order.price
        level = side.levels[price]
        del level.orders[order.order_id]
        side.order_count -= 1
        level.size -= order.size
        level.stamp = order.stamp
        if not level.orders:
            del side.levels[price]
            del side.prices[bisect_left(side.prices, price)]
        sizes = side.makers[order.maker]
        sizes[price] -= order.size
        if not sizes[price]:
            del sizes[price]
            if not sizes:
                del side.makers[order.maker]
