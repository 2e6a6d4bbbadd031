"""The catalogue of metrics: names as Prometheus wants them, and values read from real facts."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gateway.counters import Counter
from gateway.health.catalogue import BUILD_LABELS, METRICS
from gateway.health.facts import FeedReport, LinkReport
from gateway.health.latency import LatencyHistogram
from gateway.health.metric import MetricFacts, MetricType, Value
from tests.unit.health.feed_reports import GOOD

SECOND_NS = 1_000_000_000
BY_NAME = {metric.name: metric for metric in METRICS}
LINK = LinkReport(
    port="level1",
    state="streaming",
    address="127.0.0.1:5009",
    breaker={"state": "open"},
    attempts=2,
    held_lines=7,
    heard_ns=9 * SECOND_NS,
    due_ns=None,
)


def facts_of(report: FeedReport | None = GOOD, **client_metrics: Any) -> MetricFacts:
    """What metrics are read from, ten seconds after the start."""
    known = {"processing_errors": 2.5, "counters": {"stalls": 3}, **client_metrics}
    return MetricFacts(
        report=report,
        health={
            "level": "warning",
            "live": True,
            "ready": False,
            "issues": [{"code": "delayed", "level": "warning"}],
        },
        alerts=[
            {"id": "slow_consumer:a", "code": "slow_consumer", "level": "warning"},
            {"id": "slow_consumer:b", "code": "slow_consumer", "level": "warning"},
            {"id": "memory", "code": "memory", "level": "critical"},
        ],
        figures={
            "client_metrics": known,
            "connections": {
                "links": {"level1": LINK.as_map()},
                "login": "connected",
                "max_symbols": 500,
                "consumers": 4,
            },
            "topics": {"symbols": {"live": 3}, "topics": 12} if report is not None else {},
            "process": {"rss_mb": 2.0, "cpu_seconds": 1.5, "threads": 3},
        },
        readings={"disk_free_mb": 3.0},
        build=dict.fromkeys(BUILD_LABELS, "x"),
        epoch=1_795_745_435_712,
        now_ns=10 * SECOND_NS,
        started_ns=0,
        http_connections=1,
        http_streams=0,
    )


def read(name: str, facts: MetricFacts) -> Mapping[tuple[str, ...], Value]:
    """A metric's values by its labels' values."""
    return dict(BY_NAME[f"iqgw_{name}"].read(facts))


def value(name: str, facts: MetricFacts) -> Value | None:
    """The value of a metric without labels; None when there is none."""
    return read(name, facts).get(())


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_say_what_prometheus_wants(metric: Any) -> None:
    """A query guesses unit and type from the name: it must not be misled."""
    assert re.fullmatch(r"iqgw_[a-z0-9]+(_[a-z0-9]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.type is MetricType.COUNTER)
    assert not re.search(r"_(ms|us|ns|mb|kb|percent|pct|minutes)(_|$)", metric.name)
    assert metric.sentence.endswith(".")
    assert metric.sentence.isascii()
    assert not set(metric.labels) & {"symbol", "topic", "client", "peer", "le", "quantile"}
    assert metric.type is not MetricType.HISTOGRAM or metric.unit == "seconds"


def test_names_are_unique() -> None:
    """Also without the endings that one of the formats takes away."""
    stems = [metric.name.removesuffix("_total") for metric in METRICS]
    assert len(set(stems)) == len(stems)


def test_every_counter_is_a_metric() -> None:
    """What is counted and cannot be seen might as well not be counted."""
    assert {f"iqgw_{counter.label}_total" for counter in Counter} <= set(BY_NAME)


@pytest.mark.parametrize("report", [GOOD, None], ids=["running", "just started"])
def test_every_metric_can_be_read(report: FeedReport | None) -> None:
    """Before the first report, too: a scrape right after the start must not fail."""
    for metric in METRICS:
        for labels, _ in metric.read(facts_of(report)):
            assert len(labels) == len(metric.labels), metric.name


def test_figures_are_in_base_units() -> None:
    """Milliseconds and megabytes end where the scrape begins."""
    facts = facts_of(
        replace(GOOD, at_ns=9 * SECOND_NS, consumer_lag_us=250_000),
        oldest_unread_ms=1500.0,
        clock_offset_ms=-20.0,
    )
    assert value("process_resident_memory_bytes", facts) == 2 * 1_048_576
    assert value("feed_report_age_seconds", facts) == 1.0
    assert value("disk_free_bytes", facts) == 3 * 1_048_576
    assert value("uptime_seconds", facts) == 10.0
    assert value("oldest_unread_seconds", facts) == 1.5
    assert value("clock_offset_seconds", facts) == pytest.approx(-0.02)
    assert value("consumer_lag_max_seconds", facts) == 0.25
    assert value("processing_errors_ratio", facts) == 0.025
    assert value("process_cpu_seconds_total", facts) == 1.5
    assert value("stalls_total", facts) == 3
    assert value("connects_total", facts) == 0


def test_what_is_not_known_is_absent() -> None:
    """Zero would be a figure like any other."""
    facts = facts_of(clock_offset_ms=None, message_gap_seconds=None)
    for name in ("clock_offset_seconds", "message_gap_seconds", "process_open_descriptors"):
        assert value(name, facts) is None, name
    assert read("feed_report_age_seconds", facts_of(None)) == {}


def test_states_are_one_of_several() -> None:
    """A graph of each state is whole, and a rule needs no text."""
    facts = facts_of(replace(GOOD, links=(LINK,)))
    states = read("link_state", facts)
    assert states["level1", "streaming"] == 1
    assert sum(float(str(one)) for one in states.values()) == 1
    assert read("breaker_state", facts)["level1", "open"] == 1
    assert read("login_state", facts)["connected",] == 1
    assert read("symbols", facts)["live",] == 3
    assert read("symbols", facts)["stale",] == 0
    assert read("link_heard_age_seconds", facts) == {("level1",): 1.0}
    assert read("link_held_lines", facts) == {("level1",): 7}


def test_health_is_a_number_and_its_reasons() -> None:
    """A rule compares; a person reads the code."""
    facts = facts_of()
    assert (value("live", facts), value("ready", facts), value("health_level", facts)) == (1, 0, 1)
    assert read("issue", facts) == {("delayed", "warning"): 1}
    assert read("alerts_active", facts) == {
        ("slow_consumer", "warning"): 2,
        ("memory", "critical"): 1,
    }


def test_latencies_are_whole_histograms() -> None:
    """Quantiles of quantiles would mean nothing: buckets can be added up."""
    quotes, lines = LatencyHistogram(), LatencyHistogram()
    quotes.record(700)
    facts = facts_of(replace(GOOD, latencies={"quote": quotes}, latency=lines))
    assert read("processing_latency_seconds", facts) == {("quote",): quotes}
    assert value("line_latency_seconds", facts) is lines


def test_what_the_process_cannot_read_of_itself_is_absent() -> None:
    """Without a free descriptor: all other metrics are served."""
    facts = facts_of()
    figures = {**facts.figures, "process": {"pid": 1}}
    read = {m.name: list(m.read(replace(facts, figures=figures))) for m in METRICS}
    names = ("resident_memory_bytes", "cpu_seconds_total", "threads", "open_descriptors")
    assert [read[f"iqgw_process_{name}"] for name in names] == [[]] * 4
    assert read["iqgw_live"]
