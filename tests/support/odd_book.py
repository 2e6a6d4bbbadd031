"""One symbol's book as the vendor would tell it: rows that come, change, move and go."""

import random
from typing import Any, Final

STYLES: Final = ("orders", "makers", "levels", "level_orders", "classic")
"""How a vendor may tell it: by numbers, by market makers, by levels of either layout, and in the
dialect before 6.2."""
MAKERS: Final = (
    *("NSDQ", "ARCX", "EDGX", "CHXE", "AMEX", "BATS", "MD01", "MD02", "MD1", "MD001", "XMD01"),
    *("M\xd6D1", "MDX1", "A" * 31, "A" * 32),
)
SIZES: Final = (1, 5, 100, 127, 128, 256, 70_000, 2**33, 0, 300)
ROWS_MAX: Final = 30
"""More rows than this, and the next change is a deletion."""
Row = tuple[str, int, int]
"""Side, ticks from the middle, size."""


class OddBook:
    """Rows, and the columns of the lines that tell them.

    Args:
        rng: Decides what comes next.
        symbol: Whose.
        style: One of `STYLES`.
        middle: Its first price, in ticks.
    """

    def __init__(self, rng: random.Random, symbol: str, style: str, *, middle: int) -> None:
        self._rng = rng
        self.symbol, self.style = symbol, style
        self._middle, self._number = middle, 600_000_000_000
        self.rows: dict[Any, Row] = {}

    @property
    def services(self) -> tuple[str, ...]:
        """What somebody must want for it to be heard."""
        return ("levels", "book") if self.style == "levels" else ("book", "orders")

    def next(self, moment: list[str]) -> list[str]:
        """The columns of the next change; `moment` is its time and its date."""
        rng, rows = self._rng, self.rows
        self._middle += rng.choice((0, 0, 0, 0, -1, 1))
        if rows and (len(rows) > ROWS_MAX or rng.random() < 0.3):
            key = rng.choice(list(rows))
            row = rows.pop(key)
            return self._gone(key, row, moment)
        if rows and rng.random() < 0.5:
            key = rng.choice(list(rows))
            rows[key] = self._changed(key)
            return self.told("4", key, moment)
        row = self._new_row(rng.choice("BA"))
        key = self._key(row)
        rows[key] = row
        return self.told("3" if self.style == "orders" else "4", key, moment)

    def summary(self, moment: list[str]) -> list[list[str]]:
        """The columns of all rows, as they are told on request."""
        while len(self.rows) < 5:
            row = self._new_row(self._rng.choice("BA"))
            self.rows[self._key(row)] = row
        return [self.told("6", key, moment) for key in self.rows]

    def told(self, letter: str, key: Any, moment: list[str]) -> list[str]:
        """The columns of a row: 3 added, 4 changed, 6 of a summary, or what the style has."""
        rng = self._rng
        side, ticks, size = self.rows[key]
        price, precision = self._spelled(ticks), rng.choice(("2", "2", "4", "0", ""))
        if self.style in ("orders", "makers"):
            number, maker = self._names_of(key)
            priority = rng.choice(("", "", str(self._number), "5"))
            values = [number, maker, side, price, str(size), priority, precision]
        elif self.style == "levels":
            letter = "7" if letter == "6" else "8"
            values = [side, price, str(size), rng.choice(("", "0", "1", "3")), precision]
        elif self.style == "level_orders":
            letter, values = "0", ["", "", side, price, str(size), "", precision]
        else:
            return self._classic("Z" if letter == "6" else "2", key, moment, is_gone=False)
        return [letter, self.symbol, *values, *self._time_of(moment), ""]

    def _gone(self, key: Any, row: Row, moment: list[str]) -> list[str]:
        side, ticks, _ = row
        if self.style == "classic":
            self.rows[key] = row
            columns = self._classic("2", key, moment, is_gone=True)
            del self.rows[key]
            return columns
        if self.style in ("orders", "makers"):
            return ["5", self.symbol, *self._names_of(key), side, *self._time_of(moment), ""]
        return ["9", self.symbol, side, self._spelled(ticks), *self._time_of(moment), ""]

    def _classic(self, letter: str, key: Any, moment: list[str], *, is_gone: bool) -> list[str]:
        """Both sides of one market maker in one line; a side without a row is not valid."""
        texts: dict[str, tuple[str, str, str]] = {}
        for side in "BA":
            row = self.rows.get((key[0], side))
            is_there = row is not None and not (is_gone and side == key[1])
            price, size = (self._spelled(row[1]), str(row[2])) if row is not None else ("0", "0")
            texts[side] = (price, size, "T" if is_there else "F")
        (bid, bid_size, has_bid), (ask, ask_size, has_ask) = texts["B"], texts["A"]
        time, date = self._time_of(moment)
        end = self._rng.choice("TFF")
        return [
            *(letter, self.symbol, key[0], bid, ask, bid_size, ask_size, time, date, "52", time),
            *(has_bid, has_ask, end, ""),
        ]

    def _names_of(self, key: Any) -> tuple[str, str]:
        """A row's number and market maker; an order may have one, too."""
        if self.style == "orders":
            return str(key), self._rng.choice(("", "", "", "NSDQ", "MD01"))
        return "", key[0]

    def _key(self, row: Row) -> Any:
        side, ticks, _ = row
        if self.style == "orders":
            self._number += self._rng.randrange(1, 4)
            return self._number
        if self.style in ("makers", "classic"):
            return self._rng.choice(MAKERS), side
        return side, ticks

    def _new_row(self, side: str) -> Row:
        rng = self._rng
        away = rng.randrange(1, 12) if rng.random() < 0.97 else rng.randrange(-3, 1)
        return side, self._middle + (away if side == "A" else -away), self._size()

    def _changed(self, key: Any) -> Row:
        """The commonest change is one of size; an order may move, and rarely changes sides."""
        rng = self._rng
        side, ticks, _ = self.rows[key]
        if self.style in ("levels", "level_orders"):
            return side, ticks, self._size()
        if self.style == "orders" and rng.random() < 0.02:
            side = "A" if side == "B" else "B"
        return side, ticks + rng.choice((0, 0, 0, -1, 1, 2)), self._size()

    def _size(self) -> int:
        return self._rng.choice(SIZES) if self._rng.random() < 0.99 else 2**63 - 1

    def _spelled(self, ticks: int) -> str:
        rng = self._rng
        text = f"{ticks / 4:.2f}"
        return text if rng.random() < 0.9 else rng.choice((f"{ticks / 4:.4f}", f"{ticks / 4:g}"))

    def _time_of(self, moment: list[str]) -> list[str]:
        """Times are often left out, dates never."""
        return moment if self._rng.random() < 0.9 else ["", moment[1]]
