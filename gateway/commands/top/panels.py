"""The panels below the head: which rows there are, which of them are wanted, what each shows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

TABS: Final = ("symbols", "consumers", "alerts", "errors")
LEVEL_STYLES: Final = {"healthy": "bold green", "warning": "bold yellow", "critical": "bold red"}
STATE_STYLES: Final = {
    "stale": "red",
    "refused": "red",
    "recovering": "yellow",
    "pending": "yellow",
    "open": "red",
    "half_open": "yellow",
    "closed": "",
}
QUIET: Final = "dim"
COLUMNS: Final = {
    "symbols": (("symbol", 16), ("state", 11), ("cause", 18), ("since", 6), ("level 2", 11),
                ("why", 18), ("last line", 9)),
    "consumers": (("client", 28), ("lag ms", 9), ("backlog kB", 10),
                  ("topics", 8), ("address", 24), ("", 10)),
    "alerts": (("level", 9), ("alert", 28), ("since", 6), ("times", 5), ("what", 120)),
    "errors": (("ago", 6), ("port", 9), ("code", 24), ("times", 6), ("what", 120)),
}  # fmt: skip
"""Of each panel, heading and width."""


@dataclass(slots=True)
class Look:
    """What the user chose to look at."""

    tab: str = TABS[0]
    """The panel shown."""
    offset: int = 0
    """Rows of it that are scrolled away above."""
    search: str = ""
    """What rows must contain."""
    is_typing: bool = False
    """Whether keys go into the search."""
    history: Sequence[tuple[float, float]] = field(default_factory=tuple)
    """Messages a second and mean latency, newest last."""
    has_unicode: bool = True
    """Whether the terminal can show block characters."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a panel."""

    cells: tuple[str, ...]
    """As they are shown, escaped."""
    style: str = ""
    """How."""


def clean(value: object, *, width: int = 200) -> str:
    """Make a value from outside one piece of printable ASCII, cut to a width.

    Args:
        value: Anything; None is empty.
        width: Longest result, 4 or more.
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else str(value)
    shown = ascii(text[: width + 1])[1:-1].replace("\\'", "'").replace("\\\\", "\\")
    return shown if len(shown) <= width else shown[: width - 3] + "..."


def rows_of(page: Mapping[str, Any], look: Look) -> list[Row]:
    """The rows of the chosen panel that contain what is searched for."""
    now_us = page["gateway"]["now_us"] or page["at_us"]
    search = look.search.lower()
    if look.tab == "symbols":
        # The gateway searched by name already, as far as its answer is new.
        found = (row for row in page["symbols"]["rows"] if search in row["symbol"].lower())
        return [_symbol_row(row, now_us) for row in found]
    makers: dict[str, Callable[[], Iterable[Row]]] = {
        "consumers": lambda: map(_consumer_row, page["consumers"]),
        "alerts": lambda: _alert_rows(page["alerts"], now_us),
        "errors": lambda: (_error_row(row, now_us) for row in page["errors"]),
    }
    rows = makers[look.tab]()
    return [row for row in rows if search in " ".join(row.cells).lower()]


def age(since_us: object, now_us: int) -> str:
    """How long ago, in its largest unit; empty when it is not known."""
    if not isinstance(since_us, int):
        return ""
    seconds = max(0, now_us - since_us) // 1_000_000
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _symbol_row(row: Mapping[str, Any], now_us: int) -> Row:
    state = clean(row["state"], width=11)
    cells = (
        clean(row["symbol"]),
        state,
        clean(row["cause"]),
        age(row["since_us"], now_us),
        clean(row["level2"]),
        clean(row["level2_cause"]),
        age(row["last_line_us"], now_us),
    )
    return Row(cells, STATE_STYLES.get(state) or STATE_STYLES.get(clean(row["level2"]), ""))


def _consumer_row(row: Mapping[str, Any]) -> Row:
    lag_us, backlog = row["lag_us"], row["backlog_bytes"]
    cells = (
        clean(row["client"] or "(unnamed)"),
        f"{lag_us / 1000:,.0f}" if isinstance(lag_us, int | float) else "",
        f"{backlog / 1000:,.0f}" if isinstance(backlog, int | float) else "",
        clean(row["subscriptions"]),
        clean(row["address"]),
        "SLOW" if row["is_slow"] else "relay" if row["is_relay"] else "",
    )
    return Row(cells, "bold yellow" if row["is_slow"] else "")


def _alert_rows(alerts: Mapping[str, Any], now_us: int) -> Iterable[Row]:
    for alert in alerts["active"]:
        level = clean(alert.get("level"), width=9)
        is_taken = alert.get("acknowledged_us") is not None
        told = f"{'(acknowledged) ' if is_taken else ''}{clean(alert.get('message'))}"
        yield Row(_alert_cells(alert, level, told, now_us), LEVEL_STYLES.get(level, ""))
    for alert in alerts["recent"]:
        told = f"over since {age(alert.get('cleared_us'), now_us)}: {clean(alert.get('message'))}"
        yield Row(_alert_cells(alert, "cleared", told, now_us), QUIET)


def _alert_cells(alert: Mapping[str, Any], level: str, told: str, now_us: int) -> tuple[str, ...]:
    name = clean(alert.get("id") or alert.get("code"))
    return level, name, age(alert.get("since_us"), now_us), clean(alert.get("count")), told


def _error_row(row: Mapping[str, Any], now_us: int) -> Row:
    cells = (
        age(row.get("at_us"), now_us),
        clean(row.get("port")),
        clean(row.get("code")),
        clean(row.get("count")),
        clean(row.get("message")),
    )
    return Row(cells, {"fatal": "red", "error": "red"}.get(clean(row.get("severity")), ""))
