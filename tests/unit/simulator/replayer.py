"""Rebuilds books from Level 2 lines and nothing else.

No code of the simulator and none of the gateway: a dictionary for each kind of row, keyed as the
vendor's documents say. What it holds must be what the simulator's book holds.
"""

from decimal import Decimal

Row = tuple[str, int]
"""Price text and size."""


class Replayer:
    """The books of every symbol on one socket."""

    def __init__(self) -> None:
        self.orders: dict[tuple[str, str], dict[int, tuple[str, str, int, int]]] = {}
        """By symbol and side: id -> side, price, size, priority."""
        self.makers: dict[tuple[str, str], dict[str, Row]] = {}
        """By symbol and side: venue -> price, size."""
        self.levels: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
        """By symbol and side: price -> size, orders; 0 orders where none are told."""
        self.classic: dict[str, dict[str, tuple[Row | None, Row | None]]] = {}
        """By symbol: key -> bid, ask."""
        self.is_group_open = False
        self.counts: dict[str, int] = {}
        """Lines by type."""

    def hear(self, line: str) -> None:
        """Apply one line."""
        fields = line.split(",")
        kind = fields[0]
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if kind in "036" or kind == "4":
            self._hear_order(fields)
        elif kind == "5":
            self._hear_delete(fields)
        elif kind in "78":
            _, symbol, side, price, size, count, precision, time, date, end = fields
            assert (len(price.partition(".")[2]), end) == (int(precision), ""), line
            assert len(time) == 15
            assert len(date) == 10
            self.levels.setdefault((symbol, side), {})[price] = (int(size), int(count))
        elif kind == "9":
            _, symbol, side, price, _, _, end = fields
            assert end == "", line
            del self.levels[symbol, side][price]
        elif kind in "Z2":
            self._hear_classic(fields)
        elif line.startswith("S,CLEAR DEPTH,"):
            _, _, symbol, side, end = fields
            assert end == ""
            for kept in (self.orders, self.makers, self.levels):
                kept.pop((symbol, side), None)
            self.classic.pop(symbol, None)

    def _hear_order(self, fields: list[str]) -> None:
        kind, symbol, order_id, maker, side, price, size, priority, precision, _, _, end = fields
        assert side in "AB"
        assert end == ""
        assert len(price.partition(".")[2]) == int(precision)
        assert int(size) > 0
        if kind == "0":
            assert (order_id, maker, priority) == ("", "", "")
            self.levels.setdefault((symbol, side), {})[price] = (int(size), 0)
        elif order_id:
            assert maker == ""
            rows = self.orders.setdefault((symbol, side), {})
            assert (int(order_id) in rows) <= (kind != "3"), fields
            rows[int(order_id)] = (side, price, int(size), int(priority))
        else:
            assert kind != "3", "equities have no add"
            assert (len(maker), priority) == (4, "")
            self.makers.setdefault((symbol, side), {})[maker] = (price, int(size))

    def _hear_delete(self, fields: list[str]) -> None:
        _, symbol, order_id, maker, side, time, date, end = fields
        assert len(time) in (0, 15)
        assert (len(date), end) == (10, "")
        if order_id:
            assert maker == ""
            del self.orders[symbol, side][int(order_id)]
        else:
            del self.makers[symbol, side][maker]

    def _hear_classic(self, fields: list[str]) -> None:
        (_, symbol, key, bid, ask, bid_size, ask_size, bid_time, date, condition, ask_time,
         is_bid, is_ask, is_last, end) = fields  # fmt: skip
        assert (condition, end, len(date)) == ("52", "", 10)
        assert len(bid_time) == len(ask_time) == 15
        assert is_last in "TF"
        self.is_group_open = is_last == "F"
        one = (bid, int(bid_size)) if is_bid == "T" else None
        two = (ask, int(ask_size)) if is_ask == "T" else None
        rows = self.classic.setdefault(symbol, {})
        rows[key] = (one, two)
        if one is None and two is None:
            del rows[key]

    def orders_of(self, symbol: str) -> list[tuple[str, int, str, int, int]]:
        """Side, id, price, size, priority: bids first, best first, then by priority."""
        rows = [
            (side, order_id, price, size, priority)
            for letter in "BA"
            for order_id, (side, price, size, priority) in self.orders.get(
                (symbol, letter), {}
            ).items()
        ]
        return sorted(rows, key=lambda row: (*place(row[0], row[2]), row[4]))

    def makers_of(self, symbol: str) -> list[tuple[str, str, str, int]]:
        """Side, venue, price, size: bids first, best first, then by venue."""
        rows = [
            (side, maker, price, size)
            for side in "BA"
            for maker, (price, size) in self.makers.get((symbol, side), {}).items()
        ]
        return sorted(rows, key=lambda row: (*place(row[0], row[2]), row[1]))

    def levels_of(self, symbol: str, side: str) -> list[tuple[str, int, int]]:
        """Price, size, orders: best first."""
        rows = self.levels.get((symbol, side), {})
        return [(price, *rows[price]) for price in sorted(rows, key=lambda one: place(side, one))]

    def classic_of(self, symbol: str) -> dict[str, tuple[Row | None, Row | None]]:
        """Key -> bid, ask, the closing point of a price left out."""
        return self.classic.get(symbol, {})


def place(side: str, price: str) -> tuple[int, Decimal]:
    """Where a price stands: bids before asks, best first."""
    return (0, -Decimal(price)) if side == "B" else (1, Decimal(price))
