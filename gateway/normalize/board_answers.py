"""Answers to snapshot requests for the kinds of Level 1 and for news, from memory."""

from typing import Final

from gateway.clock import Clock
from gateway.model.enums import Cause, Flag, SymbolState
from gateway.model.messages import KIND_TYPES, MESSAGES, Kind, MessageType
from gateway.normalize.board import Board
from gateway.normalize.symbols import BOARD_KINDS, Symbol
from gateway.normalize.variants import VARIANT_KINDS
from gateway.wire.envelope import Body, Topic
from gateway.wire.topics import TopicName

_STALE: Final = int(Flag.STALE)
_ITEMS: Final = {kind: len(MESSAGES[KIND_TYPES[kind]]._fields) for kind in BOARD_KINDS}
_NEWS_ITEMS: Final = len(MESSAGES[MessageType.NEWS]._fields)


class BoardAnswers:
    """Answers for the kinds that Level 1 delivers.

    Args:
        board: The symbols.
        clock: Stamps of answers that have no value.
    """

    def __init__(self, board: Board, *, clock: Clock) -> None:
        self._board = board
        self._clock = clock
        self._envelope = board.envelope

    def answer(self, name: TopicName) -> Body:
        """Answer a snapshot request from memory.

        Args:
            name: The topic asked for, private prefix ignored.

        Returns:
            A body of the base kind with SNAPSHOT, or a `state` body that says why there is none.
        """
        now_us = self._clock.utc_us()
        if name.kind is Kind.NEWS and not name.variant:
            known = self._board.known_topic(name)
            topic = known if known is not None else self._envelope.topic(Kind.NEWS, name.symbol)
            return self._envelope.snapshot_body(topic, items=_NEWS_ITEMS, recv_us=now_us)
        symbol = self._board.symbols.get(name.symbol)
        is_state = name.kind is Kind.STATE
        if symbol is not None and not (symbol.is_wanted if is_state else symbol.is_wanted_level1):
            symbol = None
        is_served = name.kind in (VARIANT_KINDS if name.variant else _ITEMS)
        if symbol is not None and not is_served:
            return self._board.why_not(SymbolState.REFUSED, Cause.NO_DEPTH, symbol.since_us)
        asked = None if symbol is None else self._asked_topic(symbol, name)
        if symbol is None or asked is None:
            return self._board.why_not(SymbolState.CLOSED, Cause.NOT_SUBSCRIBED, now_us)
        is_unheard = symbol.state in (SymbolState.PENDING, SymbolState.REFUSED)
        if is_unheard and asked.last is None and name.kind is not Kind.STATE:
            return self._board.why_not(symbol.state, symbol.cause, symbol.since_us)
        body = self._envelope.snapshot_body(asked, items=_ITEMS[name.kind], recv_us=now_us)
        if symbol.is_live or name.kind is Kind.STATE:
            return body
        return (*body[:3], body[3] | _STALE, *body[4:])

    def _asked_topic(self, symbol: Symbol, name: TopicName) -> Topic | None:
        """The topic that a snapshot is asked of; None for a variant that nobody subscribed to."""
        base = symbol.topic(name.kind)
        if not name.variant:
            return base
        variant = (base.variants or {}).get(name.variant)
        if variant is None:
            return None
        if variant.topic.last is None:
            self._board.variants.publish(variant, self._clock.monotonic_ns() // 1000)
        topic: Topic = variant.topic
        return topic
