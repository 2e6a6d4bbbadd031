"""What a client that lost nothing holds of a book, for tests to compare with."""

from typing import NamedTuple

from gateway.simulator.deep_symbol import DeepSymbol
from gateway.simulator.depth_lines import maker_code
from gateway.simulator.matching import SIDES


class TrueOrder(NamedTuple):
    """One resting order."""

    side: str
    """B or A."""
    order_id: int
    """Its id; lines about equities do not show it."""
    market_maker: str
    """Four-letter venue of an equity's order; empty for a future's."""
    price: str
    """As 6.2 lines show it."""
    size: int
    """Shares or contracts."""
    priority: int
    """Lower comes first at equal prices."""


class TrueMaker(NamedTuple):
    """One venue's row of one side."""

    side: str
    """B or A."""
    market_maker: str
    """Four-letter venue."""
    price: str
    """The venue's best price."""
    size: int
    """Its total size there."""


class TrueLevel(NamedTuple):
    """One price of one side."""

    price: str
    """As 6.2 lines show it."""
    size: int
    """Total size."""
    order_count: int
    """Orders standing there."""


def true_orders(symbol: DeepSymbol) -> list[TrueOrder]:
    """Every order: bids first, best first, at equal prices by priority."""
    is_equity = symbol.instrument.is_equity
    return [
        TrueOrder(
            "B" if is_bid else "A",
            order.order_id,
            maker_code(order.maker) if is_equity else "",
            symbol.text(order.price),
            order.size,
            order.priority,
        )
        for is_bid in SIDES
        for level in symbol.book.side(is_bid=is_bid).best_first()
        for order in level.orders.values()
    ]


def true_makers(symbol: DeepSymbol) -> list[TrueMaker]:
    """Every row by venue: bids first, best first, at equal prices by venue; equities only."""
    rows = []
    for is_bid in SIDES if symbol.instrument.is_equity else ():
        side = symbol.book.side(is_bid=is_bid)
        found = [(side.maker_best(maker), maker_code(maker)) for maker in side.makers]
        best = [(quote[0], maker, quote[1]) for quote, maker in found if quote is not None]
        best.sort(key=lambda row: (-row[0] if is_bid else row[0], row[1]))
        letter = "B" if is_bid else "A"
        rows += [TrueMaker(letter, maker, symbol.text(price), size) for price, maker, size in best]
    return rows


def true_levels(symbol: DeepSymbol) -> tuple[list[TrueLevel], list[TrueLevel]]:
    """Bids and asks by price, best first."""
    bids, asks = (
        [
            TrueLevel(symbol.text(level.price), level.size, len(level.orders))
            for level in symbol.book.side(is_bid=is_bid).best_first()
        ]
        for is_bid in SIDES
    )
    return bids, asks
