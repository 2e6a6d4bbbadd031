"""What a few reports say together: rates and growth over the last ten seconds."""

from dataclasses import replace

import pytest

from gateway.health.facts import WINDOW_REPORTS_MAX, FeedHistory
from gateway.health.latency import LatencyHistogram
from tests.unit.health.feed_reports import GOOD, counted, history_of

SECOND_NS = 1_000_000_000


def test_before_the_first_report_nothing_is_known() -> None:
    """`health` and `metrics` are asked from the first moment on."""
    history = FeedHistory()
    assert history.newest is None
    assert history.rate("feed_lines") == 0
    assert history.growth("feed_lines") == 0
    assert history.latency().total_count == 0


def test_one_report_has_no_rate() -> None:
    """A counter since the start divided by nothing is no throughput."""
    history = history_of(counted(GOOD, feed_lines=500))
    assert history.newest is not None
    assert history.rate("feed_lines") == 0
    assert history.growth("feed_lines") == 0


def test_a_rate_is_growth_by_the_seconds_that_passed() -> None:
    """Reports come late on a busy host; the figure must not rise because of it."""
    first = counted(GOOD, feed_lines=100)
    last = replace(counted(GOOD, feed_lines=400), at_ns=3 * SECOND_NS // 2)
    history = history_of(first, last)
    assert history.rate("feed_lines") == pytest.approx(200)
    assert history.growth("feed_lines") == 300


def test_two_reports_of_one_moment_have_no_rate() -> None:
    """Division by zero must not answer a request for figures."""
    assert history_of(GOOD, counted(GOOD, feed_lines=5)).rate("feed_lines") == 0


def test_only_the_last_ten_seconds_count() -> None:
    """Yesterday's burst says nothing about now, and memory is bounded."""
    history = history_of(
        *(
            replace(counted(GOOD, feed_lines=0 if n < 20 else 1_000), at_ns=n * SECOND_NS)
            for n in range(40)
        )
    )
    assert len(history.reports) == WINDOW_REPORTS_MAX
    assert history.growth("feed_lines") == 0
    assert history.newest is not None
    assert history.newest.at_ns == 39 * SECOND_NS


def test_latencies_are_those_of_the_window() -> None:
    """With one report all there is; with more, what came since the oldest."""
    early, late = LatencyHistogram(), LatencyHistogram()
    early.record(1_000_000)
    late.record(1_000_000)
    late.record(5)
    first, last = replace(GOOD, latency=early), replace(GOOD, latency=late)
    assert history_of(first).latency().quantile_us(1) == early.quantile_us(1)
    assert history_of(first, last).latency().quantile_us(1) == 5
