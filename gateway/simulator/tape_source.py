"""A tape's symbol: what each row changes, and what time it is on the tape."""

import asyncio

from gateway.clock import Clock
from gateway.simulator import symbol_state as column
from gateway.simulator.changes import (
    ASK,
    ASK_PRICE,
    BID,
    BID_PRICE,
    CLOSE,
    SETTLE,
    VOLUME,
)
from gateway.simulator.counts import Counts
from gateway.simulator.deep_symbol import DeepSymbol
from gateway.simulator.eastern import DAY_US, SECOND_US, moment_at
from gateway.simulator.options import SimulatorOptions
from gateway.simulator.symbol_state import SymbolState
from gateway.simulator.tape import PRICE_SCALE, Tape, TapeRow, units_of


class TapeSource:
    """The tape's symbol, and nothing else, as a source of symbols.

    Args:
        options: Tape, symbol and speed.
        counts: Where bad rows are counted.
        clock: The host's clocks.
    """

    def __init__(self, options: SimulatorOptions, counts: Counts, clock: Clock) -> None:
        if options.tape is None or options.tape_symbol is None:
            raise ValueError("a tape source needs a tape and its symbol")
        self.tape = Tape(options.tape, counts)
        self.symbol = options.tape_symbol
        self._clock = clock
        first = self.tape.first
        decimals = len(first.price.partition(".")[2])
        self.symbol_state = SymbolState(self.symbol, decimals=decimals, scale=PRICE_SCALE)
        self._fundamental = {
            "Symbol": self.symbol,
            "Company Name": self.symbol,
            "Format Code": "14",
            "Precision": str(decimals),
            "Security Type": "1",
        }
        self.watched = asyncio.Event()
        """Set while somebody watches the symbol."""
        # One second early, so that the first row's second is told before the row.
        self.reached_us = first.at_us - SECOND_US
        self._reached_ns: int | None = None
        self._speed = 0.0
        self._limit_us: int | None = self.reached_us

    def state(self, symbol: str) -> SymbolState | None:
        """The tape's state for the tape's symbol."""
        return self.symbol_state if symbol == self.symbol else None

    def fundamental(self, symbol: str) -> dict[str, str]:
        """The little that a tape tells about its symbol."""
        del symbol
        return self._fundamental

    def watch(self, symbol: str) -> None:
        """Start the tape or let it go on."""
        del symbol
        self.watched.set()

    def unwatch(self, symbol: str) -> None:
        """Let the tape wait: a row is worth nothing when nobody hears it."""
        del symbol
        self.watched.clear()

    def depth(self, symbol: str) -> DeepSymbol | None:
        """A tape knows no book."""
        del symbol
        return None

    def late_quote(self, symbol: str) -> int:
        """A tape invents nothing."""
        del symbol
        return 0

    def clock_second(self) -> int:
        """Tape time: goes on between rows, never beyond the row that comes next."""
        now_us = self.reached_us
        if self._reached_ns is not None:
            elapsed_us = (self._clock.monotonic_ns() - self._reached_ns) / 1000
            now_us += int(elapsed_us * self._speed)
        if self._limit_us is not None:
            now_us = min(now_us, max(self._limit_us, self.reached_us))
        return now_us // SECOND_US

    def limit(self, limit_us: int) -> None:
        """Let tape time run on, up to a row that is still to come."""
        self._limit_us = limit_us

    def reach(self, at_us: int, *, speed: float, limit_us: int | None) -> None:
        """Set tape time.

        Args:
            at_us: Eastern microseconds of the row just sent.
            speed: How fast tape time runs from there.
            limit_us: Where it must wait; None for nowhere.
        """
        self.reached_us = max(at_us, self.reached_us)
        self._reached_ns = self._clock.monotonic_ns()
        self._speed = speed
        self._limit_us = limit_us

    def apply(self, row: TapeRow) -> int:
        """Show a row in the symbol's columns.

        Args:
            row: The next row.

        Returns:
            Change flags.
        """
        state, columns = self.symbol_state, self.symbol_state.columns
        date = moment_at(row.at_us // SECOND_US).date_text
        flags = self._apply_quote(row)
        if row.basis == "S":
            columns[column.SETTLE_COLUMN] = row.price
            columns[column.SETTLE_DATE] = date
            flags |= SETTLE
        else:
            flags |= self._begin_day(row)
            flags |= state.apply_trade(
                row.price,
                units_of(row.price),
                row.size,
                basis=row.basis,
                volume=row.total_volume,
                time=row.time,
                date=date,
            )
            state.set_center(row.market_center, row.basis)
            columns[column.TRADE_CONDITIONS] = row.conditions
            columns[column.TRADE_AGGRESSOR] = row.aggressor
            columns[column.TRADE_DAY_CODE] = row.day_code
            columns[column.TICK_ID] = row.tick_id
        state.set_contents(flags)
        return flags

    def _begin_day(self, row: TapeRow) -> int:
        state = self.symbol_state
        day = row.at_us // DAY_US
        # An evening session belongs to the next day: what tells is the volume starting again.
        is_continued = row.total_volume == state.volume + row.size
        has_restarted = row.total_volume < state.volume
        had_day = state.day >= 0
        if had_day and not has_restarted and (day == state.day or is_continued):
            return 0
        last = state.columns[column.LAST_PRICE]
        state.start_day(day)
        if not had_day or not last:
            return 0
        state.columns[column.CLOSE_COLUMN] = last
        state.previous_close = state.last_units
        return CLOSE | VOLUME

    def _apply_quote(self, row: TapeRow) -> int:
        columns = self.symbol_state.columns
        flags = 0
        if row.bid != columns[column.BID_PRICE_COLUMN]:
            columns[column.BID_PRICE_COLUMN] = row.bid
            columns[column.BID_TIME] = row.time
            flags |= BID | BID_PRICE
        if row.ask != columns[column.ASK_PRICE_COLUMN]:
            columns[column.ASK_PRICE_COLUMN] = row.ask
            columns[column.ASK_TIME] = row.time
            flags |= ASK | ASK_PRICE
        return flags
