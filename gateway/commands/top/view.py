"""The picture: a page drawn as lines of exactly one width, and nothing of it trusted.

What comes from the gateway, and through it from elsewhere, is escaped to printable ASCII before it
becomes a line: a symbol or an error text cannot move the cursor, recolor the screen or widen a
column. Lines are made by hand and not by a table widget, so that a screen of any size shows whole
lines, the most important first.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.text import Text

from gateway.commands.top.panels import (
    COLUMNS,
    LEVEL_STYLES,
    QUIET,
    STATE_STYLES,
    TABS,
    Look,
    Row,
    age,
    clean,
    rows_of,
)

ISSUES_MAX: Final = 3
ISSUE_LINES_MAX: Final = 2
"""Lines of an issue, and of what to do about it."""
LINKS_MAX: Final = 8
BARS: Final = "▁▂▃▄▅▆▇█"
PLAIN_BARS: Final = "_.-=+*#@"
BARS_WIDTH: Final = 30
LOST: Final = "bold white on red"
HEADING: Final = "bold"


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
    head = [*_head(page, width), *_issues(page, width)]
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
    lines = [*_head(page, width), *_issues(page, width), *_figures(page, look), *_links(page)]
    for tab in TABS:
        part = Look(tab=tab, search=look.search, history=look.history, has_unicode=look.has_unicode)
        panel = rows_of(page, part)
        lines += [Text(), Text(_title(page, tab, len(panel)), style=HEADING)]
        lines += _aligned(tab, panel[:rows_max]) if panel else []
        if len(panel) > rows_max:
            lines.append(Text(f"… and {len(panel) - rows_max} more", style=QUIET))
    return [_cropped(line, width) for line in lines]


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


def _issues(page: Mapping[str, Any], width: int) -> list[Text]:
    issues = page["health"]["issues"]
    now_us = page["gateway"]["now_us"] or page["at_us"]
    lines = []
    for issue in issues[:ISSUES_MAX]:
        lines += _issue(issue, now_us, width)
    if len(issues) > ISSUES_MAX:
        lines.append(Text(f"… and {len(issues) - ISSUES_MAX} issues more", style=QUIET))
    return lines


def _issue(issue: Mapping[str, Any], now_us: int, width: int) -> list[Text]:
    """One issue with what to do: in one line where it fits, else broken between words."""
    level = clean(issue.get("level"), width=10)
    told = f"{clean(issue.get('message'))}, {age(issue.get('since_us'), now_us)}"
    hint = clean(issue.get("hint"))
    head, style = f"{level}: ", LEVEL_STYLES.get(level, "")
    if len(head) + len(told) + 2 + len(hint) <= width:
        return [Text.assemble((head, style), told, (f"  {hint}", QUIET))]
    lines = [Text(line) for line in _broken(head + told, width)]
    lines[0].stylize(style, 0, len(head))
    return lines + [Text(line, style=QUIET) for line in _broken(hint, width, indent="  ")]


def _broken(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent="  ",
        max_lines=ISSUE_LINES_MAX,
        placeholder=" ...",
    )


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
    mean, p99 = _figure(figures["average_latency_ms"], 2), _figure(p99_ms, 2)
    if figures["throughput_msg_per_sec"] == 0 and not figures["average_latency_ms"]:
        # Nothing flowed, so there is nothing that was fast.
        mean = p99 = "\N{EN DASH}" if look.has_unicode else "-"
    second = [
        f"{mean} ms",
        sparkline(latencies, has_unicode=look.has_unicode),
        f"p99 {p99} ms",
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


def _aligned(tab: str, rows: Sequence[Row]) -> list[Text]:
    columns = COLUMNS[tab]
    heading = " ".join(f"{name:<{width}}" for name, width in columns)
    lines = [Text(heading, style=QUIET)]
    for row in rows:
        cells = zip(row.cells, columns, strict=True)
        text = " ".join(f"{clean(cell, width=width):<{width}}" for cell, (_, width) in cells)
        lines.append(Text(text, style=row.style))
    return lines


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
