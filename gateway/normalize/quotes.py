"""Q lines of the gateway's own field set, whose quote columns come first.

Most lines change nothing but a quote. They are split up to the last quote column and no further;
the rest of the line, which repeats the last trade, is compared with what it was on the symbol's
last line, which is the cheapest proof that the line is whole. Whatever is not exactly the usual
case goes to `level1`, which is slower and handles everything.

This is the busiest loop of the gateway and trades style for speed: everything it needs is in local
names, prices and sizes are looked up in plain dicts, and nothing is called that can be spelled
out. `tests/bench` has the figures; the other reader's tests hold for this one too.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from gateway.counters import Complaints, Counter
from gateway.errors import bounded
from gateway.iqfeed.values import ENTRIES_MAX
from gateway.normalize.columns import QUOTE_FIELDS
from gateway.normalize.level1 import QUOTE_TYPE, Level1Normalizer

_DEPTH: Final = len(QUOTE_FIELDS) + 2
"""Splits that reach the last quote column: after letter, symbol and each of them."""
_BID: Final = 1
_ASK: Final = 2
_SIDES: Final = {"b": _BID, "a": _ASK, "ba": _BID | _ASK, "ab": _BID | _ASK}
"""Message Contents of lines that change nothing but a quote, and which sides they change."""


class QuoteFirstNormalizer(Level1Normalizer):
    """Reads lines whose first columns are `QUOTE_FIELDS`, in that order."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._known_prices: dict[str, float | None] = {}
        self._known_sizes: dict[str, int | None] = {}

    def read(
        self, lines: Iterable[str], recv_us: int, read_other: Callable[[str, int], None]
    ) -> None:
        """Publish what lines say, each in its turn.

        Args:
            lines: Any lines, without their terminators.
            recv_us: When their bytes were read, UTC.
            read_other: Reads every line that is not a usual change of a quote.
        """
        symbols, near_clock, send, pack = (
            self._symbols, self._near_clock, self._send, self._pack,
        )  # fmt: skip
        epoch, prices, sizes = self._epoch, self._known_prices, self._known_sizes
        rest_commas = self._part_count - _DEPTH - 1
        for line in lines:
            parts = line.split(",", _DEPTH)
            if len(parts) <= _DEPTH or parts[0] != "Q" or parts[2] not in _SIDES:
                read_other(line, recv_us)
                continue
            symbol = symbols.get(parts[1])
            if symbol is None or not symbol.is_live or not self.is_current:
                read_other(line, recv_us)
                continue
            sides, rest, bid_text, ask_text = _SIDES[parts[2]], parts[11], parts[5], parts[9]
            if rest != symbol.rest:
                if rest.count(",") != rest_commas:
                    read_other(line, recv_us)
                    continue
                symbol.rest = rest
            # A side that did not change keeps the moment it had, if its text is still the same.
            bid_us = near_clock(bid_text) if sides & _BID else symbol.bid_us
            ask_us = near_clock(ask_text) if sides & _ASK else symbol.ask_us
            if (
                bid_us is None
                or ask_us is None
                or (sides == _ASK and bid_text != symbol.bid_time_text)
                or (sides == _BID and ask_text != symbol.ask_time_text)
            ):
                read_other(line, recv_us)
                continue
            topic = symbol.quote
            try:
                body = (
                    QUOTE_TYPE, epoch, topic.sequence + 1, symbol.flags, recv_us,
                    ask_us if ask_us > bid_us else bid_us,
                    prices[parts[3]], sizes[parts[4]], prices[parts[7]], sizes[parts[8]],
                    bid_us, ask_us, sizes[parts[6]], sizes[parts[10]], 1,
                )  # fmt: skip
            except KeyError:
                self._learn(parts)
                read_other(line, recv_us)
                continue
            symbol.last_line_us = recv_us
            symbol.bid_time_text, symbol.bid_us = bid_text, bid_us
            symbol.ask_time_text, symbol.ask_us = ask_text, ask_us
            topic.sequence += 1
            topic.last = body
            self.quotes += 1
            send(topic.prefix + pack(body))

    def _learn(self, parts: list[str]) -> None:
        """Remember the values of a line's texts, where they are values."""
        _remember(self._known_prices, self._prices, (parts[3], parts[7]), self._complaints)
        sizes = (parts[4], parts[6], parts[8], parts[10])
        _remember(self._known_sizes, self._sizes, sizes, self._complaints)


def _remember(
    known: dict[str, Any], cache: dict[str, Any], texts: Iterable[str], complaints: Complaints
) -> None:
    """Copy values from a cache that knows only valid texts; the other reader has filled it."""
    for text in texts:
        if text in cache and text not in known:
            if len(known) >= ENTRIES_MAX:
                known.clear()
                complaints.complain(Counter.CACHE_RESETS, text, f"next is {bounded(text)}")
            known[text] = cache[text]
