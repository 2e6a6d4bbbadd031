"""Q lines of the gateway's own field set, whose quote columns come first.

Most lines change nothing but a quote. They are split up to the last quote column and no further;
the rest of the line, which repeats the last trade, is compared with what it was on the symbol's
last line, which is the cheapest proof that the line is whole. Everything else is `level1`'s.

This is the busiest code of the gateway and trades style for speed: `tests/bench` has the figures.
"""

from typing import Final

from gateway.counters import Counter
from gateway.normalize.columns import QUOTE_FIELDS
from gateway.normalize.level1 import QUOTE_TYPE, Level1Normalizer

_DEPTH: Final = len(QUOTE_FIELDS) + 2
"""Splits that reach the last quote column: after letter, symbol and each of them."""


class QuoteFirstNormalizer(Level1Normalizer):
    """Reads lines whose first columns are `QUOTE_FIELDS`, in that order."""

    def update(self, line: str, recv_us: int) -> None:
        """Publish what a Q line says; see `Level1Normalizer.update`."""
        parts = line.split(",", _DEPTH)
        if len(parts) <= _DEPTH:
            self._complaints.complain(Counter.LINES_TRUNCATED, line, "fewer columns than agreed")
            return
        (
            _,
            name,
            contents,
            bid,
            bid_size,
            bid_time,
            bid_center,
            ask,
            ask_size,
            ask_time,
            ask_center,
            rest,
        ) = parts
        symbol = self._symbols.get(name)
        # Letters not seen before are judged, and perhaps counted, once: by the other reader.
        plan = self._plans.get(contents)
        if symbol is None or not symbol.is_live or plan is None or not plan.is_quote_only:
            super().update(line, recv_us)
            return
        if rest != symbol.rest:
            # Whole lines end with a comma, so the rest has one part more than columns.
            if rest.count(",") != self._part_count - _DEPTH - 1:
                super().update(line, recv_us)
                return
            symbol.rest = rest
        symbol.last_line_us = recv_us
        near_clock = self._near_clock
        if plan.has_bid:
            symbol.bid_us = near_clock(bid_time)
            symbol.bid_time_text = bid_time
            if symbol.bid_us is None:
                self._undated(bid_time)
        elif bid_time != symbol.bid_time_text:
            symbol.bid_us = near_clock(bid_time) if symbol.bid_time_text else None
            symbol.bid_time_text = bid_time
            self._undated(bid_time)
        if plan.has_ask:
            symbol.ask_us = near_clock(ask_time)
            symbol.ask_time_text = ask_time
            if symbol.ask_us is None:
                self._undated(ask_time)
        elif ask_time != symbol.ask_time_text:
            symbol.ask_us = near_clock(ask_time) if symbol.ask_time_text else None
            symbol.ask_time_text = ask_time
            self._undated(ask_time)
        bid_us, ask_us = symbol.bid_us, symbol.ask_us
        is_ask_later = bid_us is None or (ask_us is not None and ask_us > bid_us)
        prices, sizes = self._prices, self._sizes
        topic = symbol.quote
        topic.sequence = sequence = topic.sequence + 1
        topic.last = body = (
            QUOTE_TYPE,
            self._epoch,
            sequence,
            symbol.flags,
            recv_us,
            ask_us if is_ask_later else bid_us,
            prices[bid],
            sizes[bid_size],
            prices[ask],
            sizes[ask_size],
            bid_us,
            ask_us,
            sizes[bid_center],
            sizes[ask_center],
            1,
        )
        self.quotes += 1
        self._send(topic.prefix + self._pack(body))
