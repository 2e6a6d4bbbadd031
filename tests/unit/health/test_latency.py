"""Latencies in a histogram of fixed size: known to within an eighth."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.health.latency import BUCKETS, LatencyHistogram

SEED = 20_260_916
DAY_US = 86_400_000_000


def recorded(*latencies_us: int) -> LatencyHistogram:
    """A histogram of these latencies."""
    histogram = LatencyHistogram()
    for latency_us in latencies_us:
        histogram.record(latency_us)
    return histogram


@given(st.integers(0, DAY_US))
def test_a_latency_is_known_to_within_an_eighth_and_never_too_low(latency_us: int) -> None:
    """An operator compares figures with limits: they must not flatter."""
    known_us = recorded(latency_us).quantile_us(1)
    assert known_us is not None
    assert latency_us <= known_us <= latency_us * 1.125


@pytest.mark.parametrize("latency_us", range(16))
def test_small_latencies_are_known_exactly(latency_us: int) -> None:
    """At a few microseconds an eighth would be less than one: nothing is rounded."""
    assert recorded(latency_us).quantile_us(1) == latency_us


def test_quantiles_of_many_are_right_within_the_error() -> None:
    """The p99 that `metrics` answers is the p99 of what was measured."""
    print(f"seed {SEED}")
    jitter = random.Random(SEED)
    latencies = sorted(round(jitter.lognormvariate(4, 2)) for _ in range(10_000))
    histogram = recorded(*latencies)
    for share in (0.001, 0.5, 0.9, 0.99, 0.999, 1.0):
        exact_us = latencies[max(0, round(share * len(latencies)) - 1)]
        known_us = histogram.quantile_us(share)
        assert known_us is not None
        assert exact_us <= known_us <= exact_us * 1.125 + 1


def test_the_least_and_the_greatest_are_quantiles_too() -> None:
    """A share of 0 is the smallest latency, of 1 the largest; above it stays there."""
    histogram = recorded(3, 5, 7)
    assert histogram.quantile_us(0) == 3
    assert histogram.quantile_us(1 / 3) == 3
    assert histogram.quantile_us(0.5) == 5
    assert histogram.quantile_us(1) == 7
    assert recorded(3).quantile_us(1.5) is not None


def test_the_mean_is_exact() -> None:
    """Sums are kept beside the buckets, so no rounding adds up."""
    assert recorded(1_000, 1_001, 1_005).mean_us() == 1_002


def test_nothing_recorded_is_nothing_known() -> None:
    """Zero would look like the best latency there is."""
    assert LatencyHistogram().mean_us() is None
    assert LatencyHistogram().quantile_us(0.5) is None


def test_many_lines_of_one_chunk_count_as_many() -> None:
    """Figures are by line, or large chunks would hide behind small ones."""
    histogram = LatencyHistogram()
    histogram.record(5, 99)
    histogram.record(1_000_000)
    assert histogram.total_count == 100
    assert histogram.total_us == 1_000_495
    assert histogram.quantile_us(0.99) == 5


def test_a_negative_latency_counts_as_zero() -> None:
    """A difference of two clock readings must not corrupt the histogram."""
    histogram = recorded(-5)
    assert (histogram.quantile_us(1), histogram.mean_us()) == (0, 0)


def test_a_huge_latency_falls_into_the_last_bucket() -> None:
    """Memory is fixed, whatever is recorded; a process asleep for years is still counted."""
    histogram = recorded(2**200, 15 * 2**46, 15 * 2**46 - 1)
    assert histogram.counts[-2:] == [1, 2], "the docstring says where the last one begins"
    assert len(histogram.counts) == BUCKETS
    assert histogram.quantile_us(1) is not None


def test_buckets_grow_with_their_values() -> None:
    """A larger latency never counts as smaller than a smaller one."""
    edges = [recorded(2**n + step).quantile_us(1) for n in range(4, 40) for step in (-1, 0, 1)]
    known = [edge for edge in edges if edge is not None]
    assert known == sorted(known)


def test_what_came_after_a_copy_can_be_told() -> None:
    """Figures are of the last seconds, not of the time since the start."""
    histogram = recorded(5, 5)
    earlier = histogram.copy()
    histogram.record(1_000)
    recent = histogram.since(earlier)
    assert recent.total_count == 1
    assert recent.total_us == 1_000
    assert sum(recent.counts) == 1
    assert earlier.total_count == 2, "a copy stays as it was"
    assert (recent.quantile_us(0.5) or 0) >= 1_000


@pytest.mark.parametrize("latency_us", [2**40, 2**48])
def test_a_latency_of_days_is_still_told_apart(latency_us: int) -> None:
    """The last bucket begins far beyond a day, so nothing real is lumped together."""
    known_us = recorded(latency_us).quantile_us(1)
    assert known_us is not None
    assert latency_us <= known_us <= latency_us * 1.125


@given(st.lists(st.integers(0, 20_000_000)), st.lists(st.integers(1, 20_000_000), min_size=1))
def test_folded_counts_never_flatter(latencies_us: list[int], bounds_us: list[int]) -> None:
    """Fewer bounds are coarser, and no value may look faster than it was."""
    bounds_us = sorted(set(bounds_us))
    folded = recorded(*latencies_us).folded(bounds_us)
    assert folded == sorted(folded)
    for bound_us, count in zip(bounds_us, folded, strict=True):
        assert count <= sum(latency_us <= bound_us for latency_us in latencies_us)
        assert count >= sum(latency_us * 1.125 + 1 <= bound_us for latency_us in latencies_us)


def test_values_above_every_bound_are_in_none() -> None:
    """They are in the whole count only."""
    assert recorded(50, 5_000, 10_000_000).folded([100, 10_000]) == [1, 2]
