"""A captured tick reply as a source of rows.

A row is one line of an HTT or HTX reply, oldest first: `YYYY-MM-DD HH:MM:SS.ffffff,Last,Last Size,
Total Volume,Bid,Ask,TickID,Basis,Market Center,Conditions[,Aggressor,Day Code],`. A request id and
the `LH` of protocol 6.2 may stand before it. Comment lines and end markers are skipped.
"""

import logging
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from gateway.errors import ConfigError, bounded
from gateway.simulator.counts import Counts
from gateway.simulator.eastern import eastern_us

_PRICE: Final = r"(-?\d+(?:\.\d*)?|)"
_ROW: Final = re.compile(
    r"(?:[^,]*,)??(?:LH,)?"
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?),"
    rf"(-?\d+(?:\.\d*)?),(\d+),(\d+),{_PRICE},{_PRICE},(\d+),([CEOS]),(\d+),((?:[0-9A-F]{{2}})*)"
    r"(?:,([0-3]?),(\d{1,2}))?,?"
)
PRICE_SCALE: Final = 10_000_000
"""Tape prices as integers: more digits than any price has."""

_log = logging.getLogger(__name__)


class TapeRow(NamedTuple):
    """One row; the texts are the capture's own."""

    at_us: int
    """Eastern microseconds since the epoch."""
    time: str
    """`HH:MM:SS.ffffff`."""
    price: str
    """Price text."""
    size: int
    """Shares or contracts; 0 for an official price."""
    total_volume: int
    """Day volume with this row."""
    bid: str
    """Bid at the time; may be empty."""
    ask: str
    """Ask at the time; may be empty."""
    tick_id: str
    """The vendor's id."""
    basis: str
    """C, E, O, or S for a settlement price."""
    market_center: str
    """Listed market id."""
    conditions: str
    """Two hex digits a condition."""
    aggressor: str
    """0 where the capture has none."""
    day_code: str
    """Day of the month; from the date where the capture has none."""


def units_of(price: str) -> int:
    """A price text as an exact integer.

    Args:
        price: Decimal text, at most seven digits after the point.

    Returns:
        The price times `PRICE_SCALE`.
    """
    whole, _, rest = price.lstrip("-").partition(".")
    units = int(whole) * PRICE_SCALE + int(rest.ljust(7, "0")[:7])
    return -units if price.startswith("-") else units


def parse_row(line: str) -> TapeRow | None:
    """Read one row.

    Args:
        line: A line without its line end.

    Returns:
        The row; None when it is none.
    """
    match = _ROW.fullmatch(line)
    if match is None:
        return None
    stamp, price, size, volume, bid, ask, tick_id, basis, center, conditions, aggressor, day = (
        match.groups()
    )
    try:
        wall = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return TapeRow(
        eastern_us(wall), f"{wall:%H:%M:%S.%f}", price, int(size), int(volume), bid, ask, tick_id,
        basis, center, conditions, aggressor or "0", day or str(wall.day),
    )  # fmt: skip


class Tape:
    """A file of rows, read as it is replayed.

    Args:
        path: The file.
        counts: Where bad rows are counted.

    Raises:
        ConfigError: The file cannot be read, has no row, or runs backward.
    """

    def __init__(self, path: Path, counts: Counts) -> None:
        self._path = path
        self._counts = counts
        first: TapeRow | None = None
        # A look at the beginning; the counts are made by the replay itself.
        for row in self._rows(is_counting=False):
            if first is None:
                first = row
            elif row.at_us != first.at_us:
                if row.at_us < first.at_us:
                    raise ConfigError(
                        "the tape runs backward",
                        hint="Ask the history port for oldest first (data direction 1).",
                        tape=str(path),
                    )
                break
        if first is None:
            raise ConfigError(
                "the tape has no row",
                hint="A tape holds rows of an HTT or HTX reply, protocol 6.1 or 6.2.",
                tape=str(path),
            )
        self.first = first

    def rows(self) -> Iterator[TapeRow]:
        """Every row in the file's order; malformed ones are counted and reported."""
        return self._rows(is_counting=True)

    def _rows(self, *, is_counting: bool) -> Iterator[TapeRow]:
        try:
            with self._path.open(encoding="latin-1") as file:
                yield from self._parse(file, is_counting=is_counting)
        except OSError as problem:
            raise ConfigError(
                "the tape cannot be read", tape=str(self._path), problem=problem.strerror
            ) from problem

    def _parse(self, file: TextIO, *, is_counting: bool) -> Iterator[TapeRow]:
        for number, line in enumerate(file, 1):
            text = line.rstrip("\r\n")
            if not text or text.startswith("#") or text.endswith("!ENDMSG!,"):
                continue
            row = parse_row(text)
            if row is not None:
                yield row
            elif is_counting:
                self._counts.tape_rows_malformed += 1
                count = self._counts.tape_rows_malformed
                # The 1st, 2nd, 4th, … so that a wrong file cannot flood the log.
                if not count & (count - 1):
                    _log.warning("tape line %d is no tick row: %s", number, bounded(text))
