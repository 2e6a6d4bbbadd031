"""What the market really is, compared with what the gateway shows of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from gateway.simulator import symbol_state as column

if TYPE_CHECKING:
    from tests.support.world.world import World

LEVELS_SHOWN: Final = 10
LEVELS_ONLY: Final = frozenset({"QNG#", "@YMZ26"})
IMAGE: Final = 13
ANSWER_S: Final = 0.1


class Truth:
    """Compares last quotes and whole books; the market must be held.

    Args:
        world: Whose.
        symbols: Whose quotes are compared.
        deep: Whose books are compared.
        is_whole: Whether every change was told; otherwise only quotes were made good.
    """

    def __init__(
        self, world: "World", symbols: Sequence[str], deep: Sequence[str], *, is_whole: bool
    ) -> None:
        self._world = world
        self._symbols = symbols
        self._deep = deep
        self._is_whole = is_whole
        self._asker = world.consumer()
        self._asked = 0

    def differences(self) -> list[str]:
        """What is not as it should be; asks for whole books, which takes a moment."""
        world = self._world
        images = {}
        for symbol in self._deep:
            self._asked += 1
            private = f"~{self._asked:020d}.{_kind_of(symbol)},{symbol},"
            images[symbol] = private
            world.data.subscribe(self._asker, private)
        world.run(ANSWER_S)
        found: list[str] = []
        for symbol in self._symbols:
            self._compare_quote(symbol, found)
            if self._is_whole:
                self._compare_summary(symbol, found)
        for symbol, private in images.items():
            self._compare_book(symbol, private, found)
        return found

    def _compare_quote(self, symbol: str, found: list[str]) -> None:
        world = self._world
        body = world.checks.last.get(f"quote,{symbol},")
        state = world.source.state(symbol)
        assert state is not None
        columns = state.columns
        true = [
            _number(columns[column.BID_PRICE_COLUMN]),
            _number(columns[column.BID_SIZE]),
            _number(columns[column.ASK_PRICE_COLUMN]),
            _number(columns[column.ASK_SIZE]),
        ]
        shown = body[6:10] if body is not None else None
        if shown != true:
            found.append(f"quote,{symbol}, shows {shown}, the market is {true}")

    def _compare_summary(self, symbol: str, found: list[str]) -> None:
        world = self._world
        body = world.checks.last.get(f"summary,{symbol},")
        state = world.source.state(symbol)
        assert state is not None
        names = (
            column.LAST_PRICE, column.OPEN_COLUMN, column.HIGH_COLUMN, column.LOW_COLUMN,
            column.TOTAL_VOLUME,
        )  # fmt: skip
        true = [_number(state.columns[at]) for at in names]
        shown = [body[at] for at in (6, 9, 10, 11, 14)] if body is not None else None
        if shown != true:
            found.append(f"summary,{symbol}, shows {shown}, the market is {true}")

    def _compare_book(self, symbol: str, private: str, found: list[str]) -> None:
        world, kind = self._world, _kind_of(symbol)
        body: Any = world.checks.answers.get(private)
        rows = self._true_rows(symbol)
        if body is None or body[0] != IMAGE:
            found.append(f"{kind},{symbol}, has no image but {body}")
            return
        width = len(rows[0]) if rows else 0
        shown = [tuple(row[1 : 1 + width]) for row in body[6]]
        if _sorted(shown) != _sorted(rows):
            wrong = sorted(map(str, set(shown).symmetric_difference(rows)))
            found.append(f"{kind},{symbol}, differs from the market in {wrong}")
        book: Any = world.checks.last.get(f"book,{symbol},")
        price_at = 1 if kind == "depth" else 3
        for side, place in (("B", 6), ("A", 7)):
            top: dict[float, int] = {}
            for row in rows:
                if row[0] == side:
                    top[row[price_at]] = top.get(row[price_at], 0) + row[price_at + 1]
            true = [[price, size] for price, size in top.items()][:LEVELS_SHOWN]
            levels = [level[:2] for level in book[place]] if book is not None else None
            if levels != true:
                found.append(f"book,{symbol}, side {side} shows {levels}, market {true}")

    def _true_rows(self, symbol: str) -> list[tuple[Any, ...]]:
        """The market's own rows, in the contract's order."""
        simulator = self._world.simulator
        if _kind_of(symbol) == "depth":
            bids, asks = simulator.true_levels(symbol)
            return [
                *(("B", float(level.price), level.size) for level in bids),
                *(("A", float(level.price), level.size) for level in asks),
            ]
        makers = simulator.true_makers(symbol)
        if makers:
            return [(r.side, None, r.market_maker, float(r.price), r.size, None) for r in makers]
        return [
            (r.side, r.order_id, None, float(r.price), r.size, r.priority)
            for r in simulator.true_orders(symbol)
        ]


def _kind_of(symbol: str) -> str:
    """The kind that a symbol's book comes as."""
    return "depth" if symbol in LEVELS_ONLY else "order"


def _number(text: str) -> float | None:
    return float(text) if text else None


def _sorted(rows: list[tuple[Any, ...]]) -> list[str]:
    return sorted(map(str, rows))
