"""Trends: exact within the hour, by minutes for a day, in fixed memory."""

import random
import statistics
import sys

import pytest
from gateway_monitoring import Trends
from gateway_monitoring.trends import COARSE_MAX, FINE_MAX, METRICS_MAX

from tests.support.pieces import finished

SECOND_NS = 1_000_000_000


def fed(values: list[float], *, begin_s: int = 1_000_000) -> tuple[Trends, int]:
    """Trends of one figure at one value a second, and the moment of the last."""
    trends = Trends()
    for place, value in enumerate(values):
        trends.record({"x": value}, (begin_s + place) * SECOND_NS)
    return trends, (begin_s + len(values) - 1) * SECOND_NS


@pytest.mark.parametrize("seed", range(5))
def test_figures_of_the_hour_are_exact(seed: int) -> None:
    """Mean, extremes, 95th percentile and slope as the textbook has them."""
    rng = random.Random(seed)
    values = [rng.uniform(-5, 100) for _ in range(rng.randint(2, FINE_MAX))]
    trends, now_ns = fed(values)
    trend = trends.of("x", window_minutes=60, now_ns=now_ns)
    assert trend is not None
    assert trend["samples"] == len(values)
    assert trend["mean"] == pytest.approx(statistics.fmean(values))
    assert (trend["max"], trend["min"], trend["last"]) == (max(values), min(values), values[-1])
    ordered = sorted(values)
    below = sum(1 for value in values if value <= trend["p95"])
    assert trend["p95"] in ordered
    assert below >= 0.95 * len(values) > below - 1
    line = statistics.linear_regression(range(len(values)), values)
    assert trend["slope"] == pytest.approx(60 * line.slope, abs=1e-6)


def test_a_window_holds_what_is_within_it() -> None:
    """Five minutes are the last three hundred seconds."""
    trends, now_ns = fed([1.0] * 600 + [9.0] * 300)
    trend = trends.of("x", window_minutes=5, now_ns=now_ns)
    assert trend is not None
    assert (trend["mean"], trend["min"]) == (pytest.approx(9, abs=0.03), 1.0)
    assert trend["samples"] == 301


def test_beyond_the_hour_minutes_tell_and_keep_their_extremes() -> None:
    """A spike of one second is still the highest of the day."""
    values = [10.0] * (6 * 3600)
    values[1234] = 500.0
    trends, now_ns = fed(values)
    trend = trends.of("x", window_minutes=1440, now_ns=now_ns)
    assert trend is not None
    assert (trend["max"], trend["min"]) == (500.0, 10.0)
    assert trend["mean"] == pytest.approx(statistics.fmean(values), rel=0.01)
    assert trend["samples"] == pytest.approx(len(values), abs=120)
    assert trend["p95"] == pytest.approx(10, abs=9)


@pytest.mark.parametrize("seed", range(3))
def test_a_day_is_what_its_seconds_and_minutes_make(seed: int) -> None:
    """Each minute counts as often as it had values; and it is made in pieces, to be cut up."""
    rng = random.Random(seed)
    values = [float(rng.randint(0, 40)) for _ in range(FINE_MAX + 60 * 50)]
    # Minutes begin with the first value, so the last of them ends where the seconds begin.
    trends, now_ns = fed(values, begin_s=1_200_000)
    old, fine = values[:-FINE_MAX], values[-FINE_MAX:]
    means = [statistics.fmean(old[at : at + 60]) for at in range(0, len(old) - 60, 60)]
    every = sorted(fine + [mean for mean in means for _ in range(60)])
    count, trend = finished(trends.steps("x", window_minutes=1440, now_ns=now_ns))
    assert count >= 4
    assert trend == trends.of("x", window_minutes=1440, now_ns=now_ns)
    assert trend["samples"] == len(every)
    assert trend["mean"] == pytest.approx(statistics.fmean(every))
    below = sum(1 for value in every if value <= trend["p95"])
    assert below >= 0.95 * len(every) > sum(1 for value in every if value < trend["p95"])


def test_the_slope_of_a_day_is_that_of_its_minutes() -> None:
    """A leak of one megabyte a minute shows as one."""
    trends, now_ns = fed([second / 60 for second in range(10 * 3600)])
    trend = trends.of("x", window_minutes=1440, now_ns=now_ns)
    assert trend is not None
    assert trend["slope"] == pytest.approx(1.0, rel=0.01)


def test_memory_is_bounded() -> None:
    """A week of seconds keeps an hour of them and a day of minutes; names are bounded, too."""
    trends, now_ns = fed([float(n % 7) for n in range(FINE_MAX + 60 * (COARSE_MAX + 50))])
    series = trends._series["x"]
    assert len(series.fine._columns[0]) == FINE_MAX
    assert len(series.coarse._columns[0]) == COARSE_MAX
    trend = trends.of("x", window_minutes=100_000, now_ns=now_ns)
    assert trend is not None
    assert trend["samples"] == pytest.approx(60 * COARSE_MAX, rel=0.05)
    for number in range(METRICS_MAX + 3):
        trends.record({f"y{number}": 1.0}, now_ns)
    assert trends.refused == 4
    assert len(trends.names) == METRICS_MAX


def test_all_memory_is_there_from_the_first_value() -> None:
    """A process that grows for a day because its graphs fill up looks like one that leaks."""
    trends, _ = fed([1.0])
    rings = (trends._series["x"].fine, trends._series["x"].coarse)
    before = [sys.getsizeof(column) for ring in rings for column in ring._columns]
    for second in range(2, FINE_MAX + 200):
        trends.record({"x": 1.0}, second * 10**9)
    assert [sys.getsizeof(column) for ring in rings for column in ring._columns] == before
    assert sum(before) < 125_000, "as METRICS_MAX says"


def test_nothing_is_said_of_what_is_not_known() -> None:
    """No value, no trend: zero would be a figure."""
    trends, now_ns = fed([1.0])
    assert trends.of("y", window_minutes=5, now_ns=now_ns) is None
    assert trends.of("x", window_minutes=5, now_ns=now_ns + 301 * SECOND_NS) is None
    assert set(trends.summary(window_minutes=5, now_ns=now_ns)) == {"x"}
    assert trends.points("y", seconds=5, now_ns=now_ns) == []


def test_one_value_has_no_slope() -> None:
    """Nor have two of one moment."""
    trends, now_ns = fed([5.0])
    trends.record({"x": 9.0}, now_ns)
    trend = trends.of("x", window_minutes=5, now_ns=now_ns)
    assert trend is not None
    assert trend["slope"] == 0


def test_the_last_values_draw_a_sparkline() -> None:
    """Oldest first with their ages, those of so many seconds, the ring's seam included."""
    trends, now_ns = fed([float(n) for n in range(FINE_MAX + 10)])
    points = trends.points("x", seconds=2, now_ns=now_ns)
    assert points == [(2.0, FINE_MAX + 7.0), (1.0, FINE_MAX + 8.0), (0.0, FINE_MAX + 9.0)]
    assert len(trends.points("x", seconds=1e9, now_ns=now_ns)) == FINE_MAX
