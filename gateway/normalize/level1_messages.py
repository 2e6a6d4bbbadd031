"""Quote, trade and summary messages from the columns of one line.

Repeated texts cost one dict look-up instead of a conversion. What is implausible is flagged; what
is older than what was published before does not become a topic's last value.
"""

from collections.abc import Sequence
from typing import Any, Final

from gateway.counters import Complaints, Counter, Counters
from gateway.iqfeed.values import read_count, read_id
from gateway.model.enums import Flag
from gateway.model.messages import MessageType
from gateway.normalize.board import Board
from gateway.normalize.eastern import EasternTime
from gateway.normalize.level1_columns import Level1Columns
from gateway.normalize.suspicion import COUNTERS, Reason, doubt_quote, doubt_trade, is_halt
from gateway.normalize.symbols import Symbol
from gateway.normalize.values import Values

QUOTE_TYPE: Final = int(MessageType.QUOTE)
TRADE_TYPE: Final = int(MessageType.TRADE)
EXACT_DIGITS_MAX: Final = 18
"""Decimal digits that fit a 63-bit integer whatever they are."""
AHEAD_US_MAX: Final = 5_000_000
"""How far an event may be ahead of the vendor's clock line, which ticks every second."""
_SNAPSHOT: Final = int(Flag.SNAPSHOT)
_SUSPECT: Final = int(Flag.SUSPECT)
_CONFLATED: Final = int(Flag.CONFLATED)


class Level1Messages(Level1Columns):
    """Publishes the messages that a P or Q line stands for.

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
        super().__init__(names)
        self._board = board
        self._symbols = board.symbols
        self._envelope = board.envelope
        self._epoch = board.envelope.epoch
        self._pack = board.envelope.pack
        self._send = board.envelope.send
        self._keep = board.envelope.rings.keep
        self._eastern = eastern
        self._near_clock, self._dated = eastern.near_clock, eastern.dated
        self._prices, self._sizes, self._limits = values.prices, values.sizes, values.limits
        self._conditions, self._plans = values.conditions, values.plans
        self._counters = counters
        self._complaints = complaints
        self._interval_us = summary_interval_us
        self._unflushed: dict[str, Symbol] = {}
        self.quotes = self.trades = self.summaries = self.merged = 0
        self.is_current = True
        """Whether lines still have these columns; False once another set was agreed."""

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
        self._date_sides(symbol, fields, has_bid, has_ask)
        bid_us, ask_us = symbol.bid_us, symbol.ask_us
        is_ask_later = bid_us is None or (ask_us is not None and ask_us > bid_us)
        event_us = ask_us if is_ask_later else bid_us
        prices, sizes = self._prices, self._sizes
        bid, ask = prices[fields[self._bid_at]], prices[fields[self._ask_at]]
        bid_size, ask_size = sizes[fields[self._bid_size_at]], sizes[fields[self._ask_size_at]]
        reason = doubt_quote(bid, ask) or self._limits.doubt(bid) or self._limits.doubt(ask)
        if bid is None or ask is None or bid_size is None or ask_size is None:
            reason = self._doubt_texts(fields, (bid, ask, bid_size, ask_size)) or reason
        is_late = event_us is not None and event_us < symbol.quote_us
        if is_late and (flags & _SNAPSHOT or self._is_ahead(symbol.quote_us)):
            # A P line is an answer to us, so it is newer than all before it, but of a side that
            # changed unseen nobody knows when.
            is_late = False
        if is_late or reason is not None:
            flags |= self._doubt(symbol, reason, is_late=is_late, recv_us=recv_us)
        if event_us is not None and not is_late:
            symbol.quote_us = event_us
        topic = symbol.quote
        topic.sequence = sequence = topic.sequence + 1
        body = (
            QUOTE_TYPE,
            self._epoch,
            sequence,
            flags,
            recv_us,
            event_us,
            bid,
            bid_size,
            ask,
            ask_size,
            bid_us,
            ask_us,
            sizes[fields[self._bid_center_at]],
            sizes[fields[self._ask_center_at]],
            merged,
        )
        if not is_late:
            topic.last = body
        self.quotes += 1
        self._send(topic.prefix + self._pack(body))
        if topic.variants is not None:
            self._envelope.mark(topic, merged)

    def _date_sides(self, symbol: Symbol, fields: list[str], has_bid: bool, has_ask: bool) -> None:
        """Date the side that changed by the session's clock; the other keeps the moment it had."""
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
        prices, sizes, prints = self._prices, self._sizes, symbol.prints
        size, trade_id = sizes[fields[self._size_at]], self._id_of(fields[self._trade_id_at])
        volume = self._count_of(fields[self._volume_at])
        topic, center_text = symbol.trade, fields[self._center_at]
        center = sizes[center_text]
        if _is_repeated(topic.last, (event_us, price, trade_id, center, basis, volume)):
            self._complaints.complain(Counter.LINES_DUPLICATE, ",".join(fields), "trade repeats")
            return
        reason = doubt_trade(price, size, conditions, has_sizes=prints.has_sizes)
        reason = reason or self._limits.doubt(price)
        if size is None and fields[self._size_at]:
            reason = Reason.VALUE_UNREADABLE
        elif topic.last is not None and self._limits.is_jump(price, topic.last[6]):
            reason = reason or Reason.PRICE_JUMP
        if prints.newest_us > (event_us or 0) and self._is_ahead(prints.newest_us):
            prints.newest_us = 0
        is_late = prints.is_late(event_us, trade_id, center_text, date_text)
        halts = is_halt(conditions)
        if symbol.cause is not None and not halts and not is_late:
            self._board.halt(symbol, is_halted=False)
        prints.has_sizes |= bool(size)
        flags = symbol.flags
        if is_late or reason is not None:
            flags |= self._doubt(symbol, reason, is_late=is_late, recv_us=recv_us)
        topic.sequence += 1
        body = (
            TRADE_TYPE, self._epoch, topic.sequence, flags, recv_us, event_us,
            price, size, trade_id, center, conditions, basis,
            sizes[fields[self._aggressor_at]], volume,
            prices[fields[self._bid_at]], prices[fields[self._ask_at]],
        )  # fmt: skip
        if not is_late:
            topic.last = body
        self.trades += 1
        frame = topic.prefix + self._pack(body)
        self._keep(topic, frame)
        self._send(frame)
        if halts and not is_late:
            self._board.halt(symbol, is_halted=True)

    def _is_ahead(self, newest_us: int) -> bool:
        """Whether a time lies ahead of the vendor's own clock: it was wrong, and nothing is late.

        Otherwise one wrong time would keep every later value from being the last one until the
        clock has come to it.
        """
        clock_us = self._eastern.clock_us
        return clock_us is not None and newest_us > clock_us + AHEAD_US_MAX

    def _doubt(self, symbol: Symbol, reason: Reason | None, *, is_late: bool, recv_us: int) -> int:
        """Note that a message is implausible; the flag it is published with."""
        if is_late:
            self._counters.add(Counter.LINES_OUT_OF_ORDER)
        if reason is not None:
            self._counters.add(COUNTERS[reason])
        self._counters.add(Counter.MESSAGES_SUSPECT)
        self._board.doubt(symbol, reason or Reason.OUT_OF_ORDER, recv_us)
        return _SUSPECT

    def _doubt_texts(self, fields: list[str], values: tuple[float | None, ...]) -> Reason | None:
        """Whether a value of a quote is missing although a text is there."""
        places = (self._bid_at, self._ask_at, self._bid_size_at, self._ask_size_at)
        is_unreadable = any(
            value is None and fields[at] for value, at in zip(values, places, strict=True)
        )
        return Reason.VALUE_UNREADABLE if is_unreadable else None

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
            self._unflushed.pop(symbol.name, None)
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


def _is_repeated(last: Sequence[Any] | None, trade: tuple[object, ...]) -> bool:
    """Whether a trade is the very one that was published last.

    Args:
        last: Body of that one.
        trade: Moment, price, id, market center, basis and the day's volume; without an id or a
            volume nothing is proved.
    """
    if last is None or trade[2] is None or trade[5] is None:
        return False
    return (last[5], last[6], last[8], last[9], last[11], last[13]) == trade
