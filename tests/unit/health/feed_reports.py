"""Reports as the feed thread would make them, for the tests of this folder and its neighbors."""

from dataclasses import replace

from gateway.counters import Counter
from gateway.health.facts import FeedHistory, FeedReport
from gateway.health.latency import LatencyHistogram

GOOD = FeedReport(
    at_ns=0,
    counters={counter.label: 0 for counter in Counter},
    ports={"level1": "streaming", "admin": "streaming"},
    cause=None,
    depth_cause=None,
    symbols={"live": 3},
    books={},
    topic_count=12,
    connection_count=2,
    subscription_count=5,
    latency=LatencyHistogram(),
    market_clock_us=None,
    max_symbols=500,
    is_delayed=False,
    samples=[],
)
"""A feed thread with nothing to complain about."""


def counted(report: FeedReport, **counts: int) -> FeedReport:
    """The same report with some counters at other values."""
    return replace(report, counters={**report.counters, **counts})


def history_of(*reports: FeedReport) -> FeedHistory:
    """These reports, oldest first."""
    history = FeedHistory()
    for report in reports:
        history.add(report)
    return history
