"""Rules and the dashboard use metrics that exist, and every rule says what to do."""

import json
import re
from typing import Any

import pytest
import yaml
from gateway_monitoring import HealthThresholds

from gateway.health.catalogue import METRICS
from gateway.health.metric import MetricType
from tests.support import prometheus

RULES = [
    rule
    for group in yaml.safe_load(prometheus.RULES.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
SERIES = {
    name
    for metric in METRICS
    for name in (
        [f"{metric.name}_{part}" for part in ("bucket", "sum", "count")]
        if metric.type is MetricType.HISTOGRAM
        else [metric.name]
    )
}
LIMITS = {
    "latency_warning_ms": ("IqfeedLatency", 1e-3),
    "latency_critical_ms": ("IqfeedLatencyHigh", 1e-3),
    "error_rate_warning_pct": ("IqfeedProcessingErrors", 1e-2),
    "error_rate_critical_pct": ("IqfeedProcessingErrorsMany", 1e-2),
    "throughput_warning_min": ("IqfeedThroughputLow", 1),
    "throughput_critical_min": ("IqfeedThroughputVeryLow", 1),
    "max_reconnections_per_hour": ("IqfeedReconnections", 1),
    "message_gap_warning_seconds": ("IqfeedMessageGap", 1),
    "message_gap_critical_seconds": ("IqfeedMessageGapLong", 1),
    "memory_warning_mb": ("IqfeedMemory", 1),
    "memory_critical_mb": ("IqfeedMemoryHigh", 1),
    "backlog_warning_ms": ("IqfeedBacklog", 1e-3),
    "backlog_critical_ms": ("IqfeedBacklogLong", 1e-3),
    "symbol_limit_warning_pct": ("IqfeedSymbolLimitNear", 1e-2),
    "symbol_limit_critical_pct": ("IqfeedSymbolLimitReached", 1e-2),
    "clock_offset_warning_ms": ("IqfeedClockOff", 1e-3),
    "clock_offset_critical_ms": ("IqfeedClockFarOff", 1e-3),
    "disk_free_warning_mb": ("IqfeedDiskFull", 1),
    "disk_free_critical_mb": ("IqfeedDiskNearlyFull", 1),
}
"""The gateway's own thresholds: the rule for each, and its unit in the rule's."""


def names_in(text: str) -> set[str]:
    """Every metric of ours that a text names."""
    return set(re.findall(r"\biqgw_[a-z0-9_]+", text))


def dashboard() -> Any:
    """The dashboard as data."""
    return json.loads(prometheus.DASHBOARD.read_text(encoding="utf-8"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_what_exists_and_says_what_to_do(rule: Any) -> None:
    """A name with a slip of the pen is no error to Prometheus: it never fires."""
    names = names_in(rule["expr"])
    assert names <= SERIES
    assert names or "up{" in rule["expr"]
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert all(text.strip() for text in rule["annotations"].values())
    assert rule["labels"]["severity"] in ("warning", "critical")


def test_rules_have_names_of_their_own_and_tests() -> None:
    """An untested rule is a hope."""
    names = [rule["alert"] for rule in RULES]
    path = prometheus.FOLDER / "alerts.test.yaml"
    tests = yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
    assert len(set(names)) == len(names)
    assert [test["name"] for test in tests] == [*names, "a healthy gateway"]
    for test in tests[:-1]:
        silent, told = test["promql_expr_test"]
        assert "exp_samples" not in silent
        assert told["exp_samples"] == [{"value": 1}]
        assert f'alertname="{test["name"]}"' in silent["expr"] == told["expr"]


def test_every_threshold_has_a_rule_with_the_same_limit() -> None:
    """Who is told by Prometheus and who asks the gateway must hear the same."""
    limits = HealthThresholds().as_map()
    assert set(LIMITS) == set(limits)
    by_name = {rule["alert"]: rule["expr"] for rule in RULES}
    for threshold, (alert, unit) in LIMITS.items():
        found = {float(number) for number in re.findall(r"[<>]=? ([0-9.]+)", by_name[alert])}
        assert pytest.approx(limits[threshold] * unit) in [*found], threshold


def test_the_dashboard_asks_for_what_exists() -> None:
    """A panel that stays empty looks like silence."""
    queries = list(prometheus.expressions(dashboard()))
    assert len(queries) > 40
    for query in queries:
        assert names_in(query) <= SERIES, query
        assert names_in(query) or query.startswith("up{"), query


def test_the_dashboard_can_be_imported() -> None:
    """Ids are its own, and every panel has a place and asks the chosen data source."""
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
        for target in panel.get("targets", []):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
