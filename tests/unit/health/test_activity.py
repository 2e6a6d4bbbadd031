"""Activity: silence is judged by the pace before it, and at night not at all."""

from dataclasses import replace

import pytest

from gateway.health.activity import Activity, ActivityWatch
from gateway.health.facts import FeedReport
from gateway.health.sessions import TradingHours
from tests.unit.health.feed_reports import GOOD, counted
from tests.unit.health.test_sessions import at

SECOND_NS = 1_000_000_000
NOON_US, NIGHT_US = at("2026-11-25T12:00:00"), at("2026-11-25T22:00:00")


class Day:
    """A day in seconds, with so many messages in each."""

    def __init__(self) -> None:
        self.watch = ActivityWatch(TradingHours(["Mon-Fri 09:30-16:00"]))
        self.second = 0
        self.quotes = 0
        self.report: FeedReport = replace(GOOD, market_clock_us=NOON_US)
        self.last = Activity()

    def pass_(self, seconds: int, *, rate: float) -> Activity:
        """Let time pass; below one a second a message comes now and then."""
        for _ in range(seconds):
            self.second += 1
            self.quotes = self.quotes + int(rate) if rate >= 1 else int(self.second * rate)
            report = counted(self.report, quotes_published=self.quotes)
            report = replace(report, at_ns=self.second * SECOND_NS)
            self.last = self.watch.follow(report, throughput=rate, throughput_min=100)
        return self.last


@pytest.fixture
def day() -> Day:
    """Noon of a trading day."""
    return Day()


def test_throughput_is_judged_once_it_was_good_for_a_minute(day: Day) -> None:
    """Few symbols may never reach the limit, and that is no trouble."""
    assert day.pass_(3600, rate=50).expected_msg_per_sec is None
    assert day.pass_(60, rate=500).expected_msg_per_sec is None
    assert day.pass_(5, rate=500).expected_msg_per_sec is None
    assert day.pass_(1, rate=20).expected_msg_per_sec == 20


def test_noon_is_slower_than_the_open_and_no_trouble(day: Day) -> None:
    """Only a fall is judged: below the limit, and below a fifth of what it was."""
    day.pass_(120, rate=300)
    assert day.pass_(3600, rate=61).expected_msg_per_sec is None
    assert day.pass_(1, rate=59).expected_msg_per_sec == 59


def test_many_symbols_are_never_silent_together(day: Day) -> None:
    """A feed that brings nothing from the open on has no pace to be judged by."""
    day.report = replace(day.report, symbols={"live": 500})
    assert day.pass_(31, rate=0).message_gap_seconds == 30
    day.report = replace(day.report, symbols={"live": 99})
    assert day.pass_(1, rate=0).message_gap_seconds is None


def test_a_link_that_was_down_takes_the_pace_of_the_day_up_again(day: Day) -> None:
    """Its own silence does not count, but a silence after it does; symbols may come back slowly."""
    day.report = replace(day.report, symbols={"live": 50})
    day.pass_(300, rate=500)
    day.report = replace(day.report, cause="dtn_link_down", symbols={"stale": 50})
    assert day.pass_(100, rate=0) == Activity()
    day.report = replace(day.report, cause=None, symbols={"live": 5})
    assert day.pass_(1, rate=0).message_gap_seconds == 0
    day.report = replace(day.report, symbols={"live": 50})
    assert day.pass_(40, rate=0).message_gap_seconds == 40


def test_a_good_second_now_and_then_arms_nothing(day: Day) -> None:
    """The opening burst of a few symbols is not their pace."""
    for _ in range(50):
        assert day.pass_(30, rate=500).expected_msg_per_sec is None
        assert day.pass_(1, rate=20).expected_msg_per_sec is None


def test_fewer_symbols_may_bring_less(day: Day) -> None:
    """A consumer that leaves takes its messages with it."""
    day.report = replace(day.report, symbols={"live": 100})
    day.pass_(70, rate=500)
    day.report = replace(day.report, symbols={"live": 91})
    assert day.pass_(1, rate=20).expected_msg_per_sec == 20
    day.report = replace(day.report, symbols={"live": 50})
    assert day.pass_(60, rate=20).expected_msg_per_sec is None


def test_a_limit_that_is_off_is_never_armed(day: Day) -> None:
    """Zero is no limit."""
    for second in range(200):
        report = replace(day.report, at_ns=second * SECOND_NS)
        found = day.watch.follow(report, throughput=1e6, throughput_min=0)
        assert found.expected_msg_per_sec is None


@pytest.mark.parametrize(
    ("rate", "gap_s", "is_judged"),
    [(500, 19, False), (500, 21, True), (0.5, 30, False), (0.5, 45, True), (0.1, 150, False)],
)
def test_a_gap_is_judged_by_the_pace_before_it(
    day: Day, rate: float, gap_s: int, is_judged: bool
) -> None:
    """What would be silence of a busy list is the ordinary minute of an option."""
    day.pass_(300, rate=rate)
    frozen = day.quotes
    for _ in range(gap_s):
        day.second += 1
        report = counted(day.report, quotes_published=frozen)
        day.last = day.watch.follow(
            replace(report, at_ns=day.second * SECOND_NS), throughput=0, throughput_min=100
        )
    gap = day.last.message_gap_seconds
    assert (gap is not None) is is_judged
    if gap is not None:
        assert gap_s <= gap <= gap_s + 2


def test_the_pace_of_symbols_that_are_gone_is_not_that_of_the_rest(day: Day) -> None:
    """A strategy that ends leaves one quiet option behind, whose silence is ordinary."""
    day.report = replace(day.report, symbols={"live": 500})
    day.pass_(300, rate=500)
    day.report = replace(day.report, symbols={"live": 460})
    assert day.pass_(30, rate=0).message_gap_seconds == 29
    day.report = replace(day.report, symbols={"live": 1})
    assert day.pass_(300, rate=0).message_gap_seconds is None
    day.pass_(300, rate=500)
    assert day.pass_(30, rate=0).message_gap_seconds == 29


def test_two_minutes_in_the_news_are_no_pace(day: Day) -> None:
    """A small symbol that trades each second for a while is as rare as before after it."""
    day.pass_(1_800, rate=0.02)
    day.pass_(120, rate=1)
    assert day.pass_(120, rate=0).message_gap_seconds is None
    day.pass_(1_800, rate=1)
    assert day.pass_(30, rate=0).message_gap_seconds == 29


def test_a_burst_is_no_pace(day: Day) -> None:
    """A hundred symbols' first values come in one second; what follows may be slow."""
    day.pass_(1, rate=5_000)
    day.pass_(90, rate=0)
    assert day.last.message_gap_seconds is None


@pytest.mark.parametrize(
    "quiet",
    [
        {"market_clock_us": NIGHT_US},
        {"market_clock_us": None},
        {"symbols": {"stale": 3}},
    ],
)
def test_nothing_is_judged_at_night_or_without_live_symbols(
    day: Day, quiet: dict[str, object]
) -> None:
    """And afterwards it begins anew: the night's silence is no gap of the morning."""
    day.pass_(300, rate=500)
    day.report = replace(day.report, **quiet)  # type: ignore[arg-type]
    assert day.pass_(600, rate=0) == Activity()
    day.report = replace(GOOD, market_clock_us=NOON_US)
    assert day.pass_(1, rate=0).expected_msg_per_sec is None
    assert day.pass_(30, rate=0).message_gap_seconds is None
