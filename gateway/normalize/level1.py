"""P and Q lines to quote, trade and summary messages, for any negotiated field set.

Repeated texts cost one dict look-up instead of a conversion, and a summary that waits for its
interval is kept as the columns it will be made from, so a trade pays for it only when it is sent.
The lines that only change a quote, most of all lines, have a reader of their own in `quotes`.

Source: DTN IQFeed Level 1 update (Q) and summary (P) messages, protocol 5.0 and later.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final

from gateway.counters import Complaints, Counter, Counters
from gateway.iqfeed.fields import Field
from gateway.iqfeed.values import read_count, read_id
from gateway.model.enums import Flag, SymbolState
from gateway.model.messages import MessageType
from gateway.normalize.board import Board
from gateway.normalize.columns import Columns
from gateway.normalize.eastern import EasternTime
from gateway.normalize.symbols import Symbol
from gateway.normalize.values import Values

QUOTE_TYPE: Final = int(MessageType.QUOTE)
TRADE_TYPE: Final = int(MessageType.TRADE)
_SNAPSHOT: Final = int(Flag.SNAPSHOT)
_CONFLATED: Final = int(Flag.CONFLATED)
EXACT_DIGITS_MAX: Final = 18
"""Decimal digits that fit a 63-bit integer whatever they are."""


class Level1Normalizer:
    """Turns the P and Q lines of one connection into messages.

    Args:
        names: The field set that IQConnect acknowledged, `Symbol` first.
        board: Symbols, states, and where messages go.
        eastern: The connection's clock.
        values: Text-to-value caches.
        counters: Where messages are counted.
        complaints: Where bad lines are reported.
        summary_interval_us: After a trade, at most one summary a symbol in this time.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        board: Board,
        eastern: EasternTime,
        values: Values,
        counters: Counters,
        complaints: Complaints,
        summary_interval_us: int,
    ) -> None:
        columns = Columns(names)
        self._board = board
        self._symbols = board.symbols
        self._envelope = board.envelope
        self._epoch = board.envelope.epoch
        self._pack = board.envelope.pack
        self._send = board.envelope.send
        self._eastern = eastern
        self._near_clock, self._dated = eastern.near_clock, eastern.dated
        self._prices, self._sizes = values.prices, values.sizes
        self._conditions, self._plans = values.conditions, values.plans
        self._counters = counters
        self._complaints = complaints
        self._interval_us = summary_interval_us
        self.part_count: Final = columns.part_count
        self._is_complete = columns.is_complete
        self._is_usual = columns.is_usual
        self._place(columns)
        self._unflushed: dict[str, Symbol] = {}
        self.quotes = self.trades = self.summaries = self.merged = 0
        self.is_current = True
        """Whether lines still have these columns; False once another set was agreed."""

    def _place(self, columns: Columns) -> None:
        at = columns.at
        self._contents_at = at(Field.MESSAGE_CONTENTS)
        self._bid_at, self._bid_size_at = at(Field.BID), at(Field.BID_SIZE)
        self._bid_time_at, self._bid_center_at = at(Field.BID_TIME), at(Field.BID_MARKET_CENTER)
        self._ask_at, self._ask_size_at = at(Field.ASK), at(Field.ASK_SIZE)
        self._ask_time_at, self._ask_center_at = at(Field.ASK_TIME), at(Field.ASK_MARKET_CENTER)
        self._price_at = at(Field.MOST_RECENT_TRADE)
        self._size_at = at(Field.MOST_RECENT_TRADE_SIZE)
        self._time_at = at(Field.MOST_RECENT_TRADE_TIME)
        self._date_at = at(Field.MOST_RECENT_TRADE_DATE)
        self._center_at = at(Field.MOST_RECENT_TRADE_MARKET_CENTER)
        self._conditions_at = at(Field.MOST_RECENT_TRADE_CONDITIONS)
        self._aggressor_at = at(Field.MOST_RECENT_TRADE_AGGRESSOR)
        self._trade_id_at, self._volume_at = at(Field.TICK_ID), at(Field.TOTAL_VOLUME)
        self._last_at, self._last_size_at = at(Field.LAST), at(Field.LAST_SIZE)
        self._last_time_at, self._last_date_at = at(Field.LAST_TIME), at(Field.LAST_DATE)
        self._last_center_at = at(Field.LAST_MARKET_CENTER)
        self._daily_at = [at(f) for f in (Field.OPEN, Field.HIGH, Field.LOW, Field.CLOSE)]
        self._settle_at, self._vwap_at = at(Field.SETTLE), at(Field.VWAP)
        self._interest_at = at(Field.OPEN_INTEREST)
        self._count_at = at(Field.NUMBER_OF_TRADES_TODAY)

    def read(
        self, lines: Iterable[str], recv_us: int, read_other: Callable[[str, int], None]
    ) -> None:
        """Read lines in their turn; here all of them go to `read_other`, which knows them all."""
        for line in lines:
            read_other(line, recv_us)

    def update(self, line: str, recv_us: int, merged: int = 1) -> None:
        """Publish what a Q line says: a trade first, then the quote, then a summary.

        Args:
            line: One Q line, without its terminator.
            recv_us: When its bytes were read, UTC.
            merged: How many quotes it stands for.
        """
        fields = line.split(",")
        if len(fields) != self.part_count and not self._accept_width(line, fields):
            return
        symbol = self._symbols.get(fields[1])
        if symbol is None:
            self._counters.add(Counter.LINES_UNWATCHED)
            return
        is_back = False
        if not symbol.is_live:
            is_back = self._board.hear(symbol)
            if symbol.state is SymbolState.CLOSED:
                self._counters.add(Counter.LINES_UNWATCHED)
                return
        symbol.last_line_us = recv_us
        if not self._is_complete:
            fields.append("")
        plan = self._plans[fields[self._contents_at]]
        if is_back:
            # What was known may be another trade's or another day's by now.
            symbol.last_conditions = None
            symbol.doubt_times(fields[self._bid_time_at], fields[self._ask_time_at], recv_us)
        if plan.basis is not None:
            self._publish_trade(symbol, fields, plan.basis, recv_us)
        if plan.has_quote or is_back:
            flags = symbol.flags | _CONFLATED if merged > 1 else symbol.flags
            self._publish_quote(symbol, fields, plan.has_bid, plan.has_ask, flags, recv_us, merged)
        if plan.basis is not None or plan.is_summary_due or is_back:
            self._summarize(symbol, line, recv_us, is_at_once=plan.is_summary_due or is_back)

    def _summarize(self, symbol: Symbol, line: str, recv_us: int, *, is_at_once: bool) -> None:
        """Publish a summary now, or when its interval has passed."""
        symbol.summary_merged += 1
        # A wall clock set back must not hold summaries for longer than the interval.
        if is_at_once or not 0 < symbol.summary_due_us - recv_us <= self._interval_us:
            self._publish_summary(symbol, self._split(line), symbol.flags, recv_us)
        else:
            symbol.summary_line = line
            symbol.summary_recv_us = recv_us
            self._unflushed[symbol.name] = symbol

    def refresh(self, line: str, recv_us: int) -> None:
        """Publish what a P line says: old data, so a quote and a summary and never a trade.

        Args:
            line: One P line, without its terminator.
            recv_us: When its bytes were read, UTC.
        """
        fields = line.split(",")
        if len(fields) != self.part_count and not self._accept_width(line, fields):
            return
        symbol = self._symbols.get(fields[1])
        if symbol is None:
            self._counters.add(Counter.LINES_UNWATCHED)
            return
        is_back = not symbol.is_live and self._board.hear(symbol)
        if symbol.state is SymbolState.CLOSED:
            self._counters.add(Counter.LINES_UNWATCHED)
            return
        symbol.last_line_us = recv_us
        if not self._is_complete:
            fields.append("")
        basis = self._plans[fields[self._contents_at]].basis
        if basis == "C":
            symbol.last_conditions = self._conditions[fields[self._conditions_at]]
        elif is_back:
            symbol.last_conditions = None
        symbol.doubt_times(fields[self._bid_time_at], fields[self._ask_time_at], recv_us)
        flags = symbol.flags | _SNAPSHOT
        self._publish_quote(symbol, fields, False, False, flags, recv_us)
        symbol.summary_merged += 1
        self._publish_summary(symbol, fields, flags, recv_us)

    def flush(self, now_us: int) -> None:
        """Publish summaries whose interval has passed, each with its last value."""
        if not self._unflushed:
            return
        due = [
            symbol
            for symbol in self._unflushed.values()
            if not 0 < symbol.summary_due_us - now_us <= self._interval_us
        ]
        for symbol in due:
            self._flush_symbol(symbol)
            symbol.summary_due_us = now_us + self._interval_us

    def flush_all(self) -> None:
        """Publish every summary that waits, before the columns change or the process ends."""
        for symbol in list(self._unflushed.values()):
            self._flush_symbol(symbol)

    def count(self) -> None:
        """Hand the numbers of messages over to the counters."""
        add = self._counters.add
        add(Counter.QUOTES_PUBLISHED, self.quotes)
        add(Counter.TRADES_PUBLISHED, self.trades)
        add(Counter.SUMMARIES_PUBLISHED, self.summaries)
        add(Counter.SUMMARIES_MERGED, self.merged)
        self.quotes = self.trades = self.summaries = self.merged = 0

    def _flush_symbol(self, symbol: Symbol) -> None:
        line = symbol.summary_line
        if line is None:
            self._unflushed.pop(symbol.name, None)
        else:
            fields = self._split(line)
            self._publish_summary(symbol, fields, symbol.flags, symbol.summary_recv_us)

    def _split(self, line: str) -> list[str]:
        """Split a line that is known to be whole; missing fields are read from its end."""
        fields = line.split(",")
        if not self._is_complete:
            fields.append("")
        return fields

    def _publish_quote(  # noqa: PLR0917 - keywords would cost a tenth of a quote
        self,
        symbol: Symbol,
        fields: list[str],
        has_bid: bool,
        has_ask: bool,
        flags: int,
        recv_us: int,
        merged: int = 1,
    ) -> None:
        near_clock = self._near_clock
        text = fields[self._bid_time_at]
        if has_bid:
            symbol.bid_us = near_clock(text)
            symbol.bid_time_text = text
            if symbol.bid_us is None:
                self._undated(text)
        elif text != symbol.bid_time_text:
            symbol.bid_us = near_clock(text) if symbol.bid_time_text else None
            symbol.bid_time_text = text
            self._undated(text)
        text = fields[self._ask_time_at]
        if has_ask:
            symbol.ask_us = near_clock(text)
            symbol.ask_time_text = text
            if symbol.ask_us is None:
                self._undated(text)
        elif text != symbol.ask_time_text:
            symbol.ask_us = near_clock(text) if symbol.ask_time_text else None
            symbol.ask_time_text = text
            self._undated(text)
        bid_us, ask_us = symbol.bid_us, symbol.ask_us
        is_ask_later = bid_us is None or (ask_us is not None and ask_us > bid_us)
        event_us = ask_us if is_ask_later else bid_us
        prices, sizes = self._prices, self._sizes
        topic = symbol.quote
        topic.sequence = sequence = topic.sequence + 1
        topic.last = body = (
            QUOTE_TYPE,
            self._epoch,
            sequence,
            flags,
            recv_us,
            event_us,
            prices[fields[self._bid_at]],
            sizes[fields[self._bid_size_at]],
            prices[fields[self._ask_at]],
            sizes[fields[self._ask_size_at]],
            bid_us,
            ask_us,
            sizes[fields[self._bid_center_at]],
            sizes[fields[self._ask_center_at]],
            merged,
        )
        self.quotes += 1
        self._send(topic.prefix + self._pack(body))

    def _publish_trade(self, symbol: Symbol, fields: list[str], basis: str, recv_us: int) -> None:
        price = self._prices[fields[self._price_at]]
        conditions = self._conditions[fields[self._conditions_at]]
        if basis == "C":
            symbol.last_conditions = conditions
        if price is None:
            # A print without a price is no print; the line is evidence, not data.
            self._complaints.complain(
                Counter.LINES_INVALID, ",".join(fields), "trade without a readable price"
            )
            return
        date_text, time_text = fields[self._date_at], fields[self._time_at]
        event_us = self._dated(date_text, time_text) if date_text else self._near_clock(time_text)
        if event_us is None:
            self._undated(time_text, date_text)
        prices, sizes = self._prices, self._sizes
        topic = symbol.trade
        topic.sequence = sequence = topic.sequence + 1
        topic.last = body = (
            TRADE_TYPE,
            self._epoch,
            sequence,
            symbol.flags,
            recv_us,
            event_us,
            price,
            sizes[fields[self._size_at]],
            self._id_of(fields[self._trade_id_at]),
            sizes[fields[self._center_at]],
            conditions,
            basis,
            sizes[fields[self._aggressor_at]],
            self._count_of(fields[self._volume_at]),
            prices[fields[self._bid_at]],
            prices[fields[self._ask_at]],
        )
        self.trades += 1
        self._send(topic.prefix + self._pack(body))

    def _id_of(self, text: str) -> int | None:
        """Read an id: ids rarely repeat, so a cache would not help."""
        # Only 0 to 9 are decimal among the characters of latin-1.
        if text.isdecimal() and len(text) <= EXACT_DIGITS_MAX:
            return int(text)
        return read_id(text, self._complaints)

    def _count_of(self, text: str) -> int | None:
        """Read a volume: like ids, volumes rarely repeat."""
        if text.isdecimal() and len(text) <= EXACT_DIGITS_MAX:
            return int(text)
        return read_count(text, self._complaints)

    def _publish_summary(self, symbol: Symbol, fields: list[str], flags: int, recv_us: int) -> None:
        prices, sizes = self._prices, self._sizes
        last_us = None
        if fields[self._last_date_at] and fields[self._last_time_at]:
            last_us = self._dated(fields[self._last_date_at], fields[self._last_time_at])
            if last_us is None:
                self._undated(fields[self._last_time_at], fields[self._last_date_at])
        merged = symbol.summary_merged
        values = (
            prices[fields[self._last_at]],
            sizes[fields[self._last_size_at]],
            last_us,
            *[prices[fields[at]] for at in self._daily_at],
            prices[fields[self._settle_at]],
            self._count_of(fields[self._volume_at]),
            prices[fields[self._vwap_at]],
            sizes[fields[self._interest_at]],
            sizes[fields[self._count_at]],
            symbol.last_conditions,
            sizes[fields[self._last_center_at]],
            merged,
        )
        if merged > 1:
            flags |= _CONFLATED
            self.merged += merged - 1
        if symbol.summary_line is not None:
            symbol.summary_line = None
            del self._unflushed[symbol.name]
        symbol.summary_merged = 0
        symbol.summary_due_us = recv_us + self._interval_us
        self.summaries += 1
        self._envelope.publish(
            symbol.summary, values, flags=flags, recv_us=recv_us, event_us=last_us
        )

    def _undated(self, text: str, date_text: str = "") -> None:
        """Count a time that cannot be read; an absent one, or one without a clock, is no fault."""
        if text and (date_text or not self._eastern.is_time(text)):
            moment = f"{date_text} {text}".lstrip()
            self._complaints.complain(Counter.VALUES_INVALID, moment, "not a moment")

    def _accept_width(self, line: str, fields: list[str]) -> bool:
        """Judge a line with another number of columns than agreed.

        A short line was cut: the column at the cut may be half a number, so nothing is believed.
        More columns are harmless, unless they are the next line's: its terminator was lost.
        """
        if len(fields) < self.part_count:
            self._complaints.complain(Counter.LINES_TRUNCATED, line, "fewer columns than agreed")
            return False
        for mark, name in pairwise(fields[2:]):
            if name in self._symbols and mark.endswith(("P", "Q")):
                self._complaints.complain(Counter.LINES_INVALID, line, "two lines in one")
                return False
        self._complaints.complain(Counter.LINES_EXTRA_COLUMNS, line, "more columns than agreed")
        return True
