"""Eastern wall-clock texts, compared with what the standard library computes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.normalize import eastern as eastern_module
from gateway.normalize.eastern import AHEAD_US_MAX, CLOCK_AGE_US_MAX, EasternTime
from tests.unit.normalize.line_desk import utc_us

SECOND_US = 1_000_000
SPRING, FALL = "2026-03-08", "2026-11-01"


def at(wall: str, *, fold: int = 0) -> EasternTime:
    """A session whose clock stands at a US Eastern time, as read at that moment."""
    eastern = EasternTime()
    is_set = eastern.set_clock(wall.replace("-", ""), recv_us=utc_us(wall, fold=fold))
    assert is_set
    return eastern


@pytest.mark.parametrize("wall", ["2026-01-15 12:00:00", "2026-07-15 12:00:00"])
def test_clock_follows_the_offset_of_the_season(wall: str) -> None:
    """An hour's error for half of the year is the classic mistake with Eastern time."""
    assert at(wall).clock_us == utc_us(wall)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20260916",
        "20260916 10:00",
        "2026-09-16 10:00:0",
        "20260916T10:00:00",
        "20260916 10:00:00.5",
        "20261316 10:00:00",
        "20260231 10:00:00",
        "20260916 24:00:00",
        "20260916 10:60:00",
        "20260916 10:00:60",
        "19691231 10:00:00",
        "99990916 10:00:00",
        "2026091\u00b2 10:00:00",
        "20260916 1\u00b2:00:00",
    ],
)
def test_other_texts_do_not_move_the_clock(text: str) -> None:
    """A corrupt T line must not re-date everything behind it."""
    eastern = at("2026-09-16 10:00:00")
    assert not eastern.set_clock(text, recv_us=0)
    assert eastern.clock_text == "20260916 10:00:00"
    assert eastern.clock_us == utc_us("2026-09-16 10:00:00")


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("10:00:00", 0),
        ("10:00:00.000001", 1),
        ("10:00:00.253", 253_000),
        ("10:00:00.5", 500_000),
        ("10:00:00.25349", 253_490),
    ],
)
def test_fractions_of_any_length_are_fractions(text: str, micros: int) -> None:
    """Protocol 5.1 wrote three digits, futures may write none; `.253` is 253 ms, not 253 us."""
    expected = utc_us("2026-09-16 10:00:00") + micros
    assert EasternTime().dated("09/16/2026", text) == expected
    eastern = at("2026-09-16 10:00:01")
    assert eastern.near_clock(text) == expected
    assert eastern.near_clock(text) == expected
    assert eastern.is_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10:00",
        "1:00:00",
        "24:00:00",
        "10:60:00",
        "10:00:60",
        "10.00.00",
        "10:00:00.",
        "10:00:00,5",
        "10:00:00x000000",
        "10:00:00.0000001",
        "10:00:00.00000x",
        "10:00:00.-00001",
        "10:00:00.\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2",
        "ab:cd:ef.123456",
        "-1:00:00",
    ],
)
def test_other_texts_are_no_times(text: str) -> None:
    """A time that was only half understood would be a wrong time."""
    eastern = at("2026-09-16 10:00:00")
    # Its whole second is known to the session, so only the text itself can be at fault.
    assert eastern.near_clock("10:00:00") is not None
    assert eastern.near_clock(text) is None
    assert eastern.dated("09/16/2026", text) is None
    assert not eastern.is_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "09/16/26",
        "9/16/2026",
        "09-16-2026",
        "13/01/2026",
        "02/30/2026",
        "00/10/2026",
        "09/16/1969",
        "09/16/2255",
        "09/16/9999",
        "0\u00b2/16/2026",
        "2026/09/16",
    ],
)
def test_other_texts_are_no_dates(text: str) -> None:
    """The day of a trade is never guessed."""
    assert EasternTime().dated(text, "10:00:00") is None


def test_latest_accepted_year_fits_the_wire() -> None:
    """Times on the wire stay below 2^53 so that JavaScript reads them exactly."""
    last_us = EasternTime().dated("12/31/2254", "23:59:59.999999")
    assert last_us is not None
    assert last_us < 2**53


def test_every_day_of_a_year_is_converted_as_the_standard_library_does() -> None:
    """Midnight, noon and the last microsecond of each day, both clock changes included."""
    eastern = EasternTime()
    day = date(2026, 1, 1)
    while day.year == 2026:
        for time_text in ("00:00:00.000000", "12:34:56.789012", "23:59:59.999999"):
            expected = utc_us(f"{day.isoformat()} {time_text}")
            assert eastern.dated(f"{day:%m/%d/%Y}", time_text) == expected
        day += timedelta(days=1)


def test_quote_of_just_before_midnight_belongs_to_yesterday() -> None:
    """Dated by the clock's own day it would lie a day in the future."""
    eastern = at("2026-09-17 00:00:00")
    assert eastern.near_clock("23:59:59.900000") == utc_us("2026-09-16 23:59:59.9")


def test_quote_of_just_after_midnight_belongs_to_tomorrow() -> None:
    """The T line is up to a second old; dated by its day the stamp would be a day old."""
    eastern = at("2026-09-16 23:59:59")
    assert eastern.near_clock("00:00:00.100000") == utc_us("2026-09-17 00:00:00.1")


def test_stamp_may_be_ahead_of_the_clock_by_the_tolerance_and_no_more() -> None:
    """Exchange clocks differ by seconds; a stamp hours ahead can only be yesterday's."""
    eastern = at("2026-09-16 10:00:00")
    ahead = utc_us("2026-09-16 10:05:00")
    assert ahead - utc_us("2026-09-16 10:00:00") == AHEAD_US_MAX
    assert eastern.near_clock("10:05:00") == ahead
    assert eastern.near_clock("10:05:01") == utc_us("2026-09-15 10:05:01")


def test_dates_of_the_last_second_are_not_reused_for_the_next() -> None:
    """What was tomorrow's before midnight is yesterday's answer a moment later."""
    eastern = at("2026-09-16 10:00:00")
    assert eastern.near_clock("10:06:00") == utc_us("2026-09-15 10:06:00")
    assert eastern.set_clock("20260916 10:01:00", recv_us=utc_us("2026-09-16 10:01:00"))
    assert eastern.near_clock("10:06:00") == utc_us("2026-09-16 10:06:00")


def test_weekend_lies_between_fridays_stamp_and_mondays_clock_for_dated_times_only() -> None:
    """A trade names its day; a time of day alone can never be older than a day."""
    eastern = at("2026-09-21 08:00:00")
    assert eastern.dated("09/18/2026", "15:59:59.5") == utc_us("2026-09-18 15:59:59.5")
    assert eastern.near_clock("15:59:59.5") == utc_us("2026-09-20 15:59:59.5")


def test_skipped_hour_is_read_by_the_offset_before_the_change() -> None:
    """02:30 did not exist on that day; a sender that had not changed yet means 03:30."""
    eastern = EasternTime()
    expected = utc_us(f"{SPRING} 03:30:00")
    assert eastern.dated("03/08/2026", "02:30:00") == expected
    assert eastern.dated("03/08/2026", "01:59:59.999999") == utc_us(f"{SPRING} 01:59:59.999999")
    assert eastern.dated("03/08/2026", "03:00:00") == utc_us(f"{SPRING} 03:00:00")


@pytest.mark.parametrize(("day", "start"), [(SPRING, "01:59:00"), (FALL, "00:59:00")])
def test_stream_over_a_clock_change_never_goes_backwards(day: str, start: str) -> None:
    """Three hours of a feed, a line each 20 seconds, dated by the clock of the second before."""
    eastern = EasternTime()
    begin_us = utc_us(f"{day} {start}")
    previous = 0
    for step in range(3 * 180):
        now_us = begin_us + step * 20 * SECOND_US
        wall = _wall(now_us)
        assert eastern.set_clock(wall.replace("-", ""), recv_us=now_us + 300_000)
        stamp_us = now_us + 700_000
        time_text = _wall(stamp_us)[11:] + ".700000"
        date_text = f"{day[5:7]}/{day[8:]}/{day[:4]}"
        assert eastern.near_clock(time_text) == stamp_us
        assert eastern.dated(date_text, time_text) == stamp_us
        assert stamp_us > previous
        previous = stamp_us


def _wall(moment_us: int) -> str:
    """A moment's Eastern wall clock, whole seconds, by the standard library."""
    moment = datetime.fromtimestamp(moment_us // SECOND_US, UTC)
    return moment.astimezone(ZoneInfo("America/New_York")).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("clock", "fold", "stamp", "stamp_fold"),
    [
        ("01:55:00", 0, "01:20:00", 0),
        ("01:55:00", 1, "01:20:00", 1),
        ("01:05:00", 1, "01:50:00", 0),
        ("01:59:59", 0, "01:00:00", 1),
        ("01:02:00", 1, "01:04:00", 1),
        ("02:10:00", 0, "01:50:00", 1),
        ("01:10:00", 1, "01:15:00", 1),
        ("01:10:00", 1, "01:15:01", 0),
    ],
)
def test_stamp_in_the_repeated_hour_is_the_latest_that_can_have_been(
    clock: str, fold: int, stamp: str, stamp_fold: int
) -> None:
    """Nearest would put a stamp of 35 minutes ago 25 minutes into the future."""
    expected = utc_us(f"{FALL} {stamp}", fold=stamp_fold)
    eastern = at(f"{FALL} {clock}", fold=fold)
    assert eastern.near_clock(stamp) == expected
    assert eastern.dated("11/01/2026", stamp) == expected


def test_stamp_ahead_of_both_readings_is_yesterdays() -> None:
    """At 01:02, before the change, 01:30 has not been yet today."""
    eastern = at(f"{FALL} 01:02:00")
    assert eastern.near_clock("01:30:00") == utc_us("2026-10-31 01:30:00")


def test_same_clock_text_an_hour_later_is_another_moment() -> None:
    """After a silence of exactly the repeated hour the text is the same and the time is not."""
    eastern = at(f"{FALL} 01:30:00", fold=0)
    later_us = utc_us(f"{FALL} 01:30:00", fold=1)
    assert eastern.set_clock("20261101 01:30:00", recv_us=later_us)
    assert eastern.clock_us == later_us


def test_repeated_hour_without_a_clock_is_the_first() -> None:
    """A fixed rule where nothing is known; the T line comes within a second."""
    expected = utc_us(f"{FALL} 01:30:00", fold=0)
    assert EasternTime().dated("11/01/2026", "01:30:00") == expected


def test_nothing_is_near_a_clock_that_was_never_set() -> None:
    """Before the first T line not even the day is known."""
    assert EasternTime().near_clock("10:00:00") is None


def test_first_day_there_is_has_no_yesterday() -> None:
    """The epoch's first day is where garbage dates end; the search must stop there."""
    eastern = at("1970-01-01 10:00:00")
    assert eastern.near_clock("10:00:00") == utc_us("1970-01-01 10:00:00")
    assert eastern.near_clock("11:00:00") is None


def test_forgotten_clock_dates_nothing_until_it_is_set_again() -> None:
    """A new connection's first lines must not be dated by the old connection's clock."""
    eastern = at("2026-09-16 10:00:00")
    assert eastern.clock_until_us == utc_us("2026-09-16 10:00:00") + CLOCK_AGE_US_MAX
    assert eastern.near_clock("09:59:59") is not None
    eastern.forget_clock()
    assert (eastern.clock_text, eastern.clock_us) == ("", None)
    assert eastern.near_clock("09:59:59") is None
    assert eastern.dated("09/16/2026", "09:59:59") == utc_us("2026-09-16 09:59:59")


def test_days_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed of garbage dates must not take memory, and good dates still convert."""
    monkeypatch.setattr(eastern_module, "DAYS_MAX", 10)
    eastern = EasternTime()
    day = date(2026, 1, 1)
    for _ in range(100):
        expected = utc_us(f"{day.isoformat()} 10:00:00")
        assert eastern.dated(f"{day:%m/%d/%Y}", "10:00:00") == expected
        day += timedelta(days=1)
    assert len(eastern._days) <= 10


def test_seconds_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that runs all day must not grow with each second of it."""
    monkeypatch.setattr(eastern_module, "SECONDS_MAX", 100)
    eastern = at("2026-09-16 10:00:00")
    for second in range(3_600):
        text = f"{second // 60:02}:{second % 60:02}"
        expected = utc_us(f"2026-09-16 09:{text}")
        assert eastern.dated("09/16/2026", f"09:{text}") == expected
        assert len(eastern._seconds) <= 100


def test_no_garbage_is_remembered() -> None:
    """Only what is a second of the day."""
    eastern = at("2026-09-16 10:00:00")
    for second in range(200):
        eastern.near_clock(f"{second:02}:00:{second % 70:02}.5")
        eastern.dated("09/16/2026", f"10:{second:02}:00")
    assert len(eastern._seconds) <= 24 + 60 + 1
    assert len(eastern.seconds_us) <= 25


@pytest.mark.parametrize("time_text", ["10:20:00.000000", "00:00:00", "23:59:59.9"])
def test_level_2_dates_are_the_same_days(time_text: str) -> None:
    """Both ports write the same moment, one of them in another spelling."""
    times = EasternTime()
    moment = times.dated("09/21/2026", time_text)
    assert moment is not None
    assert times.dated_iso("2026-09-21", time_text) == moment
    assert times.dated_iso("2026-09-21", time_text) == moment, "and again from memory"
    assert EasternTime().dated_iso("2026-09-21", time_text) == moment


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-13-01", "2026-02-30", "1969-12-31", "2026/09/21", "20260921", "26-09-2026"),
        *("2026-09-2\xb2", "2026-9-021", "2026-09-21 ", "----------", "0000-00-00"),
    ],
)
def test_other_texts_are_no_level_2_dates(text: str) -> None:
    """A row without a moment is better than one with a wrong moment."""
    assert EasternTime().dated_iso(text, "10:20:00") is None


@pytest.mark.parametrize("text", ["", "24:00:00", "10:20", "10:20:00.", "10:20:00.1234567"])
def test_a_level_2_date_without_a_time_is_no_moment(text: str) -> None:
    """The vendor often leaves the time out: midnight would be an invention."""
    assert EasternTime().dated_iso("2026-09-21", text) is None
