"""The list of symbols with their states, read in slices: there may be tens of thousands."""

from itertools import islice
from typing import Any, Final

from gateway.control.feed_commands import SYMBOLS_PER_COMMAND_MAX, ReadSymbols, SymbolRows
from gateway.control.lineage import RECV_ITEM
from gateway.normalize.board import Board
from gateway.normalize.depth_board import DepthBoard
from gateway.normalize.symbols import Symbol

SCANNED_MAX: Final = 500
"""Symbols looked at in one slice, most of them only to be left out."""


class SymbolList:
    """Reads symbols; used in the feed thread.

    Args:
        board: Symbols and their states.
        depths: Their books.
    """

    def __init__(self, board: Board, depths: DepthBoard) -> None:
        self._board = board
        self._depths = depths

    def read(self, command: ReadSymbols) -> SymbolRows:
        """Read a slice; symbols that come and go meanwhile may be missed or listed twice."""
        symbols = self._board.symbols
        rows: list[dict[str, Any]] = []
        place, since_us = command.place, command.changed_since_us
        may_see, seen = command.may_see, 0
        for symbol in islice(symbols.values(), place, place + SCANNED_MAX):
            place += 1
            if may_see is not None and not may_see(symbol.name):
                continue
            seen += 1
            # When `state` spoke last: a new cause is a change too, though it is no new state.
            last = symbol.state_topic.last
            if last is not None and last[RECV_ITEM] < since_us:
                continue
            name = symbol.name
            if name <= command.after or (command.before and name >= command.before):
                continue
            row = self._row(symbol, command)
            if row is None:
                continue
            rows.append(row)
            if len(rows) >= SYMBOLS_PER_COMMAND_MAX:
                break
        return SymbolRows(rows, place if place < len(symbols) else None, len(symbols), seen)

    def _row(self, symbol: Symbol, command: ReadSymbols) -> dict[str, Any] | None:
        if command.search and command.search not in symbol.name.upper():
            return None
        depth = self._depths.depths.get(symbol.name)
        standing = depth.standing if depth is not None else None
        state = symbol.state.value
        level2 = standing.state.value if standing is not None else None
        if command.state and command.state not in (state, level2):
            return None
        return {
            "symbol": symbol.name,
            "state": state,
            "cause": symbol.cause.value if symbol.cause is not None else None,
            "since_us": symbol.since_us,
            "level2": level2,
            "level2_cause": standing.cause.value if standing and standing.cause else None,
            "level2_since_us": standing.since_us if standing is not None else None,
            "last_line_us": symbol.last_line_us,
        }
