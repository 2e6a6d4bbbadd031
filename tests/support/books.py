"""Books that a test is about: those in Python or the extension's, which do the same."""

import struct
from typing import Any, TypeAlias, cast

from gateway.book.level_book import LevelBook
from gateway.book.order_book import OrderBook
from gateway.wire.codec import make_pack
from schemas.reference_msgpack import decode_value
from tests.support.pipelines import PYTHON

AnyBook: TypeAlias = OrderBook | LevelBook
_PACK = make_pack()


def make_order_book(name: str, *, rows_max: int) -> OrderBook:
    """An empty book of orders.

    Args:
        name: Whose: one of `tests.support.pipelines.NAMES`.
        rows_max: As `OrderBook` takes it.
    """
    if name == PYTHON:
        return OrderBook(rows_max=rows_max)
    # Only where it was built.
    from gateway.compiled import _pipeline  # noqa: PLC0415

    return cast("OrderBook", _pipeline.OrderBook(rows_max=rows_max))


def make_level_book(name: str, *, rows_max: int) -> LevelBook:
    """An empty book of price levels; arguments as of `make_order_book`."""
    if name == PYTHON:
        return LevelBook(rows_max=rows_max)
    from gateway.compiled import _pipeline  # noqa: PLC0415

    return cast("LevelBook", _pipeline.LevelBook(rows_max=rows_max))


def rows_of(book: AnyBook) -> list[tuple[Any, ...]]:
    """The rows of a book's image, in its order, as the reference decoder reads them."""
    count, data = book.image(_PACK)
    rows = decode_value(b"\xdd" + struct.pack(">I", count) + data)
    assert isinstance(rows, list)
    return [tuple(row) for row in rows if isinstance(row, list)]
