"""Every metric that `/metrics` serves: the one place that names, describes and reads them.

Base units only (seconds, bytes, ratios), and labels with few values: no symbol, no client. The page
`docker/METRICS.md` is generated from this table.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway import counters
from gateway.health.metric import Metric, MetricFacts, MetricType, Samples, mapped, scaled, single
from gateway.iqfeed.link import Link
from gateway.model.enums import SymbolState
from gateway.policy.breaker import BreakerState
from gateway.policy.login import LoginState

PREFIX: Final = "iqgw_"
LATENCY_BOUNDS_US: Final = (
    *(100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000),
    *(1_000_000, 2_500_000, 5_000_000, 10_000_000),
)
"""Bounds of the latency histograms, microseconds."""
LEVELS: Final = {"healthy": 0, "warning": 1, "critical": 2}


def _build(facts: MetricFacts) -> Samples:
    yield tuple(facts.build[name] for name in BUILD_LABELS), 1


def _issues(facts: MetricFacts) -> Samples:
    for issue in facts.health["issues"]:
        yield (issue["code"], issue["level"]), 1


def _alerts(facts: MetricFacts) -> Samples:
    counts = Counter((str(alert["code"]), str(alert["level"])) for alert in facts.alerts)
    return list(counts.items())


def _links(facts: MetricFacts) -> Mapping[str, Mapping[str, Any]]:
    links: Mapping[str, Mapping[str, Any]] = facts.connections["links"]
    return links


def _one_of(port: str, states: Iterable[str], state: object) -> Samples:
    for known in states:
        yield (port, known), float(known == state)


def _link_states(facts: MetricFacts) -> Samples:
    states = [link.value for link in Link]
    for port, link in _links(facts).items():
        yield from _one_of(port, states, link["state"])


def _breaker_states(facts: MetricFacts) -> Samples:
    for port, link in _links(facts).items():
        yield from _one_of(port, BreakerState, link["breaker"].get("state"))


def _heard_ages(facts: MetricFacts) -> Samples:
    for link in facts.report.links if facts.report is not None else ():
        if link.heard_ns is not None:
            yield (link.port,), max(0.0, (facts.now_ns - link.heard_ns) / 1e9)


def _logins(facts: MetricFacts) -> Mapping[str, float]:
    return {state: float(state == facts.connections["login"]) for state in LoginState}


def _states(counts: Mapping[str, int] | None) -> Mapping[str, float]:
    """Numbers by state; states without any are zero, so that a graph does not end."""
    return {state: (counts or {}).get(state, 0) for state in SymbolState}


def _latencies(facts: MetricFacts) -> Samples:
    latencies = facts.report.latencies if facts.report is not None else {}
    return [((kind,), latency) for kind, latency in latencies.items()]


def _is(value: object) -> float:
    return float(bool(value))


def _gauge(
    name: str, sentence: str, read: Callable[[MetricFacts], Samples], *labels: str
) -> Metric:
    return Metric(PREFIX + name, MetricType.GAUGE, sentence, read, labels)


BUILD_LABELS: Final = ("version", "gateway_id", "schema_hash", "python", "libzmq", "pipeline")
_RUN: Final = (
    _gauge("build_info", "Always 1; the labels say what runs.", _build, *BUILD_LABELS),
    _gauge(
        "epoch",
        "This run: Unix milliseconds of its start, as in every message.",
        single(lambda facts: facts.epoch),
    ),
    _gauge(
        "uptime_seconds",
        "Since the start.",
        single(lambda facts: (facts.now_ns - facts.started_ns) / 1e9),
    ),
    _gauge(
        "process_resident_memory_bytes",
        "Memory of the process.",
        single(lambda facts: scaled(facts.process.get("rss_mb"), 1_048_576)),
    ),
    Metric(
        PREFIX + "process_cpu_seconds_total",
        MetricType.COUNTER,
        "Processor time of the process.",
        single(lambda facts: facts.process.get("cpu_seconds")),
    ),
    _gauge(
        "process_open_descriptors",
        "Open files and sockets; absent on Windows.",
        single(lambda facts: facts.process.get("descriptors")),
    ),
    _gauge("process_threads", "Threads.", single(lambda facts: facts.process.get("threads"))),
    _gauge(
        "disk_free_bytes",
        "Free space where `log.directory` and `state_dir` are, the less of both; absent without "
        "either.",
        single(lambda facts: scaled(facts.readings.get("disk_free_mb"), 1_048_576)),
    ),
    _gauge(
        "feed_report_age_seconds",
        "Age of the feed thread's last report, which comes every second; absent before the first.",
        single(lambda facts: (facts.now_ns - facts.report.at_ns) / 1e9 if facts.report else None),
    ),
    _gauge("http_connections", "HTTP connections.", single(lambda facts: facts.http_connections)),
    _gauge("http_streams", "Pages that are open.", single(lambda facts: facts.http_streams)),
)
_HEALTH: Final = (
    _gauge("live", "1 while the process works.", single(lambda facts: _is(facts.health["live"]))),
    _gauge(
        "ready", "1 while prices can be live.", single(lambda facts: _is(facts.health["ready"]))
    ),
    _gauge(
        "health_level",
        "0 healthy, 1 warning, 2 critical.",
        single(lambda facts: LEVELS[facts.health["level"]]),
    ),
    _gauge(
        "issue",
        "1 for each issue that stands, as the request `health` names it; absent when it is over.",
        _issues,
        *("code", "level"),
    ),
    _gauge(
        "alerts_active",
        "Alerts that stand, by code, as the request `alerts` lists them; absent without any.",
        _alerts,
        *("code", "level"),
    ),
)
_UPSTREAM: Final = (
    _gauge(
        "link_state",
        "1 for the state that a connection to IQConnect is in, 0 for all others; `streaming` is "
        "the good one.",
        _link_states,
        *("port", "state"),
    ),
    _gauge(
        "breaker_state",
        "1 for the state that a connection's circuit breaker is in, 0 for the others; `closed` is "
        "the good one.",
        _breaker_states,
        *("port", "state"),
    ),
    _gauge(
        "link_attempts",
        "Attempts to connect since the last success.",
        mapped(lambda facts: {port: link["attempts"] for port, link in _links(facts).items()}),
        "port",
    ),
    _gauge(
        "link_held_lines",
        "Lines that were read and wait to be published.",
        mapped(lambda facts: {port: link["held_lines"] for port, link in _links(facts).items()}),
        "port",
    ),
    _gauge(
        "link_heard_age_seconds",
        "Since the last line of a connection, at least one of which comes a second; absent while "
        "it does not stand.",
        _heard_ages,
        "port",
    ),
    _gauge(
        "login_state",
        "1 for what is known of IQConnect's login to DTN, 0 for all others; `connected` is the "
        "good one.",
        mapped(_logins),
        "state",
    ),
    _gauge(
        "reconnections_last_hour",
        "Connections to IQConnect that ended within the last hour.",
        single(lambda facts: facts.client_metrics.get("reconnections_last_hour")),
    ),
    _gauge(
        "message_gap_seconds",
        "Since the last market data, in trading hours, where the pace before makes more be "
        "expected; absent otherwise.",
        single(lambda facts: facts.client_metrics.get("message_gap_seconds")),
    ),
    _gauge(
        "clock_offset_seconds",
        "This machine's clock minus the vendor's; absent while it is not known.",
        single(lambda facts: scaled(facts.client_metrics.get("clock_offset_ms"), 1e-3)),
    ),
    _gauge(
        "symbol_limit",
        "Symbols that the login may watch; absent until the vendor says.",
        single(lambda facts: facts.connections.get("max_symbols")),
    ),
    _gauge(
        "account_delayed",
        "1 when the account's prices are delayed.",
        single(lambda facts: _is(facts.report and facts.report.is_delayed)),
    ),
)
_TOPICS: Final = (
    _gauge(
        "symbols",
        "Symbols by state, on Level 1.",
        mapped(lambda facts: _states(facts.topics.get("symbols"))),
        "state",
    ),
    _gauge(
        "books",
        "Order books by state, of symbols whose depth somebody wants.",
        mapped(lambda facts: _states(facts.topics.get("books"))),
        "state",
    ),
    _gauge("topics", "Topics that exist.", single(lambda facts: facts.topics.get("topics", 0))),
    _gauge(
        "subscriptions",
        "Pairs of a connection and a topic.",
        single(lambda facts: facts.topics.get("subscriptions", 0)),
    ),
    _gauge("leases", "Leases that live.", single(lambda facts: facts.topics.get("leases", 0))),
)
_CONSUMERS: Final = (
    _gauge(
        "consumers",
        "Data connections with subscriptions.",
        single(lambda facts: facts.connections.get("consumers", 0)),
    ),
    _gauge(
        "slow_consumers",
        "Data connections that fall behind.",
        single(lambda facts: facts.connections.get("consumers_slow", 0)),
    ),
    _gauge(
        "unmeasured_consumers",
        "Data connections of which this system does not tell what waits for them.",
        single(lambda facts: facts.connections.get("consumers_unmeasured", 0)),
    ),
    _gauge(
        "consumer_lag_max_seconds",
        "How far the consumer that is furthest behind is behind.",
        single(lambda facts: facts.report.consumer_lag_us / 1e6 if facts.report else 0.0),
    ),
    Metric(
        PREFIX + "consumer_reported_lag_seconds",
        MetricType.HISTOGRAM,
        "How far behind clients said that they were.",
        lambda facts: [((), facts.report.reported_lag)] if facts.report else [],
    ),
)
_MESSAGES: Final = (
    Metric(
        PREFIX + "line_latency_seconds",
        MetricType.HISTOGRAM,
        "From reading a line's bytes to the last of its frames sent.",
        lambda facts: [((), facts.report.latency)] if facts.report else [],
    ),
    Metric(
        PREFIX + "processing_latency_seconds",
        MetricType.HISTOGRAM,
        "The same by message, for each kind.",
        _latencies,
        ("kind",),
    ),
    _gauge(
        "oldest_unread_seconds",
        "Age of the oldest line that was read and is not published yet.",
        single(lambda facts: scaled(facts.client_metrics.get("oldest_unread_ms"), 1e-3)),
    ),
    _gauge(
        "processing_errors_ratio",
        "Share of the last ten seconds' lines that could not be processed.",
        single(lambda facts: facts.client_metrics["processing_errors"] / 100),
    ),
)


def _counted(counter: counters.Counter) -> Metric:
    return Metric(
        f"{PREFIX}{counter.label}_total",
        MetricType.COUNTER,
        counter.sentence,
        single(lambda facts: facts.client_metrics["counters"].get(counter.label, 0)),
    )


METRICS: Final = (
    *_RUN,
    *_HEALTH,
    *_UPSTREAM,
    *_TOPICS,
    *_CONSUMERS,
    *_MESSAGES,
    *map(_counted, counters.Counter),
)
"""All of them, in the order in which they are served."""
