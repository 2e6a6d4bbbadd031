"""Trading hours: when silence means something."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.health.sessions import TradingHours, early_closes_of, holidays_of

EASTERN = ZoneInfo("America/New_York")
HOURS = TradingHours(["Mon-Fri 09:30-16:00"])
# As published by the exchange for these years.
HOLIDAYS = {
    2024: "01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25",
    2025: "01-01 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25",
    2026: "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25",
    2027: "01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24",
    2028: "01-17 02-21 04-14 05-29 06-19 07-04 09-04 11-23 12-25",
}
EARLY_CLOSES = {
    2024: "07-03 11-29 12-24",
    2025: "07-03 11-28 12-24",
    2026: "11-27 12-24",
    2027: "11-26",
    2028: "07-03 11-24",
}


def at(text: str) -> int:
    """Eastern time as UTC microseconds."""
    moment = datetime.fromisoformat(text).replace(tzinfo=EASTERN)
    return int(moment.astimezone(UTC).timestamp()) * 1_000_000


def days(year: int, text: str) -> set[date]:
    """Days of a year from month-day texts."""
    return {date.fromisoformat(f"{year}-{day}") for day in text.split()}


@pytest.mark.parametrize("year", HOLIDAYS)
def test_holidays_are_the_published_ones(year: int) -> None:
    """An alarm on Thanksgiving teaches people to ignore alarms."""
    assert holidays_of(year) == days(year, HOLIDAYS[year])


@pytest.mark.parametrize("year", EARLY_CLOSES)
def test_early_closes_are_the_published_ones(year: int) -> None:
    """From one o'clock on those days silence is all right."""
    assert early_closes_of(year) == days(year, EARLY_CLOSES[year])


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-25T09:29:59", False),
        ("2026-11-25T09:30:00", True),
        ("2026-11-25T15:59:59", True),
        ("2026-11-25T16:00:00", False),
        ("2026-11-25T03:00:00", False),
        ("2026-11-28T12:00:00", False),
        ("2026-11-26T12:00:00", False),
        ("2026-11-27T12:59:59", True),
        ("2026-11-27T13:00:00", False),
        ("2026-03-09T09:30:00", True),  # the first trading day of daylight time
        ("2026-03-09T09:29:00", False),
    ],
)
def test_the_market_is_open_when_it_is(moment: str, is_open: bool) -> None:
    """By Eastern time, whatever the season."""
    assert HOURS.is_open(at(moment)) is is_open


def test_hours_of_ones_own_may_wrap_the_week() -> None:
    """Futures trade from Sunday evening on; a session ends by midnight."""
    hours = TradingHours(["Sun 18:00-24:00", "Mon-Thu 00:00-17:00", "Sat-Sun 10:00-11:00"])
    assert hours.is_open(at("2026-11-22T23:59:00"))
    assert hours.is_open(at("2026-11-23T00:00:00"))
    assert not hours.is_open(at("2026-11-23T17:00:00"))
    assert hours.is_open(at("2026-11-21T10:30:00"))
    assert hours.is_open(at("2026-11-22T10:30:00"))
    assert not hours.is_open(at("2026-11-27T10:30:00"))


def test_other_closed_days_can_be_named() -> None:
    """Nobody can compute a day of mourning."""
    hours = TradingHours(["Mon-Fri 09:30-16:00"], [date(2025, 1, 9)])
    assert not hours.is_open(at("2025-01-09T12:00:00"))
    assert hours.is_open(at("2025-01-10T12:00:00"))


def test_a_session_that_is_none_is_refused() -> None:
    """With the text that was written."""
    with pytest.raises(ValueError, match="'nine to five'"):
        TradingHours(["nine to five"])
