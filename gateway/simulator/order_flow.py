"""Draws the orders that fill a symbol's book and keep it alive.

Level 1's rules decide where the best prices are; this decides which orders stand there and behind
them. Its draws come from a generator of its own.
"""

import random
from collections.abc import Sequence
from typing import Final

from gateway.simulator.matching import SIDES, Level, MatchingBook

ID_STEP_MAX: Final = 8
TOP_ORDERS_MAX: Final = 12
"""Beyond these an order at the best price leaves before another comes."""
REFILLS_AT_ONCE: Final = 2
"""Orders that one event adds to a side that has too few."""
SURPLUS: Final = 1.25
"""A side with this many times its target loses an order with each event."""
DRAWS_MAX: Final = 8


class OrderFlow:
    """Orders for one book.

    Args:
        book: The book they enter.
        rng: Decides about them.
        makers: Market center ids to draw venues from.
        sizes: Order sizes to draw from.
        orders_per_side: Orders a side keeps, about.
        is_quoted_by_venue: Whether lines show one row for each venue.
    """

    def __init__(
        self,
        book: MatchingBook,
        rng: random.Random,
        *,
        makers: Sequence[str],
        sizes: Sequence[int],
        orders_per_side: int,
        is_quoted_by_venue: bool,
    ) -> None:
        self._book = book
        self._rng = rng
        self._makers = makers
        self._sizes = sizes
        self._target = orders_per_side
        self._spread = max(orders_per_side // 8, 12)
        self._is_quoted_by_venue = is_quoted_by_venue
        # Real ids do not fit into 53 bits everywhere; a quarter of the books needs all 64.
        first = rng.getrandbits(40) + (1 << 39)
        self._next_id = first + (1 << 63 if rng.random() < 0.25 else 0)

    def _id(self) -> int:
        self._next_id += 1 + int(self._rng.random() * ID_STEP_MAX)
        return self._next_id

    def _draw(self, choices: Sequence[str]) -> str:
        return choices[int(self._rng.random() * len(choices))]

    def size(self) -> int:
        """Some order size."""
        return self._sizes[int(self._rng.random() * len(self._sizes))]

    def fill(
        self, prices: tuple[int, int], tops: tuple[tuple[int, str], tuple[int, str]], stamp: str
    ) -> None:
        """Fill an empty book around a quote that is already shown.

        Args:
            prices: Best bid and ask, in ticks.
            tops: Total size and first venue at the best bid and ask.
            stamp: When, as lines show it.
        """
        for is_bid, price, (size, maker) in zip(SIDES, prices, tops, strict=True):
            left = size
            while left:
                part = min(left, self.size())
                self._add(price, part, maker, stamp, is_bid=is_bid)
                maker = self._draw(self._makers)  # noqa: PLW2901 - Only the first is shown.
                left -= part
            side = self._book.side(is_bid=is_bid)
            for _ in range(self._target - side.order_count):
                self.add_deep(stamp, is_bid=is_bid)

    def _add(self, price: int, size: int, maker: str, stamp: str, *, is_bid: bool) -> None:
        self._book.add(self._id(), is_bid=is_bid, price=price, size=size, maker=maker, stamp=stamp)

    def add_at(self, price: int, stamp: str, *, is_bid: bool) -> None:
        """Let an order arrive at a price; it must not cross."""
        self._add(price, self.size(), self._draw(self._makers), stamp, is_bid=is_bid)

    def add_deep(self, stamp: str, *, is_bid: bool) -> None:
        """Let an order arrive behind the best price, more often near it than far."""
        best = self._book.side(is_bid=is_bid).best()
        if best is None:
            return
        draw = self._rng.random()
        distance = 1 + int(self._spread * draw * draw)
        price = max(best.price - distance, 1) if is_bid else best.price + distance
        if price != best.price:
            self.add_at(price, stamp, is_bid=is_bid)

    def set_best(self, price: int, stamp: str, *, is_bid: bool) -> None:
        """Make a price the best: better orders leave, and somebody stands there.

        Args:
            price: In ticks; the other side's best must be beyond it.
            stamp: When, as lines show it.
            is_bid: Which side.
        """
        side = self._book.side(is_bid=is_bid)
        while (best := side.best()) is not None and side.is_better(best.price, than=price):
            for order_id in list(best.orders):
                self._book.cancel(order_id, stamp=stamp)
        if price not in side.levels:
            self.add_at(price, stamp, is_bid=is_bid)

    def touch_best(self, stamp: str, *, is_bid: bool) -> None:
        """Change the size shown at the best price."""
        book = self._book
        level = book.side(is_bid=is_bid).best()
        if level is None:
            return
        draw = self._rng.random()
        count = len(level.orders)
        if count > TOP_ORDERS_MAX or (draw < 0.4 and count > 1):
            book.cancel(self._pick(level), stamp=stamp)
        elif draw < 0.7:
            self.add_at(level.price, stamp, is_bid=is_bid)
        else:
            self._resize(self._pick(level), stamp)

    def _pick(self, level: Level) -> int:
        """The first or the last order of a level."""
        orders = level.orders
        return next(iter(orders)) if self._rng.random() < 0.5 else next(reversed(orders))

    def _resize(self, order_id: int, stamp: str) -> None:
        """Give an order another size."""
        size, old = self.size(), self._book.orders[order_id].size
        self._book.resize(order_id, size if size != old else old + self._sizes[0], stamp=stamp)

    def tend(self, stamp: str) -> None:
        """Bring both sides nearer to the number of orders they should have."""
        for is_bid in SIDES:
            side = self._book.side(is_bid=is_bid)
            count = side.order_count
            if count < self._target:
                for _ in range(min(self._target - count, REFILLS_AT_ONCE)):
                    self.add_deep(stamp, is_bid=is_bid)
            elif count > self._target * SURPLUS + 4:
                worst = side.levels[side.prices[0 if is_bid else -1]]
                if worst is not side.best():
                    self._book.cancel(next(reversed(worst.orders)), stamp=stamp)

    def deep_event(self, stamp: str) -> None:
        """Let something happen that Level 1 does not show."""
        draw = self._rng.random()
        is_bid = draw < 0.5
        if self._is_quoted_by_venue and self._move_venue(stamp, is_bid=is_bid):
            return
        kind = draw * 2.0 % 1.0
        side = self._book.side(is_bid=is_bid)
        behind = len(side.prices) - 1
        count = side.order_count
        if behind < 1 or (kind < 0.34 and count <= self._target * SURPLUS):
            self.add_deep(stamp, is_bid=is_bid)
            return
        place = int(self._rng.random() * behind)
        level = side.levels[side.prices[place if is_bid else place + 1]]
        if kind < 0.67 or count > self._target * SURPLUS:
            self._book.cancel(self._pick(level), stamp=stamp)
        else:
            self._resize(self._pick(level), stamp)

    def _move_venue(self, stamp: str, *, is_bid: bool) -> bool:
        """Change the row of a venue that is not at the best price; whether one was found."""
        side = self._book.side(is_bid=is_bid)
        best = side.best()
        for _ in range(DRAWS_MAX):
            maker = self._draw(self._makers)
            row = side.maker_best(maker)
            if row is None or best is None or row[0] == best.price:
                continue
            price = row[0]
            kind = self._rng.random()
            better = price + 1 if is_bid else price - 1
            if kind < 0.3 and side.is_better(best.price, than=better):
                self._add(better, self.size(), maker, stamp, is_bid=is_bid)
                return True
            orders = side.levels[price].orders.values()
            order_id = next(order.order_id for order in orders if order.maker == maker)
            if kind < 0.65:
                self._book.cancel(order_id, stamp=stamp)
            else:
                self._resize(order_id, stamp)
            return True
        return False
