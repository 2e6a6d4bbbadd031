"""The feed thread's own figures: who is charged with which latency."""

from gateway.counters import Counter, Counters
from gateway.runtime.feed_report import KIND_COUNTERS, Latencies


def test_a_reads_latency_is_charged_to_what_it_published() -> None:
    """Each line once, each message to its own kind, and nothing of what came before."""
    counters = Counters()
    counters.add(Counter.QUOTES_PUBLISHED, 100)
    latencies = Latencies(counters)
    latencies.begin()
    counters.add(Counter.FEED_LINES, 5)
    counters.add(Counter.QUOTES_PUBLISHED, 4)
    counters.add(Counter.TRADES_PUBLISHED, 1)
    latencies.end(120)
    assert latencies.lines.total_count == 5
    counts = {kind: histogram.total_count for kind, histogram in latencies.by_kind.items()}
    assert counts == dict.fromkeys(KIND_COUNTERS, 0) | {"quote": 4, "trade": 1}
    assert 120 <= (latencies.by_kind["quote"].quantile_us(1.0) or 0) < 136


def test_what_is_published_between_reads_is_nobodys_latency() -> None:
    """A summary that its timer sends waited on purpose."""
    counters = Counters()
    latencies = Latencies(counters)
    counters.add(Counter.SUMMARIES_PUBLISHED, 7)
    latencies.begin()
    latencies.end(50)
    assert latencies.by_kind["summary"].total_count == 0
    assert latencies.lines.total_count == 0


def test_a_clock_that_steps_back_charges_nothing_negative() -> None:
    """The monotonic clock does not, but a fake one may."""
    counters = Counters()
    latencies = Latencies(counters)
    latencies.begin()
    counters.add(Counter.FEED_LINES)
    latencies.end(-5)
    assert latencies.lines.quantile_us(1.0) == 0
