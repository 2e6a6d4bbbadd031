"""What the client answers: typed, frozen, and lenient about what a gateway leaves out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway_client.errors import DecodeError, GatewayClientError


@dataclass(frozen=True, slots=True)
class TopicState:
    """One topic of a subscription."""

    topic: str
    """The topic, for example `quote,AAPL,`."""
    state: str
    """`pending`, `live`, `stale`, `recovering`, `closed` or `refused`."""
    sequence: int | None
    """Sequence of the last message published on it; None when the gateway did not say."""


@dataclass(frozen=True, slots=True)
class SymbolResult:
    """What became of one symbol of a subscription."""

    symbol: str
    """The symbol, verbatim."""
    topics: tuple[TopicState, ...] = ()
    """Its topics; empty when rejected."""
    code: str | None = None
    """Why it was rejected, for example `symbol_limit`; None when it was accepted."""
    hint: str | None = None
    """What to do about a rejection."""

    @property
    def is_accepted(self) -> bool:
        """Whether messages will come."""
        return self.code is None


@dataclass(frozen=True, slots=True)
class HealthStatus:
    """Whether the gateway, and this client's way to it, are well."""

    health_level: str
    """`healthy`, `warning` or `critical`."""
    is_healthy: bool
    """Whether the level is `healthy`."""
    issues: tuple[Mapping[str, Any], ...] = ()
    """Maps with code, level, message, since_us and hint."""
    error_message: str | None = None
    """The gravest issue in plain words; None when there is none."""
    live: bool = False
    """Whether the gateway's process works."""
    ready: bool = False
    """Whether it can serve data."""
    upstream: Mapping[str, Any] = field(default_factory=dict)
    """Upstream port to the state of its connection."""


@dataclass(frozen=True, slots=True)
class SymbolLineage:
    """Why a symbol is in its state."""

    symbol: str
    """The symbol, verbatim."""
    state: str
    """`pending`, `live`, `stale`, `recovering`, `closed` or `refused`."""
    cause: str | None
    """Why; None when nothing is wrong."""
    lines: tuple[str, ...]
    """Demand, watch, last line, link, cause and last messages, one sentence each."""

    def __str__(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """One of the gateway's circuit breakers."""

    port: str
    """The upstream connection it guards, for example `level1` or `level1.2`."""
    state: str
    """`closed`, `half_open` or `open`."""
    failure_count: int
    """Failures counted."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What one client has counted since `connect`."""

    received: int
    """Frames read from the data socket, heartbeats included."""
    delivered: int
    """Messages and events handed to the application."""
    gaps: int
    """Holes found."""
    missing: int
    """Messages those holes stand for."""
    repeats: int
    """Messages dropped because they were seen before."""
    dropped: int
    """Messages skipped because the application was too slow; each is told by an Overrun."""
    conflated: int
    """State messages replaced by newer ones while they waited for the application."""
    bad_frames: int
    """Frames that break the contract."""
    unknown_messages: int
    """Frames of a type this version does not know."""
    unrouted: int
    """Frames on topics not subscribed (any more)."""
    restarts: int
    """Times the gateway came back with a new epoch."""
    reconnects: int
    """Times the data socket was made anew after silence."""
    snapshots_requested: int
    """Private topics subscribed."""
    snapshots_unanswered: int
    """Private topics given up."""
    requests: int
    """Control requests sent."""
    request_timeouts: int
    """Control requests that ran into their deadline."""
    late_replies: int
    """Replies dropped because their request had ended."""
    control_reconnects: int
    """Times the control socket was made anew."""
    renewals: int
    """Leases renewed."""
    leases_expired: int
    """Leases the gateway no longer knew."""
    subscriptions_repaired: int
    """Topics the gateway had not seen on the data socket, subscribed again."""
    replays_requested: int
    """Requests for lost events."""
    replays_retried: int
    """Such requests sent again, because the gateway was busy or did not answer."""
    replays_refused: int
    """Holes for which there was no room; what is in them is lost for good."""
    replays_late: int
    """Answers to such requests that nobody waited for any more."""
    replayed: int
    """Lost events that came by replay."""
    replayed_bad: int
    """Messages in such answers that were not what was asked for."""
    lost: int
    """Messages lost for good; each is named by a Gap with `is_final`."""
    holes: int
    """Holes being fetched."""
    skips: int
    """Times that everything waiting for a slow application was skipped."""
    lag_us: int | None
    """How far behind this client is, microseconds: the age of the last heartbeat when it was read,
    by this machine's clock, or the time the oldest message has waited for the application."""
    queue_size: int
    """Messages waiting for the application."""
    queue_capacity: int
    """Messages that may wait."""
    requests_size: int
    """Control requests outstanding."""
    requests_capacity: int
    """Control requests that may be outstanding."""


def as_map(result: object) -> dict[str, Any]:
    """Take a method's result that must be a map.

    Raises:
        DecodeError: It is something else.
    """
    if not isinstance(result, dict):
        raise DecodeError("result is not a map", result=result)
    return result


def count_of(result: object, name: str) -> int:
    """Take a number out of a result.

    Raises:
        DecodeError: It is not there.
    """
    value = as_map(result).get(name)
    if type(value) is not int:
        raise DecodeError("result lacks a number", name=name, result=result)
    return value


def rows_of(result: object, *names: str) -> list[dict[str, Any]]:
    """Take the list of maps out of a result: the result itself, or the first name it has."""
    if isinstance(result, dict):
        result = next((result[name] for name in names if name in result), [])
    if not isinstance(result, list):
        raise DecodeError("result is not a list", result=result)
    return [row for row in result if isinstance(row, dict)]


def health_of(result: object, local_issues: Sequence[Mapping[str, Any]]) -> HealthStatus:
    """Read the gateway's verdict and add what this client sees for itself."""
    fields = as_map(result)
    reported = rows_of(fields, "issues")
    level = fields.get("level")
    level = level if isinstance(level, str) else "critical"
    if local_issues:
        level = "critical"
    message = fields.get("error_message")
    if local_issues:
        message = local_issues[0]["message"]
    upstream = fields.get("upstream")
    return HealthStatus(
        health_level=level,
        is_healthy=level == "healthy",
        issues=(*local_issues, *reported),
        error_message=message if isinstance(message, str) else None,
        live=fields.get("live") is True,
        ready=fields.get("ready") is True,
        upstream=upstream if isinstance(upstream, dict) else {},
    )


def health_without(error: GatewayClientError) -> HealthStatus:
    """Say that the gateway could not be asked: that is an answer too."""
    issue = {
        "code": error.code,
        "level": "critical",
        "message": str(error),
        "since_us": None,
        "hint": error.hint,
    }
    return HealthStatus("critical", is_healthy=False, issues=(issue,), error_message=str(error))


def read_subscribed(
    result: object, symbols: Sequence[str]
) -> tuple[str | None, dict[str, SymbolResult]]:
    """Read what `subscribe` answered.

    Args:
        result: The method's result.
        symbols: The symbols asked for.

    Returns:
        The lease, if one was granted, and what became of each symbol.

    Raises:
        DecodeError: The result is not a map.
    """
    fields = as_map(result)
    topics: dict[str, list[TopicState]] = {}
    for row in rows_of(fields, "topics"):
        topic, state, sequence = row.get("topic"), row.get("state"), row.get("sequence")
        if isinstance(topic, str) and topic.count(",") == 2:
            entry = TopicState(
                topic,
                state if isinstance(state, str) else "pending",
                sequence if type(sequence) is int else None,
            )
            topics.setdefault(topic.split(",")[1], []).append(entry)
    refused = {row.get("symbol"): row for row in rows_of(fields, "rejected")}
    results: dict[str, SymbolResult] = {}
    for symbol in symbols:
        refusal = refused.get(symbol)
        if refusal is not None and symbol not in topics:
            code, hint = str(refusal.get("code")), str(refusal.get("hint"))
            results[symbol] = SymbolResult(symbol, code=code, hint=hint)
        else:
            results[symbol] = SymbolResult(symbol, tuple(topics.get(symbol, ())))
    lease_id = fields.get("lease_id")
    return lease_id if isinstance(lease_id, str) else None, results


def errors_of(result: object) -> list[dict[str, Any]]:
    """Read what `errors` answered: oldest first, each with a `timestamp` that people can read."""
    rows = rows_of(result, "errors")
    for row in rows:
        at_us = row.get("at_us")
        if type(at_us) is int:
            at = datetime.fromtimestamp(at_us // 1_000_000, UTC)
            row.setdefault("timestamp", at.isoformat())
    return sorted(rows, key=_at_us)


def _at_us(row: Mapping[str, Any]) -> int:
    at_us = row.get("at_us")
    return at_us if type(at_us) is int else 0


_GRAVITY = {"closed": 0, "half_open": 1, "open": 2}


def breaker_of(metrics: Mapping[str, Any]) -> BreakerStatus | None:
    """Read the gravest circuit breaker out of the gateway's metrics."""
    connections = metrics.get("connections")
    links = connections.get("links") if isinstance(connections, dict) else None
    if not isinstance(links, dict):
        return None
    breakers = [
        BreakerStatus(str(port), fields["state"], failures if type(failures) is int else 0)
        for port, link in links.items()
        if isinstance(link, dict) and isinstance(fields := link.get("breaker"), dict)
        if isinstance(fields.get("state"), str)
        for failures in (fields.get("failure_count"),)
    ]
    return max(breakers, key=lambda breaker: _GRAVITY.get(breaker.state, 0), default=None)


def lineage_of(result: object) -> SymbolLineage:
    """Read what `why` answered.

    Raises:
        DecodeError: The result is not a map.
    """
    fields = as_map(result)
    cause, lines = fields.get("cause"), fields.get("lines")
    return SymbolLineage(
        symbol=str(fields.get("symbol")),
        state=str(fields.get("state")),
        cause=cause if isinstance(cause, str) else None,
        lines=tuple(str(line) for line in lines) if isinstance(lines, list) else (),
    )
