"""Who consumed which symbols, and when, day by day: what exchanges ask of those who redistribute.

A day is one of UTC. What is heard over midnight is in both days.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

ALL: Final = "*"
"""Stands for any text, as in a client's file."""
ROWS_MAX: Final = 200_000
"""Users and symbols of one day; more are counted, not kept."""
_SECOND_US: Final = 1_000_000
_DAY_US: Final = 86_400 * _SECOND_US


@dataclass(frozen=True, slots=True)
class Use:
    """A user begins or ends to hear something, or was told it once."""

    user: str
    """Whose client file it is."""
    kind: str
    """Of the topic, variants left out; a pattern where several are heard."""
    symbol: str
    """The vendor's string; a pattern where several are heard."""
    at_us: int
    """When, UTC."""
    change: int
    """1 for the beginning, -1 for the end, 0 for once."""


@dataclass(slots=True)
class _Row:
    """One user and one symbol on one day."""

    first_us: int
    last_us: int
    kinds: set[str] = field(default_factory=set)
    connections: int = 0
    """How often a connection began to hear a kind of it."""
    open_count: int = 0
    """How many hear it now."""


class UsageBook:
    """The usage of one day, as it grows.

    Args:
        now_us: UTC; decides which day it is.
    """

    def __init__(self, now_us: int) -> None:
        self._rows: dict[tuple[str, str], _Row] = {}
        self.day: str = day_of(now_us)
        """Which day, such as 2026-01-31."""
        self.dropped = 0
        """Facts of this day that found no room."""

    def __len__(self) -> int:
        return len(self._rows)

    def note(self, use: Use) -> None:
        """Take a fact; of a day that is over it counts for this one."""
        key = (use.user, use.symbol)
        row = self._rows.get(key)
        if row is None:
            if use.change < 0:
                return
            if len(self._rows) >= ROWS_MAX:
                self.dropped += 1
                return
            row = self._rows[key] = _Row(use.at_us, use.at_us)
        row.kinds.add(use.kind)
        row.last_us = max(row.last_us, use.at_us)
        row.connections += use.change > 0
        row.open_count = max(0, row.open_count + use.change)

    def turn(self, now_us: int) -> list[dict[str, Any]] | None:
        """Begin another day when it is time.

        Returns:
            The rows of the day that is over; None while it goes on.
        """
        if day_of(now_us) == self.day:
            return None
        rows = list(self.rows(_end_of(self.day)))
        begin_us = now_us // _DAY_US * _DAY_US
        self._rows = {
            key: _Row(begin_us, begin_us, set(row.kinds), row.open_count, row.open_count)
            for key, row in self._rows.items()
            if row.open_count
        }
        self.day, self.dropped = day_of(now_us), 0
        return rows

    def rows(self, now_us: int) -> Iterator[dict[str, Any]]:
        """The day so far, by user and symbol; what is heard still was heard until now."""
        for (user, symbol), row in sorted(self._rows.items()):
            yield {
                "user": user,
                "symbol": symbol,
                "kinds": sorted(row.kinds),
                "first_us": row.first_us,
                "last_us": max(row.last_us, now_us) if row.open_count else row.last_us,
                "connections": row.connections,
            }
        if self.dropped:
            yield {"dropped": self.dropped}

    def restore(self, rows: Iterable[dict[str, Any]]) -> None:
        """Go on with what an earlier run of this day has written; nothing of it is heard still."""
        for told in rows:
            if "dropped" in told:
                self.dropped += told["dropped"]
                continue
            row = _Row(told["first_us"], told["last_us"], set(told["kinds"]), told["connections"])
            known = self._rows.setdefault((told["user"], told["symbol"]), row)
            if known is not row:
                known.first_us = min(known.first_us, row.first_us)
                known.last_us = max(known.last_us, row.last_us)
                known.kinds |= row.kinds
                known.connections += row.connections


def day_of(now_us: int) -> str:
    """The day of a moment, UTC."""
    return datetime.fromtimestamp(now_us / _SECOND_US, UTC).date().isoformat()


def _end_of(day: str) -> int:
    """The last microsecond of a day."""
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return round(begin.timestamp()) * _SECOND_US + _DAY_US - 1
