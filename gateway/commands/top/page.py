"""What is known of a gateway, as one object: what `--json` prints and the screen draws."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.clock import SystemClock
from gateway.commands.top.watcher import UNUSUAL_STATES, Watcher

FIGURES: Final = (
    "throughput_msg_per_sec",
    "lines_per_sec",
    "average_latency_ms",
    "p50_latency_us",
    "p99_latency_us",
    "p999_latency_us",
    "processing_errors",
    "messages",
    "oldest_unread_ms",
    "reconnections_last_hour",
    "message_gap_seconds",
    "clock_offset_ms",
)
PROCESS_FIGURES: Final = ("pid", "rss_mb", "cpu_seconds", "threads", "descriptors")
SYMBOL_FIELDS: Final = (
    "symbol",
    "state",
    "cause",
    "since_us",
    "level2",
    "level2_cause",
    "last_line_us",
)
CONSUMER_FIELDS: Final = (
    "client",
    "peer",
    "address",
    "subscriptions",
    "lag_us",
    "backlog_bytes",
    "is_slow",
    "is_measured",
    "is_relay",
)
OPTIONAL_METHODS: Final = ("alerts", "diagnostics", "symbols", "trends")
_ORDER: Final = {state: place for place, state in enumerate(UNUSUAL_STATES)}


def page_of(watcher: Watcher) -> dict[str, Any]:
    """Put the last answers together.

    Args:
        watcher: Who asked.

    Returns:
        A JSON object that always has the same keys; None, or an empty list, is what is not known.
        Texts are as the gateway sent them: escape them before a terminal sees them.
    """
    health = _map(watcher.answer("health"))
    metrics = _map(watcher.answer("metrics"))
    connections = _map(metrics.get("connections"))
    return {
        "at_us": SystemClock().utc_us(),
        "control": watcher.control,
        "contact": {
            "is_lost": watcher.is_lost,
            "heard_us": watcher.heard_us,
            "error": watcher.last_error,
            "restarts": watcher.restarts,
        },
        "gateway": _gateway(watcher),
        "health": {
            "level": health.get("level"),
            "live": health.get("live"),
            "ready": health.get("ready"),
            "issues": _rows(health.get("issues")),
        },
        "links": _links(connections),
        "login": connections.get("login"),
        "figures": _picked(_map(metrics.get("client_metrics")), FIGURES),
        "process": _picked(_map(metrics.get("process")), PROCESS_FIGURES),
        "symbols": _symbols(watcher, metrics),
        "consumers": _consumers(watcher),
        "alerts": _alerts(watcher),
        "errors": _rows(_map(watcher.answer("errors")).get("errors")),
        "trends": _map(_map(watcher.answer("trends")).get("metrics")),
        "unavailable": [name for name in OPTIONAL_METHODS if watcher.is_unknown(name)],
    }


def _gateway(watcher: Watcher) -> dict[str, Any]:
    status = _map(_map(watcher.answer("diagnostics")).get("client_status"))
    found = _picked(status, ("gateway_id", "version", "uptime_s"))
    return found | {"epoch": watcher.epoch, "now_us": watcher.gateway_us}


def _links(connections: Mapping[str, Any]) -> list[dict[str, Any]]:
    links = []
    for port, told in sorted(_map(connections.get("links")).items()):
        link, breaker = _map(told), _map(_map(told).get("breaker"))
        links.append(
            {"port": port}
            | _picked(link, ("state", "address", "attempts", "held_lines"))
            | {"breaker": breaker.get("state"), "retry_in_ms": breaker.get("retry_in_ms")}
        )
    return links


def _symbols(watcher: Watcher, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Symbols, those in an unusual state first."""
    counts = _map(_map(metrics.get("topics")).get("symbols"))
    if watcher.is_unknown("symbols"):
        rows, is_complete = _watched(watcher)
    else:
        answers = [watcher.answer(f"symbols.{state}") for state in UNUSUAL_STATES]
        answers.append(watcher.answer("symbols"))
        found = [_map(answer) for answer in answers if answer is not None]
        rows = [row for answer in found for row in _rows(answer.get("symbols"))]
        is_complete = bool(found) and found[-1].get("complete") is True
    by_name = {row["symbol"]: _picked(row, SYMBOL_FIELDS) for row in rows if _is_named(row)}
    ordered = sorted(by_name.values(), key=_rank)
    return {"counts": counts, "rows": ordered, "complete": is_complete}


def _watched(watcher: Watcher) -> tuple[list[dict[str, Any]], bool]:
    """What an older gateway says of its symbols: their states without causes."""
    told = _map(watcher.answer("subscriptions"))
    rows = _rows(told.get("watches"))
    search = watcher.search.upper()
    level1 = [row for row in rows if row.get("service") != "level2"]
    return (
        [row for row in level1 if search in str(row.get("symbol", "")).upper()],
        told.get("complete") is True,
    )


def _rank(row: Mapping[str, Any]) -> tuple[int, str]:
    places = [_ORDER.get(str(row.get(name)), len(_ORDER)) for name in ("state", "level2")]
    return min(places), str(row["symbol"])


def _consumers(watcher: Watcher) -> list[dict[str, Any]]:
    """Data connections, the furthest behind first."""
    told = _map(watcher.answer("diagnostics")).get("clients")
    if told is None:
        told = _map(watcher.answer("subscriptions")).get("peers")
    rows = [_picked(row, CONSUMER_FIELDS) for row in _rows(told)]
    return sorted(rows, key=lambda row: (-_number(row["lag_us"]), str(row["client"])))


def _alerts(watcher: Watcher) -> dict[str, Any]:
    told = _map(watcher.answer("alerts"))
    return {"active": _rows(told.get("active")), "recent": _rows(told.get("recent"))}


def _picked(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: values.get(name) for name in names}


def _map(value: object) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _rows(value: object) -> list[dict[str, Any]]:
    return [_map(row) for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _is_named(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("symbol"), str)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
