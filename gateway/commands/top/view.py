"""The picture: a page drawn as lines of exactly one width, and nothing of it trusted.

What comes from the gateway, and through it from elsewhere, is escaped to printable ASCII before it
becomes a line: a symbol or an error text cannot move the cursor, recolor the screen or widen a
column. Lines are made by hand and not by a table widget, so that a screen of any size shows whole
lines, the most important first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from rich.text import Text

TABS: Final = ("symbols", "consumers", "alerts", "errors")
ISSUES_MAX: Final = 3
LINKS_MAX: Final = 8
BARS: Final = "▁▂▃▄▅▆▇█"
PLAIN_BARS: Final = "_.-=+*#@"
BARS_WIDTH: Final = 30
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
LOST: Final = "bold white on red"
HEADING: Final = "bold"
QUIET: Final = "dim"


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


def screen(page: Mapping[str, Any], look: Look, *, width: int, height: int) -> list[Text]:
    """Draw one screen.

    Args:
        page: Of `page_of`.
        look: What the user chose.
        width: Columns.
        height: Lines.

    Returns:
        Exactly `height` lines of at most `width` characters.
    """
    head = [*_head(page, width), *_issues(page)]
    figures = [*_figures(page, look)]
    links = [*_links(page)]
    # What does not fit goes: links before figures, both before the panel's first rows.
    room = height - 1 - 5
    kept = head[: max(1, room)]
    for part in (figures, links):
        if len(kept) + len(part) <= room:
            kept += part
    rows_max = max(0, height - len(kept) - 3)
    panel = rows_of(page, look)
    look.offset = max(0, min(look.offset, len(panel) - rows_max))
    shown = panel[look.offset : look.offset + rows_max]
    lines = [*kept, _tabs(page, look, len(panel), rows_max), *_aligned(look.tab, shown)]
    lines = lines[: height - 1]
    lines += [Text()] * (height - 1 - len(lines))
    lines.append(_footer(look))
    return [_cropped(line, width) for line in lines[-height:]]


def everything(page: Mapping[str, Any], look: Look, *, width: int, rows_max: int) -> list[Text]:
    """Draw the page once, every panel below the other.

    Args:
        page: Of `page_of`.
        look: What rows must contain.
        width: Columns.
        rows_max: Rows of each panel.
    """
    lines = [*_head(page, width), *_issues(page), *_figures(page, look), *_links(page)]
    for tab in TABS:
        part = Look(tab=tab, search=look.search, history=look.history, has_unicode=look.has_unicode)
        panel = rows_of(page, part)
        lines += [Text(), Text(_title(page, tab, len(panel)), style=HEADING)]
        lines += _aligned(tab, panel[:rows_max]) if panel else []
        if len(panel) > rows_max:
            lines.append(Text(f"… and {len(panel) - rows_max} more", style=QUIET))
    return [_cropped(line, width) for line in lines]


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


def sparkline(values: Iterable[float], *, has_unicode: bool) -> str:
    """The newest values as bars, from nothing to the highest of them; nothing for a single one."""
    shown = list(values)[-BARS_WIDTH:]
    if len(shown) < 2:
        return ""
    bars = BARS if has_unicode else PLAIN_BARS
    highest = max(shown, default=0.0)
    if highest <= 0:
        return bars[0] * len(shown)
    return "".join(bars[min(7, int(max(0.0, value) / highest * 7.999))] for value in shown)


def age(since_us: object, now_us: int) -> str:
    """How long ago, in its largest unit; empty when it is not known."""
    if not isinstance(since_us, int):
        return ""
    seconds = max(0, now_us - since_us) // 1_000_000
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _head(page: Mapping[str, Any], width: int) -> list[Text]:
    gateway, contact, level = page["gateway"], page["contact"], page["health"]["level"]
    name = clean(gateway["gateway_id"] or "gateway", width=40)
    uptime = gateway["uptime_s"]
    parts = [
        f"{name} {clean(gateway['version'], width=20)}".strip(),
        f"up {age(0, uptime * 1_000_000)}" if isinstance(uptime, int) else "",
        clean(page["control"], width=60),
        f"{_clock(page['at_us'])} UTC",
    ]
    line = Text("  ".join(part for part in parts if part), style=HEADING)
    shown = clean(level or "no word yet", width=20).upper()
    line = Text.assemble((f" {shown} ", _reversed(level)), "  ", line)
    if not contact["is_lost"]:
        return [line]
    heard_us = contact["heard_us"]
    if heard_us is None:
        told = f"no contact so far ({clean(contact['error'], width=80)})"
    else:
        gone = age(heard_us, page["at_us"])
        told = f"lost contact at {_clock(heard_us)} UTC, {gone} ago; what is below is of then"
    return [line, Text(f" {told}; trying again ".ljust(width), style=LOST)]


def _issues(page: Mapping[str, Any]) -> list[Text]:
    issues = page["health"]["issues"]
    now_us = page["gateway"]["now_us"] or page["at_us"]
    lines = []
    for issue in issues[:ISSUES_MAX]:
        level = clean(issue.get("level"), width=10)
        told = f"{clean(issue.get('message'), width=120)}, {age(issue.get('since_us'), now_us)}"
        hint = clean(issue.get("hint"), width=200)
        line = Text.assemble(
            (f"{level}: ", LEVEL_STYLES.get(level, "")), told, (f"  {hint}", QUIET)
        )
        lines.append(line)
    if len(issues) > ISSUES_MAX:
        lines.append(Text(f"… and {len(issues) - ISSUES_MAX} issues more", style=QUIET))
    return lines


def _figures(page: Mapping[str, Any], look: Look) -> list[Text]:
    figures, process = page["figures"], page["process"]
    rates, latencies = zip(*look.history, strict=True) if look.history else ((), ())
    first = [
        f"{_figure(figures['throughput_msg_per_sec'])} msg/s",
        sparkline(rates, has_unicode=look.has_unicode),
        f"{_figure(figures['lines_per_sec'])} lines/s",
        f"errors {_figure(figures['processing_errors'], 3)} %",
        f"unread {_figure(figures['oldest_unread_ms'])} ms",
        f"reconnections {_figure(figures['reconnections_last_hour'])}/h",
    ]
    p99_us = figures["p99_latency_us"]
    p99_ms = p99_us / 1000 if isinstance(p99_us, int | float) else None
    second = [
        f"{_figure(figures['average_latency_ms'], 2)} ms",
        sparkline(latencies, has_unicode=look.has_unicode),
        f"p99 {_figure(p99_ms, 2)} ms",
        _trend(page["trends"]),
        f"memory {_figure(process['rss_mb'])} MB",
        f"files {_figure(process['descriptors'])}",
    ]
    return [_facts("rate", first), _facts("latency", second)]


def _trend(trends: Mapping[str, Any]) -> str:
    latency = trends.get("latency_ms")
    if not isinstance(latency, dict):
        return ""
    return f"15 min: mean {_figure(latency.get('mean'), 2)}, max {_figure(latency.get('max'), 2)}"


def _facts(name: str, facts: list[str]) -> Text:
    return Text.assemble((f"{name:<9}", QUIET), "  ".join(fact for fact in facts if fact))


def _links(page: Mapping[str, Any]) -> list[Text]:
    lines = []
    for link in page["links"][:LINKS_MAX]:
        breaker = clean(link["breaker"], width=10)
        wait_ms = link["retry_in_ms"]
        waits = f" for {_figure(wait_ms)} ms" if isinstance(wait_ms, int) and wait_ms else ""
        state = clean(link["state"], width=14)
        style = "green" if state == "streaming" else "red" if state != "stale" else "yellow"
        lines.append(
            Text.assemble(
                (f"{clean(link['port'], width=9):<9}", QUIET),
                (f"{state:<14}", style),
                f"{clean(link['address'], width=24):<24} breaker ",
                (f"{breaker}{waits}", STATE_STYLES.get(breaker, "")),
                f"  attempts {_figure(link['attempts'])}  held {_figure(link['held_lines'])}",
            )
        )
    login = clean(page["login"], width=20)
    if login:
        lines.append(Text.assemble((f"{'login':<9}", QUIET), login))
    return lines


def _tabs(page: Mapping[str, Any], look: Look, count: int, rows_max: int) -> Text:
    line = Text()
    for tab in TABS:
        line.append(f" {_title(page, tab, None)} ", style="reverse" if tab == look.tab else "")
        line.append(" ")
    if look.search or look.is_typing:
        cursor = "_" if look.is_typing else ""
        line.append(f"filter: {clean(look.search, width=40)}{cursor}  ", style="bold cyan")
    if count > rows_max:
        last = min(count, look.offset + rows_max)
        line.append(f"{look.offset + 1}-{last} of {count}", style=QUIET)
    return line


def _title(page: Mapping[str, Any], tab: str, shown: int | None) -> str:
    if tab in page["unavailable"] and tab != "symbols":
        return f"{tab} not available"
    counts = page["symbols"]["counts"]
    sizes = {
        "symbols": sum(count for count in counts.values() if isinstance(count, int)),
        "consumers": len(page["consumers"]),
        "alerts": len(page["alerts"]["active"]),
        "errors": len(page["errors"]),
    }
    told = f"{tab} {sizes[tab]}"
    if tab == "symbols" and shown is not None:
        states = [f"{clean(state, width=16)} {count}" for state, count in counts.items() if count]
        told = f"{told} ({', '.join(states)})" if states else told
    return told


def _footer(look: Look) -> Text:
    if look.is_typing:
        return Text(" type to filter   enter keep   esc clear ", style="reverse")
    return Text(
        " q quit   / filter   tab next panel   arrows, page up, page down ", style="reverse"
    )


COLUMNS: Final = {
    "symbols": (("symbol", 16), ("state", 11), ("cause", 18), ("since", 6), ("level 2", 11),
                ("why", 18), ("last line", 9)),
    "consumers": (("client", 28), ("lag ms", 9), ("backlog kB", 10),
                  ("topics", 8), ("address", 24), ("", 10)),
    "alerts": (("level", 9), ("alert", 28), ("since", 6), ("times", 5), ("what", 120)),
    "errors": (("ago", 6), ("port", 9), ("code", 24), ("times", 6), ("what", 120)),
}  # fmt: skip
"""Of each panel, heading and width."""


def _aligned(tab: str, rows: Sequence[Row]) -> list[Text]:
    columns = COLUMNS[tab]
    heading = " ".join(f"{name:<{width}}" for name, width in columns)
    lines = [Text(heading, style=QUIET)]
    for row in rows:
        cells = zip(row.cells, columns, strict=True)
        text = " ".join(f"{clean(cell, width=width):<{width}}" for cell, (_, width) in cells)
        lines.append(Text(text, style=row.style))
    return lines


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
        is_taken = alert.get("acknowledged") is not None
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


def _figure(value: object, digits: int = 0) -> str:
    return f"{value:,.{digits}f}" if isinstance(value, int | float) else "?"


def _clock(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%H:%M:%S")


def _reversed(level: object) -> str:
    return f"{LEVEL_STYLES.get(str(level), 'bold')} reverse"


def _cropped(line: Text, width: int) -> Text:
    copy = line.copy()
    copy.no_wrap = True
    copy.truncate(width, overflow="crop")
    return copy
