"""P and Q lines to quote, trade and summary messages, for any negotiated field set.

Repeated texts cost one dict look-up instead of a conversion, and a summary that waits for its
interval is kept as the columns it will be made from, so a trade pays for it only when it is sent.
The lines that only change a quote, most of all lines, have a reader of their own in `quotes`.

Source: DTN IQFeed Level 1 update (Q) and summary (P) messages, protocol 5.0 and later.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final

from gateway.counters import Counter
from gateway.model.enums import Cause, Flag, SymbolState
from gateway.normalize.level1_messages import Level1Messages
from gateway.normalize.suspicion import is_halt
from gateway.normalize.symbols import Symbol

_SNAPSHOT: Final = int(Flag.SNAPSHOT)
_CONFLATED: Final = int(Flag.CONFLATED)


class Level1Normalizer(Level1Messages):
    """Turns the P and Q lines of one connection into messages; the arguments are its base's."""

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
        plan = self._plans[fields[self._contents_at]] if self._is_complete else None
        if plan is None:
            fields.append("")
            plan = self._plans[fields[self._contents_at]]
        is_back = not symbol.is_live and self._hear(symbol, fields, plan.basis is not None, recv_us)
        if symbol.state is SymbolState.CLOSED:
            self._counters.add(Counter.LINES_UNWATCHED)
            return
        if line == symbol.line and not is_back:
            # A line comes because a column changed: the same one again is the same one twice.
            self._complaints.complain(Counter.LINES_DUPLICATE, line, "repeats the last one")
            return
        symbol.last_line_us = recv_us
        symbol.line = line
        if is_back:
            # What was known may be another trade's or another day's by now; and a side whose
            # moment is not known any more leaves nothing to be older than.
            symbol.last_conditions = None
            symbol.quote_us = 0
            symbol.doubt_times(fields[self._bid_time_at], fields[self._ask_time_at], recv_us)
        if plan.basis is not None:
            self._publish_trade(symbol, fields, plan.basis, recv_us)
        if plan.has_quote or is_back:
            flags = symbol.flags | _CONFLATED if merged > 1 else symbol.flags
            self._publish_quote(symbol, fields, plan.has_bid, plan.has_ask, flags, recv_us, merged)
        if plan.basis is not None or plan.is_summary_due or is_back:
            self._summarize(symbol, line, recv_us, is_at_once=plan.is_summary_due or is_back)

    def _hear(self, symbol: Symbol, fields: list[str], has_trade: bool, recv_us: int) -> bool:
        """Let a line bring a symbol to life, and say which trades were missed before it."""
        gap = None
        if symbol.has_old_values and symbol.last_line_us is not None:
            gap = self.gap_between(
                symbol.line,
                fields,
                has_trade=has_trade,
                from_us=symbol.last_line_us,
                to_us=recv_us,
            )
        is_back = self._board.hear(symbol, gap)
        if is_back and gap is not None:
            self._counters.add(Counter.GAPS_TOLD)
        return is_back

    def _summarize(self, symbol: Symbol, line: str, recv_us: int, *, is_at_once: bool) -> None:
        """Publish a summary now, or when its interval has passed."""
        symbol.summary_merged += 1
        # A wall clock set back must not hold summaries for longer than the interval.
        if is_at_once or not 0 < symbol.summary_due_us - recv_us <= self._interval_us:
            self._publish_summary(symbol, self._split(line), symbol.flags, recv_us)
        else:
            symbol.summary_line = line
            symbol.summary_recv_us = recv_us
            self.hold_summary(symbol)

    def hold_summary(self, symbol: Symbol) -> None:
        """Publish a symbol's summary when its interval has passed."""
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
        if not self._is_complete:
            fields.append("")
        if symbol.attention.is_audited and self._is_as_known(symbol, fields):
            return
        is_back = not symbol.is_live and self._hear(symbol, fields, False, recv_us)
        if symbol.state is SymbolState.CLOSED:
            self._counters.add(Counter.LINES_UNWATCHED)
            return
        symbol.last_line_us = recv_us
        symbol.line = line
        basis = self._plans[fields[self._contents_at]].basis
        conditions = self._conditions[fields[self._conditions_at]]
        if basis == "C":
            symbol.last_conditions = conditions
        elif is_back:
            symbol.last_conditions = None
        self._board.halt(symbol, is_halted=is_halt(conditions))
        symbol.doubt_times(fields[self._bid_time_at], fields[self._ask_time_at], recv_us)
        flags = symbol.flags | _SNAPSHOT
        self._publish_quote(symbol, fields, False, False, flags, recv_us)
        symbol.summary_merged += 1
        self._publish_summary(symbol, fields, flags, recv_us)

    def _is_as_known(self, symbol: Symbol, fields: list[str]) -> bool:
        """Judge the answer to an audit: whether it says what is known already.

        When it does not, updates were kept from us, and the symbol alone has stopped.
        """
        symbol.attention.is_audited = False
        symbol.attention.answered()
        if symbol.is_live and self.is_same(symbol.line, fields):
            symbol.attention.found_quiet()
            return True
        # Without a line of this layout there is nothing to compare with, and nothing is proved.
        if symbol.is_live and symbol.line:
            self._counters.add(Counter.SYMBOLS_SILENT)
            symbol.attention.found_silent()
            symbol.has_old_values = True
            self._board.change(symbol, SymbolState.STALE, Cause.SYMBOL_SILENT)
            self._board.on_silent(symbol.name)
        return False

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
