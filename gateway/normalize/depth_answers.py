"""Answers to snapshot requests for `order`, `depth` and `book`, from memory."""

from typing import Final

from gateway.clock import Clock
from gateway.model.enums import Cause, Flag, SymbolState
from gateway.model.messages import KIND_TYPES, MESSAGES, Kind
from gateway.normalize.board import Board
from gateway.normalize.depth_board import DepthBoard
from gateway.normalize.depths import Depth
from gateway.wire.codec import Encoded, pack_image
from gateway.wire.envelope import Body
from gateway.wire.topics import TopicName

_STALE: Final = int(Flag.STALE)
_SNAPSHOT: Final = int(Flag.SNAPSHOT)
_SUSPECT: Final = int(Flag.SUSPECT)
_IMAGE_TYPE: Final = int(KIND_TYPES[Kind.IMAGE])
_BOOK_ITEMS: Final = len(MESSAGES[KIND_TYPES[Kind.BOOK]]._fields)


class DepthAnswers:
    """Answers for the kinds that Level 2 delivers.

    Args:
        board: The symbols on all ports.
        depths: Their books.
        clock: Stamps of answers that have no value.
    """

    def __init__(self, board: Board, depths: DepthBoard, *, clock: Clock) -> None:
        self._board = board
        self._depths = depths
        self._clock = clock
        self._envelope = board.envelope

    def answer(self, name: TopicName) -> Body | Encoded:
        """Answer a snapshot request for `order`, `depth` or `book` from memory.

        Returns:
            An image, a book, or a `state` body that says why there is none.
        """
        depth = self._depths.depths.get(name.symbol)
        if depth is None or depth.standing.state is SymbolState.CLOSED:
            now_us = self._clock.utc_us()
            return self._board.why_not(SymbolState.CLOSED, Cause.NOT_SUBSCRIBED, now_us)
        standing = depth.standing
        state, cause = state_of(depth, name.kind)
        if name.kind is Kind.BOOK:
            return self._book(depth, name.variant)
        if name.variant:
            return self._board.why_not(SymbolState.REFUSED, Cause.NO_DEPTH, standing.since_us)
        if state in (SymbolState.PENDING, SymbolState.REFUSED, SymbolState.CLOSED):
            return self._board.why_not(state, cause, standing.since_us)
        return self._image(depth, name.kind)

    def _book(self, depth: Depth, variant: str) -> Body:
        standing = depth.standing
        book = depth.books.get(variant)
        if book is None:
            return self._board.why_not(SymbolState.CLOSED, Cause.NOT_SUBSCRIBED, standing.since_us)
        if book.topic.last is None:
            if not standing.is_live:
                return self._board.why_not(standing.state, standing.cause, standing.since_us)
            self._depths.books.publish(book, self._clock.monotonic_ns() // 1000)
        now_us = self._clock.utc_us()
        body = self._envelope.snapshot_body(book.topic, items=_BOOK_ITEMS, recv_us=now_us)
        return body if standing.is_live else (*body[:3], body[3] | _STALE, *body[4:])

    def _image(self, depth: Depth, kind: Kind) -> Encoded:
        is_orders = kind is Kind.ORDER
        topic = depth.order_topic if is_orders else depth.depth_topic
        book = depth.orders if is_orders else depth.levels
        count, rows = book.image(self._envelope.pack)
        flags = self._board.delayed_flag | _SNAPSHOT
        if not depth.standing.is_live or kind in depth.arriving:
            flags |= _STALE
        if depth.is_full or book.empty_rows or book.crossing():
            flags |= _SUSPECT
        recv_us = depth.recv_us or self._clock.utc_us()
        head = (_IMAGE_TYPE, self._envelope.epoch, topic.sequence, flags, recv_us, depth.event_us)
        return pack_image(head, count, rows)


def state_of(depth: Depth, kind: Kind) -> tuple[SymbolState, Cause | None]:
    """How one kind of a symbol stands: the vendor may have only some of them."""
    standing = depth.standing
    if kind is Kind.BOOK:
        return standing.state, standing.cause
    if kind is Kind.ORDER:
        is_asked = Kind.ORDER in depth.asked
        has_none = depth.has_no_orders or depth.has_level_orders
    else:
        is_asked = Kind.DEPTH in depth.asked or depth.has_level_orders
        has_none = depth.has_no_levels and not depth.has_level_orders
    if has_none:
        return SymbolState.REFUSED, Cause.NO_DEPTH
    if standing.state is SymbolState.REFUSED:
        return standing.state, standing.cause
    if not is_asked:
        # A book is wanted, and the vendor was asked for something else to make it of.
        return SymbolState.CLOSED, Cause.NOT_SUBSCRIBED
    state = standing.state
    if standing.is_live and kind in depth.expected:
        state = SymbolState.PENDING
    elif standing.is_live and kind in depth.arriving:
        state = SymbolState.RECOVERING
    return state, standing.cause
