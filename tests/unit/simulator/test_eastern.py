"""Eastern time: days, sessions and the market clock."""

from datetime import UTC, datetime

import pytest

from gateway.clock import FakeClock
from gateway.errors import ConfigError
from gateway.simulator.eastern import (
    SECOND_US,
    Hours,
    MarketClock,
    Session,
    day_date,
    eastern_us,
    moment_at,
    time_line,
)


def second_of(text: str) -> int:
    """Eastern seconds of a wall-clock time."""
    return eastern_us(datetime.fromisoformat(text)) // SECOND_US


def clock_at(text: str) -> FakeClock:
    """A host clock at a moment in UTC."""
    utc = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return FakeClock(utc_us=int(utc.timestamp()) * SECOND_US)


@pytest.mark.parametrize(
    ("at", "equity", "future", "forex"),
    [
        ("2026-09-16T03:59:59", 0, 2, 2),
        ("2026-09-16T04:00:00", 1, 2, 2),
        ("2026-09-16T09:29:59", 1, 2, 2),
        ("2026-09-16T09:30:00", 2, 2, 2),
        ("2026-09-16T15:59:59", 2, 2, 2),
        ("2026-09-16T16:00:00", 1, 2, 2),
        ("2026-09-16T17:00:00", 1, 0, 2),
        ("2026-09-16T18:00:00", 1, 2, 2),
        ("2026-09-16T20:00:00", 0, 2, 2),
        ("2026-09-18T16:59:59", 1, 2, 2),
        ("2026-09-18T18:00:00", 1, 0, 0),
        ("2026-09-19T12:00:00", 0, 0, 0),
        ("2026-09-20T17:30:00", 0, 0, 2),
        ("2026-09-20T18:00:00", 0, 2, 2),
    ],
)
def test_sessions_open_and_close_on_the_clock(
    at: str, equity: int, future: int, forex: int
) -> None:
    """What may trade at a moment decides which lines are plausible."""
    sessions = moment_at(second_of(at)).sessions
    assert sessions[Hours.EQUITY] == equity
    assert sessions[Hours.FUTURE] == future
    assert sessions[Hours.FOREX] == forex
    assert sessions[Hours.ALWAYS] is Session.REGULAR


@pytest.mark.parametrize(
    ("at", "equity", "future"),
    [
        ("2026-09-16T10:00:00", "2026-09-16", "2026-09-16"),
        ("2026-09-16T18:00:00", "2026-09-16", "2026-09-17"),
        ("2026-09-18T18:30:00", "2026-09-18", "2026-09-18"),
        ("2026-09-19T12:00:00", "2026-09-18", "2026-09-18"),
        ("2026-09-20T17:59:59", "2026-09-18", "2026-09-18"),
        ("2026-09-20T18:00:00", "2026-09-18", "2026-09-21"),
    ],
)
def test_trading_days_skip_the_weekend(at: str, equity: str, future: str) -> None:
    """Figures of Friday stay until the next trading day begins."""
    days = moment_at(second_of(at)).days
    assert day_date(days[Hours.EQUITY]).isoformat() == equity
    assert day_date(days[Hours.FUTURE]).isoformat() == future


def test_the_time_line_has_the_vendors_form() -> None:
    """Date and time without a fraction and without a trailing comma."""
    assert time_line(second_of("2026-09-16T15:56:43")) == "T,20260916 15:56:43"


@pytest.mark.parametrize(
    ("utc", "eastern"),
    [
        ("2026-09-16T14:00:00", "2026-09-16T10:00:00"),
        ("2026-01-15T14:00:00", "2026-01-15T09:00:00"),
        ("2026-03-08T06:59:59", "2026-03-08T01:59:59"),
        ("2026-03-08T07:00:00", "2026-03-08T03:00:00"),
    ],
)
def test_the_real_clock_is_eastern(utc: str, eastern: str) -> None:
    """Summer and winter differ by an hour."""
    assert MarketClock(clock_at(utc), "real").now_us() == second_of(eastern) * SECOND_US


def test_the_real_clock_stands_still_in_a_repeated_hour() -> None:
    """Times on the wire never go back."""
    host = clock_at("2026-11-01T05:59:59")
    clock = MarketClock(host, "real")
    before = clock.now_us()
    host.advance(seconds=10)
    assert clock.now_us() == before
    host.advance(seconds=3600)
    assert clock.now_us() > before


def test_a_given_start_runs_on_at_real_speed() -> None:
    """A test chooses its moment, then time passes as it does."""
    host = FakeClock()
    clock = MarketClock(host, "2026-09-16T09:29:55")
    host.advance(seconds=5)
    host.step_wall(seconds=-1000)
    assert clock.now_us() == second_of("2026-09-16T09:30:00") * SECOND_US


@pytest.mark.parametrize(
    ("utc", "eastern"),
    [
        ("2026-09-16T14:00:00", "2026-09-16T10:00:00"),
        ("2026-09-16T21:00:00", "2026-09-16T09:29:55"),
        ("2026-09-16T12:00:00", "2026-09-15T09:29:55"),
        ("2026-09-19T16:00:00", "2026-09-18T09:29:55"),
        ("2026-09-21T12:00:00", "2026-09-18T09:29:55"),
    ],
)
def test_auto_is_real_in_the_session_and_else_a_recent_open(utc: str, eastern: str) -> None:
    """A demonstration shows an open market at any hour, never one in the future."""
    assert MarketClock(clock_at(utc), "auto").now_us() == second_of(eastern) * SECOND_US


def test_an_impossible_start_is_refused() -> None:
    """The form is right, the month is not."""
    with pytest.raises(ConfigError):
        MarketClock(FakeClock(), "2026-13-01T00:00:00")
