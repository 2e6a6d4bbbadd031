"""Readings: what thresholds and trends are fed with, and what `metrics` tells of it."""

from dataclasses import replace

import pytest

from gateway.health.activity import Activity
from gateway.health.facts import FeedHistory, FeedReport
from gateway.health.latency import LatencyHistogram
from gateway.health.readings import (
    RECONNECTIONS_MAX,
    Reconnections,
    client_metrics,
    feed_readings,
)
from tests.unit.health.feed_reports import GOOD, counted, history_of

SECOND_NS = 1_000_000_000
T0_US = 1_700_000_000_000_000


def read(*reports: FeedReport) -> dict[str, float | None]:
    """The figures of these reports."""
    return feed_readings(history_of(*reports), activity=Activity(), reconnections=2)


def latencies(*values_us: int) -> LatencyHistogram:
    """A histogram of these."""
    found = LatencyHistogram()
    for value in values_us:
        found.record(value)
    return found


def test_before_the_first_report_there_are_no_figures() -> None:
    """Zero would be a figure."""
    assert feed_readings(FeedHistory(), activity=Activity(), reconnections=0) == {}


def test_without_lines_there_is_no_latency() -> None:
    """A quiet second must not count as a fast one."""
    readings = read(GOOD)
    assert (readings["latency_ms"], readings["p99_latency_ms"]) == (None, None)
    readings = read(replace(GOOD, latency=latencies(2_000, 4_000)))
    assert readings["latency_ms"] == 3.0


def test_symbols_count_against_the_accounts_limit_while_they_are_watched() -> None:
    """Refused and closed ones take no slot."""
    symbols = {"live": 300, "stale": 50, "pending": 50, "recovering": 50, "refused": 9, "closed": 9}
    assert read(replace(GOOD, symbols=symbols))["symbol_limit_pct"] == 90
    assert read(replace(GOOD, max_symbols=None))["symbol_limit_pct"] is None


@pytest.mark.parametrize(
    ("offsets_s", "near_ms", "far_hours"),
    [
        ((0.9, 0.2, 1.1), 200, None),
        ((-7.0, -6.5, -6.0), 7_000, None),
        ((7_200.0, 7_201.0, 7_201.5), None, 2.0),
        ((-90_000.0, -90_000.0, -90_000.0), None, 25.0),
    ],
)
def test_the_clocks_offset_is_the_least_of_the_window(
    offsets_s: tuple[float, ...], near_ms: float | None, far_hours: float | None
) -> None:
    """The vendor's clock ticks once a second: most of a second means nothing."""
    reports = [
        replace(
            GOOD,
            at_ns=number * SECOND_NS,
            utc_us=T0_US + round(offset_s * 1e6),
            market_clock_us=T0_US,
        )
        for number, offset_s in enumerate(offsets_s)
    ]
    readings = read(*reports)
    assert readings["clock_offset_abs_ms"] == near_ms
    assert readings["clock_offset_hours"] == far_hours
    assert readings["clock_offset_ms"] == min(offsets_s) * 1000


def test_a_clock_that_stands_is_not_judged() -> None:
    """While the link is down the vendor's clock stands, and that has a name of its own."""
    down = replace(GOOD, cause="iqconnect_down", utc_us=T0_US, market_clock_us=T0_US - 9_000_000)
    assert read(down)["clock_offset_ms"] is None
    assert read(replace(GOOD, utc_us=T0_US))["clock_offset_ms"] is None


def test_reconnections_of_the_last_hour_are_counted() -> None:
    """Several at once count each, and after an hour none."""
    counter = Reconnections()
    assert counter.follow(counted(GOOD, disconnects=3)) == 3
    later = replace(counted(GOOD, disconnects=4), at_ns=3_000 * SECOND_NS)
    assert counter.follow(later) == 4
    assert counter.follow(replace(later, at_ns=3_601 * SECOND_NS)) == 1
    assert counter.follow(replace(later, at_ns=6_601 * SECOND_NS)) == 0


def test_reconnections_are_remembered_with_a_bound() -> None:
    """A link that flaps all day costs no memory."""
    counter = Reconnections()
    for number in range(RECONNECTIONS_MAX + 10):
        counter.follow(replace(counted(GOOD, disconnects=number), at_ns=number))
    assert len(counter._ends) == RECONNECTIONS_MAX


def test_metrics_tell_latency_by_kind_and_what_clients_report() -> None:
    """A book that is slow must not hide behind a thousand fast quotes."""
    report = replace(
        GOOD,
        latencies={"quote": latencies(10, 20), "book": latencies()},
        reported_lag=latencies(5_000),
    )
    metrics = client_metrics(history_of(report), None, {"message_gap_seconds": 3.0, "x": 1.0})
    assert metrics["latency"]["quote"]["count"] == 2
    assert metrics["latency"]["quote"]["max_us"] >= 20
    assert metrics["latency"]["book"] == {
        "count": 0,
        "p50_us": None,
        "p99_us": None,
        "p999_us": None,
        "max_us": None,
    }
    assert metrics["consumer_lag"]["count"] == 1
    assert metrics["message_gap_seconds"] == 3.0
    assert metrics["clock_offset_ms"] is None
    assert "x" not in metrics


def test_latency_by_kind_is_of_the_window() -> None:
    """What was slow an hour ago is not slow now."""
    history = history_of(
        replace(GOOD, latencies={"quote": latencies(9_000_000)}),
        replace(GOOD, latencies={"quote": latencies(9_000_000, 10)}),
    )
    assert history.latency_of("quote").total_count == 1
    assert (history.latency_of("quote").quantile_us(1.0) or 0) < 20
    assert history.latency_of("trade").total_count == 0
