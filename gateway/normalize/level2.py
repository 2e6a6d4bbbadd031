"""Level 2 lines to rows of order books, and to `order` and `depth` messages.

Every line carries its own date and time, so nothing depends on the session's clock but the two
readings of the hour that a clock set back repeats. What a row does to its book and to consumers is
in `rows`.

Source: DTN IQFeed Level 2 messages 0 and 3 to 9 of protocol 6.2, Z and 2 of earlier ones.
"""

import re
from typing import Final

from gateway.counters import Complaints, Counter, Counters
from gateway.iqfeed.values import read_id
from gateway.model.enums import Flag
from gateway.model.messages import Kind
from gateway.normalize.depth_board import DepthBoard
from gateway.normalize.depths import Depth
from gateway.normalize.eastern import EasternTime
from gateway.normalize.symbols import BookSource
from gateway.normalize.values import Values

_SNAPSHOT: Final = int(Flag.SNAPSHOT)
_LAST: Final = int(Flag.LAST)
EXACT_DIGITS_MAX: Final = 18
"""Decimal digits that fit a 63-bit integer whatever they are."""
WIDTHS: Final = {
    "0": 12,
    "3": 12,
    "4": 12,
    "5": 8,
    "6": 12,
    "7": 10,
    "8": 10,
    "9": 7,
    "Z": 15,
    "2": 15,
}
"""Columns of each line, letter and the empty one behind the last comma included."""
_DATES: Final = {
    "0": 10,
    "3": 10,
    "4": 10,
    "5": 6,
    "6": 10,
    "7": 8,
    "8": 8,
    "9": 5,
    "Z": 8,
    "2": 8,
}
"""The column of the date: what is one shows that the columns before it are in their places."""
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TEXT_BYTES_MAX: Final = 64
"""Longest market maker's name; real ones have four characters."""


class Level2Reader:
    """Reads the data lines of one Level 2 connection.

    Args:
        board: The books.
        eastern: Converts dates and times.
        values: Text-to-value caches.
        counters: Where messages are counted.
        complaints: Where bad lines are reported.
    """

    def __init__(
        self,
        board: DepthBoard,
        *,
        eastern: EasternTime,
        values: Values,
        counters: Counters,
        complaints: Complaints,
    ) -> None:
        self._board = board
        self._depths = board.depths
        self._rows = board.rows
        self._dated = eastern.dated_iso
        self._prices, self._sizes = values.prices, values.sizes
        self._counters = counters
        self._complaints = complaints
        self.readers: Final = {
            "0": self._read_level_order,
            "3": self._read_order,
            "4": self._read_order,
            "5": self._read_order_delete,
            "6": self._read_order,
            "7": self._read_level,
            "8": self._read_level,
            "9": self._read_level_delete,
            "Z": self._read_market_maker,
            "2": self._read_market_maker,
        }
        """Reader by first letter; each takes the columns, the line and when it was read."""

    def read(self, line: str, recv_us: int) -> bool:
        """Read one line.

        Args:
            line: Without its terminator.
            recv_us: When its bytes were read, UTC.

        Returns:
            False when it is no Level 2 data line.
        """
        letter = line[0]
        reader = self.readers.get(letter)
        if reader is None or line[1:2] != ",":
            return False
        fields = line.split(",")
        if len(fields) != WIDTHS[letter] and not self._accept_width(line, fields):
            return True
        depth = self._depths.get(fields[1])
        if depth is None:
            self._counters.add(Counter.LINES_UNWATCHED)
            return True
        depth.heard_us = self._rows.now_us
        reader(depth, fields, recv_us)
        return True

    def _read_order(self, depth: Depth, fields: list[str], recv_us: int) -> None:
        """3 (new), 4 (changed) and 6 (summary): an order, or a market maker's best row."""
        _, _, id_text, maker, side, price_text, size_text, priority_text, precision_text, *_ = (
            fields
        )
        price, size = self._prices[price_text], self._sizes[size_text]
        if price is None or size is None or side not in ("B", "A"):
            self._refuse(fields, "order without side, price or size")
            return
        order_id: int | None = None
        key: int | tuple[str, str]
        if len(maker) > _TEXT_BYTES_MAX:
            self._refuse(fields, "market maker's name too long")
            return
        if id_text:
            order_id = self._id_of(id_text)
            if order_id is None:
                self._refuse(fields, "order number is no number")
                return
            key = order_id
        elif maker:
            key = (maker, side)
        else:
            self._refuse(fields, "neither order number nor market maker")
            return
        priority = self._id_of(priority_text) if priority_text else None
        is_summary = fields[0] == "6"
        if not depth.takes_orders:
            source = BookSource.MARKET_MAKERS if order_id is None else BookSource.ORDERS
            if not self._board.hear(depth, source, recv_us, is_summary=is_summary):
                return
        event_us = self._moment(fields[10], fields[9])
        self._rows.put_order(
            depth, key, side, order_id, maker or None, price, size, priority,
            self._sizes[precision_text], _SNAPSHOT if is_summary else 0, event_us, recv_us,
        )  # fmt: skip

    def _read_order_delete(self, depth: Depth, fields: list[str], recv_us: int) -> None:
        """5: an order or a market maker's row is gone."""
        _, _, id_text, maker, side, time_text, date_text, *_ = fields
        if side not in ("B", "A"):
            self._refuse(fields, "deletion without a side")
            return
        key: int | tuple[str, str] | None = None
        if id_text:
            key = self._id_of(id_text)
        elif maker:
            key = (maker, side)
        if key is None:
            self._refuse(fields, "neither order number nor market maker")
            return
        # A deletion proves nothing: it may belong to a watch that has ended.
        event_us = self._moment(date_text, time_text)
        self._rows.drop_order(depth, key, 0, event_us, recv_us)

    def _read_level(self, depth: Depth, fields: list[str], recv_us: int) -> None:
        """7 (summary) and 8 (changed): a price level."""
        _, _, side, price_text, size_text, count_text, precision_text, time_text, date_text, *_ = (
            fields
        )
        self._read_any_level(
            depth, fields, side, price_text, size_text, self._sizes[count_text], precision_text,
            self._moment(date_text, time_text), recv_us, fields[0] == "7",
        )  # fmt: skip

    def _read_level_order(self, depth: Depth, fields: list[str], recv_us: int) -> None:
        """0: a price level in the columns of an order; the exchange has no orders to show."""
        self._read_any_level(
            depth, fields, fields[4], fields[5], fields[6], None, fields[8],
            self._moment(fields[10], fields[9]), recv_us, not depth.standing.is_live,
        )  # fmt: skip

    def _read_any_level(  # noqa: PLR0917 - keywords would cost a tenth of a row
        self,
        depth: Depth,
        fields: list[str],
        side: str,
        price_text: str,
        size_text: str,
        order_count: int | None,
        precision_text: str,
        event_us: int | None,
        recv_us: int,
        is_summary: bool,
    ) -> None:
        price, size = self._prices[price_text], self._sizes[size_text]
        if price is None or size is None or side not in ("B", "A"):
            self._refuse(fields, "level without side, price or size")
            return
        # Levels that come instead of orders may answer the request for orders.
        is_steady = depth.takes_levels and (depth.takes_orders or fields[0] != "0")
        if not is_steady and not self._hear_level(depth, fields, price, recv_us, is_summary):
            return
        self._rows.put_level(
            depth, side, price, size, order_count, self._sizes[precision_text],
            _SNAPSHOT if is_summary else 0, event_us, recv_us,
        )  # fmt: skip

    def _read_level_delete(self, depth: Depth, fields: list[str], recv_us: int) -> None:
        """9: a price level is gone."""
        _, _, side, price_text, time_text, date_text, *_ = fields
        price = self._prices[price_text]
        if price is None or side not in ("B", "A"):
            self._refuse(fields, "deletion without side or price")
            return
        event_us = self._moment(date_text, time_text)
        self._rows.drop_level(depth, side, price, event_us, recv_us)

    def _hear_level(
        self, depth: Depth, fields: list[str], price: float, recv_us: int, is_summary: bool
    ) -> bool:
        """Note a level that needs more than the book; whether it is to be taken."""
        if fields[0] == "0":
            depth.note_level_orders()
            # Nothing marks the rows of a summary. A level that is not known yet may be one; if
            # those that are could too, a busy symbol would never be live.
            if depth.has_level_orders and Kind.ORDER in depth.renewed:
                depth.renewed.discard(Kind.ORDER)
                depth.renewed.add(Kind.DEPTH)
            is_summary = Kind.DEPTH in depth.renewed or (
                is_summary and not depth.levels.has(fields[4], price)
            )
        return self._board.hear(depth, BookSource.PRICE_LEVELS, recv_us, is_summary=is_summary)

    def _read_market_maker(self, depth: Depth, fields: list[str], recv_us: int) -> None:
        """Z (summary) and 2 (update) of the classic dialect: both sides of one market maker.

        The line repeats a side that has not changed; that is told once, unless the vendor closes a
        group of lines with it.
        """
        _, _, maker, bid, ask, bid_size, ask_size, bid_time, date, _, ask_time, *rest = fields
        has_bid, has_ask, group_end = rest[0], rest[1], rest[2]
        if not 0 < len(maker) <= _TEXT_BYTES_MAX or {has_bid, has_ask, group_end} - {"T", "F"}:
            self._refuse(fields, "no market maker, or a flag that is neither T nor F")
            return
        is_summary = fields[0] == "Z"
        prices, sizes = self._prices, self._sizes
        sides = tuple(
            (side, True, prices[price], sizes[size], time_text)
            if flag == "T"
            else (side, False, None, None, time_text)
            for side, flag, price, size, time_text in (
                ("B", has_bid, bid, bid_size, bid_time),
                ("A", has_ask, ask, ask_size, ask_time),
            )
        )
        valid = [
            (side, price, size, time_text)
            for side, is_there, price, size, time_text in sides
            if not (is_there and (price is None or size is None))
        ]
        if len(valid) < len(sides):
            self._refuse(fields, "valid side without price or size")
        if not valid or not (
            depth.takes_orders
            or self._board.hear(depth, BookSource.MARKET_MAKERS, recv_us, is_summary=is_summary)
        ):
            return
        changes = [change for change in valid if self._is_change(depth, maker, change, is_summary)]
        if not changes and group_end == "T":
            changes = [change for change in valid if change[1] is not None][-1:]
        for change in changes:
            side, price, size, time_text = change
            flags = _LAST if group_end == "T" and change is changes[-1] else 0
            event_us = self._moment(date, time_text)
            if price is None or size is None:
                self._rows.drop_order(depth, (maker, side), flags, event_us, recv_us)
                continue
            flags |= _SNAPSHOT if is_summary else 0
            self._rows.put_order(
                depth, (maker, side), side, None, maker, price, size, None, None,
                flags, event_us, recv_us,
            )  # fmt: skip

    def _is_change(
        self,
        depth: Depth,
        maker: str,
        side_values: tuple[str, float | None, int | None, str],
        is_summary: bool,
    ) -> bool:
        """Whether a side of a classic line says something new; an equal one is a sign of life."""
        side, price, size, _ = side_values
        known = depth.orders.confirm((maker, side), self._rows.now_us)
        if known is None:
            return price is not None
        return is_summary or known != (price, size)

    def _moment(self, date_text: str, time_text: str) -> int | None:
        """Convert a row's time; it is often left out, and then nothing is known."""
        event_us = self._dated(date_text, time_text)
        if event_us is None and time_text:
            moment = f"{date_text} {time_text}"
            self._complaints.complain(Counter.VALUES_INVALID, moment, "not a moment")
        return event_us

    def _id_of(self, text: str) -> int | None:
        """Read a number up to 64 bits: they rarely repeat, so a cache would not help."""
        if text.isdecimal() and len(text) <= EXACT_DIGITS_MAX:
            return int(text)
        return read_id(text, self._complaints)

    def _refuse(self, fields: list[str], detail: str) -> None:
        self._complaints.complain(Counter.LINES_INVALID, ",".join(fields), detail)

    def _accept_width(self, line: str, fields: list[str]) -> bool:
        """Judge a line with another number of columns than its layout has.

        A short line was cut: the column at the cut may be half a number. So was one whose last
        comma is missing, although it has the right number of columns without it.
        """
        width = WIDTHS[line[0]]
        if len(fields) < width:
            self._complaints.complain(Counter.LINES_TRUNCATED, line, "fewer columns than agreed")
            return False
        is_out_of_place = not _DATE.fullmatch(fields[_DATES[line[0]]])
        if is_out_of_place or any(name in self._depths for name in fields[width - 1 :]):
            self._complaints.complain(Counter.LINES_INVALID, line, "two lines in one")
            return False
        self._complaints.complain(Counter.LINES_EXTRA_COLUMNS, line, "more columns than agreed")
        return True
