"""A book as Level 2 lines, in each of the port's dialects; no sockets and no clock.

Who drives it: change the book, call `update` of every feed of that book, empty `book.changes`.
`summary` gives the whole book at any moment between two changes.
"""

import enum
import random
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from gateway.simulator.classic_lines import ClassicLevelLines, ClassicMakerLines
from gateway.simulator.depth_lines import LevelLines, MakerLines, OrderLines, Text
from gateway.simulator.instruments import DepthKind
from gateway.simulator.matching import MatchingBook


class Style(enum.Enum):
    """A dialect."""

    ORDER_LINES = "orders"
    """6.2, futures by order: types 6, 3, 4, 5."""
    LEVEL_LINES = "levels"
    """6.2, futures by price level: types 7, 8, 9."""
    PRICE_LINES = "prices"
    """6.2, futures without orders, asked by order: types 0, 9."""
    MAKER_LINES = "makers"
    """6.2, equities: types 6, 4, 5, one row for each venue and side."""
    CLASSIC_LEVELS = "classic levels"
    """6.1 and older, futures: Z and 2 by MD01 to MD10."""
    CLASSIC_MAKERS = "classic makers"
    """6.1 and older, equities: Z and 2 by venue."""


class FeedKey(NamedTuple):
    """What decides a feed's lines; equal keys get the same lines."""

    style: Style
    """The dialect."""
    levels_max: int | None = None
    """Levels a side, by price level only; None for all."""


_NEWEST: Final = {
    (DepthKind.ORDERS, False): Style.ORDER_LINES,
    (DepthKind.ORDERS, True): Style.LEVEL_LINES,
    (DepthKind.LEVELS, True): Style.LEVEL_LINES,
    (DepthKind.PRICES, False): Style.PRICE_LINES,
    (DepthKind.PRICES, True): Style.LEVEL_LINES,
    (DepthKind.MAKERS, False): Style.MAKER_LINES,
}


def feed_key(
    kind: DepthKind, *, is_newest: bool, is_by_level: bool = False, levels_max: int | None = None
) -> FeedKey | None:
    """The feed that serves a request.

    Args:
        kind: What the symbol's exchange tells.
        is_newest: Whether the socket speaks 6.2.
        is_by_level: Whether price levels were asked for.
        levels_max: Levels a side; None for all.

    Returns:
        Its key; None when the symbol cannot be watched that way.
    """
    if not is_newest:
        is_equity = kind is DepthKind.MAKERS
        return FeedKey(Style.CLASSIC_MAKERS if is_equity else Style.CLASSIC_LEVELS)
    style = _NEWEST.get((kind, is_by_level))
    if style is None:
        return None
    return FeedKey(style, levels_max if style is Style.LEVEL_LINES else None)


class Lines(Protocol):
    """One dialect's rendering of one book."""

    def summary(self) -> list[str]:
        """The whole book."""
        ...

    def update(self) -> list[str]:
        """What `book.changes` changed."""
        ...

    def resync(self) -> None:
        """Take the book as told, whatever was."""
        ...


class DepthFeed:
    """The lines of one symbol in one dialect, each with its line end.

    Args:
        book: The symbol's book.
        key: The dialect.
        symbol: The vendor's spelling.
        price_text: A price in ticks as the vendor writes it.
        decimals: Digits after the point.
        empty_time_share: Share of order deletes (type 5) whose time is empty.
        rng: Decides which of them.
    """

    def __init__(
        self,
        book: MatchingBook,
        key: FeedKey,
        *,
        symbol: str,
        price_text: Callable[[int], str],
        decimals: int,
        empty_time_share: float = 0.0,
        rng: random.Random | None = None,
    ) -> None:
        self.key = key
        self._symbol = symbol
        text = Text(
            symbol,
            price_text,
            decimals,
            empty_time_share=empty_time_share,
            rng=random.Random(0) if rng is None else rng,
        )
        self._lines = _lines_of(book, key, text)

    def summary(self) -> list[str]:
        """The whole book, best prices first: what follows a watch and a reconnect."""
        return self._lines.summary()

    def update(self) -> list[str]:
        """What the changes in `book.changes` look like; it is the caller who empties them."""
        return self._lines.update()

    def resync(self) -> None:
        """Pass over what changed: the next update begins from the book as it is."""
        self._lines.resync()

    def clear(self) -> list[str]:
        """That everything told of this symbol is void."""
        return [f"S,CLEAR DEPTH,{self._symbol},{side},\r\n" for side in "BA"]


def _lines_of(book: MatchingBook, key: FeedKey, text: Text) -> Lines:
    match key.style:
        case Style.ORDER_LINES:
            return OrderLines(book, text)
        case Style.LEVEL_LINES:
            return LevelLines(book, text, levels_max=key.levels_max, is_order_like=False)
        case Style.PRICE_LINES:
            return LevelLines(book, text, levels_max=None, is_order_like=True)
        case Style.MAKER_LINES:
            return MakerLines(book, text)
        case Style.CLASSIC_LEVELS:
            return ClassicLevelLines(book, text)
        case Style.CLASSIC_MAKERS:
            return ClassicMakerLines(book, text)
