"""One symbol of the seeded market: its quote, its prints and its trading day.

Everything is drawn from the symbol's own generator, so what happens to a symbol depends on the
seed and on its own sequence of events, never on what else is watched.
"""

import random
from collections.abc import Iterator
from typing import Final

from gateway.simulator import symbol_state as column
from gateway.simulator.changes import (
    ASK,
    ASK_PRICE,
    BID,
    BID_PRICE,
    CLOSE,
    CONTENTS,
)
from gateway.simulator.conditions import (
    CLOSING_CROSS,
    CROSS_CENTER,
    EXTENDED_DRAWS,
    ODD_SIZES,
    OFFICIAL_CLOSE,
    OFFICIAL_OPEN,
    OPENING_CROSS,
    PLAIN_DRAWS,
    REGULAR_DRAWS,
)
from gateway.simulator.eastern import Hours, Moment, Session, day_date
from gateway.simulator.fields import INDEX, MESSAGE_CONTENTS
from gateway.simulator.instruments import FUTURE, Instrument
from gateway.simulator.symbol_state import SymbolState

TEXTS_MAX: Final = 8192
BUYER, SELLER = "1", "2"


class SeededSymbol(SymbolState):
    """A symbol whose life is drawn from the seed.

    Args:
        instrument: What it is.
        seed: The market's seed.
    """

    __slots__ = (
        "_texts", "ask", "bid", "ceiling", "day_code", "floor", "hours",
        "instrument", "rng", "spread_max", "tick_ids",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, *, seed: int) -> None:
        super().__init__(
            instrument.symbol, decimals=instrument.decimals, scale=10**instrument.decimals
        )
        self.instrument = instrument
        self.hours = instrument.hours
        self.rng = random.Random(f"{seed}/{instrument.symbol}")
        self.tick_ids: dict[str, int] = {}
        self.spread_max = instrument.spread_ticks_max
        start = instrument.start_ticks
        self.floor = max(start - start // 20, 2)
        self.ceiling = start + start // 20 + 8
        self.bid = start + self.rng.randint(-3, 3)
        self.bid = max(self.bid, self.floor)
        self.ask = self.bid + self.rng.randint(1, self.spread_max)
        self._texts: dict[int, str] = {}
        self.day_code = ""
        self._fill_static()

    def _fill_static(self) -> None:
        columns, instrument = self.columns, self.instrument
        columns[INDEX["Exchange ID"]] = f"{instrument.exchange:X}"
        columns[INDEX["Type"]] = str(instrument.security_type)
        columns[INDEX["Previous Day Volume"]] = str(self.rng.randint(10_000, 9_000_000))
        columns[INDEX["Available Regions"]] = (
            "5-7-11-18-26" if instrument.is_equity else str(instrument.listed_market)
        )
        if instrument.security_type == FUTURE:
            columns[INDEX["Open Interest"]] = str(self.rng.randint(10_000, 2_500_000))
            columns[INDEX["Settle"]] = self.text(instrument.start_ticks)

    def text(self, ticks: int) -> str:
        """A price as the vendor writes it."""
        known = self._texts.get(ticks)
        if known is not None:
            return known
        if len(self._texts) >= TEXTS_MAX:
            self._texts.clear()
        decimals = self.instrument.decimals
        whole, rest = divmod(ticks * self.instrument.tick_units, 10**decimals)
        text = self._texts[ticks] = f"{whole}.{rest:0{decimals}d}"
        return text

    def start_trading_day(self, moment: Moment) -> None:
        """Begin a new trading day: volume, range and ids start again, the close is declared."""
        columns = self.columns
        if self.day >= 0 and columns[column.LAST_PRICE]:
            columns[column.CLOSE_COLUMN] = columns[column.LAST_PRICE]
            self.previous_close = self.last_units
            columns[INDEX["Previous Day Volume"]] = str(self.volume)
        self.tick_ids.clear()
        self.start_day(moment.days[self.hours])
        self.day_code = str(day_date(self.day).day)
        self.show_session(moment)

    def show_session(self, moment: Moment) -> None:
        """Say whether the regular market is open."""
        is_open = moment.sessions[self.hours] is Session.REGULAR
        self.columns[INDEX["Market Open"]] = "1" if is_open else "0"

    def set_bid(self, time: str) -> None:
        """Show the bid with a new size."""
        columns = self.columns
        bits = self.rng.getrandbits(16)
        columns[column.BID_PRICE_COLUMN] = self._texts.get(self.bid) or self.text(self.bid)
        unit = self.instrument.quote_size_unit
        columns[column.BID_SIZE] = str(((bits & 31) + 1) * unit) if unit else ""
        columns[column.BID_TIME] = time
        columns[column.BID_CENTER] = self.instrument.quote_centers[bits >> 5 & 7]

    def set_ask(self, time: str) -> None:
        """Show the ask with a new size."""
        columns = self.columns
        bits = self.rng.getrandbits(16)
        columns[column.ASK_PRICE_COLUMN] = self._texts.get(self.ask) or self.text(self.ask)
        unit = self.instrument.quote_size_unit
        columns[column.ASK_SIZE] = str(((bits & 31) + 1) * unit) if unit else ""
        columns[column.ASK_TIME] = time
        columns[column.ASK_CENTER] = self.instrument.quote_centers[bits >> 5 & 7]

    def quote(self, time: str) -> int:
        """Let the quote change.

        Args:
            time: `HH:MM:SS.ffffff`.

        Returns:
            Change flags.
        """
        bits = self.rng.getrandbits(8)
        is_bid = bits & 1
        flags = BID if is_bid else ASK
        if bits & 14 < 6:
            flags |= self._move_quote(is_up=bool(bits & 16), is_bid=bool(is_bid))
        if flags & BID:
            self.set_bid(time)
        if flags & ASK:
            self.set_ask(time)
        self.columns[MESSAGE_CONTENTS] = CONTENTS[flags]
        return flags

    def _move_quote(self, *, is_up: bool, is_bid: bool) -> int:
        """Move one side by a tick, or both where the spread would close or grow too wide."""
        if self.ask >= self.ceiling:
            is_up = False
        elif self.bid <= self.floor:
            is_up = True
        step = 1 if is_up else -1
        spread = self.ask - self.bid
        is_narrowing = is_up is is_bid
        if spread <= 1 if is_narrowing else spread >= self.spread_max:
            self.bid += step
            self.ask += step
            return BID | BID_PRICE | ASK | ASK_PRICE
        if is_bid:
            self.bid += step
            return BID | BID_PRICE
        self.ask += step
        return ASK | ASK_PRICE

    def trade(self, time: str, moment: Moment) -> int:
        """Let a trade happen at the bid or the ask.

        Args:
            time: `HH:MM:SS.ffffff`.
            moment: The second it happens in; decides the kinds of trade possible.

        Returns:
            Change flags.
        """
        instrument = self.instrument
        bits = self.rng.getrandbits(32)
        if not instrument.is_equity:
            draw = PLAIN_DRAWS[0]
        elif moment.sessions[Hours.EQUITY] is Session.REGULAR:
            draw = REGULAR_DRAWS[bits & 1023]
        else:
            draw = EXTENDED_DRAWS[bits & 1023]
        sizes = ODD_SIZES if draw.is_odd_lot else instrument.trade_sizes
        is_at_ask = bits >> 10 & 1
        flags = self.print_trade(
            self.ask if is_at_ask else self.bid,
            sizes[bits >> 11 & 255],
            conditions=draw.conditions,
            basis=draw.basis,
            center=instrument.trade_centers[bits >> 19 & 255],
            time=time,
            moment=moment,
        )
        if instrument.has_aggressor:
            self.columns[column.TRADE_AGGRESSOR] = BUYER if is_at_ask else SELLER
        if bits >> 27 & 3 == 0:
            # A quarter of the trades shows what is left at the price it took.
            if is_at_ask:
                self.set_ask(time)
                flags |= ASK
            else:
                self.set_bid(time)
                flags |= BID
        self.columns[MESSAGE_CONTENTS] = CONTENTS[flags]
        return flags

    def print_trade(
        self,
        ticks: int,
        size: int,
        *,
        conditions: str,
        basis: str,
        center: str,
        time: str,
        moment: Moment,
    ) -> int:
        """Record one print with its ids; the contents letters are the caller's to set."""
        columns = self.columns
        flags = self.apply_trade(
            self._texts.get(ticks) or self.text(ticks),
            ticks * self.instrument.tick_units,
            size,
            basis=basis,
            volume=self.volume + size,
            time=time,
            date=moment.date_text,
        )
        self.set_center(center, basis)
        tick_id = self.tick_ids.get(center, 0) + 1
        self.tick_ids[center] = tick_id
        columns[column.TICK_ID] = str(tick_id)
        columns[column.TRADE_CONDITIONS] = conditions
        columns[column.TRADE_AGGRESSOR] = "0"
        columns[column.TRADE_DAY_CODE] = self.day_code
        return flags

    def crosses(self, times: tuple[str, str], moment: Moment, *, is_opening: bool) -> Iterator[int]:
        """Print the opening or closing cross and, right behind it, the official price.

        Args:
            times: Of the cross and of the official price, `HH:MM:SS.ffffff`.
            moment: The second both happen in.
            is_opening: Opening or closing.

        Yields:
            Change flags, twice; the columns show that print until the next one is asked for.
        """
        ticks = self.ask if self.rng.getrandbits(1) else self.bid
        kinds = (
            (OPENING_CROSS, "C", self.rng.randint(1_000, 60_000)),
            (OFFICIAL_OPEN, "O", 0),
        )
        if not is_opening:
            kinds = (
                (CLOSING_CROSS, "C", self.rng.randint(1_000, 60_000)),
                (OFFICIAL_CLOSE, "O", 0),
            )
        for time, (conditions, basis, size) in zip(times, kinds, strict=True):
            flags = self.print_trade(
                ticks,
                size,
                conditions=conditions,
                basis=basis,
                center=CROSS_CENTER,
                time=time,
                moment=moment,
            )
            if conditions == CLOSING_CROSS:
                self.columns[column.CLOSE_COLUMN] = self.columns[column.LAST_PRICE]
                flags |= CLOSE
            self.columns[MESSAGE_CONTENTS] = CONTENTS[flags]
            yield flags
