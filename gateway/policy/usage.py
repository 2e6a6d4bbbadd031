"""Who consumed which symbols, and when, day by day: what exchanges ask of those who redistribute.

A day is one of UTC. What is heard over midnight is in both days.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

ALL: Final = "*"
"""Stands for any text, as in a client's file."""
ROWS_MAX: Final = 200_000
"""Users and symbols of one day; more are counted, not kept."""
USER_ROWS_MAX: Final = 20_000
"""Symbols of one user on one day; more are counted, not kept."""
BACK_US_MAX: Final = 300_000_000
"""A clock that is set back by no more than this over midnight does not bring yesterday back."""
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


_Rows = dict[str, dict[str, _Row]]
"""By user and symbol."""
_NO_ROWS: Final[Mapping[str, _Row]] = MappingProxyType({})


class DayTold:
    """The rows of a day, as they are when they are gone over; another thread may do that.

    Rows are never removed from a day, and no more than one user's are sorted at a stretch: sorting
    lets no other thread in.

    Args:
        rows: What was heard.
        dropped: Facts that found no room.
        until_us: Until when what is heard still was heard.
    """

    def __init__(self, rows: _Rows, dropped: int, until_us: int) -> None:
        self._rows = rows
        self._dropped = dropped
        self._until_us = until_us

    def __bool__(self) -> bool:
        return bool(self._rows or self._dropped)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for user in sorted(self._rows):
            by_symbol = self._rows[user]
            for symbol in sorted(by_symbol):
                row = by_symbol[symbol]
                is_open, last_us = row.open_count > 0, row.last_us
                yield {
                    "user": user,
                    "symbol": symbol,
                    "kinds": sorted(row.kinds),
                    "first_us": row.first_us,
                    "last_us": max(last_us, self._until_us) if is_open else last_us,
                    "connections": row.connections,
                }
        if self._dropped:
            yield {"dropped": self._dropped}


class UsageBook:
    """The usage of one day, as it grows.

    Args:
        now_us: UTC; decides which day it is.
    """

    def __init__(self, now_us: int) -> None:
        self._rows: _Rows = {}
        self._count = 0
        self._begin_us = _begin_of(now_us)
        self.dropped = 0
        """Facts of this day that found no room."""

    def __len__(self) -> int:
        return self._count

    @property
    def day(self) -> str:
        """Which day, such as 2026-01-31."""
        return day_of(self._begin_us)

    def note(self, use: Use) -> None:
        """Take a fact; of a day that is over it counts for this one."""
        known = self._rows.get(use.user, _NO_ROWS)
        row = known.get(use.symbol)
        if row is None:
            if use.change < 0:
                return
            # Whoever asks for symbols that he made up must not fill the others' day.
            if len(known) >= USER_ROWS_MAX or self._count >= ROWS_MAX:
                self.dropped += 1
                return
            row = _Row(use.at_us, use.at_us)
            self._add(use.user, use.symbol, row)
        row.kinds.add(use.kind)
        row.last_us = max(row.last_us, use.at_us)
        row.connections += use.change > 0
        row.open_count = max(0, row.open_count + use.change)

    def turn(self, now_us: int) -> DayTold | None:
        """Begin another day when it is time; what was written of it before is to be restored.

        A clock that is set back a little over midnight leaves the day as it is. One that is set
        back by more was wrong: the day is the earlier one again.

        Returns:
            The rows of the day that is over; None while it goes on.
        """
        end_us = self._begin_us + _DAY_US
        if self._begin_us - BACK_US_MAX <= now_us < end_us:
            return None
        is_back = now_us < self._begin_us
        over = DayTold(self._rows, self.dropped, now_us if is_back else end_us - 1)
        heard_us = now_us if is_back else _begin_of(now_us)
        rows, self._rows, self._count = self._rows, {}, 0
        for user, by_symbol in rows.items():
            for symbol, row in by_symbol.items():
                if row.open_count:
                    kinds, count = set(row.kinds), row.open_count
                    self._add(user, symbol, _Row(heard_us, heard_us, kinds, count, count))
        self._begin_us, self.dropped = _begin_of(now_us), 0
        return over

    def rows(self, now_us: int) -> DayTold:
        """The day so far, by user and symbol; what is heard still was heard until now."""
        return DayTold(self._rows, self.dropped, now_us)

    def restore(self, rows: Iterable[dict[str, Any]]) -> None:
        """Go on with what was written of this day before; nothing of it is heard still."""
        for told in rows:
            if "dropped" in told:
                self.dropped += told["dropped"]
                continue
            user, symbol = told["user"], told["symbol"]
            row = _Row(told["first_us"], told["last_us"], set(told["kinds"]), told["connections"])
            known = self._rows.get(user, _NO_ROWS).get(symbol)
            if known is not None:
                known.first_us = min(known.first_us, row.first_us)
                known.last_us = max(known.last_us, row.last_us)
                known.kinds |= row.kinds
                known.connections += row.connections
            elif self._count < ROWS_MAX:
                self._add(user, symbol, row)
            else:
                self.dropped += 1

    def _add(self, user: str, symbol: str, row: _Row) -> None:
        self._rows.setdefault(user, {})[symbol] = row
        self._count += 1


def day_of(now_us: int) -> str:
    """The day of a moment, UTC."""
    return datetime.fromtimestamp(now_us / _SECOND_US, UTC).date().isoformat()


def _begin_of(now_us: int) -> int:
    """The first microsecond of a moment's day, UTC."""
    return now_us // _DAY_US * _DAY_US
