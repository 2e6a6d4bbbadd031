"""Trading hours: when the market is expected to trade, by US Eastern time.

Source: the holidays and early closes that the New York Stock Exchange publishes: Juneteenth since
2022; a holiday on a Sunday is kept on Monday and one on a Saturday on Friday, but New Year's Day
is not kept on a Friday, the last of the year before; 13:00 is the end of the day before
Independence Day, the day after Thanksgiving and Christmas Eve, where those are trading days.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

EASTERN: Final = ZoneInfo("America/New_York")
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SESSION: Final = re.compile(r"(\w{3})(?:-(\w{3}))? (\d\d):(\d\d)-(\d\d):(\d\d)")
EARLY_CLOSE: Final = 13 * 60
MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6


class TradingHours:
    """Knows whether the market is expected to trade.

    Args:
        sessions: Such as `Mon-Fri 09:30-16:00`, US Eastern; a session does not pass midnight.
        closed_days: Days without trading beside the stock market's holidays.

    Raises:
        ValueError: A session that is none.
    """

    def __init__(self, sessions: Iterable[str], closed_days: Iterable[date] = ()) -> None:
        self._minutes: dict[int, list[tuple[int, int]]] = {day: [] for day in range(7)}
        for text in sessions:
            match = _SESSION.fullmatch(text)
            if match is None:
                raise ValueError(f"not trading hours such as Mon-Fri 09:30-16:00: {text!r:.60}")
            first = DAYS.index(match[1])
            last = DAYS.index(match[2]) if match[2] is not None else first
            begin = int(match[3]) * 60 + int(match[4])
            end = int(match[5]) * 60 + int(match[6])
            for offset in range((last - first) % 7 + 1):
                self._minutes[(first + offset) % 7].append((begin, end))
        self._closed = frozenset(closed_days)

    def is_open(self, utc_us: int) -> bool:
        """Whether trading is expected.

        Args:
            utc_us: The vendor's clock, or ours; microseconds.
        """
        moment = datetime.fromtimestamp(utc_us // 1_000_000, UTC).astimezone(EASTERN)
        day = moment.date()
        if day in self._closed or day in holidays_of(day.year):
            return False
        minute = moment.hour * 60 + moment.minute
        if minute >= EARLY_CLOSE and day in early_closes_of(day.year):
            return False
        return any(begin <= minute < end for begin, end in self._minutes[day.weekday()])


@lru_cache(maxsize=16)
def holidays_of(year: int) -> frozenset[date]:
    """Weekdays on which the US stock market does not trade."""
    easter = _easter(year)
    found = {
        _observed(date(year, 1, 1)),
        _nth(year, 1, MONDAY, 3),
        _nth(year, 2, MONDAY, 3),
        easter - timedelta(2),
        _nth(year, 6, MONDAY, 1) - timedelta(7),
        _observed(date(year, 7, 4)),
        _nth(year, 9, MONDAY, 1),
        _nth(year, 11, THURSDAY, 4),
        _observed(date(year, 12, 25)),
    }
    # Memorial Day is May's last Monday: the one before June's first.
    if year >= 2022:
        found.add(_observed(date(year, 6, 19)))
    return frozenset(day for day in found if day.year == year)


@lru_cache(maxsize=16)
def early_closes_of(year: int) -> frozenset[date]:
    """Days on which the US stock market closes at 13:00."""
    candidates = (
        date(year, 7, 3),
        _nth(year, 11, THURSDAY, 4) + timedelta(1),
        date(year, 12, 24),
    )
    holidays = holidays_of(year)
    return frozenset(d for d in candidates if d.weekday() < SATURDAY and d not in holidays)


def _observed(day: date) -> date:
    """When a holiday of a fixed date is kept."""
    if day.weekday() == SUNDAY:
        return day + timedelta(1)
    return day - timedelta(1) if day.weekday() == SATURDAY else day


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    """The first, second, … Monday, … of a month."""
    first = date(year, month, 1)
    return first + timedelta((weekday - first.weekday()) % 7 + 7 * (number - 1))


def _easter(year: int) -> date:
    """Easter Sunday. Source: the anonymous Gregorian algorithm (Nature, 1876)."""
    golden = year % 19
    century, of_century = divmod(year, 100)
    skipped, skipped_rest = divmod(century, 4)
    moon = (8 * century + 13) // 25
    epact = (19 * golden + century - skipped - moon + 15) % 30
    leaps, leaps_rest = divmod(of_century, 4)
    sunday = (32 + 2 * skipped_rest + 2 * leaps - epact - leaps_rest) % 7
    late = (golden + 11 * epact + 22 * sunday) // 451
    month, day = divmod(epact + sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)
