"""The variant desk: conflated topics come with the first subscription and go with the last."""

from typing import Final

from gateway.control.depth_desk import DepthDesk
from gateway.model.messages import Kind
from gateway.normalize.board import Board
from gateway.normalize.variants import VARIANT_KINDS
from gateway.wire.topics import TopicName

SERVED_KINDS: Final = VARIANT_KINDS | {Kind.BOOK}
"""Kinds that have variants."""


class VariantDesk:
    """Counts the subscriptions to variants.

    A variant may be subscribed to before its symbol is wanted: it is made as soon as there is
    something to make it of.

    Args:
        board: The symbols.
        depth: The desk for variants of `book`.
    """

    def __init__(self, board: Board, depth: DepthDesk) -> None:
        self._board = board
        self._depth = depth
        self._counts: dict[str, dict[tuple[Kind, str], int]] = {}

    def add(self, name: TopicName) -> bool:
        """Count a subscription to a variant; the first one makes its topic.

        Returns:
            Whether the kind has variants.
        """
        if name.kind is Kind.BOOK:
            self._depth.add_variant(name.symbol, name.variant)
            return True
        if name.kind not in VARIANT_KINDS or not name.variant.isdecimal():
            return False
        counts = self._counts.setdefault(name.symbol, {})
        key = (name.kind, name.variant)
        counts[key] = counts.get(key, 0) + 1
        self._make(name.symbol, *key)
        return True

    def drop(self, name: TopicName) -> bool:
        """Take a subscription to a variant back; the last one ends its topic.

        Returns:
            Whether the kind has variants.
        """
        if name.kind is Kind.BOOK:
            self._depth.drop_variant(name.symbol, name.variant)
            return True
        counts, key = self._counts.get(name.symbol, {}), (name.kind, name.variant)
        count = counts.get(key, 0) - 1
        if count > 0:
            counts[key] = count
            return True
        if counts.pop(key, None) is not None:
            self._end(name.symbol, name.kind, name.variant)
        if not counts:
            self._counts.pop(name.symbol, None)
        return name.kind in VARIANT_KINDS

    def attach(self, symbol: str) -> None:
        """Make the variants of a symbol that has just been opened."""
        for kind, variant in self._counts.get(symbol, ()):
            self._make(symbol, kind, variant)

    def _make(self, symbol: str, kind: Kind, variant: str) -> bool:
        known = self._board.symbols.get(symbol)
        if known is None:
            return False
        base = known.topic(kind)
        made = self._board.variants.add(base, symbol=symbol, kind=kind, variant=variant)
        return made is not None

    def _end(self, symbol: str, kind: Kind, variant: str) -> None:
        known = self._board.symbols.get(symbol)
        if known is None or not self._board.variants.drop(known.topic(kind), variant):
            return
        for other_kind, other in self._counts.get(symbol, ()):
            if other_kind is kind:
                # There is room for one that was one too many.
                self._make(symbol, kind, other)
