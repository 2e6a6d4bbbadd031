"""Which symbols changed: followed for the status page, without reading all of them each second."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from gateway.clock import Clock
from gateway.control.feed_commands import ReadSymbols, SymbolRows
from gateway.control.status_stream import (
    PAUSE,
    ROWS_PER_EVENT_MAX,
    Row,
    Slices,
    SymbolChanges,
    symbol_events,
)
from gateway.model.enums import SymbolState

OVERLAP_US: Final = 1_000_000
"""What changed so shortly before the last look is looked at once more: the clock may step back."""
WALK_SLICES: Final = 2
"""Slices of the table that are looked at in each round although nothing is known to have changed:
when the last line of a symbol came changes no state."""
_CLOSED: Final = SymbolState.CLOSED.value
_NAME: Final = 0
_LINE: Final = 4
_REST: Final = slice(_LINE + 1, None)

Tell = Callable[[bytes], object]


class SymbolFollower:
    """Follows all symbols that somebody wants.

    The first round reads them all. Each later one reads those whose state was told anew since, and
    walks on through the table: so the moment of a last line is old by at most one walk, and what
    was missed, such as a symbol that made room for another, is found.

    Args:
        clock: Says since when changes are asked for.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.rows: dict[str, Row] = {}
        """Every symbol by its name."""
        self.is_whole = False
        """Whether all symbols were read since `reset`."""
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.rows = {}
        self.is_whole = False
        self._since_us = 0
        self._place: int | None = 0
        self._seen: set[str] = set()
        self._missed: set[str] = set()

    def round(self, tell: Tell) -> Slices:
        """Look once.

        Args:
            tell: Takes the events that tell what changed.
        """
        began_us = self._clock.utc_us()
        place: int | None = 0
        while place is not None:
            answer: SymbolRows = yield ReadSymbols(place, changed_since_us=self._since_us)
            yield from self._take(answer.rows, tell)
            place = answer.place
        self._since_us = began_us - OVERLAP_US
        if not self.is_whole:
            self.is_whole = True
            return
        for _ in range(WALK_SLICES):
            answer = yield ReadSymbols(self._place or 0)
            self._seen.update(row["symbol"] for row in answer.rows)
            yield from self._take(answer.rows, tell)
            self._place = answer.place
            if answer.place is None:
                yield from _tell_all(self._forget_missing(), tell)
                return

    def _take(self, told: Sequence[Mapping[str, Any]], tell: Tell) -> Slices:
        for begin in range(0, len(told), ROWS_PER_EVENT_MAX):
            changes = self._compare(told[begin : begin + ROWS_PER_EVENT_MAX])
            yield PAUSE
            yield from _tell_all(changes, tell)

    def _compare(self, told: Iterable[Mapping[str, Any]]) -> SymbolChanges:
        rows: list[Row] = []
        gone: list[str] = []
        lines: list[tuple[str, int | None]] = []
        for one in told:
            row = _row_of(one)
            name = row[_NAME]
            known = self.rows.get(name)
            if row[1] == _CLOSED:
                if known is not None:
                    del self.rows[name]
                    gone.append(name)
                continue
            self.rows[name] = row
            if known is None or row[:_LINE] != known[:_LINE] or row[_REST] != known[_REST]:
                rows.append(row)
            elif row[_LINE] != known[_LINE]:
                lines.append((name, row[_LINE]))
        return SymbolChanges(rows, gone, lines)

    def _forget_missing(self) -> SymbolChanges:
        """At the end of a walk, drop what two walks in a row did not come by."""
        missed = self.rows.keys() - self._seen
        gone = list(missed & self._missed)
        for name in gone:
            del self.rows[name]
        self._missed = missed - set(gone)
        self._seen = set()
        return SymbolChanges(gone=gone)


def _tell_all(changes: SymbolChanges, tell: Tell) -> Slices:
    for told in symbol_events(changes):
        tell(told)
        yield PAUSE


def _row_of(told: Mapping[str, Any]) -> Row:
    """Make a row of what `symbols` tells; one wanted for its book alone stands as that does."""
    state, cause, since_us = told["state"], told["cause"], told["since_us"]
    level2 = told["level2"]
    if state == _CLOSED and level2 is not None:
        state, cause, since_us = level2, told["level2_cause"], told["level2_since_us"]
    last_line_us = told["last_line_us"]
    return (told["symbol"], state, cause, since_us, last_line_us, level2, told["level2_cause"])
