"""The page of all metrics is written from the catalogue.

`python -m tests.unit.health.test_metrics_page --write` writes it again after the catalogue changed;
`--check` fails when it is stale.
"""

import sys
from pathlib import Path

from gateway.health.catalogue import METRICS
from gateway.health.metric import Metric, MetricType

MODULE = "tests.unit.health.test_metrics_page"
PAGE = Path(__file__).resolve().parents[3] / "docker" / "METRICS.md"
HEAD = f"""# Metrics

<!-- Written by {MODULE} from gateway/health/catalogue.py, do not edit -->

What `http://127.0.0.1:7702/metrics` serves, in Prometheus's text format, at most a second old.
Counters begin at 0 with the process. A metric that has no value now has no line; its sentence says
when that is. No label holds a symbol or a client: the number of series does not grow with them.

[prometheus/prometheus.yaml](prometheus/prometheus.yaml) scrapes it,
[prometheus/alerts.yaml](prometheus/alerts.yaml) are rules for it,
[grafana/gateway.json](grafana/gateway.json) is a dashboard.
"""
TITLES = {
    MetricType.GAUGE: "As it is now",
    MetricType.HISTOGRAM: "Distributions since the start",
    MetricType.COUNTER: "Counted since the start",
}


def written() -> str:
    """The page as it should be."""
    lines = [HEAD]
    for kind, title in TITLES.items():
        lines += [
            f"## {title}",
            "",
            "| metric | labels | unit | what it says |",
            "|---|---|---|---|",
        ]
        lines += [_row(metric) for metric in METRICS if metric.type is kind]
        lines.append("")
    return "\n".join(lines)


def _row(metric: Metric) -> str:
    labels = " ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {labels} | {metric.unit} | {metric.sentence} |"


def test_the_page_is_what_the_catalogue_says() -> None:
    """A page written by hand is wrong after the next change."""
    assert PAGE.read_text(encoding="utf-8") == written(), f"stale: run python -m {MODULE} --write"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(written(), encoding="utf-8")
    elif sys.argv[1:] == ["--check"]:
        test_the_page_is_what_the_catalogue_says()
    else:
        sys.exit(f"usage: python -m {MODULE} --write | --check")
