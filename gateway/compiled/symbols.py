"""Symbols whose usual lines are read without Python: their state is memory of the extension's."""

from typing import TYPE_CHECKING, Any, Final, cast

from gateway.compiled import _pipeline
from gateway.compiled.index import NameIndex
from gateway.model.messages import KIND_TYPES, Kind
from gateway.normalize.symbols import Symbol
from gateway.wire.codec import make_pack, unpack_items
from gateway.wire.envelope import RING_KINDS, Envelope, Topic
from gateway.wire.topics import topic_bytes

_ROW_KINDS: Final = frozenset({Kind.ORDER, Kind.DEPTH})
_pipeline.use_codec(make_pack(), unpack_items)


class CompiledSymbol(_pipeline.SymbolState, Symbol):
    """A symbol whose usual lines the extension reads.

    Args:
        name: The vendor's string, verbatim.
        envelope: Where topics come from.
        now_us: When the gateway first heard of it, UTC.
        shard: Which Level 1 connection delivers it.
    """

    if not TYPE_CHECKING:
        __slots__ = (
            "attention",
            "details",
            "envelope",
            "has_old_values",
            "level2",
            "life",
            "name",
            "shard",
            "since_us",
            "state",
            "state_topic",
            "summary",
            "topics",
        )

    def __new__(cls, name: str, *, envelope: Envelope, **_: Any) -> "CompiledSymbol":
        """Make the topics of quotes and trades with it."""
        quote, trade = _topic(Kind.QUOTE, name, envelope), _topic(Kind.TRADE, name, envelope)
        return cast("CompiledSymbol", super().__new__(cls, name, quote, trade))

    def __init__(self, name: str, *, envelope: Envelope, now_us: int, shard: int = 0) -> None:
        self._begin(name, envelope=envelope, now_us=now_us, shard=shard)

    def topic(self, kind: Kind) -> Topic:
        """The topic of a kind; the extension's own where it publishes rows."""
        topic = self.topics.get(kind)
        if topic is None and kind in _ROW_KINDS:
            topic = self.topics[kind] = cast("Topic", _topic(kind, self.name, self.envelope))
        return topic if topic is not None else super().topic(kind)


class SymbolIndex(NameIndex[Symbol, "_pipeline.SymbolTable"]):
    """Symbols by name, for Python and for readers alike."""

    def __init__(self) -> None:
        super().__init__(_pipeline.SymbolTable())


def _topic(kind: Kind, name: str, envelope: Envelope) -> "_pipeline.Topic":
    return _pipeline.Topic(
        prefix=topic_bytes(kind, name),
        type=int(KIND_TYPES[kind]),
        is_kept=kind in RING_KINDS,
        floor=envelope.floor,
    )
