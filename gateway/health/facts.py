"""What the feed thread reports of itself once a second, and what is derived from a few reports."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.health.latency import LatencyHistogram

SERVING_NS_MAX = 5_000_000_000
WINDOW_REPORTS_MAX = 11
"""Reports kept: rates are over the last ten seconds."""


@dataclass(frozen=True, slots=True)
class LinkReport:
    """One connection to IQConnect, as it was at one moment."""

    port: str
    """`level1`, `level1.2`, `level2` or `admin`."""
    state: str
    """The link's state; `closed` between connections."""
    address: str
    """Where it connects to."""
    breaker: Mapping[str, object]
    """Its circuit breaker, with everything about it."""
    attempts: int
    """Attempts since the last success."""
    held_lines: int
    """Lines that were read and wait to be published."""
    heard_ns: int | None
    """When the last line came, monotonic; None between connections."""
    due_ns: int | None
    """When the next attempt is made, monotonic; None while none is wanted."""
    held_lines_max: int = 0
    """Most lines that may wait; 0 for a connection whose lines never do."""

    def as_map(self) -> dict[str, object]:
        """For `metrics`."""
        return {
            "state": self.state,
            "address": self.address,
            "breaker": dict(self.breaker),
            "attempts": self.attempts,
            "held_lines": self.held_lines,
        }


@dataclass(frozen=True, slots=True)
class AlertFact:
    """An alert as it was published."""

    told: Mapping[str, object]
    """event, code, level, message, since_us, and what else is known."""


@dataclass(frozen=True, slots=True)
class FeedReport:
    """The feed thread, as it was at one moment."""

    at_ns: int
    """When, monotonic clock."""
    counters: dict[str, int]
    """Every counter by label."""
    ports: dict[str, str]
    """State of each upstream port."""
    cause: str | None
    """Why prices are not live; None when they are."""
    depth_cause: str | None
    """Why order books are not live; None when they are, or when nobody has wanted any."""
    symbols: dict[str, int]
    """Number of symbols by state, on Level 1."""
    books: dict[str, int]
    """Number of symbols by state of their order books, of those whose depth somebody wants."""
    topic_count: int
    """Topics that exist."""
    connection_count: int
    """Connections with subscriptions."""
    subscription_count: int
    """Distinct (connection, topic) pairs."""
    latency: LatencyHistogram
    """From reading bytes to the last of their frames sent, by line, since the start."""
    market_clock_us: int | None
    """The vendor's clock, UTC; None before its first time line."""
    max_symbols: int | None
    """The login's symbol limit as the vendor states it; None when it did not."""
    is_delayed: bool
    """Whether the account's prices are delayed."""
    samples: list[dict[str, object]]
    """Recent bad lines, newest last."""
    links: tuple[LinkReport, ...] = ()
    """Every streaming connection."""
    slow_consumers: tuple[Mapping[str, object], ...] = ()
    """Data connections that fall behind, as `subscriptions` describes them."""
    unmeasured_count: int = 0
    """Data connections of which this system does not tell what waits for them."""
    utc_us: int = 0
    """When, UTC."""
    latencies: Mapping[str, LatencyHistogram] = field(default_factory=dict)
    """The same as `latency` by kind of message."""
    oldest_unread_ns: int = 0
    """Age of the oldest line that was read and is not published; 0 when there is none."""
    consumer_lag_us: int = 0
    """How far the slowest consumer is behind."""
    reported_lag: LatencyHistogram = field(default_factory=LatencyHistogram)
    """How far behind clients said that they were, since the start."""


@dataclass(slots=True)
class FeedHistory:
    """The last few reports, and what they say together."""

    reports: deque[FeedReport] = field(default_factory=lambda: deque(maxlen=WINDOW_REPORTS_MAX))
    """Oldest first."""

    def add(self, report: FeedReport) -> None:
        """Take the next report."""
        self.reports.append(report)

    @property
    def newest(self) -> FeedReport | None:
        """The last report; None before the first."""
        return self.reports[-1] if self.reports else None

    def age_ms(self, now_ns: int) -> float | None:
        """How long ago the thread last reported, milliseconds; None before its first report."""
        return None if self.newest is None else (now_ns - self.newest.at_ns) / 1e6

    def is_serving(self, now_ns: int) -> bool:
        """Whether any streaming connection was heard of late, or nothing is known of them yet.

        Args:
            now_ns: Monotonic.
        """
        newest = self.newest
        if newest is None:
            return True
        heard_ns = [link.heard_ns for link in newest.links if link.heard_ns is not None]
        return any(now_ns - moment_ns < SERVING_NS_MAX for moment_ns in heard_ns)

    def rate(self, label: str) -> float:
        """How often a second a counter grew over the window; 0 without two reports."""
        if len(self.reports) < 2:
            return 0.0
        first, last = self.reports[0], self.reports[-1]
        elapsed_s = (last.at_ns - first.at_ns) / 1e9
        return (last.counters[label] - first.counters[label]) / elapsed_s if elapsed_s > 0 else 0.0

    def growth(self, label: str) -> int:
        """By how much a counter grew over the window."""
        if not self.reports:
            return 0
        return self.reports[-1].counters[label] - self.reports[0].counters[label]

    def latency(self) -> LatencyHistogram:
        """Latencies of the window."""
        return self._window(lambda report: report.latency)

    def latency_of(self, kind: str) -> LatencyHistogram:
        """Latencies of the window's messages of one kind."""
        nothing = LatencyHistogram()
        return self._window(lambda report: report.latencies.get(kind, nothing))

    def clock_offset_us(self) -> int | None:
        """This machine's clock less the vendor's; None without a vendor's clock that runs.

        The vendor's ticks once a second, and a report may come just before a tick: of the window
        the smallest difference is the nearest to the truth.
        """
        newest = self.newest
        if newest is None or newest.cause is not None:
            return None
        return min(
            (
                report.utc_us - report.market_clock_us
                for report in self.reports
                if report.market_clock_us is not None and report.cause is None
            ),
            default=None,
        )

    def _window(self, read: Callable[[FeedReport], LatencyHistogram]) -> LatencyHistogram:
        if not self.reports:
            return LatencyHistogram()
        if len(self.reports) == 1:
            return read(self.reports[0])
        return read(self.reports[-1]).since(read(self.reports[0]))
