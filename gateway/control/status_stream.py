"""What the status page is told: composed from the answers to requests, a slice at a time.

Everything here is a generator that yields where the control loop may do something else: a command
for the feed thread, whose answer it is sent, or `PAUSE`. No slice takes more than a few hundred
microseconds, however many symbols and consumers there are.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from gateway.clock import Clock
from gateway.control.desk import RequestDesk
from gateway.control.feed_commands import FeedCommand, PeersReport, ReadPeers
from gateway.health.facts import FeedHistory, FeedReport
from gateway.health.latency import LatencyHistogram
from gateway.health.readings import error_percent
from gateway.model import methods as m
from gateway.page.events import as_json, event

PAUSE: Final = None
"""Yielded between two slices of work."""
Slices = Generator[FeedCommand | None, Any, Any]
"""Work in progress."""

CONSUMERS_MAX: Final = 100
"""Consumers that the page shows, the furthest behind first."""
ALERTS_MAX: Final = 100
"""Active alerts that it shows, and as many that were cleared."""
ERRORS_MAX: Final = 30
TREND_S: Final = 300.0
"""How far back the figures reach that a page begins with."""
TRENDS: Final = {
    "messages": ("throughput_msg_per_sec", 1.0),
    "lines": ("lines_per_sec", 1.0),
    "latency": ("p99_latency_ms", 1_000.0),
    "lag": ("consumer_lag_ms", 1_000.0),
}
"""What the page draws: the figure it is, and the factor to the page's unit (a second, us)."""
ENTRIES_PER_SLICE: Final = 25
"""Consumers, alerts or errors written down in one slice."""
PROCESS_NS: Final = 5_000_000_000
"""How long the figures of the process are good for."""
ROWS_PER_EVENT_MAX: Final = 100
"""Rows of the symbol table in one event."""

Row = tuple[str, str, str | None, int, int | None, str | None, str | None]
"""Symbol, state, cause, since_us, last_line_us, level2 and level2_cause, as `symbols` has them."""


@dataclass(frozen=True, slots=True)
class SymbolChanges:
    """What became of some symbols."""

    rows: Sequence[Row] = ()
    """Those that are new or changed."""
    gone: Sequence[str] = ()
    """Those that nobody wants any more."""
    lines: Sequence[tuple[str, int | None]] = ()
    """Of others, when their last line was read."""


class StatusComposer:
    """Makes the events of the status page.

    Args:
        desk: Answers requests.
        clock: Stamps, and the time since the start.
    """

    def __init__(self, desk: RequestDesk, *, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
        self._started_ns = clock.monotonic_ns()
        self._started_us = clock.utc_us()
        self._process_told = "{}"
        self._process_due_ns = 0

    def status(self, page_count: int) -> Slices:
        """Make the event `status`; needs nothing of the feed thread, so it can tell that it hangs.

        Args:
            page_count: Pages that are open.

        Returns:
            The event.
        """
        inside = self._desk.inside
        parts = {"health": as_json(inside.health(m.HealthParams()))}
        yield PAUSE
        parts["gateway"] = as_json(self._gateway())
        parts["links"] = as_json(self._links(inside.report))
        parts["totals"] = as_json(self._totals(inside.report))
        yield PAUSE
        # Not all of `metrics`: what the page does not show would take two milliseconds a second.
        latency = inside.history.latency()
        yield PAUSE
        parts["rates"] = as_json(_rates(inside.history, latency))
        yield PAUSE
        parts["process"] = self._process()
        yield PAUSE
        alerts = self._desk.inside.alerts(m.AlertsParams())
        active = yield from _list(alerts["active"], ALERTS_MAX)
        recent = yield from _list(alerts["recent"], ALERTS_MAX)
        parts["alerts"] = f'{{"active":{active},"recent":{recent}}}'
        parts["errors"] = yield from _list(self._desk.upstream.history.newest(ERRORS_MAX))
        parts["pages"] = as_json(page_count)
        return event("status", _map(parts))

    def trends(self) -> Slices:
        """Make the event `trends`: the last minutes, so that a page need not begin with nothing.

        Returns:
            The event.
        """
        monitor = self._desk.inside.monitor
        series: dict[str, str] = {}
        for name, (trend, factor) in TRENDS.items():
            points = monitor.points(trend, TREND_S)
            series[name] = as_json([(round(age_s, 1), value * factor) for age_s, value in points])
            yield PAUSE
        told = {"now_us": as_json(self._clock.utc_us()), "series": _map(series)}
        return event("trends", _map(told))

    def consumers(self) -> Slices:
        """Make the event `consumers`.

        Returns:
            The event.
        """
        report: PeersReport = yield ReadPeers(CONSUMERS_MAX)
        rows = yield from _list(report.peers)
        return event(
            "consumers",
            _map({"rows": rows, "total": as_json(report.total), "slow": as_json(report.slow)}),
        )

    def _process(self) -> str:
        """Figures of this process; read every few seconds only, with its thousands of sockets."""
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._process_due_ns:
            self._process_due_ns = now_ns + PROCESS_NS
            self._process_told = as_json(self._desk.inside.inside.process())
        return self._process_told

    def _links(self, report: FeedReport | None) -> list[dict[str, Any]]:
        """Every connection to IQConnect, by its name."""
        links = [self._desk.upstream.admin.report(), *(report.links if report is not None else ())]
        return [{"port": link.port, **link.as_map()} for link in links]

    def _totals(self, report: FeedReport | None) -> dict[str, Any]:
        """How many there are of what."""
        return {
            "login": self._desk.upstream.admin.login,
            "consumers": report.connection_count if report is not None else 0,
            "symbols": report.symbols if report is not None else {},
        }

    def _gateway(self) -> dict[str, Any]:
        identity = self._desk.inside.identity
        return {
            "id": identity.gateway_id,
            "version": identity.version,
            "pipeline": identity.pipeline.as_map(),
            "epoch": identity.epoch,
            "started_us": self._started_us,
            "uptime_s": (self._clock.monotonic_ns() - self._started_ns) / 1e9,
            "now_us": self._clock.utc_us(),
        }


def symbol_events(changes: SymbolChanges) -> Iterator[bytes]:
    """Make the events that tell every page of changed symbols, a piece at a time."""
    for rows in _pieces(changes.rows):
        yield event("symbols", as_json({"rows": rows}))
    for gone in _pieces(changes.gone):
        yield event("symbols", as_json({"gone": gone}))
    for lines in _pieces(changes.lines):
        yield event("lines", as_json({"rows": lines}))


def table_events(
    names: Iterable[str], row_of: Callable[[str], Row | None], *, is_whole: bool
) -> Iterator[bytes]:
    """Make the events that tell one page the whole symbol table, a piece at a time.

    A page keeps what it shows until the last of them: the table it had does not flicker.

    Args:
        names: Every symbol when the first is made.
        row_of: Reads a row when its piece is made; None for one that has gone meanwhile.
        is_whole: Whether these are all symbols; if not, the rest follows for every page.
    """
    waiting = iter(names)
    is_begin, is_end = True, False
    while not is_end:
        piece = list(islice(waiting, ROWS_PER_EVENT_MAX))
        is_end = len(piece) < ROWS_PER_EVENT_MAX
        rows = [row for name in piece if (row := row_of(name)) is not None]
        told = {"begin": is_begin, "rows": rows, "complete": is_end and is_whole}
        yield event("symbols", as_json(told))
        is_begin = False


def whole_event() -> bytes:
    """Make the event that tells every page that it has been told all symbols."""
    return event("symbols", as_json({"complete": True}))


def _pieces(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (
        items[begin : begin + ROWS_PER_EVENT_MAX]
        for begin in range(0, len(items), ROWS_PER_EVENT_MAX)
    )


def _map(parts: Mapping[str, str]) -> str:
    """Write a map of values that are written already."""
    return "{" + ",".join(f"{as_json(name)}:{text}" for name, text in parts.items()) + "}"


def _list(items: Sequence[object], count_max: int | None = None) -> Slices:
    """Write a list, a few entries at a time."""
    texts: list[str] = []
    for begin in range(0, min(len(items), count_max or len(items)), ENTRIES_PER_SLICE):
        end = begin + ENTRIES_PER_SLICE
        texts += [as_json(item) for item in items[begin : min(end, count_max or end)]]
        yield PAUSE
    return "[" + ",".join(texts) + "]"


def _rates(history: FeedHistory, latency: LatencyHistogram) -> dict[str, Any]:
    report = history.newest
    return {
        "messages_per_sec": history.rate("messages_published"),
        "lines_per_sec": history.rate("feed_lines"),
        "p50_us": latency.quantile_us(0.5),
        "p99_us": latency.quantile_us(0.99),
        "p999_us": latency.quantile_us(0.999),
        "processing_errors_pct": error_percent(history),
        "messages": report.counters["messages_published"] if report is not None else 0,
    }
