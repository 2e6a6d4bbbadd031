"""Which quotes need not be sent when more lines wait than can be: those that newer ones replace.

A line that changes nothing but a quote repeats everything else, so each symbol's newest such line
says all that the ones before it said. Trades, and whatever else happens only once, are not touched.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

_BID, _ASK = 1, 2
_SIDES = {"b": _BID, "a": _ASK, "ba": _BID | _ASK, "ab": _BID | _ASK}
_LETTERS = {_BID: "b", _ASK: "a", _BID | _ASK: "ba"}


class Run(NamedTuple):
    """Lines to be published in this order."""

    lines: Sequence[str]
    """Without terminators."""
    recv_us: int
    """When they were read, UTC."""
    merged: int
    """How many lines each of them stands for."""


class _Newest:
    """A symbol's newest quote line."""

    __slots__ = ("count", "place", "sides")

    def __init__(self) -> None:
        self.count = 0
        self.sides = 0
        self.place = (0, 0)


def conflate(
    reads: Sequence[tuple[Sequence[str], int]], *, commas: int
) -> tuple[Iterable[Run], int]:
    """Leave out the quotes that newer ones replace.

    Args:
        reads: Lines of our own field set, whose third column is Message Contents, and when they
            were read, UTC; oldest first.
        commas: How many a whole line has; what was cut replaces nothing.

    Returns:
        What is left, in order, and how many lines were left out. A line that stands for several
        names every side that one of them changed.
    """
    newest: dict[str, _Newest] = {}
    for number, (lines, _) in enumerate(reads):
        for place, line in enumerate(lines):
            if line[:2] != "Q,":
                continue
            _, symbol, contents, _ = (line + ",,,").split(",", 3)
            sides = _SIDES.get(contents)
            if sides is not None and line.count(",") == commas:
                known = newest.get(symbol)
                if known is None:
                    known = newest[symbol] = _Newest()
                known.count += 1
                known.sides |= sides
                known.place = (number, place)
    left_out = sum(known.count - 1 for known in newest.values())
    return _runs(reads, newest, commas), left_out


def _runs(
    reads: Sequence[tuple[Sequence[str], int]], newest: dict[str, _Newest], commas: int
) -> Iterable[Run]:
    for number, (lines, recv_us) in enumerate(reads):
        run: list[str] = []
        for place, line in enumerate(lines):
            if line[:2] != "Q,":
                run.append(line)
                continue
            _, symbol, contents, rest = (line + ",,,").split(",", 3)
            if contents not in _SIDES or line.count(",") != commas:
                run.append(line)
                continue
            known = newest[symbol]
            if known.place != (number, place):
                continue
            if known.count == 1:
                run.append(line)
                continue
            if run:
                yield Run(run, recv_us, 1)
                run = []
            whole = f"Q,{symbol},{_LETTERS[known.sides]},{rest[:-3]}"
            yield Run((whole,), recv_us, known.count)
        if run:
            yield Run(run, recv_us, 1)
