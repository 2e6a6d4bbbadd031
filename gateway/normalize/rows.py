"""Rows of order books and the messages that tell of them, in one step each.

A row is put into its book and published as the next message of its topic, or neither: the
sequence of `order` and `depth` topics is what a consumer's mirror of the book stands on. The steps
are spelled out in line: a call costs as much as a dictionary look-up.
"""

from collections.abc import Iterable
from typing import Final

from gateway.book.order_book import OrderRow
from gateway.counters import Counter, Counters
from gateway.model.enums import Action, Flag
from gateway.model.messages import KIND_TYPES, MESSAGES, Kind
from gateway.normalize.depths import Depth
from gateway.wire.envelope import HEADER_ITEMS, Envelope

_ORDER_TYPE: Final = int(KIND_TYPES[Kind.ORDER])
_DEPTH_TYPE: Final = int(KIND_TYPES[Kind.DEPTH])
_ADD: Final = Action.ADD.value
_UPDATE: Final = Action.UPDATE.value
_DELETE: Final = Action.DELETE.value
_CLEAR: Final = Action.CLEAR.value
_ORDER_ITEMS: Final = len(MESSAGES[KIND_TYPES[Kind.ORDER]]._fields) - HEADER_ITEMS - 2
_DEPTH_ITEMS: Final = len(MESSAGES[KIND_TYPES[Kind.DEPTH]]._fields) - HEADER_ITEMS - 2
"""Items of a row behind its action and side; a clear has none of them."""
_SUSPECT: Final = int(Flag.SUSPECT)
SIDES: Final = ("B", "A")


class RowPublisher:
    """Puts rows into books and publishes them.

    Args:
        envelope: Stamps and sends.
        changed: Where symbols whose books have changed are noted, each once.
        counters: Where rows are counted.
    """

    def __init__(self, envelope: Envelope, changed: list[Depth], *, counters: Counters) -> None:
        self._epoch = envelope.epoch
        self._pack, self._send = envelope.pack, envelope.send
        self._changed = changed
        self._counters = counters
        self.now_us = 0
        """The monotonic time of the rows being read."""
        self._orders = self._levels = 0

    def count(self) -> None:
        """Hand the numbers of messages over to the counters."""
        self._counters.add(Counter.ORDERS_PUBLISHED, self._orders)
        self._counters.add(Counter.DEPTHS_PUBLISHED, self._levels)
        self._orders = self._levels = 0

    def put_order(  # noqa: PLR0917 - keywords would cost a tenth of a row
        self,
        depth: Depth,
        key: int | tuple[str, str],
        side: str,
        order_id: int | None,
        maker: str | None,
        price: float,
        size: int,
        priority: int | None,
        precision: int | None,
        flags: int,
        event_us: int | None,
        recv_us: int,
    ) -> None:
        """Add or change an order or a market maker's row; `flags` come to the symbol's own."""
        is_new = depth.orders.put(
            key, side, order_id, maker, price, size, priority, precision, self.now_us
        )
        if is_new is None:
            self._note_full(depth)
            return
        if not size:
            flags |= _SUSPECT
        topic = depth.order_topic
        topic.sequence = sequence = topic.sequence + 1
        body = (
            _ORDER_TYPE,
            self._epoch,
            sequence,
            depth.flags | flags,
            recv_us,
            event_us,
            _ADD if is_new else _UPDATE,
            side,
            order_id,
            maker,
            price,
            size,
            priority,
            precision,
        )
        self._orders += 1
        self._send(topic.prefix + self._pack(body))
        depth.recv_us = recv_us
        if event_us is not None:
            depth.event_us = event_us
        depth.merged += 1
        if not depth.is_dirty:
            depth.is_dirty = True
            self._changed.append(depth)

    def drop_order(
        self,
        depth: Depth,
        key: int | tuple[str, str],
        flags: int,
        event_us: int | None,
        recv_us: int,
    ) -> None:
        """Delete an order, or a market maker's row; one that is not known is ignored."""
        row = depth.orders.delete(key)
        if row is None:
            self._counters.add(Counter.BOOK_ROWS_UNKNOWN)
        else:
            self._tell_deletion(depth, row, flags, event_us, recv_us)

    def tell_deleted(self, depth: Depth, rows: Iterable[OrderRow], recv_us: int) -> None:
        """Tell of rows that have left their book without a word of the vendor."""
        for row in rows:
            self._tell_deletion(depth, row, 0, None, recv_us)
        self.count()

    def _tell_deletion(
        self, depth: Depth, row: OrderRow, flags: int, event_us: int | None, recv_us: int
    ) -> None:
        topic = depth.order_topic
        topic.sequence = sequence = topic.sequence + 1
        body = (
            _ORDER_TYPE,
            self._epoch,
            sequence,
            depth.flags | flags,
            recv_us,
            event_us,
            _DELETE,
            row.side,
            row.order_id,
            row.market_maker,
            None,
            None,
            None,
            None,
        )
        self._orders += 1
        self._send(topic.prefix + self._pack(body))
        depth.recv_us = recv_us
        if event_us is not None:
            depth.event_us = event_us
        depth.merged += 1
        if not depth.is_dirty:
            depth.is_dirty = True
            self._changed.append(depth)

    def put_level(  # noqa: PLR0917 - keywords would cost a tenth of a row
        self,
        depth: Depth,
        side: str,
        price: float,
        size: int,
        order_count: int | None,
        precision: int | None,
        flags: int,
        event_us: int | None,
        recv_us: int,
    ) -> None:
        """Add or change a price level; arguments as of `put_order`."""
        is_new = depth.levels.put(side, price, size, order_count, precision)
        if is_new is None:
            self._note_full(depth)
            return
        if not size:
            flags |= _SUSPECT
        topic = depth.depth_topic
        topic.sequence = sequence = topic.sequence + 1
        body = (
            _DEPTH_TYPE,
            self._epoch,
            sequence,
            depth.flags | flags,
            recv_us,
            event_us,
            _ADD if is_new else _UPDATE,
            side,
            price,
            size,
            order_count,
            precision,
        )
        self._levels += 1
        self._send(topic.prefix + self._pack(body))
        depth.recv_us = recv_us
        if event_us is not None:
            depth.event_us = event_us
        depth.merged += 1
        if not depth.is_dirty:
            depth.is_dirty = True
            self._changed.append(depth)

    def drop_level(
        self, depth: Depth, side: str, price: float, event_us: int | None, recv_us: int
    ) -> None:
        """Delete a price level; one that is not known is ignored."""
        if not depth.levels.delete(side, price):
            self._counters.add(Counter.BOOK_ROWS_UNKNOWN)
            return
        topic = depth.depth_topic
        topic.sequence = sequence = topic.sequence + 1
        head = (_DEPTH_TYPE, self._epoch, sequence, depth.flags, recv_us, event_us)
        self._levels += 1
        self._send(topic.prefix + self._pack((*head, _DELETE, side, price, None, None, None)))
        depth.recv_us = recv_us
        if event_us is not None:
            depth.event_us = event_us
        depth.merged += 1
        if not depth.is_dirty:
            depth.is_dirty = True
            self._changed.append(depth)

    def clear(self, depth: Depth, kind: Kind, recv_us: int) -> None:
        """Empty one book; a consumer's copy of an empty book is empty, and needs no word."""
        book = depth.orders if kind is Kind.ORDER else depth.levels
        for side in SIDES if book.row_count else ():
            self.clear_side(depth, kind, side, recv_us)

    def clear_side(self, depth: Depth, kind: Kind, side: str, recv_us: int) -> None:
        """Empty one side of one book and say so."""
        is_order = kind is Kind.ORDER
        book = depth.orders if is_order else depth.levels
        topic = depth.order_topic if is_order else depth.depth_topic
        book.clear(side)
        topic.sequence = sequence = topic.sequence + 1
        head = (topic.type, self._epoch, sequence, depth.flags, recv_us, None)
        nothing = (None,) * (_ORDER_ITEMS if is_order else _DEPTH_ITEMS)
        self._send(topic.prefix + self._pack((*head, _CLEAR, side, *nothing)))
        self._counters.add(Counter.ORDERS_PUBLISHED if is_order else Counter.DEPTHS_PUBLISHED)
        depth.recv_us = recv_us
        depth.merged += 1
        if not depth.is_dirty:
            depth.is_dirty = True
            self._changed.append(depth)

    def _note_full(self, depth: Depth) -> None:
        """Refuse a row of a full book; the book says so until it is rebuilt."""
        self._counters.add(Counter.BOOK_ROWS_REFUSED)
        depth.is_full = True
        depth.merged += 1
        if not depth.is_dirty:
            depth.is_dirty = True
            self._changed.append(depth)
