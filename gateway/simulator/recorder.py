"""Keeps what was sent, so that a test can compare it with what came out at the other end."""

from typing import NamedTuple

from gateway.clock import Clock
from gateway.simulator import symbol_state as column
from gateway.simulator.counts import Counts
from gateway.simulator.symbol_state import SymbolState


class ExpectedTrade(NamedTuple):
    """One trade as it was sent, in the vendor's spelling."""

    symbol: str
    """The vendor's symbol."""
    price: str
    """Price text."""
    size: int
    """Shares or contracts; official prices have 0."""
    conditions: str
    """Two hex digits a condition."""
    market_center: str
    """Listed market id."""
    tick_id: str
    """Counts from 1 for each day and market center."""
    basis: str
    """C, E or O."""
    time: str
    """`HH:MM:SS.ffffff`, Eastern."""
    date: str
    """`MM/DD/YYYY`, Eastern."""
    total_volume: int
    """Day volume with this trade."""
    aggressor: str
    """0 unknown, 1 buyer, 2 seller."""
    bid: str
    """Bid shown with the trade; empty when there is none."""
    ask: str
    """Ask shown with the trade; empty when there is none."""
    sent_ns: int
    """When: the simulator's monotonic clock."""


class TradeRecorder:
    """A bounded list of the trades sent, oldest first.

    Args:
        counts: Where a full record is counted.
        clock: Stamps the trades.
        trades_max: Trades kept; later ones are only counted.
    """

    def __init__(self, counts: Counts, clock: Clock, *, trades_max: int) -> None:
        self._counts = counts
        self._clock = clock
        self._trades_max = trades_max
        self.trades: list[ExpectedTrade] = []

    def record(self, state: SymbolState) -> None:
        """Keep the trade that a symbol's columns show."""
        if len(self.trades) >= self._trades_max:
            self._counts.expected_trades_dropped += 1
            return
        columns = state.columns
        self.trades.append(
            ExpectedTrade(
                symbol=state.symbol,
                price=columns[column.TRADE_PRICE],
                size=int(columns[column.TRADE_SIZE]),
                conditions=columns[column.TRADE_CONDITIONS],
                market_center=columns[column.TRADE_CENTER],
                tick_id=columns[column.TICK_ID],
                basis=state.last_basis,
                time=columns[column.TRADE_TIME],
                date=columns[column.TRADE_DATE],
                total_volume=int(columns[column.TOTAL_VOLUME]),
                aggressor=columns[column.TRADE_AGGRESSOR],
                bid=columns[column.BID_PRICE_COLUMN],
                ask=columns[column.ASK_PRICE_COLUMN],
                sent_ns=self._clock.monotonic_ns(),
            )
        )
