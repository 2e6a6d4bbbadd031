"""Figures of the moment: what thresholds judge, trends follow and `metrics` tells."""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from gateway.health.activity import Activity
from gateway.health.facts import FeedHistory, FeedReport
from gateway.health.latency import LatencyHistogram

SECOND_NS: Final = 1_000_000_000
HOUR_NS: Final = 3_600 * SECOND_NS
RECONNECTIONS_MAX: Final = 4_000
"""Moments of lost connections that are remembered; one a second for an hour are 3,600."""
HOUR_US: Final = 3_600_000_000
CLOCK_ELSEWHERE_US: Final = HOUR_US
"""A clock so far off did not drift: it shows another time on purpose, or was set wrong."""
WATCHED_STATES: Final = ("pending", "live", "stale", "recovering")
"""States of symbols that count against the account's limit."""
BAD_LINE_LABELS: Final = (
    "lines_truncated",
    "lines_invalid",
    "lines_oversize",
    "lines_unmapped",
    "processing_faults",
)
"""Counters of lines that were lost to processing."""
TOLD: Final = (
    "expected_msg_per_sec",
    "message_gap_seconds",
    "oldest_unread_ms",
    "reconnections_last_hour",
    "symbol_limit_pct",
    "clock_offset_ms",
    "consumer_lag_ms",
)
"""Figures of the moment that `metrics` tells beside its own."""


class Reconnections:
    """Counts the connections to IQConnect that ended within the last hour."""

    def __init__(self) -> None:
        self._ends: deque[tuple[int, int]] = deque(maxlen=RECONNECTIONS_MAX)
        self._seen = 0

    def follow(self, report: FeedReport) -> int:
        """Take the next report; how many ended within the hour before it."""
        total = report.counters["disconnects"]
        if total > self._seen:
            self._ends.append((report.at_ns, total - self._seen))
            self._seen = total
        while self._ends and report.at_ns - self._ends[0][0] > HOUR_NS:
            self._ends.popleft()
        return sum(count for _, count in self._ends)


def feed_readings(
    history: FeedHistory, *, activity: Activity, reconnections: int
) -> dict[str, float | None]:
    """Read the figures of the feed.

    Args:
        history: Its last reports.
        activity: What of its activity can be judged now.
        reconnections: Connections that ended within the last hour.

    Returns:
        Figures by name; None for one that does not apply now.
    """
    report = history.newest
    if report is None:
        return {}
    latency = history.latency()
    mean_us, p99_us = latency.mean_us(), latency.quantile_us(0.99)
    offset_us = history.clock_offset_us()
    is_elsewhere = offset_us is not None and abs(offset_us) >= CLOCK_ELSEWHERE_US
    watched = sum(report.symbols.get(state, 0) for state in WATCHED_STATES)
    return {
        "latency_ms": None if mean_us is None else mean_us / 1000,
        "p99_latency_ms": None if p99_us is None else p99_us / 1000,
        "throughput_msg_per_sec": history.rate("messages_published"),
        "lines_per_sec": history.rate("feed_lines"),
        "error_rate_pct": error_percent(history),
        "expected_msg_per_sec": activity.expected_msg_per_sec,
        "message_gap_seconds": activity.message_gap_seconds,
        "oldest_unread_ms": report.oldest_unread_ns / 1e6,
        "reconnections_last_hour": float(reconnections),
        "symbol_limit_pct": 100.0 * watched / report.max_symbols if report.max_symbols else None,
        "clock_offset_ms": None if offset_us is None else offset_us / 1000,
        "clock_offset_abs_ms": (
            None if offset_us is None or is_elsewhere else abs(offset_us) / 1000
        ),
        "clock_offset_hours": abs(offset_us) / HOUR_US if offset_us and is_elsewhere else None,
        "consumer_lag_ms": report.consumer_lag_us / 1000,
    }


def error_percent(history: FeedHistory) -> float:
    """Share of the window's lines that were lost to processing, in percent."""
    lines = history.growth("feed_lines")
    bad = sum(history.growth(label) for label in BAD_LINE_LABELS)
    return 100.0 * bad / lines if lines else 0.0


def client_metrics(
    history: FeedHistory,
    counts: Mapping[str, int] | None = None,
    readings: Mapping[str, float | None] | None = None,
) -> dict[str, Any]:
    """Answer the figures of the `metrics` request.

    Args:
        history: The feed thread's last reports.
        counts: What was counted outside the feed thread, by label; added to its own.
        readings: The last check's figures; those of `TOLD` are told, too.

    Returns:
        Throughput over the last ten seconds, latencies in their named units, errors in percent,
        and every counter since the start.
    """
    latency = history.latency()
    mean_us = latency.mean_us()
    report = history.newest
    own = report.counters if report is not None else {}
    others = counts if counts is not None else {}
    known = readings if readings is not None else {}
    kinds = report.latencies if report is not None else {}
    return {
        "throughput_msg_per_sec": history.rate("messages_published"),
        "lines_per_sec": history.rate("feed_lines"),
        "average_latency_ms": (mean_us or 0.0) / 1000,
        "p50_latency_us": latency.quantile_us(0.5),
        "p99_latency_us": latency.quantile_us(0.99),
        "p999_latency_us": latency.quantile_us(0.999),
        "max_latency_us": latency.quantile_us(1.0),
        "processing_errors": error_percent(history),
        "messages": own.get("messages_published", 0),
        "latency": {kind: quantiles_of(history.latency_of(kind)) for kind in kinds},
        "consumer_lag": quantiles_of(
            report.reported_lag if report is not None else LatencyHistogram()
        ),
        **{name: known.get(name) for name in TOLD},
        "counters": {
            label: own.get(label, 0) + others.get(label, 0)
            for label in dict.fromkeys((*own, *others))
        },
        "samples": report.samples if report is not None else [],
    }


def quantiles_of(histogram: LatencyHistogram) -> dict[str, int | None]:
    """A histogram in five numbers: count, and p50, p99, p99.9 and the highest in microseconds."""
    return {
        "count": histogram.total_count,
        "p50_us": histogram.quantile_us(0.5),
        "p99_us": histogram.quantile_us(0.99),
        "p999_us": histogram.quantile_us(0.999),
        "max_us": histogram.quantile_us(1.0),
    }
