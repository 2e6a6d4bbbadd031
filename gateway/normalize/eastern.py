"""US Eastern wall-clock texts to UTC microseconds.

IQFeed writes times of day without a date and dates without a zone. Three rules keep a wrong day
out of the data:

* A trade time has a date field of its own (`dated`).
* The time of a quote side that has just changed has no date. It is the latest moment with that
  time of day which is not later than the session's own clock, its `T` line, by more than a small
  tolerance (`near_clock`). So 23:59:59.9 arriving at 00:00:00 belongs to yesterday, and a stamp
  ahead of a lagging clock still belongs to today.
* The hour that a DST change repeats is told apart by arrival. The clock's own reading is the one
  nearest to when it was read; a stamp's is the latest one that the clock allows.

Source: dtn.com IQFeed, `T,YYYYMMDD HH:MM:SS`; times are US Eastern without fraction or zone.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

EASTERN: Final = ZoneInfo("America/New_York")
SECOND_US: Final = 1_000_000
DAY_S: Final = 86_400
AHEAD_US_MAX: Final = 300 * SECOND_US
"""How far a fresh stamp may lie ahead of the session's clock before it counts as yesterday's.

Five minutes: clocks of exchanges and of DTN differ by seconds, and the `T` line is up to one
second old; no side of a quote changes with a stamp of almost a day ago.
"""
DAYS_MAX: Final = 4096
"""Days kept converted; a feed names a handful, garbage could name thousands."""
SECONDS_MAX: Final = 4096
"""Seconds of a day kept converted: an hour's; a day's would take ten megabytes to no use."""
YEAR_MIN: Final = 1970
YEAR_MAX: Final = 2254
"""Years outside are garbage; later ones would not fit the wire, where times are below 2^53."""
CLOCK_AGE_US_MAX: Final = AHEAD_US_MAX
"""How long a `T` line dates what follows; later, a fresh stamp would count as yesterday's."""
_NEVER_US: Final = 1 << 62
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


class _Day:
    """One Eastern calendar day: where its midnight lies in UTC."""

    __slots__ = ("base_us", "day", "is_uniform")

    def __init__(self, day: date) -> None:
        first = datetime.combine(day, time(0), EASTERN).utcoffset()
        last = datetime.combine(day, time(23, 59, 59), EASTERN).utcoffset()
        offset_s = int(first.total_seconds()) if first is not None else 0
        self.day: Final = day
        self.is_uniform: Final = first == last
        """Whether one offset holds all day: every day but two a year."""
        self.base_us: Final = ((day.toordinal() - _EPOCH_DAY) * DAY_S - offset_s) * SECOND_US

    def nearest_us(self, second: int, reference_us: int) -> int:
        """UTC of a second of this day; in the repeated hour the one nearest to the reference."""
        return min(self._readings(second), key=lambda reading: abs(reading - reference_us))

    def latest_us(self, second: int, limit_us: int) -> int:
        """UTC of a second of this day; in the repeated hour the second unless past the limit."""
        first, *later = self._readings(second)
        return later[0] if later and later[0] <= limit_us else first

    def _readings(self, second: int) -> list[int]:
        """What a second of this day can mean in UTC: two moments in the repeated hour."""
        if self.is_uniform:
            return [self.base_us + second * SECOND_US]
        wall = datetime.combine(self.day, time(0)) + timedelta(seconds=second)
        readings = [
            int(wall.replace(tzinfo=EASTERN, fold=fold).astimezone(UTC).timestamp()) * SECOND_US
            for fold in (0, 1)
        ]
        # In the hour a spring change skips both readings differ too; the first follows the rule of
        # the offset before the change, as every zone library does.
        return readings if readings[0] < readings[1] else readings[:1]


class EasternTime:
    """Converts the texts of one feed session, following its clock.

    A text that cannot be read gives None; the caller counts it, because it knows the line.
    """

    __slots__ = (
        "_clock_day",
        "_days",
        "_seconds",
        "_us_dates",
        "clock_text",
        "clock_until_us",
        "clock_us",
        "seconds_us",
    )

    def __init__(self) -> None:
        self._days: dict[str, _Day] = {}
        self._us_dates: dict[str, str] = {}
        self._seconds: dict[str, int] = {}
        self.seconds_us: Final[dict[str, int]] = {}
        """UTC of the seconds stamped under the present clock, by `HH:MM:SS.` with the point:
        what the busiest loop reads itself; a second that is missing goes to `near_clock`."""
        self._clock_day: date | None = None
        self.clock_text = ""
        """The last `T` text, verbatim; empty before the first."""
        self.clock_us: int | None = None
        """The last `T` line as UTC; None before the first."""
        self.clock_until_us = _NEVER_US
        """When the clock must be forgotten unless it has moved, by our own UTC clock."""

    def set_clock(self, text: str, *, recv_us: int) -> bool:
        """Follow the session's clock.

        Args:
            text: `YYYYMMDD HH:MM:SS` of a `T` line.
            recv_us: When it was read; tells the two readings of a repeated hour apart.

        Returns:
            False when the text is no such time; the clock stays as it was.
        """
        if len(text) != 17 or text[8] != " " or not (text[:8].isascii() and text[:8].isdigit()):
            return False
        day = self._day_of(f"{text[4:6]}/{text[6:8]}/{text[:4]}")
        second = self._second_of(text[9:])
        if day is None or second is None:
            return False
        self.clock_text = text
        self.clock_us = day.nearest_us(second, recv_us)
        self.clock_until_us = recv_us + CLOCK_AGE_US_MAX
        self._clock_day = day.day
        self.seconds_us.clear()
        return True

    def forget_clock(self) -> None:
        """Date nothing until the next `T` line: the session is over, or its clock has stopped."""
        self.clock_text = ""
        self.clock_us = self._clock_day = None
        self.clock_until_us = _NEVER_US
        self.seconds_us.clear()

    def is_time(self, text: str) -> bool:
        """Whether a text is a time of day, whatever its date."""
        return self._second_of(text[:8]) is not None and _micros_of(text) is not None

    def dated(self, date_text: str, time_text: str) -> int | None:
        """Convert a time that has its own date.

        Args:
            date_text: `MM/DD/YYYY`.
            time_text: `HH:MM:SS`, with up to six digits of fraction.

        Returns:
            Microseconds since the Unix epoch, UTC; None when either text cannot be read.
        """
        day = self._days.get(date_text)
        if day is None:
            day = self._day_of(date_text)
            if day is None:
                return None
        head, _, fraction = time_text.partition(".")
        second = self._seconds.get(head)
        if second is not None and len(fraction) == 6 and fraction.isdecimal() and day.is_uniform:
            # The usual text, spelled out: every trade has one.
            return day.base_us + second * SECOND_US + int(fraction)
        second = self._second_of(time_text[:8])
        micros = _micros_of(time_text)
        if second is None or micros is None:
            return None
        if day.is_uniform:
            return day.base_us + second * SECOND_US + micros
        limit_us = self.clock_us + AHEAD_US_MAX if self.clock_us is not None else 0
        return day.latest_us(second, limit_us) + micros

    def day_begin_us(self, date_text: str) -> int | None:
        """When a day began whose times are all so many microseconds behind its beginning.

        Args:
            date_text: `MM/DD/YYYY`.

        Returns:
            Microseconds since the Unix epoch, UTC; None for a day on which a DST change happens,
            and for a text that cannot be read.
        """
        day = self._days.get(date_text) or self._day_of(date_text)
        return day.base_us if day is not None and day.is_uniform else None

    def iso_day_begin_us(self, date_text: str) -> int | None:
        """As `day_begin_us`, from the date form of Level 2 lines, `YYYY-MM-DD`."""
        us_date = self._us_date_of(date_text)
        return None if us_date is None else self.day_begin_us(us_date)

    def dated_iso(self, date_text: str, time_text: str) -> int | None:
        """Convert a time with its own date, as `dated`, from the date form of Level 2 lines.

        Args:
            date_text: `YYYY-MM-DD`.
            time_text: `HH:MM:SS`, with up to six digits of fraction.

        Returns:
            Microseconds since the Unix epoch, UTC; None when either text cannot be read.
        """
        us_date = self._us_dates.get(date_text) or self._us_date_of(date_text)
        return None if us_date is None else self.dated(us_date, time_text)

    def near_clock(self, time_text: str) -> int | None:
        """Convert a time of day that has just been stamped, by the session's clock.

        Args:
            time_text: `HH:MM:SS`, with up to six digits of fraction.

        Returns:
            Microseconds since the Unix epoch, UTC: the latest such moment that is not more than
            `AHEAD_US_MAX` after the clock. None without a clock or with an unreadable text.
        """
        key = time_text[:8] + "."
        second_us = self.seconds_us.get(key)
        if second_us is None:
            second_us = self._date_second(time_text[:8])
            if second_us is None:
                return None
            # Valid seconds of a day only, and emptied by each tick of the clock: bounded.
            self.seconds_us[key] = second_us
        micros = _micros_of(time_text)
        return None if micros is None else second_us + micros

    def _date_second(self, text: str) -> int | None:
        clock_us, clock_day = self.clock_us, self._clock_day
        second = self._second_of(text)
        if clock_us is None or clock_day is None or second is None:
            return None
        for days_back in (-1, 0, 1):
            day = clock_day - timedelta(days=days_back)
            known = self._day_of(f"{day.month:02}/{day.day:02}/{day.year:04}")
            if known is None:
                continue
            second_us = known.latest_us(second, clock_us + AHEAD_US_MAX)
            if second_us <= clock_us + AHEAD_US_MAX:
                return second_us
        return None

    def _us_date_of(self, iso_text: str) -> str | None:
        """Spell a day `YYYY-MM-DD` as `MM/DD/YYYY`; None when it is something else."""
        if len(iso_text) != 10 or iso_text[4] + iso_text[7] != "--":
            return None
        us_date = f"{iso_text[5:7]}/{iso_text[8:]}/{iso_text[:4]}"
        if self._day_of(us_date) is None:
            return None
        if len(self._us_dates) >= DAYS_MAX:
            self._us_dates.clear()
        self._us_dates[iso_text] = us_date
        return us_date

    def _day_of(self, text: str) -> _Day | None:
        known = self._days.get(text)
        if known is not None:
            return known
        digits = text[:2] + text[3:5] + text[6:]
        if len(text) != 10 or text[2] + text[5] != "//" or not _are_digits(digits):
            return None
        if not YEAR_MIN <= int(text[6:]) <= YEAR_MAX:
            return None
        try:
            day = _Day(date(int(text[6:]), int(text[:2]), int(text[3:5])))
        except ValueError:
            return None
        if len(self._days) >= DAYS_MAX:
            self._days.clear()
        self._days[text] = day
        return day

    def _second_of(self, text: str) -> int | None:
        second = self._seconds.get(text)
        if second is not None:
            return second
        digits = text[:2] + text[3:5] + text[6:]
        if len(text) != 8 or text[2] + text[5] != "::" or not _are_digits(digits):
            return None
        hours, minutes, seconds = int(text[:2]), int(text[3:5]), int(text[6:])
        if hours > 23 or minutes > 59 or seconds > 59:
            return None
        second = hours * 3600 + minutes * 60 + seconds
        if len(self._seconds) >= SECONDS_MAX:
            self._seconds.clear()
        self._seconds[text] = second
        return second


def _micros_of(time_text: str) -> int | None:
    """Read the fraction after `HH:MM:SS`: nothing, or a point and one to six digits."""
    fraction = time_text[9:]
    # Only 0 to 9 are decimal among the characters of latin-1, and lines are latin-1.
    if len(time_text) == 15 and fraction.isdecimal() and time_text[8] == ".":
        return int(fraction)
    if len(time_text) == 8:
        return 0
    if not 10 <= len(time_text) <= 15 or time_text[8] != "." or not _are_digits(fraction):
        return None
    return int(fraction.ljust(6, "0"))


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
