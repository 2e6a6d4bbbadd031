"""`/metrics`: the catalogue as text that Prometheus scrapes.

One text serves everybody for a second. It is made in slices of a fraction of a millisecond: between
two of them the loop runs, and with it the feed thread gets the interpreter.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final

from prometheus_client import generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from gateway.clock import Clock
from gateway.health.catalogue import LATENCY_BOUNDS_US, METRICS
from gateway.health.latency import LatencyHistogram
from gateway.health.metric import Metric, MetricFacts, MetricType
from gateway.runtime.http_messages import HttpRequest, Response

KEPT_NS: Final = 1_000_000_000
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
ReadFacts = Callable[[], Awaitable[MetricFacts]]
"""Reads what metrics are made of; yields to the loop between its parts."""


class MetricsText:
    """Answers `/metrics`.

    Args:
        read: Reads what metrics are made of.
        clock: Says how old a text is.
        metrics: The catalogue.
    """

    def __init__(
        self, read: ReadFacts, *, clock: Clock, metrics: Iterable[Metric] = METRICS
    ) -> None:
        self._read = read
        self._clock = clock
        self._metrics = tuple(metrics)
        self._making = asyncio.Lock()
        self._text = b""
        self._made_ns: int | None = None

    async def answer(self, _: HttpRequest) -> Response:
        """Give the text, at most a second old.

        Raises:
            GatewayError: Nothing can be read.
        """
        async with self._making:
            now_ns = self._clock.monotonic_ns()
            if self._made_ns is None or now_ns - self._made_ns > KEPT_NS:
                self._text = await self._make()
                self._made_ns = now_ns
        return Response(200, self._text, CONTENT_TYPE)

    async def _make(self) -> bytes:
        facts = await self._read()
        pieces = []
        for metric in self._metrics:
            for piece in slices_of(metric, facts):
                await asyncio.sleep(0)
                pieces.append(piece)
        return b"".join(pieces)


class _Single(Collector):
    """What the exposition wants in place of one family."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Family]:
        """Give it."""
        yield self._family


def slices_of(metric: Metric, facts: MetricFacts) -> Iterator[bytes]:
    """Write a metric down; a histogram, which has many lines, one set of labels at a time."""
    if metric.type is not MetricType.HISTOGRAM:
        make = CounterMetricFamily if metric.type is MetricType.COUNTER else GaugeMetricFamily
        family = make(metric.name, metric.sentence, labels=metric.labels)
        for labels, value in metric.read(facts):
            if not isinstance(value, LatencyHistogram):
                family.add_metric(labels, value)
        yield generate_latest(_Single(family))
        return
    yield generate_latest(_Single(HistogramMetricFamily(metric.name, metric.sentence)))
    for labels, value in metric.read(facts):
        if isinstance(value, LatencyHistogram):
            histogram = HistogramMetricFamily(metric.name, metric.sentence, labels=metric.labels)
            histogram.add_metric(labels, _buckets(value), sum_value=value.total_us / 1e6)
            # Two lines that say what it is have been written.
            yield generate_latest(_Single(histogram)).split(b"\n", 2)[2]


def _buckets(histogram: LatencyHistogram) -> list[tuple[str, float]]:
    folded = histogram.folded(LATENCY_BOUNDS_US)
    bounds = [str(bound_us / 1e6) for bound_us in LATENCY_BOUNDS_US]
    return [*zip(bounds, map(float, folded), strict=True), ("+Inf", float(histogram.total_count))]
