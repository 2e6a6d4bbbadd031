"""Level 2 lines for benchmarks: seeded books that never cross, in the layouts of protocol 6.2."""

import random
from collections.abc import Callable

START, END = "ZZGO", "ZZEND"
"""Symbols of the first and of the last line: what is measured lies between."""
ROWS_PER_SYMBOL = 100
FILL_LINES = 150
"""Lines of each symbol before the start: a book that is being filled costs more than a full one."""
MAKERS = ("NSDQ", "ARCX", "BATS", "EDGX", "MEMX", "CHXE", "AMEX", "IEXG")


def symbols(count: int) -> list[str]:
    """The symbols of the benchmark, start and end excluded."""
    return [f"BN{number}" for number in range(count)]


class _Orders:
    """One symbol's orders by number."""

    def __init__(self, symbol: str, chance: random.Random) -> None:
        self._symbol = symbol
        self._chance = chance
        self._rows: list[tuple[int, str, float]] = []
        self._next = chance.randrange(1 << 40)

    def next_line(self, moment: str) -> str:
        """One more change: a new order, another size, or a deletion."""
        draw = self._chance.random() * len(self._rows)
        if draw < ROWS_PER_SYMBOL * 0.5:
            self._next += 1
            side = self._chance.choice("BA")
            ticks = self._chance.randrange(1, 60)
            price = 4500 + (ticks if side == "A" else -ticks) * 0.25
            self._rows.append((self._next, side, price))
            return self._row("3", *self._rows[-1], moment)
        place = self._chance.randrange(len(self._rows))
        number, side, price = self._rows[place]
        if draw < ROWS_PER_SYMBOL * 0.7:
            return self._row("4", number, side, price, moment)
        self._rows[place] = self._rows[-1]
        self._rows.pop()
        return f"5,{self._symbol},{number},,{side},{moment},2026-11-20,\r\n"

    def _row(self, letter: str, number: int, side: str, price: float, moment: str) -> str:
        size = self._chance.randrange(1, 40)
        return (
            f"{letter},{self._symbol},{number},,{side},{price:.2f},{size},{number},2,"
            f"{moment},2026-11-20,\r\n"
        )


class _Makers:
    """One symbol's market makers, each with its best row a side."""

    def __init__(self, symbol: str, chance: random.Random) -> None:
        self._symbol = symbol
        self._chance = chance

    def next_line(self, moment: str) -> str:
        """One market maker's new best row."""
        side = self._chance.choice("BA")
        ticks = self._chance.randrange(1, 9)
        price = 238 + (ticks if side == "A" else -ticks) * 0.01
        size = self._chance.randrange(1, 30) * 100
        return (
            f"4,{self._symbol},,{self._chance.choice(MAKERS)},{side},{price:.4f},{size},,4,"
            f"{moment},2026-11-20,\r\n"
        )


class _Levels:
    """One symbol's price levels."""

    def __init__(self, symbol: str, chance: random.Random) -> None:
        self._symbol = symbol
        self._chance = chance

    def next_line(self, moment: str) -> str:
        """One price level's new size, or its deletion."""
        side = self._chance.choice("BA")
        ticks = self._chance.randrange(1, 40)
        price = 4500 + (ticks if side == "A" else -ticks) * 0.25
        if self._chance.random() < 0.1:
            return f"9,{self._symbol},{side},{price:.2f},{moment},2026-11-20,\r\n"
        size, count = self._chance.randrange(1, 900), self._chance.randrange(1, 60)
        return f"8,{self._symbol},{side},{price:.2f},{size},{count},2,{moment},2026-11-20,\r\n"


BOOKS: dict[str, Callable[[str, random.Random], _Orders | _Makers | _Levels]] = {
    "orders": _Orders,
    "makers": _Makers,
    "levels": _Levels,
}
"""How the rows of the benchmark are known: by order number, market maker, or price."""


def updates(count: int, *, kind: str, symbol_count: int, seed: int) -> bytes:
    """Make lines of all symbols: some that fill the books, the start's, the counted, the end's.

    Args:
        count: How many lines between start and end.
        kind: A key of `BOOKS`.
        symbol_count: How many symbols share them.
        seed: The same seed makes the same bytes.
    """
    chance = random.Random(seed)
    books = [BOOKS[kind](symbol, chance) for symbol in symbols(symbol_count)]
    lines = [book.next_line("09:59:00.000000") for book in books for _ in range(FILL_LINES)]
    lines.append(_first_row(BOOKS[kind](START, chance)))
    for number in range(count):
        moment = f"10:{number // 60000 % 60:02}:{number // 1000 % 60:02}.{number % 1000:03}000"
        lines.append(chance.choice(books).next_line(moment))
    lines.append(_first_row(BOOKS[kind](END, chance)))
    return "".join(lines).encode()


def _first_row(book: _Orders | _Makers | _Levels) -> str:
    """A line that is published in any case: the deletion of a row that is not there is not."""
    line = book.next_line("10:00:00.000000")
    return line if line[0] != "9" else _first_row(book)
