"""Eastern time: the market's clock, its days and its sessions.

Times are microseconds of the Eastern *wall clock* since 1970-01-01 00:00 Eastern (`_us`): that is
what IQFeed's lines carry, so days, seconds and sessions are plain divisions.
"""

import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.clock import Clock
from gateway.errors import ConfigError

EASTERN: Final = ZoneInfo("America/New_York")
SECOND_US: Final = 1_000_000
DAY_SECONDS: Final = 86_400
DAY_US: Final = DAY_SECONDS * SECOND_US
EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()

PRE_OPEN_S: Final = 4 * 3600
OPEN_S: Final = 9 * 3600 + 30 * 60
CLOSE_S: Final = 16 * 3600
POST_CLOSE_S: Final = 20 * 3600
SESSION_END_S: Final = 17 * 3600
SESSION_START_S: Final = 18 * 3600
AUTO_START_S: Final = OPEN_S - 5
FRIDAY: Final = 4
SUNDAY: Final = 6


class Session(enum.IntEnum):
    """What a market does at a moment."""

    CLOSED = 0
    EXTENDED = 1
    REGULAR = 2


class Hours(enum.IntEnum):
    """The trading hours an instrument keeps; also the index into `Moment`'s tuples."""

    EQUITY = 0
    INDEX = 1
    FUTURE = 2
    FOREX = 3
    ALWAYS = 4


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything about one second that its lines share."""

    second: int
    """Seconds since the Eastern epoch."""
    prefix: str
    """`HH:MM:SS.`; six digits complete it."""
    date_text: str
    """`MM/DD/YYYY`, the calendar date."""
    sessions: tuple[Session, ...]
    """By `Hours`."""
    days: tuple[int, ...]
    """Trading day by `Hours`, as days since the epoch; after 18:00 futures are a day ahead."""


def day_date(day: int) -> date:
    """The date that is `day` days after 1970-01-01."""
    return date.fromordinal(EPOCH_ORDINAL + day)


def weekday_of(day: int) -> int:
    """Monday 0 to Sunday 6; day 0 was a Thursday."""
    return (day + 3) % 7


def latest_weekday(day: int) -> int:
    """The day itself, or the Friday before a weekend day."""
    return day - max(weekday_of(day) - FRIDAY, 0)


def moment_at(second: int) -> Moment:
    """Describe one second of Eastern time.

    Args:
        second: Seconds since the Eastern epoch.

    Returns:
        Its texts, and each market's session and trading day.
    """
    day, of_day = divmod(second, DAY_SECONDS)
    hours, rest = divmod(of_day, 3600)
    minutes, seconds = divmod(rest, 60)
    next_day = day + 1
    return Moment(
        second,
        f"{hours:02d}:{minutes:02d}:{seconds:02d}.",
        day_date(day).strftime("%m/%d/%Y"),
        _sessions(weekday_of(day), of_day),
        (
            latest_weekday(day),
            latest_weekday(day),
            latest_weekday(next_day if of_day >= SESSION_START_S else day),
            latest_weekday(next_day if of_day >= SESSION_END_S else day),
            day,
        ),
    )


def _sessions(weekday: int, of_day: int) -> tuple[Session, ...]:
    is_weekday = weekday <= FRIDAY
    equity = index = Session.CLOSED
    if is_weekday and OPEN_S <= of_day < CLOSE_S:
        equity = index = Session.REGULAR
    elif is_weekday and PRE_OPEN_S <= of_day < POST_CLOSE_S:
        equity = Session.EXTENDED
    return (
        equity,
        index,
        _round_the_clock(weekday, of_day, start_s=SESSION_START_S),
        _round_the_clock(weekday, of_day, start_s=SESSION_END_S),
        Session.REGULAR,
    )


def _round_the_clock(weekday: int, of_day: int, *, start_s: int) -> Session:
    """Sunday evening to Friday 17:00, with a break each day from 17:00 to `start_s`."""
    if weekday == SUNDAY:
        is_open = of_day >= start_s
    elif weekday == FRIDAY:
        is_open = of_day < SESSION_END_S
    else:
        is_open = weekday < FRIDAY and not SESSION_END_S <= of_day < start_s
    return Session.REGULAR if is_open else Session.CLOSED


def time_line(second: int) -> str:
    """The `T` line of a second, without its line end."""
    day, of_day = divmod(second, DAY_SECONDS)
    hours, rest = divmod(of_day, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"T,{day_date(day):%Y%m%d} {hours:02d}:{minutes:02d}:{seconds:02d}"


def eastern_us(wall: datetime) -> int:
    """Microseconds since the Eastern epoch of a wall-clock time; a time zone is ignored."""
    since = wall.replace(tzinfo=None) - datetime(1970, 1, 1)  # noqa: DTZ001 - wall clock on purpose.
    return since // timedelta(microseconds=1)


class MarketClock:
    """Eastern time as the simulator's market sees it; it never goes back.

    Args:
        clock: The host's clocks, or a test's.
        mode: `real`, `auto` or a start such as `2026-09-16T09:29:55`.

    Raises:
        ConfigError: The start is no date and time.
    """

    __slots__ = (
        "_clock",
        "_latest_us",
        "_offset_from",
        "_offset_us",
        "_origin_ns",
        "_skew_us",
        "_start_us",
    )

    def __init__(self, clock: Clock, mode: str) -> None:
        self._clock = clock
        self._origin_ns = clock.monotonic_ns()
        self._offset_from = -1
        self._offset_us = 0
        self._skew_us = 0
        self._start_us: int | None = None
        real_us = self._real_us()
        if mode == "auto":
            self._start_us = _auto_start_us(real_us)
        elif mode != "real":
            try:
                self._start_us = eastern_us(datetime.fromisoformat(mode))
            except ValueError as problem:
                raise ConfigError("market_clock is no date and time", value=mode) from problem
        self._latest_us = self._start_us if self._start_us is not None else real_us

    def now_us(self) -> int:
        """Eastern wall clock in microseconds; an hour that a clock change repeats stands still."""
        if self._start_us is None:
            now_us = self._real_us()
        else:
            now_us = self._start_us + (self._clock.monotonic_ns() - self._origin_ns) // 1000
        self._latest_us = max(self._latest_us, now_us + self._skew_us)
        return self._latest_us

    def skew(self, skew_us: int) -> int:
        """Be off by so much from now on; the only way back in time.

        Args:
            skew_us: Microseconds that it shall be ahead; negative for behind.

        Returns:
            How far it jumped.
        """
        jump_us = skew_us - self._skew_us
        self._skew_us = skew_us
        self._latest_us += jump_us
        return jump_us

    def _real_us(self) -> int:
        utc_us = self._clock.utc_us()
        quarter = utc_us // (900 * SECOND_US)
        if quarter != self._offset_from:
            # Offsets change on quarter hours only, so one lookup serves fifteen minutes.
            moment = datetime.fromtimestamp(utc_us // SECOND_US, UTC).astimezone(EASTERN)
            offset = moment.utcoffset() or timedelta(0)
            self._offset_us = offset // timedelta(microseconds=1)
            self._offset_from = quarter
        return utc_us + self._offset_us


def _auto_start_us(real_us: int) -> int | None:
    """None while the regular session is open, else 09:29:55 of the latest weekday."""
    day, of_day = divmod(real_us // SECOND_US, DAY_SECONDS)
    if weekday_of(day) <= FRIDAY:
        if OPEN_S <= of_day < CLOSE_S:
            return None
        if of_day < OPEN_S:
            day -= 1
    return (latest_weekday(day) * DAY_SECONDS + AUTO_START_S) * SECOND_US
