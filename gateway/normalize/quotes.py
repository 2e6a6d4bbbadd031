"""Q lines of the gateway's own field set: first what a quote needs, then a trade, then a summary.

Most lines change nothing but a quote. They are split up to the last quote column and no further;
the rest of the line, which repeats the last trade, is compared with what it was on the symbol's
last line, which is the cheapest proof that the line is whole. A trade is split up to its last
column; the summary behind it is read when it is sent. Whatever is not exactly the usual case goes
to `level1`, which is slower and handles everything.

This is the busiest loop of the gateway and trades style for speed: everything it needs is in local
names, prices and sizes are looked up in plain dicts, and nothing is called that can be spelled
out. `tests/bench` has the figures; the other reader's tests hold for this one too.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from gateway.counters import Complaints, Counter
from gateway.errors import bounded
from gateway.iqfeed.values import ENTRIES_MAX
from gateway.normalize.columns import QUOTE_FIELDS
from gateway.normalize.level1 import Level1Normalizer
from gateway.normalize.level1_messages import EXACT_DIGITS_MAX, QUOTE_TYPE, TRADE_TYPE
from gateway.normalize.suspicion import is_halt
from gateway.normalize.symbols import Symbol

_DEPTH: Final = len(QUOTE_FIELDS) + 2
"""Splits that reach the last quote column: after letter, symbol and each of them."""
_TRADE_DEPTH: Final = 9
"""Splits of the rest that reach the last column of a trade, its total volume."""
_NO_ID: Final = 10**EXACT_DIGITS_MAX
"""Greater than any id: a market center heard for the first time goes the long way."""
_BID: Final = 1
_ASK: Final = 2
_BOTH: Final = _BID | _ASK
_SIDES: Final = {"b": _BID, "a": _ASK, "ba": _BOTH, "ab": _BOTH}
"""Message Contents of lines that change nothing but a quote, and which sides they change."""
ReadOther = Callable[[str, int], None]
_SECOND: Final = slice(9)
"""Of a time of day: its second and the point; made once, because every `text[:9]` makes one."""
_MICROS: Final = slice(9, None)
"""Of a time of day: its fraction."""


class QuoteFirstNormalizer(Level1Normalizer):
    """Reads lines whose first columns are `QUOTE_FIELDS`, in that order."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._known_prices: dict[str, float | None] = {}
        self._known_sizes: dict[str, int | None] = {}
        self._known_trade_sizes: dict[str, int] = {}
        self._known_conditions: dict[str, str | None] = {}
        self._rest_commas = self.part_count - _DEPTH - 1
        self._summary_commas = self.part_count - _DEPTH - _TRADE_DEPTH - 1

    def read(self, lines: Iterable[str], recv_us: int, read_other: ReadOther) -> None:
        """Publish what lines say, each in its turn; what is not usual goes to `read_other`."""
        symbol_of, seconds_us, sides_of = self._symbols.get, self._eastern.seconds_us, _SIDES.get
        send, pack, epoch = self._send, self._pack, self._epoch
        prices, sizes, rest_commas = self._known_prices, self._known_sizes, self._rest_commas
        for line in lines:
            parts = line.split(",", _DEPTH)
            if (
                len(parts) <= _DEPTH or parts[0] != "Q" or not self.is_current
                or (symbol := symbol_of(parts[1])) is None or not symbol.is_live
                or line == symbol.line
            ):  # fmt: skip
                read_other(line, recv_us)
                continue
            (_, _, contents, bid_text, bid_size, bid_time, bid_center,
             ask_text, ask_size, ask_time, ask_center, rest) = parts  # fmt: skip
            if (sides := sides_of(contents)) is None:
                if not self._read_trade(line, parts, symbol, recv_us):
                    read_other(line, recv_us)
                continue
            try:
                bid_us = symbol.bid_us if sides == _ASK else (
                    seconds_us[bid_time[_SECOND]] + int(micros)
                    if len(micros := bid_time[_MICROS]) == 6 and micros.isdecimal() else None
                )  # fmt: skip
                ask_us = symbol.ask_us if sides == _BID else (
                    bid_us if ask_time == bid_time and sides == _BOTH
                    else seconds_us[ask_time[_SECOND]] + int(micros)
                    if len(micros := ask_time[_MICROS]) == 6 and micros.isdecimal() else None
                )  # fmt: skip
                topic, bid, ask = symbol.quote, prices[bid_text], prices[ask_text]
                body = (
                    QUOTE_TYPE, epoch, topic.sequence + 1, symbol.flags, recv_us,
                    event_us := ask_us if ask_us > bid_us else bid_us,  # type: ignore[operator]
                    bid, sizes[bid_size], ask, sizes[ask_size],
                    bid_us, ask_us, sizes[bid_center], sizes[ask_center], 1,
                )  # fmt: skip
            except (LookupError, TypeError):  # A text not heard before, or a side without a moment.
                self._learn(parts)
                read_other(line, recv_us)
                continue
            if (
                (rest != symbol.rest and rest.count(",") != rest_commas)
                # A side that did not change keeps the moment it had, its text being the same.
                or (sides == _ASK and bid_time != symbol.bid_time_text)
                or (sides == _BID and ask_time != symbol.ask_time_text)
                or event_us < symbol.quote_us  # type: ignore[operator]
                or (bid is not None and ask is not None and bid >= ask)
            ):  # fmt: skip
                read_other(line, recv_us)
                continue
            symbol.last_line_us, symbol.line = recv_us, line
            symbol.quote_us = event_us  # type: ignore[assignment]
            symbol.bid_time_text, symbol.bid_us, symbol.rest = bid_time, bid_us, rest
            symbol.ask_time_text, symbol.ask_us = ask_time, ask_us
            topic.sequence, topic.last = body[2], body
            self.quotes += 1
            send(topic.prefix + pack(body))
            if topic.variants is not None:
                self._envelope.mark(topic, 1)

    def _read_trade(self, line: str, parts: list[str], symbol: Symbol, recv_us: int) -> bool:
        """Publish a usual trade.

        Args:
            line: The whole line.
            parts: The line split up to its last quote column.
            symbol: A live symbol.
            recv_us: When its bytes were read, UTC.

        Returns:
            False when it is no usual trade; then nothing was done.
        """
        plan = self._plans.get(parts[2])
        if plan is None or plan.basis is None or plan.is_summary_due or symbol.cause is not None:
            return False
        trade = parts[11].split(",", _TRADE_DEPTH)
        if not self._is_whole(trade):
            return False
        event_us, prints = self._dated(trade[3], trade[2]), symbol.prints
        tick_id, volume = int(trade[7]), int(trade[8])
        if (
            event_us is None
            or event_us < prints.newest_us
            or trade[3] != prints.date_text
            or tick_id < prints.tick_ids.get(trade[4], _NO_ID)
            or not prints.has_sizes
        ):
            return False
        prices, sizes, topic = self._known_prices, self._known_sizes, symbol.trade
        if self._is_doubtful(topic.last, volume, trade[0]):
            return False
        try:
            body = (
                TRADE_TYPE, self._epoch, topic.sequence + 1, symbol.flags, recv_us, event_us,
                prices[trade[0]], self._known_trade_sizes[trade[1]], tick_id, sizes[trade[4]],
                self._known_conditions[trade[5]], plan.basis, sizes[trade[6]], volume,
                prices[parts[3]], prices[parts[7]],
            )  # fmt: skip
        except KeyError:
            self._learn(parts)
            self._learn_trade(trade)
            return False
        symbol.rest = parts[11]
        symbol.line = line
        symbol.last_line_us = recv_us
        prints.newest_us = event_us
        prints.tick_ids[trade[4]] = tick_id
        if plan.basis == "C":
            symbol.last_conditions = body[10]
        topic.sequence += 1
        topic.last = body
        self.trades += 1
        frame = topic.prefix + self._pack(body)
        self._keep(topic, frame)
        self._send(frame)
        if plan.has_quote:
            self._publish_quote(symbol, parts, plan.has_bid, plan.has_ask, symbol.flags, recv_us)
        self._summarize(symbol, line, recv_us, is_at_once=False)
        return True

    def _is_doubtful(self, last: Sequence[Any] | None, volume: int, price_text: str) -> bool:
        """Whether a trade may be the last one once more, or too far from it: not judged here."""
        if last is None or last[13] == volume:
            return True
        if not self._limits.jump_max:
            return False
        price = self._known_prices.get(price_text)
        return price is None or self._limits.is_jump(price, last[6])

    def _is_whole(self, trade: list[str]) -> bool:
        """Whether a trade's columns are all there, and its numbers can be read as they are."""
        if not self._is_usual or len(trade) <= _TRADE_DEPTH or not trade[0]:
            return False
        trade_id, volume = trade[7], trade[8]
        return (
            trade[9].count(",") == self._summary_commas
            and trade_id.isdecimal()
            and volume.isdecimal()
            and max(len(trade_id), len(volume)) <= EXACT_DIGITS_MAX
        )

    def _learn_trade(self, trade: list[str]) -> None:
        """Remember the values of a trade's texts, where they are values that need no judgment."""
        complaints = self._complaints
        _remember(self._known_prices, self._prices, (trade[0],), complaints, self._limits.is_usual)
        _remember(self._known_trade_sizes, self._sizes, (trade[1],), complaints, bool)
        _remember(self._known_sizes, self._sizes, (trade[4], trade[6]), complaints)
        # What tells of a halt is read where halts are known.
        _remember(
            self._known_conditions,
            self._conditions,
            (trade[5],),
            complaints,
            lambda conditions: not is_halt(conditions),
        )

    def _learn(self, parts: list[str]) -> None:
        """Remember the values of a line's texts, where they are values that need no judgment."""
        prices = (parts[3], parts[7])
        _remember(self._known_prices, self._prices, prices, self._complaints, self._limits.is_usual)
        sizes = (parts[4], parts[6], parts[8], parts[10])
        _remember(self._known_sizes, self._sizes, sizes, self._complaints)


def _remember(
    known: dict[str, Any],
    cache: dict[str, Any],
    texts: Iterable[str],
    complaints: Complaints,
    is_usual: Callable[[Any], bool] = lambda _: True,
) -> None:
    """Copy usual values from a cache of valid texts; the other reader has filled it."""
    for text in texts:
        if text in cache and text not in known and is_usual(cache[text]):
            if len(known) >= ENTRIES_MAX:
                known.clear()
                complaints.complain(Counter.CACHE_RESETS, text, f"next is {bounded(text)}")
            known[text] = cache[text]
