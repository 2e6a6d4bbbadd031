"""The gateway's monitor: conditions and figures, in one verdict and one list of alerts."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from gateway_monitoring import HealthThresholds

from gateway.clock import FakeClock
from gateway.health.facts import AlertFact, FeedHistory, FeedReport
from gateway.health.latency import LatencyHistogram
from gateway.health.monitor import HealthMonitor
from gateway.health.sessions import TradingHours
from gateway.health.verdict import Issue
from gateway.policy.error_history import ErrorHistory
from tests.support.pieces import finished
from tests.support.quiet_admin import QuietAdmin
from tests.unit.health.feed_reports import GOOD, counted
from tests.unit.health.test_sessions import at
from tests.unit.health.test_verdict import LINK, slow


class House:
    """A monitor whose feed thread reports once a second what a test says."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.admin = QuietAdmin()
        self.history = FeedHistory()
        self.report: FeedReport = GOOD
        self.monitor = HealthMonitor(
            HealthThresholds(),
            hours=TradingHours(["Mon-Fri 09:30-16:00"]),
            history=self.history,
            errors=ErrorHistory(),
            admin=lambda: (self.admin.report(), self.admin.login),
            clock=self.clock,
        )

    def pass_(self, seconds: int, *, is_reporting: bool = True) -> list[tuple[str, str, str]]:
        """Let time pass; what was told."""
        told: list[Mapping[str, Any]] = []
        for _ in range(seconds):
            self.clock.advance(seconds=1)
            if is_reporting:
                now_ns, now_us = self.clock.monotonic_ns(), self.clock.utc_us()
                self.history.add(replace(self.report, at_ns=now_ns, utc_us=now_us))
            told += self.monitor.check()
        return [(one["event"], one["code"], one["level"]) for one in told]

    def codes(self) -> list[str]:
        """The issues of the verdict."""
        return [issue["code"] for issue in self.monitor.verdict()["issues"]]


@pytest.fixture
def house() -> House:
    """All is well."""
    house = House()
    assert house.pass_(20) == []
    return house


@pytest.mark.parametrize(
    ("change", "code", "level", "seconds"),
    [
        ({"cause": "iqconnect_down"}, "iqconnect_down", "critical", 2),
        ({"cause": "dtn_link_down"}, "dtn_link_down", "critical", 2),
        ({"cause": "link_silent"}, "link_silent", "critical", 2),
        ({"cause": "login_lost"}, "login_lost", "critical", 2),
        ({"depth_cause": "link_silent"}, "level2_link_silent", "critical", 2),
        ({"ports": {"admin": "closed"}}, "admin_down", "warning", 5),
        ({"links": (LINK,)}, "level1_2_breaker_open", "warning", 0),
        ({"symbols": {"refused": 2}}, "symbols_refused", "warning", 2),
        ({"books": {"refused": 2}}, "books_refused", "warning", 2),
        ({"is_delayed": True}, "delayed", "warning", 2),
        ({"symbols": {"live": 2, "stale": 1}}, "symbols_stale", "warning", 5),
        ({"books": {"stale": 1}}, "books_stale", "warning", 5),
    ],
)
def test_a_condition_is_an_issue_at_once_and_an_alert_once_it_lasts(
    house: House, change: dict[str, Any], code: str, level: str, seconds: int
) -> None:
    """Who asks hears of it at once; who is woken is woken for something that stays."""
    house.report = replace(GOOD, **change)
    told = house.pass_(1)
    assert house.codes() == [code]
    told += house.pass_(seconds)
    assert told == [("raised", code, level)]
    house.report = GOOD
    assert house.pass_(1) == []
    assert house.codes() == []
    assert house.pass_(3) == [("cleared", code, level)]
    assert house.pass_(600) == []


def test_a_condition_of_a_moment_wakes_nobody(house: House) -> None:
    """A connection that is made anew within a second was no trouble."""
    for _ in range(50):
        house.report = replace(GOOD, cause="iqconnect_down")
        assert house.pass_(2) == []
        house.report = GOOD
        assert house.pass_(2) == []


def test_a_threshold_is_an_issue_once_it_has_lasted(house: House) -> None:
    """And one list names both kinds, the verdict being the worst of them."""
    latency = LatencyHistogram()
    told = []
    for second in range(7):
        latency = latency.copy()
        latency.record(700_000, 100)
        house.report = replace(GOOD, latency=latency)
        told += house.pass_(1)
        assert bool(told) is (second >= 5)
        assert bool(house.codes()) is (second >= 5)
    assert told == [("raised", "latency_high", "critical")]
    verdict = house.monitor.verdict()
    assert verdict["level"] == "critical"
    assert verdict["issues"][0]["code"] == "latency_high"
    assert verdict["issues"][0]["hint"]
    assert "limit 500 ms" in verdict["error_message"]


def test_what_follows_from_a_lost_iqconnect_says_so(house: House) -> None:
    """One outage must not wake somebody six times: the pager leaves consequences out."""
    house.report = replace(
        GOOD,
        cause="iqconnect_down",
        depth_cause="iqconnect_down",
        ports={"admin": "closed"},
        links=(LINK,),
    )
    house.pass_(7)
    because = {alert["id"]: alert.get("because") for alert in house.monitor.active}
    assert because == {
        "iqconnect_down": None,
        "level2_iqconnect_down": "iqconnect_down",
        "admin_down": "iqconnect_down",
        "level1_2_breaker_open": "iqconnect_down",
    }


def test_a_trouble_of_its_own_follows_from_nothing(house: House) -> None:
    """The same alert without the other one is news."""
    house.report = replace(GOOD, depth_cause="link_silent", ports={"admin": "closed"})
    house.pass_(7)
    assert [alert.get("because") for alert in house.monitor.active] == [None, None]


def test_conditions_of_others_are_judged_with_ours(house: House) -> None:
    """A pager that is dead shows where health is asked for."""
    issue = Issue("alerts_undelivered", "warning", "m", "h")
    house.monitor.register_conditions(lambda: [issue])
    assert house.pass_(3) == [("raised", "alerts_undelivered", "warning")]
    assert house.codes() == ["alerts_undelivered"]


def test_a_stuck_feed_thread_is_told_at_once(house: House) -> None:
    """It is two seconds late by then."""
    assert house.pass_(2, is_reporting=False) == []
    assert house.pass_(1, is_reporting=False) == [("raised", "feed_thread_stuck", "critical")]


def test_slow_consumers_are_one_issue_and_an_alert_each(house: House) -> None:
    """The feed thread names each; a second alert for all of them would say it twice."""
    consumer = slow("tcp://127.0.0.1:1", lag_us=4_000_000, since_us=70, client="desk")
    house.report = replace(GOOD, slow_consumers=(consumer,))
    assert house.pass_(5) == []
    house.monitor.take(
        AlertFact(
            {
                "event": "raised",
                "id": "slow_consumer:x",
                "code": "slow_consumer",
                "level": "warning",
                "message": "x is slow",
                "since_us": 70,
            }
        )
    )
    assert house.codes() == ["slow_consumers"]
    assert [alert["id"] for alert in house.monitor.active] == ["slow_consumer:x"]


def test_a_source_that_fails_is_an_issue(house: House) -> None:
    """Health that cannot be read is not healthy."""

    def broken() -> dict[str, float]:
        raise OSError("no such directory")

    house.monitor.register_data_source("disk", broken)
    assert house.pass_(1) == [("raised", "source_failed", "warning")]
    assert house.codes() == ["source_failed"]


def test_a_quiet_night_raises_nothing(house: House) -> None:
    """Sixteen hours without a message, symbols live."""
    house.monitor.set_limits(HealthThresholds(clock_offset_warning_ms=0))
    busy, quotes = replace(GOOD, market_clock_us=at("2026-11-25T15:59:00")), 0
    for _ in range(120):
        quotes += 500
        house.report = counted(busy, quotes_published=quotes, messages_published=quotes)
        assert house.pass_(1) == []
    night = at("2026-11-25T16:00:00")
    for minute in range(16 * 60):
        house.report = replace(house.report, market_clock_us=night + minute * 60_000_000)
        house.clock.advance(seconds=59)
        assert house.pass_(1) == []


def test_silence_at_noon_is_raised_and_cleared(house: House) -> None:
    """Thirty seconds without data where it came every second before."""
    busy, quotes = replace(GOOD, market_clock_us=at("2026-11-25T12:00:00")), 0
    house.monitor.set_limits(HealthThresholds(clock_offset_warning_ms=0))
    for _ in range(120):
        quotes += 500
        house.report = counted(busy, quotes_published=quotes, messages_published=quotes)
        assert house.pass_(1) == []
    assert ("raised", "message_gap", "warning") in house.pass_(31)
    told = house.pass_(90)
    assert ("changed", "message_gap", "critical") in told
    for _ in range(60):
        quotes += 500
        house.report = counted(busy, quotes_published=quotes, messages_published=quotes)
        told += house.pass_(1)
    assert ("cleared", "message_gap", "critical") in told
    assert house.monitor.active == []


def test_throughput_that_falls_in_trading_hours_is_raised(house: House) -> None:
    """Half a minute below the limit, after a good minute."""
    noon, quotes = replace(GOOD, market_clock_us=at("2026-11-25T12:00:00")), 0
    house.monitor.set_limits(HealthThresholds(clock_offset_warning_ms=0))
    for rate, seconds, raised in (
        (500, 120, []),
        (50, 45, [("raised", "throughput_low", "warning")]),
    ):
        told = []
        for _ in range(seconds):
            quotes += rate
            house.report = counted(noon, quotes_published=quotes, messages_published=quotes)
            told += house.pass_(1)
        assert told == raised


def test_trends_follow_every_check(house: House) -> None:
    """What `trends` and the page's sparkline are made of."""
    assert "throughput_msg_per_sec" in house.monitor.trend_names
    _, trend = finished(house.monitor.trend("throughput_msg_per_sec", 60))
    assert trend["samples"] == 20
    assert [value for _, value in house.monitor.points("throughput_msg_per_sec", 4)] == [0.0] * 5
    assert house.monitor.readings["reconnections_last_hour"] == 0
    assert house.monitor.refused == 0
    assert house.monitor.recent == []


def test_an_acknowledged_alert_says_so(house: House) -> None:
    """Whoever looks next sees that somebody is on it."""
    house.report = replace(GOOD, cause="iqconnect_down")
    house.pass_(5)
    assert house.monitor.acknowledge("iqconnect_down", by="me", reason="on it") is not None
    assert house.monitor.active[0]["acknowledged_reason"] == "on it"
    assert house.monitor.acknowledge("nothing", by="me", reason="on it") is None
