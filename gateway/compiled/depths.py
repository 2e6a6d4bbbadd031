"""Order books whose usual rows are read without Python: they are memory of the extension's."""

from typing import TYPE_CHECKING, Any, cast

from gateway.compiled import _pipeline
from gateway.compiled.index import NameIndex
from gateway.model.messages import Kind
from gateway.normalize.depths import Depth
from gateway.normalize.symbols import Symbol


class CompiledDepth(_pipeline.DepthState, Depth):
    """A symbol whose usual rows the extension reads.

    Args:
        symbol: What is known of it on all ports; a `CompiledSymbol`.
        row_count_max: Rows kept of each source.
        now_us: UTC.
        shard: Which Level 2 connection delivers it.
    """

    if not TYPE_CHECKING:
        __slots__ = (
            "arriving", "asked", "books", "cleared_until_us", "crossed_us", "expected",
            "has_level_orders", "has_no_levels", "has_no_orders", "images_asked_us", "is_full",
            "is_rebuilding", "quote_sequence", "released", "renewed", "seen_us", "settle_us",
            "shard", "standing", "symbol",
        )  # fmt: skip

    def __new__(cls, symbol: Symbol, *, row_count_max: int, **_: Any) -> "CompiledDepth":
        """Make its books with it."""
        depth = super().__new__(
            cls,
            symbol.name,
            _pipeline.OrderBook(rows_max=row_count_max),
            _pipeline.LevelBook(rows_max=row_count_max),
            cast("_pipeline.Topic", symbol.topic(Kind.ORDER)),
            cast("_pipeline.Topic", symbol.topic(Kind.DEPTH)),
        )
        return cast("CompiledDepth", depth)

    def __init__(self, symbol: Symbol, *, row_count_max: int, now_us: int, shard: int = 0) -> None:
        del row_count_max
        self._begin(symbol, now_us=now_us, shard=shard)


class DepthIndex(NameIndex[Depth, "_pipeline.DepthTable"]):
    """Symbols by name, for Python and for readers alike."""

    def __init__(self) -> None:
        super().__init__(_pipeline.DepthTable())
