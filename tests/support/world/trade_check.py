"""Checks that every print that reached the gateway is published once, in order, and none else."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from gateway.simulator.recorder import ExpectedTrade
from tests.support.world.data_socket import Received

ENDLESS_NS: Final = 1 << 62


class Print(NamedTuple):
    """What tells one print from another."""

    price: float
    size: int
    trade_id: int
    market_center: int
    conditions: str
    basis: str
    total_volume: int


class Window(NamedTuple):
    """A time in which prints of some symbols may have been lost on their way."""

    shard: int | None
    """Of which Level 1 connection; None for all."""
    from_ns: int
    to_ns: int
    is_disordered: bool = False
    """Whether prints may also have come twice or in another order."""


class TradeCheck:
    """Compares what was sent to the gateway with what it published.

    Args:
        fail: Takes what is wrong, in words.
        shard_of: The Level 1 connection of a symbol.
    """

    def __init__(self, fail: Callable[[str], None], shard_of: Callable[[str], int]) -> None:
        self._fail = fail
        self._shard_of = shard_of
        self.symbols: Final[set[str]] = set()
        """Symbols that are wanted all the time; only these can be compared."""
        self.windows: Final[list[Window]] = []
        self._published: dict[str, list[Print]] = defaultdict(list)
        self.compared = 0
        """Prints found published."""
        self.excused = 0
        """Prints not published that were lost on their way."""

    def sent(self, message: Received) -> None:
        """A trade left the gateway."""
        topic, body = message
        price, size, trade_id, center, conditions, basis, _, total = body[6:14]
        self._published[topic[6:-1]].append(
            Print(price, size or 0, trade_id, center, conditions, basis, total)
        )

    def finish(self, expected: Iterable[ExpectedTrade]) -> None:
        """Compare all of it; call once, when everything has arrived."""
        by_symbol: dict[str, list[tuple[Print, int]]] = defaultdict(list)
        for trade in expected:
            if trade.symbol in self.symbols:
                by_symbol[trade.symbol].append((_print_of(trade), trade.sent_ns))
        for symbol in sorted(self.symbols):
            self._compare(symbol, by_symbol[symbol], self._published[symbol])

    def _compare(
        self, symbol: str, expected: list[tuple[Print, int]], published: list[Print]
    ) -> None:
        shard = self._shard_of(symbol)
        windows = [w for w in self.windows if w.shard is None or w.shard == shard]
        disordered = {
            trade
            for trade, sent_ns in expected
            if any(w.is_disordered and w.from_ns <= sent_ns <= w.to_ns for w in windows)
        }
        place = 0
        for trade in published:
            found = place
            while found < len(expected) and expected[found][0] != trade:
                found += 1
            if found == len(expected):
                if trade not in disordered:
                    self._fail(f"{symbol} {trade} was published and not sent, or twice, or late")
                continue
            self._excuse(symbol, expected[place:found], windows)
            self.compared += 1
            place = found + 1
        self._excuse(symbol, expected[place:], windows)

    def _excuse(self, symbol: str, missing: list[tuple[Print, int]], windows: list[Window]) -> None:
        for trade, sent_ns in missing:
            if any(w.from_ns <= sent_ns <= w.to_ns for w in windows):
                self.excused += 1
            else:
                self._fail(f"{symbol} {trade} sent at {sent_ns} was never published")


def _print_of(trade: ExpectedTrade) -> Print:
    return Print(
        float(trade.price),
        trade.size,
        int(trade.tick_id),
        int(trade.market_center),
        trade.conditions,
        trade.basis,
        trade.total_volume,
    )
