"""A real Prometheus scrapes a real gateway: what is served is documented, and the rules load."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.health.catalogue import METRICS
from tests.support.prometheus import (
    CONFIG,
    DASHBOARD,
    FOLDER,
    RULES,
    Scrape,
    expressions,
    prometheus,
    promtool,
    scrape,
)
from tests.support.stage import Stage, simulated, wait_until

pytestmark = pytest.mark.slow
QUIET = {
    "iqgw_issue": "Nothing is wrong.",
    "iqgw_alerts_active": "Nothing is wrong.",
    "iqgw_message_gap_seconds": "The simulated market does not keep trading hours.",
    "iqgw_disk_free_bytes": "No log.directory and no state_dir is set.",
}
"""Metrics without a value on a healthy gateway, and why."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A gateway with consumers of quotes and books, scraped only when everything streams."""
    with simulated(depth_rate=50.0) as stage:
        stage.consumer("quote,AAPL,", "trade,AAPL,", "book,AAPL,", "state,AAPL,")
        wait_until(lambda: _is_told(stage), what="two reports after the first quote")
        yield stage


def _is_told(stage: Stage) -> bool:
    figures = scrape(stage.gateway.endpoints["http"])
    name = "iqgw_processing_latency_seconds_count"
    return figures.value(name, kind="quote") > 0 and "iqgw_clock_offset_seconds" in figures.names()


@pytest.fixture
def scraped(stage: Stage) -> Scrape:
    """A fresh scrape."""
    return scrape(stage.gateway.endpoints["http"])


def test_what_is_documented_is_what_is_served(scraped: Scrape) -> None:
    """A metric only on the page is a graph that stays empty; one only on the wire is a secret."""
    page = (FOLDER.parent / "METRICS.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(iqgw_\w+)` \|", page, re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert set(documented) == set(scraped.types) == set(scraped.helps)
    assert scraped.types == {metric.name: metric.type.value for metric in METRICS}
    assert scraped.helps == {metric.name: metric.sentence for metric in METRICS}


def test_every_metric_has_a_value(scraped: Scrape) -> None:
    """A name alone proves nothing: each is read from a gateway that works."""
    missing = set(scraped.types) - scraped.names()
    assert missing <= set(QUIET)


def test_values_are_those_of_the_requests(stage: Stage, scraped: Scrape) -> None:
    """Two ways to ask must not give two answers."""
    with stage.requester() as requester:
        figures = requester.result("metrics")
        hello = requester.result("hello")
    assert scraped.value("iqgw_epoch") == hello["epoch"]
    assert scraped.value("iqgw_consumers") == figures["connections"]["consumers"] == 1
    assert scraped.value("iqgw_symbol_limit") == figures["connections"]["max_symbols"]
    assert scraped.value("iqgw_ready") == scraped.value("iqgw_live") == 1
    assert scraped.value("iqgw_link_state", port="level1", state="streaming") == 1
    counters = figures["client_metrics"]["counters"]
    served = {
        name.removeprefix("iqgw_").removesuffix("_total"): value
        for (name, labels), value in scraped.values.items()
        if name.endswith("_total") and not labels
    }
    assert set(counters) <= set(served)
    for label in ("feed_lines", "quotes_published", "http_requests", "connects"):
        assert 0 < served[label] <= counters[label], label
    quotes = scraped.value("iqgw_processing_latency_seconds_count", kind="quote")
    assert 0 < quotes <= counters["quotes_published"]
    top = scraped.value("iqgw_processing_latency_seconds_bucket", kind="quote", le="+Inf")
    assert top == quotes


def test_the_tool_finds_nothing_to_complain_about(scraped: Scrape) -> None:
    """Names, units and types as everybody's tools expect them."""
    promtool("check", "metrics", standard_input=scraped.text)


def test_rules_and_example_can_be_loaded() -> None:
    """A rule that does not load warns of nothing."""
    promtool("check", "rules", str(RULES))
    promtool("check", "config", str(CONFIG))


@pytest.mark.long
def test_rules_fire_when_they_should_and_only_then() -> None:
    """Each is silent at its limit and told of beyond it; a healthy gateway sets off none."""
    promtool("test", "rules", str(FOLDER / "alerts.test.yaml"))


def test_prometheus_scrapes_a_gateway_and_judges_it(stage: Stage, tmp_path: Path) -> None:
    """The whole way that an operator relies on, with the files that we ship."""
    target = stage.gateway.endpoints["http"].removeprefix("http://")
    with prometheus(tmp_path, target) as server:
        wait_until(lambda: server.is_up('up{job="iqfeed-gateway"}'), what="scraped", seconds=20.0)
        wait_until(
            lambda: (server.values("min(count_over_time(iqgw_ready[1m]))") or [0])[0] >= 3,
            what="scraped three times",
            seconds=20.0,
        )
        assert server.values("iqgw_ready") == [1]
        assert server.values("iqgw_epoch") == [stage.gateway.epoch]
        assert server.values("rate(iqgw_feed_lines_total[10s]) > 0") != []
        quantile = "histogram_quantile(0.99, sum by (le) (iqgw_line_latency_seconds_bucket))"
        (p99_s,) = server.values(quantile)
        assert 0 < p99_s < 10
        groups: list[dict[str, Any]] = server.ask("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert len(rules) == RULES.read_text(encoding="utf-8").count("- alert:")
        wait_until(
            lambda: all(r["health"] == "ok" for r in _rules(server)), what="rules are evaluated"
        )
        firing = [rule["name"] for rule in _rules(server) if rule["state"] == "firing"]
        assert firing == []
        for expression in expressions(json.loads(DASHBOARD.read_text(encoding="utf-8"))):
            server.ask("query", query=_concrete(expression))


def _rules(server: Any) -> list[dict[str, Any]]:
    return [rule for group in server.ask("rules")["groups"] for rule in group["rules"]]


def _concrete(expression: str) -> str:
    """A dashboard's expression with its variables filled in."""
    for name, value in (("job", ".*"), ("instance", ".*"), ("__rate_interval", "1m")):
        expression = expression.replace(f"${name}", value)
    assert "$" not in expression
    return expression
