"""Runs a seeded market for a day and a half and keeps every event, for the tests of its rules."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from gateway.simulator import symbol_state as column
from gateway.simulator.changes import TRADE
from gateway.simulator.eastern import SECOND_US, eastern_us
from gateway.simulator.fields import INDEX, MESSAGE_CONTENTS
from gateway.simulator.market import Market

SYMBOLS = (
    "AAPL", "MSFT", "TSLA", "SPY", "NIO", "BRK.A", "F", "@ES#", "QCL#", "EURUSD.FXCM", "VIX.XO",
    "TST$Y", "ZYRX",
)  # fmt: skip
START = datetime(2026, 9, 16, 3, 59, 58)  # noqa: DTZ001 - Eastern wall clock.
SECONDS = 30 * 3600
BUSY = (9 * 3600 + 1800, 16 * 3600 + 5)


class Row(NamedTuple):
    """What one event left in a symbol's columns."""

    symbol: str
    contents: str
    is_trade: bool
    price: str
    size: int
    time: str
    date: str
    center: str
    conditions: str
    tick_id: int
    volume: int
    trade_count: int
    aggressor: str
    day_code: str
    bid: str
    bid_size: str
    ask: str
    ask_size: str
    open: str
    high: str
    low: str
    last: str
    close: str
    vwap: str
    second: int


@dataclass(frozen=True)
class Run:
    """One market's events."""

    seed: int
    market: Market
    rows: list[Row]

    @property
    def trades(self) -> list[Row]:
        """Only the trades."""
        return [row for row in self.rows if row.is_trade]

    def trades_of(self, symbol: str) -> list[Row]:
        """One symbol's trades."""
        return [row for row in self.rows if row.is_trade and row.symbol == symbol]


def run_market(seed: int, *, per_second: int = 1, busy_per_second: int = 3) -> Run:
    """Let a market run from before the first session until the next morning."""
    start_us = eastern_us(START)
    market = Market(seed=seed, equity_count=60, trade_share=0.5, now_us=start_us)
    for symbol in SYMBOLS:
        market.watch(symbol)
    rows: list[Row] = []
    first = start_us // SECOND_US
    for second in range(first, first + SECONDS):
        for state, flags in market.reach(second):
            rows.append(_row(state.columns, state, flags, second))
        of_day = second % 86_400
        count = busy_per_second if BUSY[0] <= of_day < BUSY[1] else per_second
        start = second * SECOND_US
        for state, flags in market.events(count, start, start + SECOND_US):
            rows.append(_row(state.columns, state, flags, second))
    return Run(seed, market, rows)


def _row(columns: list[str], state: column.SymbolState, flags: int, second: int) -> Row:
    state.stale |= flags
    state.render_derived()
    return Row(
        symbol=columns[column.SYMBOL],
        contents=columns[MESSAGE_CONTENTS],
        is_trade=bool(flags & TRADE),
        price=columns[column.TRADE_PRICE],
        size=int(columns[column.TRADE_SIZE]),
        time=columns[column.TRADE_TIME],
        date=columns[column.TRADE_DATE],
        center=columns[column.TRADE_CENTER],
        conditions=columns[column.TRADE_CONDITIONS],
        tick_id=int(columns[column.TICK_ID]),
        volume=int(columns[column.TOTAL_VOLUME]),
        trade_count=int(columns[column.TRADE_COUNT]),
        aggressor=columns[column.TRADE_AGGRESSOR],
        day_code=columns[column.TRADE_DAY_CODE],
        bid=columns[column.BID_PRICE_COLUMN],
        bid_size=columns[column.BID_SIZE],
        ask=columns[column.ASK_PRICE_COLUMN],
        ask_size=columns[column.ASK_SIZE],
        open=columns[column.OPEN_COLUMN],
        high=columns[column.HIGH_COLUMN],
        low=columns[column.LOW_COLUMN],
        last=columns[column.LAST_PRICE],
        close=columns[column.CLOSE_COLUMN],
        vwap=columns[INDEX["VWAP"]],
        second=second,
    )
