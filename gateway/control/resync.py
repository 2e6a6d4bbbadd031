"""Fresh values of one symbol, asked of the vendor because a consumer wants them."""

from typing import Final

from gateway.control.depth_desk import DepthDesk
from gateway.control.watch_desk import SERVICES, WatchDesk
from gateway.errors import (
    GatewayError,
    InvalidParams,
    NotEntitled,
    SymbolNotFound,
    UpstreamDown,
    WatchLimitReached,
)
from gateway.model.enums import Cause, SymbolState
from gateway.normalize.board import Board
from gateway.normalize.depth_board import DepthBoard
from gateway.normalize.symbols import BOOK_KINDS
from gateway.wire.topics import TopicName

DOWN_RETRY_MS: Final = 1_000
"""Nobody knows when IQConnect comes back; a second is soon enough to ask again."""
_REFUSALS: Final[dict[Cause | None, type[GatewayError]]] = {
    Cause.SYMBOL_NOT_FOUND: SymbolNotFound,
    Cause.SYMBOL_LIMIT: WatchLimitReached,
    Cause.NOT_ENTITLED: NotEntitled,
}


class ResyncDesk:
    """Asks the vendor again; used in the feed thread only.

    Args:
        board: Symbols and their states.
        depths: Their books.
        desk: Asks on Level 1.
        depth_desk: Asks on Level 2.
    """

    def __init__(
        self, *, board: Board, depths: DepthBoard, desk: WatchDesk, depth_desk: DepthDesk
    ) -> None:
        self._board = board
        self._depths = depths
        self._desk = desk
        self._depth_desk = depth_desk

    def ask(self, name: TopicName) -> None:
        """Ask for fresh values: a refresh on Level 1, a repeated watch on Level 2.

        Args:
            name: A public topic; its variant does not matter.

        Raises:
            InvalidParams: Its kind does not come from the vendor by symbol, or nobody wants it.
            UpstreamDown: IQConnect cannot be asked at the moment; everything is asked for anew
                when it can be.
            SymbolNotFound, WatchLimitReached, NotEntitled: The vendor refuses the symbol.
        """
        if name.kind not in SERVICES:
            raise InvalidParams(
                "this kind has no values to ask for",
                hint=f"Ask for one of {', '.join(kind.value for kind in SERVICES)}.",
                topic=name.spelling,
            )
        if name.kind in BOOK_KINDS:
            self._ask_depth(name)
        else:
            self._ask_level1(name)

    def _ask_level1(self, name: TopicName) -> None:
        symbol = self._board.symbols.get(name.symbol)
        if symbol is None or symbol.state is SymbolState.CLOSED:
            raise _unwanted(name)
        if symbol.state is SymbolState.REFUSED:
            raise _refused(name, symbol.cause)
        _check_upstream(name, self._board.down_causes[symbol.shard])
        self._desk.ask_values(name.symbol)

    def _ask_depth(self, name: TopicName) -> None:
        depth = self._depths.depths.get(name.symbol)
        if depth is None or depth.standing.state is SymbolState.CLOSED:
            raise _unwanted(name)
        if depth.standing.state is SymbolState.REFUSED:
            raise _refused(name, depth.standing.cause)
        _check_upstream(name, self._depths.down_causes[depth.shard])
        self._depth_desk.ask_on_request(depth)


def _check_upstream(name: TopicName, cause: Cause | None) -> None:
    if cause is not None:
        raise UpstreamDown(
            "the vendor cannot be asked now",
            topic=name.spelling,
            cause=cause.value,
            retry_ms=DOWN_RETRY_MS,
        )


def _unwanted(name: TopicName) -> GatewayError:
    return InvalidParams(
        "nobody wants this symbol there: it is not watched",
        hint="Subscribe to the topic, or take a lease on it, first.",
        topic=name.spelling,
    )


def _refused(name: TopicName, cause: Cause | None) -> GatewayError:
    kind = _REFUSALS.get(cause)
    if kind is None:
        return InvalidParams(
            "the vendor does not deliver this",
            hint="Read the symbol's `state` topic, or ask `why`.",
            topic=name.spelling,
            cause=cause.value if cause is not None else None,
        )
    return kind("the vendor refuses this symbol", topic=name.spelling)
