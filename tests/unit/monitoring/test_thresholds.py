"""Thresholds: the specification's names and values, and none that contradict each other."""

import re

import pytest
from gateway_monitoring import HealthThresholds, worst_of


def test_defaults_are_the_promised_ones() -> None:
    """Operators were told these names and figures."""
    told = {
        "latency_warning_ms": 100.0,
        "latency_critical_ms": 500.0,
        "error_rate_warning_pct": 5.0,
        "error_rate_critical_pct": 10.0,
        "throughput_warning_min": 100.0,
        "throughput_critical_min": 10.0,
        "max_reconnections_per_hour": 10,
        "message_gap_warning_seconds": 30.0,
        "message_gap_critical_seconds": 120.0,
        "memory_warning_mb": 1000.0,
        "memory_critical_mb": 2000.0,
    }
    assert told.items() <= HealthThresholds().as_map().items()
    assert HealthThresholds(**told) == HealthThresholds()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        ({"latency_warning_ms": 500.1}, "latency_critical_ms: 500 is below"),
        ({"latency_critical_ms": 99}, "latency_critical_ms: 99 is below latency_warning_ms, 100"),
        ({"throughput_critical_min": 101}, "throughput_critical_min: 101 is above"),
        ({"disk_free_warning_mb": 100}, "disk_free_critical_mb: 200 is above"),
        ({"memory_warning_mb": -1}, "memory_warning_mb: must be 0 (off) or more"),
        ({"memory_warning_mb": float("nan")}, "memory_warning_mb"),
        ({"memory_warning_mb": float("inf")}, "memory_warning_mb"),
        ({"memory_warning_mb": "much"}, "memory_warning_mb: not a number: 'much'"),
        ({"memory_warning_mb": True}, "memory_warning_mb: not a number: True"),
    ],
)
def test_limits_that_make_no_sense_are_refused_by_name(limits: dict[str, float], word: str) -> None:
    """A limit that can never be reached is no limit, and nobody would notice."""
    with pytest.raises(ValueError, match=re.escape(word)):
        HealthThresholds(**limits)  # type: ignore[arg-type]


def test_a_limit_that_is_off_contradicts_nothing() -> None:
    """Zero turns one level off, whatever the other says."""
    assert HealthThresholds(latency_warning_ms=0).latency_critical_ms == 500
    assert HealthThresholds(latency_critical_ms=0).latency_warning_ms == 100
    assert HealthThresholds(throughput_warning_min=0).throughput_critical_min == 10


def test_some_can_be_changed_all_or_none() -> None:
    """One bad name must not leave half of a change behind."""
    before = HealthThresholds()
    assert before.changed({"latency_warning_ms": 5}).latency_warning_ms == 5
    for wrong in ({"latency_warning": 5}, {"memory_warning_mb": 10, "memory_critical_mb": 1}):
        with pytest.raises(ValueError, match=r"latency_warning|memory_critical_mb"):
            before.changed(wrong)
    assert before == HealthThresholds()


def test_the_worst_level_stands_for_all() -> None:
    """One critical among many warnings is critical."""
    assert worst_of(["warning", "critical", "healthy"]) == "critical"
    assert worst_of([]) == "healthy"
