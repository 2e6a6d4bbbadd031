"""The rendered columns of one symbol, and what a trade or quote does to them."""

from collections.abc import Callable
from typing import Final

from gateway.simulator.changes import (
    ASK,
    ASK_PRICE,
    BASIS_FLAGS,
    BID,
    BID_PRICE,
    CLOSE,
    CONTENTS,
    EXTENDED,
    HIGH,
    LOW,
    OPEN,
    QUALIFIED,
    SETTLE,
    TRADE,
    VOLUME,
)
from gateway.simulator.fields import INDEX, MESSAGE_CONTENTS, NAMES
from gateway.simulator.watching import Watch

SYMBOL: Final = INDEX["Symbol"]
TRADE_PRICE: Final = INDEX["Most Recent Trade"]
TRADE_SIZE: Final = INDEX["Most Recent Trade Size"]
TRADE_TIME: Final = INDEX["Most Recent Trade Time"]
TRADE_DATE: Final = INDEX["Most Recent Trade Date"]
TRADE_CENTER: Final = INDEX["Most Recent Trade Market Center"]
TRADE_CONDITIONS: Final = INDEX["Most Recent Trade Conditions"]
TRADE_AGGRESSOR: Final = INDEX["Most Recent Trade Aggressor"]
TRADE_DAY_CODE: Final = INDEX["Most Recent Trade Day Code"]
TICK_ID: Final = INDEX["TickID"]
TICK: Final = INDEX["Tick"]
TRADE_COUNT: Final = INDEX["Number of Trades Today"]
TOTAL_VOLUME: Final = INDEX["Total Volume"]
LAST_PRICE: Final = INDEX["Last"]
LAST_SIZE: Final = INDEX["Last Size"]
LAST_TIME: Final = INDEX["Last Time"]
LAST_DATE: Final = INDEX["Last Date"]
LAST_CENTER: Final = INDEX["Last Market Center"]
EXTENDED_PRICE: Final = INDEX["Extended Trade"]
EXTENDED_SIZE: Final = INDEX["Extended Trade Size"]
EXTENDED_TIME: Final = INDEX["Extended Trade Time"]
EXTENDED_DATE: Final = INDEX["Extended Trade Date"]
EXTENDED_CENTER: Final = INDEX["Extended Trade Market Center"]
BID_PRICE_COLUMN: Final = INDEX["Bid"]
BID_SIZE: Final = INDEX["Bid Size"]
BID_TIME: Final = INDEX["Bid Time"]
BID_CENTER: Final = INDEX["Bid Market Center"]
ASK_PRICE_COLUMN: Final = INDEX["Ask"]
ASK_SIZE: Final = INDEX["Ask Size"]
ASK_TIME: Final = INDEX["Ask Time"]
ASK_CENTER: Final = INDEX["Ask Market Center"]
OPEN_COLUMN: Final = INDEX["Open"]
HIGH_COLUMN: Final = INDEX["High"]
LOW_COLUMN: Final = INDEX["Low"]
CLOSE_COLUMN: Final = INDEX["Close"]
SETTLE_COLUMN: Final = INDEX["Settle"]
SETTLE_DATE: Final = INDEX["Settlement Date"]
DECIMAL_PRECISION: Final = INDEX["Decimal Precision"]

VWAP: Final = INDEX["VWAP"]

_CALCULATED: Final = (
    QUALIFIED | EXTENDED | BID_PRICE | ASK_PRICE | OPEN | HIGH | LOW | CLOSE
)  # What the calculated columns other than VWAP depend on.

UPTICK, DOWNTICK, UNCHANGED = "173", "175", "183"


class SymbolState:
    """Last values of one symbol as text, plus the few numbers that rules need.

    Prices are integers in a unit the owner chooses (ticks, or ten-thousandths); the owner hands
    over the text beside the number.

    Args:
        symbol: The vendor's spelling.
        decimals: Digits after the point in the prices it calculates.
        scale: Price units in 1.0.
    """

    __slots__ = (
        "_format", "_scale", "columns", "day", "high", "last_basis", "last_units", "low",
        "notional", "open", "previous_close", "publish_depth", "regional_watches", "stale",
        "symbol", "trade_count", "trade_units", "volume", "watches", "weighted_size",
    )  # fmt: skip

    def __init__(self, symbol: str, *, decimals: int, scale: int) -> None:
        self.symbol = symbol
        self._format = f".{decimals}f"
        self._scale = scale
        self.columns = [""] * len(NAMES)
        self.columns[SYMBOL] = symbol
        self.columns[INDEX["Decimal Precision"]] = str(decimals)
        self.columns[INDEX["Fraction Display Code"]] = "14"
        self.columns[INDEX["Restricted Code"]] = "N"
        self.columns[INDEX["Financial Status Indicator"]] = "N"
        self.columns[TOTAL_VOLUME] = "0"
        self.columns[TRADE_COUNT] = "0"
        self.watches: list[Watch] = []
        self.regional_watches: list[Watch] = []
        self.publish_depth: Callable[[], None] | None = None
        """Tells of what an event changed in the book; None while nobody watches the depth."""
        self.stale = -1
        """Change flags since the calculated columns were rendered."""
        self.day = -1
        self.last_basis = ""
        self.trade_units: int | None = None
        self.last_units: int | None = None
        self.previous_close: int | None = None
        self.start_day(-1)

    def start_day(self, day: int) -> None:
        """Forget the day's figures; the last trade and the quote stay.

        Args:
            day: The new trading day, days since the epoch.
        """
        self.day = day
        self.stale = -1
        self.volume = 0
        self.notional = 0
        self.weighted_size = 0
        self.trade_count = 0
        self.open: int | None = None
        self.high = self.low = 0
        columns = self.columns
        columns[TOTAL_VOLUME] = columns[TRADE_COUNT] = "0"
        columns[OPEN_COLUMN] = columns[HIGH_COLUMN] = columns[LOW_COLUMN] = ""

    def apply_trade(
        self, price: str, units: int, size: int, *, basis: str, volume: int, time: str, date: str
    ) -> int:
        """Record a print; the caller fills in conditions, center, ids and day code.

        Args:
            price: As the line shows it.
            units: The same as a number.
            size: Shares or contracts; official prints have 0.
            basis: C, E or O.
            volume: Day volume with this trade in it.
            time: `HH:MM:SS.ffffff`.
            date: `MM/DD/YYYY`, the calendar date.

        Returns:
            Change flags.
        """
        columns = self.columns
        flags = BASIS_FLAGS[basis] | VOLUME
        size_text = str(size)
        columns[TRADE_PRICE] = price
        columns[TRADE_SIZE] = size_text
        columns[TRADE_TIME] = time
        columns[TRADE_DATE] = date
        before = self.trade_units
        if before is not None and units != before:
            columns[TICK] = UPTICK if units > before else DOWNTICK
        else:
            columns[TICK] = UNCHANGED
        self.trade_units = units
        self.volume = volume
        self.notional += units * size
        self.weighted_size += size
        self.trade_count += 1
        self.last_basis = basis
        columns[TOTAL_VOLUME] = str(volume)
        columns[TRADE_COUNT] = str(self.trade_count)
        if basis == "C":
            self.last_units = units
            columns[LAST_PRICE] = price
            columns[LAST_SIZE] = size_text
            columns[LAST_TIME] = time
            columns[LAST_DATE] = date
            if self.open is None or not self.low <= units <= self.high:
                flags |= self._extend_range(price, units)
        elif basis == "E":
            columns[EXTENDED_PRICE] = price
            columns[EXTENDED_SIZE] = size_text
            columns[EXTENDED_TIME] = time
            columns[EXTENDED_DATE] = date
        return flags

    def _extend_range(self, price: str, units: int) -> int:
        """Open, high and low follow last qualified trades only."""
        columns = self.columns
        if self.open is None:
            self.open = self.high = self.low = units
            columns[OPEN_COLUMN] = columns[HIGH_COLUMN] = columns[LOW_COLUMN] = price
            return OPEN | HIGH | LOW
        if units > self.high:
            self.high = units
            columns[HIGH_COLUMN] = price
            return HIGH
        self.low = units
        columns[LOW_COLUMN] = price
        return LOW

    def set_center(self, center: str, basis: str) -> None:
        """Name the venue of the trade just applied."""
        columns = self.columns
        columns[TRADE_CENTER] = center
        if basis == "C":
            columns[LAST_CENTER] = center
        elif basis == "E":
            columns[EXTENDED_CENTER] = center

    def snapshot_contents(self) -> str:
        """The letters of a P line: everything that has a value."""
        columns = self.columns
        flags = VOLUME | BASIS_FLAGS.get(self.last_basis, 0)
        for column, flag in (
            (BID_PRICE_COLUMN, BID | BID_PRICE),
            (ASK_PRICE_COLUMN, ASK | ASK_PRICE),
            (OPEN_COLUMN, OPEN),
            (HIGH_COLUMN, HIGH),
            (LOW_COLUMN, LOW),
            (CLOSE_COLUMN, CLOSE),
            (SETTLE_COLUMN, SETTLE),
        ):
            if columns[column]:
                flags |= flag
        return CONTENTS[flags]

    def set_contents(self, flags: int) -> None:
        """Put the letters of an event into its column."""
        self.columns[MESSAGE_CONTENTS] = CONTENTS[flags]

    def render_derived(self) -> None:
        """Bring the columns that IQConnect calculates up to date, as far as they are stale."""
        stale, self.stale = self.stale, 0
        if stale & TRADE:
            weight = self.weighted_size * self._scale
            self.columns[VWAP] = f"{self.notional / weight if weight else 0.0:.4f}"
        if stale & _CALCULATED:
            self._render_changes()

    def _render_changes(self) -> None:
        columns = self.columns
        last = self.last_units
        bid, ask = self._units(columns[BID_PRICE_COLUMN]), self._units(columns[ASK_PRICE_COLUMN])
        extended = self._units(columns[EXTENDED_PRICE])
        close = self.previous_close
        self._derive("Change", last, close)
        self._derive("Bid Change", bid, close)
        self._derive("Ask Change", ask, close)
        self._derive("Spread", ask, bid)
        self._derive("Change From Open", last if self.open is not None else None, self.open)
        self._derive("Range", self.high if self.open is not None else None, self.low)
        self._derive("Extended Trading Change", extended, close)
        self._derive("Extended Trading Difference", extended, last)
        if last is not None and close:
            columns[INDEX["Percent Change"]] = f"{(last - close) / close:.6f}"

    def _units(self, price: str) -> int | None:
        return round(float(price) * self._scale) if price else None

    def _derive(self, name: str, minuend: int | None, subtrahend: int | None) -> None:
        text = ""
        if minuend is not None and subtrahend is not None:
            text = format((minuend - subtrahend) / self._scale, self._format)
        self.columns[INDEX[name]] = text
