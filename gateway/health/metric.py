"""What a metric is: a name, a type, a sentence, and how its values are read."""

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.health.facts import FeedReport
from gateway.health.latency import LatencyHistogram


class MetricType(enum.StrEnum):
    """How values of a metric are to be read."""

    COUNTER = "counter"
    """Only grows while the process runs; begins anew with it."""
    GAUGE = "gauge"
    """As it is now."""
    HISTOGRAM = "histogram"
    """How many values were no larger than each of some bounds, since the start."""


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """Everything that metrics are read from, as it was at one moment."""

    report: FeedReport | None
    """The feed thread's last report; None before the first."""
    health: Mapping[str, Any]
    """The answer of the request `health`."""
    alerts: Sequence[Mapping[str, Any]]
    """The alerts that stand, as the request `alerts` lists them."""
    figures: Mapping[str, Any]
    """The answer of the request `metrics`."""
    readings: Mapping[str, float | None]
    """The figures of the monitor's last check."""
    build: Mapping[str, str]
    """What runs: label to value."""
    epoch: int
    """This run, Unix milliseconds."""
    now_ns: int
    """Monotonic."""
    started_ns: int
    """When this run began, monotonic."""
    http_connections: int
    """HTTP connections that stand."""
    http_streams: int
    """Of them, streams."""

    @property
    def client_metrics(self) -> Mapping[str, Any]:
        """The part of `figures` about messages."""
        return self.figures["client_metrics"]  # type: ignore[no-any-return]

    @property
    def connections(self) -> Mapping[str, Any]:
        """The part of `figures` about connections."""
        return self.figures["connections"]  # type: ignore[no-any-return]

    @property
    def topics(self) -> Mapping[str, Any]:
        """The part of `figures` about topics; empty before the first report."""
        return self.figures["topics"]  # type: ignore[no-any-return]

    @property
    def process(self) -> Mapping[str, Any]:
        """The part of `figures` about the process."""
        return self.figures["process"]  # type: ignore[no-any-return]


Value = float | LatencyHistogram
Samples = Iterable[tuple[tuple[str, ...], Value]]
"""Label values in the order of the labels' names, and the value."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric."""

    name: str
    """As it is scraped, unit and `_total` included."""
    type: MetricType
    """How it is to be read."""
    sentence: str
    """What it says."""
    read: Callable[[MetricFacts], Samples]
    """Reads its values; none where nothing is known."""
    labels: tuple[str, ...] = ()
    """Names of its labels. Each has few values: symbols and clients are none."""

    @property
    def unit(self) -> str:
        """The base unit, which stands in the name; empty for a plain number."""
        stem = self.name.removesuffix("_total")
        return next((unit for unit in ("seconds", "bytes", "ratio") if stem.endswith(unit)), "")


def single(read: Callable[[MetricFacts], float | None]) -> Callable[[MetricFacts], Samples]:
    """Read a metric without labels; None for nothing known."""

    def samples(facts: MetricFacts) -> Samples:
        value = read(facts)
        return () if value is None else (((), value),)

    return samples


def mapped(
    read: Callable[[MetricFacts], Mapping[str, float]],
) -> Callable[[MetricFacts], Samples]:
    """Read a metric with one label."""
    return lambda facts: [((name,), value) for name, value in read(facts).items()]


def scaled(value: float | None, by: float) -> float | None:
    """Bring a figure to its base unit; what is not known stays so."""
    return None if value is None else value * by
