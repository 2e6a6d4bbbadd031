"""Whatever is told in whatever order, a book is what a plain list of its rows, sorted, would be."""

import math
from abc import abstractmethod
from typing import Any, ClassVar, TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from gateway.book.level_book import LevelBook
from gateway.book.order_book import OrderBook, RowKey
from gateway.wire.codec import make_pack
from tests.support.books import AnyBook, make_level_book, make_order_book, rows_of
from tests.support.pipelines import COMPILED, PYTHON, names_here

Row: TypeAlias = tuple[Any, ...]

SIDES = st.sampled_from("BA")
PRICES = st.sampled_from([-1.5, -0.25, 0.0, -0.0, 0.1 + 0.2, 0.3, 5000.25])
SIZE_MAX = 2**63 - 1
"""The largest size the wire can carry: rows that add up to more are told as this."""
SIZES = st.sampled_from([0, 1, 7, SIZE_MAX])
PRECISIONS = st.sampled_from([None, 2, 4])
BOUNDS = st.sampled_from([100, 100, 5, 1])
IDS: tuple[RowKey, ...] = (0, 1, 2, 3, 2**64 - 1)
MAKERS: tuple[RowKey, ...] = tuple(
    (maker, side) for maker in ("NSDQ", "ARCX", "MD01", "MD1") for side in "BA"
)
LEVEL_NAMES = ("MD01",)
PRIORITIES = st.sampled_from([None, 0, 1, 2, 2**64 - 1])
TIMES_US = st.integers(0, 4)
ROWS = st.tuples(
    SIDES, st.none(), st.sampled_from([None, "NSDQ"]), PRICES, SIZES, PRIORITIES, PRECISIONS
)
"""Side, number, market maker, price, size, priority, precision; the key decides the number."""


class BookMachine(RuleBasedStateMachine):
    """A book beside its rows; how they are told differs by the kind of book."""

    name: ClassVar = PYTHON
    """Whose book it is."""
    book: AnyBook

    def __init__(self) -> None:
        super().__init__()
        self.pack = make_pack()
        self.rows_max = 0
        self.is_watched = False

    @initialize(is_watched=st.booleans())
    def choose_how_often_to_look(self, *, is_watched: bool) -> None:
        """An image after every change tries what is kept; rare ones try what has piled up."""
        self.is_watched = is_watched

    @abstractmethod
    def rows(self) -> list[Row]:
        """All rows: side, price, size, what orders rows of one price, and the image's row."""

    @abstractmethod
    def order_count(self, rows: list[Row]) -> int | None:
        """What a level of these rows says of its orders."""

    def in_order(self, side: str) -> list[Row]:
        """The rows of one side, sorted from scratch."""
        rows = [row for row in self.rows() if row[0] == side]
        return sorted(rows, key=lambda row: (-row[1] if side == "B" else row[1], row[3]))

    def levels(self, side: str) -> list[tuple[float, int, int | None]]:
        """The levels of one side, added up from scratch."""
        by_price: dict[float, list[Row]] = {}
        for row in self.in_order(side):
            by_price.setdefault(row[1], []).append(row)
        return [
            (price, min(sum(row[2] for row in rows), SIZE_MAX), self.order_count(rows))
            for price, rows in by_price.items()
        ]

    @rule()
    def take_an_image(self) -> None:
        """Somebody joins: the image has every row, in order, whatever was kept of earlier ones."""
        expected = [row[4] for side in "BA" for row in self.in_order(side)]
        count, data = self.book.image(self.pack)
        assert count == len(expected)
        assert rows_of(self.book) == expected
        assert self.book.image(self.pack) == (count, data)

    @invariant()
    def images_follow_every_change(self) -> None:
        """In every other run somebody joins after each step."""
        if self.is_watched:
            self.take_an_image()

    @invariant()
    def levels_add_up(self) -> None:
        """Every level is the sum of its rows, and none is left without."""
        bids, asks = self.levels("B"), self.levels("A")
        for count in (0, 1, 2, len(bids), len(asks), 100):
            assert self.book.top(count) == (bids[:count], asks[:count])
        if self.name != PYTHON:
            return
        for side, levels in ((self.book.bids, bids), (self.book.asks, asks)):
            prices = sorted(price for price, _, _ in levels)
            assert side.prices == prices
            assert sorted(side.levels) == prices
            assert side.best == (levels[0][0] if levels else None)

    @invariant()
    def counts_are_right(self) -> None:
        """What is kept beside the rows agrees with them."""
        assert self.book.row_count == len(self.rows()) <= self.rows_max
        assert self.book.empty_rows == sum(row[2] == 0 for row in self.rows())

    @invariant()
    def crossing_is_told(self) -> None:
        """The best prices decide, and a side without any decides nothing."""
        bid = max((row[1] for row in self.rows() if row[0] == "B"), default=-math.inf)
        ask = min((row[1] for row in self.rows() if row[0] == "A"), default=math.inf)
        expected = "crossed" if bid > ask else "locked" if bid == ask else None
        assert self.book.crossing() == expected


class OrderMachine(BookMachine):
    """Orders by number, market makers, or both in one book."""

    book: OrderBook

    @initialize(rows_max=BOUNDS, keys=st.sampled_from([IDS, MAKERS, IDS + MAKERS]))
    def begin(self, rows_max: int, keys: tuple[RowKey, ...]) -> None:
        """A symbol's book is opened, and the vendor uses some kind of keys."""
        self.book = make_order_book(self.name, rows_max=rows_max)
        self.rows_max = rows_max
        self.keys = keys
        self.known: dict[RowKey, Row] = {}
        self.heard_us: dict[RowKey, int] = {}

    def rows(self) -> list[Row]:
        """All rows; None is last among priorities and numbers, and first among names."""
        return [
            (
                row[0],
                row[3],
                row[4],
                (
                    *(math.inf if place is None else place for place in (row[5], row[1])),
                    row[2] or "",
                ),
                ("add", *row),
            )
            for row in self.known.values()
        ]

    def order_count(self, rows: list[Row]) -> int:
        """A level says how many rows it has."""
        return len(rows)

    @rule(data=st.data(), row=ROWS, heard_us=TIMES_US)
    def put(self, data: st.DataObject, row: Row, heard_us: int) -> None:
        """A row is told, perhaps on another side or at another price than before."""
        key = data.draw(st.sampled_from(self.keys))
        if isinstance(key, tuple):
            row = (key[1], None, key[0], *row[3:])
        else:
            row = (row[0], key, *row[2:])
        is_known = key in self.known
        is_refused = not is_known and len(self.known) >= self.rows_max
        told = self.book.put(*(key, *row, heard_us))
        assert told is (None if is_refused else not is_known)
        if not is_refused:
            self.known[key] = row
            self.heard_us[key] = heard_us

    @rule(data=st.data(), is_any=st.booleans())
    def delete(self, data: st.DataObject, *, is_any: bool) -> None:
        """A row is gone; one that nobody knew is no matter."""
        keys = self.keys if is_any or not self.known else list(self.known)
        key = data.draw(st.sampled_from(keys))
        row = self.book.delete(key)
        known = self.known.pop(key, None)
        assert (row is None) is (known is None)
        if row is not None:
            told = (row.side, row.order_id, row.market_maker, row.price, row.size, row.priority)
            assert (*told, row.precision) == known
            assert row.heard_us == self.heard_us[key]

    @precondition(lambda self: len(self.known) > 3)
    @rule(side=SIDES)
    def clear(self, side: str) -> None:
        """One side is gone."""
        gone = [key for key, row in self.known.items() if row[0] == side]
        assert self.book.clear(side) == len(gone)
        for key in gone:
            del self.known[key]

    @rule(before_us=TIMES_US)
    def expire(self, before_us: int) -> None:
        """Market makers not heard of for long are gone, and nothing else."""
        gone = [
            key
            for key in self.known
            if isinstance(key, tuple)
            and key[0] not in LEVEL_NAMES
            and self.heard_us[key] < before_us
        ]
        expired = self.book.expire(before_us)
        # In the order in which they came.
        assert [(row.market_maker, row.side) for row in expired] == gone
        for key in gone:
            del self.known[key]

    @rule(data=st.data(), heard_us=TIMES_US)
    def confirm(self, data: st.DataObject, heard_us: int) -> None:
        """A row is told again as it is."""
        key = data.draw(st.sampled_from(self.keys))
        row = self.known.get(key)
        assert self.book.confirm(key, heard_us) == (None if row is None else (row[3], row[4]))
        if row is not None:
            self.heard_us[key] = heard_us

    @invariant()
    def keys_are_right(self) -> None:
        """A caller finds every row by its key, on the level where it stands."""
        if self.name != PYTHON:
            return
        assert set(self.book.rows) == set(self.known)
        for key, row in self.book.rows.items():
            side = self.book.bids if row.side == "B" else self.book.asks
            assert side.levels[row.price] is row.level
            assert row.level.rows[key] is row
            assert row.heard_us == self.heard_us[key]


class LevelMachine(BookMachine):
    """Price levels as the exchange adds them up."""

    book: LevelBook

    @initialize(rows_max=BOUNDS)
    def begin(self, rows_max: int) -> None:
        """A symbol's book is opened."""
        self.book = make_level_book(self.name, rows_max=rows_max)
        self.rows_max = rows_max
        self.known: dict[tuple[str, float], Row] = {}

    def rows(self) -> list[Row]:
        """All levels; each is one row."""
        return [(row[0], row[1], row[2], row[3], ("add", *row)) for row in self.known.values()]

    def order_count(self, rows: list[Row]) -> int | None:
        """A level says what the vendor said."""
        [row] = rows
        count: int | None = row[3]
        return count

    @rule(
        side=SIDES,
        price=PRICES,
        size=SIZES,
        order_count=st.sampled_from([None, 0, 3]),
        precision=PRECISIONS,
    )
    def put(
        self, side: str, price: float, size: int, order_count: int | None, precision: int | None
    ) -> None:
        """A level is told, new or not."""
        is_known = (side, price) in self.known
        is_refused = not is_known and len(self.known) >= self.rows_max
        told = self.book.put(side, price, size, order_count, precision)
        assert told is (None if is_refused else not is_known)
        if not is_refused:
            self.known[side, price] = (side, price, size, order_count, precision)

    @rule(data=st.data(), side=SIDES, price=PRICES, is_any=st.booleans())
    def delete(self, data: st.DataObject, side: str, price: float, *, is_any: bool) -> None:
        """A level is gone; one that nobody knew is no matter."""
        if self.known and not is_any:
            side, price = data.draw(st.sampled_from(list(self.known)))
        known = self.known.pop((side, price), None)
        assert self.book.delete(side, price) is (known is not None)

    @rule(side=SIDES, price=PRICES)
    def look(self, side: str, price: float) -> None:
        """Somebody asks for a level."""
        assert self.book.has(side, price) is ((side, price) in self.known)

    @precondition(lambda self: len(self.known) > 3)
    @rule(side=SIDES)
    def clear(self, side: str) -> None:
        """One side is gone."""
        gone = [key for key in self.known if key[0] == side]
        assert self.book.clear(side) == len(gone)
        for key in gone:
            del self.known[key]


class CompiledOrderMachine(OrderMachine):
    """The extension's book of orders."""

    name = COMPILED


class CompiledLevelMachine(LevelMachine):
    """The extension's book of levels."""

    name = COMPILED


is_compiled = pytest.mark.skipif(
    COMPILED not in names_here(), reason="the compiled pipeline was not built"
)
for machine in (OrderMachine, LevelMachine, CompiledOrderMachine, CompiledLevelMachine):
    machine.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
TestOrderMachine = pytest.mark.slow(OrderMachine.TestCase)
TestLevelMachine = pytest.mark.slow(LevelMachine.TestCase)
TestCompiledOrderMachine = is_compiled(pytest.mark.slow(CompiledOrderMachine.TestCase))
TestCompiledLevelMachine = is_compiled(pytest.mark.slow(CompiledLevelMachine.TestCase))
