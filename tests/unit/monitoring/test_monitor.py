"""The monitor: sources in, alerts out; a source that fails is a finding, never a crash."""

import math
from typing import Any

import pytest
from gateway_monitoring import Finding, HealthThresholds, Monitor
from gateway_monitoring.monitor import SOURCES_MAX

SECOND_NS = 1_000_000_000


class Watched:
    """A monitor over figures that a test sets."""

    def __init__(self, limits: HealthThresholds | None = None) -> None:
        self.monitor = Monitor(limits or HealthThresholds())
        self.figures: Any = {}
        self.monitor.register_data_source("test", lambda: self.figures)
        self.second = 0

    def pass_(self, seconds: int) -> list[tuple[str, str, str]]:
        """Check once a second; what was told."""
        told = []
        for _ in range(seconds):
            self.second += 1
            told += self.monitor.check(now_ns=self.second * SECOND_NS, now_us=self.second)
        return [(one["event"], one["code"], one["level"]) for one in told]


@pytest.fixture
def watched() -> Watched:
    """Nothing is known yet."""
    return Watched()


@pytest.mark.parametrize(
    ("name", "code", "figures"),
    [
        ("latency_ms", "latency_high", (50, 150, 600)),
        ("average_latency_ms", "latency_high", (50, 150, 600)),
        ("error_rate_pct", "processing_errors", (1, 6, 11)),
        ("processing_errors", "processing_errors", (1, 6, 11)),
        ("expected_msg_per_sec", "throughput_low", (500, 50, 5)),
        ("throughput_msg_per_sec", "throughput_low", (500, 50, 5)),
        ("message_gap_seconds", "message_gap", (1, 40, 130)),
        ("oldest_unread_ms", "feed_backlog", (10, 1500, 6000)),
        ("memory_mb", "memory_high", (100, 1500, 2500)),
        ("rss_mb", "memory_high", (100, 1500, 2500)),
        ("symbol_limit_pct", "symbol_limit_near", (50, 95, 100)),
        ("clock_offset_abs_ms", "clock_offset", (500, 4000, 40_000)),
        ("disk_free_mb", "disk_low", (5000, 500, 100)),
    ],
)
def test_each_threshold_is_raised_worsened_and_cleared(
    watched: Watched, name: str, code: str, figures: tuple[float, float, float]
) -> None:
    """Whichever of its spellings a source uses; in time, and only once each."""
    good, warning, critical = figures
    watched.figures = {"nested": {name: good}}
    assert watched.pass_(100) == []
    watched.figures = {"nested": {name: warning}}
    assert watched.pass_(35) == [("raised", code, "warning")]
    watched.figures = {"nested": {name: critical}}
    assert watched.pass_(2) == [("changed", code, "critical")]
    watched.figures = {"nested": {name: good}}
    assert watched.pass_(30) == [("cleared", code, "critical")]
    assert watched.pass_(1000) == []


@pytest.mark.parametrize(
    ("name", "code", "seconds"),
    [
        ("latency_ms", "latency_high", 5),
        ("oldest_unread_ms", "feed_backlog", 2),
        ("message_gap_seconds", "message_gap", 0),
        ("memory_mb", "memory_high", 10),
    ],
)
def test_an_alert_comes_neither_early_nor_late(
    watched: Watched, name: str, code: str, seconds: int
) -> None:
    """After the time that a condition must last, to the check."""
    watched.figures = {name: 1e6}
    assert watched.pass_(seconds) == []
    assert watched.pass_(1) == [("raised", code, "critical")]


def test_a_figure_that_does_not_apply_raises_nothing(watched: Watched) -> None:
    """At night a source says None, whatever the throughput is."""
    watched.figures = {"throughput_msg_per_sec": 0.0, "expected_msg_per_sec": None}
    assert watched.pass_(600) == []


def test_a_figure_that_stops_to_apply_ends_its_alert(watched: Watched) -> None:
    """The session is over, and so is what was wrong with it."""
    watched.figures = {"expected_msg_per_sec": 50.0}
    assert watched.pass_(31) == [("raised", "throughput_low", "warning")]
    watched.figures = {"expected_msg_per_sec": None}
    assert watched.pass_(11) == [("cleared", "throughput_low", "warning")]


@pytest.mark.parametrize("swing", [0.02, 0.08])
def test_a_value_that_trembles_at_a_limit_does_not_flap(watched: Watched, swing: float) -> None:
    """Within the margin of hysteresis it is one alert, however long."""
    told = []
    for number in range(2_000):
        sign = 1 if number % 2 else -1
        watched.figures = {"latency_ms": 100 * (1 + sign * swing)}
        told += watched.pass_(1)
    assert told == [("raised", "latency_high", "warning")]


def test_a_source_that_fails_is_a_finding_with_its_words(watched: Watched) -> None:
    """And the others are asked all the same."""

    def broken() -> dict[str, float]:
        raise ZeroDivisionError("by\nzero " + "x" * 1000)

    watched.monitor.register_data_source("broken", broken)
    watched.figures = {"memory_mb": 1500}
    assert watched.pass_(11) == [
        ("raised", "source_failed", "warning"),
        ("raised", "memory_high", "warning"),
    ]
    first = watched.monitor.alerts.active[0]
    assert first["id"] == "source_failed:broken"
    assert "ZeroDivisionError: by" in first["message"]
    assert len(first["message"]) < 300
    watched.monitor.register_data_source("broken", dict)
    assert watched.pass_(10) == [("cleared", "source_failed", "warning")]


@pytest.mark.parametrize("name", ["memory_mb", "throughput_msg_per_sec"])
def test_what_a_source_told_stands_while_it_fails(watched: Watched, name: str) -> None:
    """A gateway that does not answer has not become well by that."""
    good, watched.figures = {name: 500.0}, {name: 50.0 if "throughput" in name else 1500.0}
    ((_, code, level),) = watched.pass_(35)
    watched.figures = None
    assert watched.pass_(60) == [("raised", "source_failed", "warning")]
    assert {one["code"] for one in watched.monitor.alerts.active} == {code, "source_failed"}
    watched.figures = good
    told = set(watched.pass_(30))
    assert told == {("cleared", code, level), ("cleared", "source_failed", "warning")}
    watched.figures = None
    assert watched.pass_(60) == [("raised", "source_failed", "warning")]


def test_figures_that_are_none_are_left_out(watched: Watched) -> None:
    """Texts, truth values, NaN, lists and endless nesting are no figures."""
    endless: dict[str, Any] = {"latency_ms": 1.0}
    endless["again"] = endless
    watched.figures = {
        "memory_mb": math.nan,
        "error_rate_pct": "7",
        "oldest_unread_ms": True,
        "list": [1, 2],
        "deep": endless,
    }
    reading, failed = watched.monitor.read()
    assert dict(reading.values) == {"latency_ms": 1.0}
    assert failed == []
    watched.figures = [1]
    _, failed = watched.monitor.read()
    assert "not a map of figures but list" in failed[0].message


def test_own_figures_at_the_top_level_have_trends(watched: Watched) -> None:
    """A strategy follows what matters to it beside the gateway's figures."""
    watched.figures = {"orders_open": 3, "deep": {"latency_ms": 7.0, "unknown": 1.0}}
    watched.pass_(3)
    assert set(watched.monitor.trends.names) == {"orders_open", "latency_ms"}


def test_findings_of_others_become_alerts_too(watched: Watched) -> None:
    """The monitor is the one place where alerts are kept."""
    found = Finding(code="breaker_open", level="warning", message="m", hint="h")
    told = watched.monitor.check(now_ns=1, now_us=1, findings=(found,))
    assert [one["code"] for one in told] == ["breaker_open"]


def test_new_limits_hold_from_the_next_check_on(watched: Watched) -> None:
    """What stands is judged anew."""
    watched.figures = {"memory_mb": 1500}
    watched.pass_(11)
    watched.monitor.set_limits(HealthThresholds(memory_warning_mb=1800))
    assert watched.monitor.limits.memory_warning_mb == 1800
    assert watched.pass_(6) == [("cleared", "memory_high", "warning")]


def test_sources_are_bounded(watched: Watched) -> None:
    """A loop that registers for ever is told so."""
    for number in range(SOURCES_MAX - 1):
        watched.monitor.register_data_source(f"s{number}", dict)
    watched.monitor.register_data_source("s0", dict)
    with pytest.raises(ValueError, match="'one' is one too many"):
        watched.monitor.register_data_source("one", dict)
