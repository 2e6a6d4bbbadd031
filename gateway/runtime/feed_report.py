"""What the feed thread says of itself: to the control loop each second, and in the heartbeat."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from gateway.counters import Counter, Counters
from gateway.health.facts import FeedReport, LinkReport
from gateway.health.latency import LatencyHistogram, bucket_of
from gateway.iqfeed.link import Link
from gateway.model.enums import Cause
from gateway.policy.retry import Retry
from gateway.runtime.upstream import port_name

if TYPE_CHECKING:
    from gateway.runtime.feed import FeedParts

KIND_COUNTERS: Final[Mapping[str, Counter]] = {
    "trade": Counter.TRADES_PUBLISHED,
    "quote": Counter.QUOTES_PUBLISHED,
    "summary": Counter.SUMMARIES_PUBLISHED,
    "order": Counter.ORDERS_PUBLISHED,
    "depth": Counter.DEPTHS_PUBLISHED,
    "book": Counter.BOOKS_PUBLISHED,
}
"""Kinds whose latency is measured, with what counts their messages."""
_SENT_IN_LINE = (
    Counter.QUOTES_PUBLISHED,
    Counter.TRADES_PUBLISHED,
    Counter.ORDERS_PUBLISHED,
    Counter.DEPTHS_PUBLISHED,
)
"""Counters of the messages that do not pass through the envelope's own count."""


class ReportedLink(Protocol):
    """What of a connection is reported."""

    @property
    def link(self) -> Link:
        """Its state."""
        ...

    @property
    def address(self) -> str:
        """Where it connects to."""
        ...

    @property
    def retry(self) -> Retry:
        """What decides about the next attempt."""
        ...

    @property
    def held_lines(self) -> int:
        """Lines that wait to be published."""
        ...

    @property
    def held_lines_max(self) -> int:
        """Most lines that may wait."""
        ...

    @property
    def heard_ns(self) -> int | None:
        """When the last sign of life came."""
        ...


class Latencies:
    """From reading bytes to the last of their frames sent: by line, and by kind of message.

    Args:
        counters: The feed thread's: what they grow by during a read is what it published.
    """

    def __init__(self, counters: Counters) -> None:
        self._read: Final = counters.reader(Counter.FEED_LINES, *KIND_COUNTERS.values())
        self._before = self._read()
        self.lines: Final = LatencyHistogram()
        """Of all lines."""
        self.by_kind: Final = {kind: LatencyHistogram() for kind in KIND_COUNTERS}
        """Of the messages of each kind."""
        self._histograms: Final = (self.lines, *self.by_kind.values())

    def begin(self) -> None:
        """Note what was counted before a read."""
        self._before = self._read()

    def end(self, latency_us: int) -> None:
        """Charge everything that was published since `begin` with one latency.

        The last line of a chunk waits longest; every one is charged that much.
        """
        after = self._read()
        if after == self._before:
            return
        latency_us = max(latency_us, 0)
        bucket = bucket_of(latency_us)
        for histogram, count, before in zip(self._histograms, after, self._before, strict=True):
            if count != before:
                histogram.add(bucket, latency_us, count - before)
        self._before = after

    def charge(self, reads: Iterable[tuple[int, int, int, int]], *, last_us: int) -> None:
        """Charge everything that was published since `begin`, by several reads.

        Args:
            reads: Of those with a latency, microseconds: lines, quotes, trades.
            last_us: That of the last read: of its lines everything else was published.
        """
        charged = dict.fromkeys(self._histograms, 0)
        quotes_of, trades_of = self.by_kind["quote"], self.by_kind["trade"]
        for latency_us, lines, quotes, trades in reads:
            bucket = bucket_of(latency_us)
            for histogram, count in ((self.lines, lines), (quotes_of, quotes), (trades_of, trades)):
                if count:
                    histogram.add(bucket, latency_us, count)
                    charged[histogram] += count
        self._before = tuple(
            before + count for before, count in zip(self._before, charged.values(), strict=True)
        )
        self.end(last_us)


def link_report(port: str, link: ReportedLink) -> LinkReport:
    """Say how one connection is."""
    retry = link.retry
    return LinkReport(
        port=port,
        state=link.link.value,
        address=link.address,
        breaker=retry.breaker.as_map(),
        attempts=retry.attempt_count,
        held_lines=link.held_lines,
        held_lines_max=link.held_lines_max,
        heard_ns=link.heard_ns,
        due_ns=retry.due_ns,
    )


class FeedReporter:
    """Makes the feed thread's reports.

    Args:
        parts: What the thread works with.
    """

    def __init__(self, parts: "FeedParts") -> None:
        self._parts = parts
        self._counted_messages = 0
        self._counted_wishes = 0
        self.told_causes: tuple[Cause | None, Cause | None] = (None, None)
        """The causes of the last report, by port."""

    def causes(self) -> tuple[Cause | None, Cause | None]:
        """Why Level 1 and Level 2 are not live; None for a port that is, or is not used.

        Of several connections one that is not live is enough.
        """
        level1 = (desk.state.cause for desk in self._parts.upstreams)
        level2 = (desk.state.cause for desk in self._parts.depth_upstreams if desk.is_used)
        return _first(level1), _first(level2)

    def report(self, now_ns: int, latencies: "Latencies") -> FeedReport:
        """Say how this thread is.

        Args:
            now_ns: Monotonic.
            latencies: From reading bytes to the last of their frames sent.
        """
        parts = self._parts
        states: dict[str, int] = {}
        for symbol in parts.board.symbols.values():
            states[symbol.state.value] = states.get(symbol.state.value, 0) + 1
        books: dict[str, int] = {}
        for depth in parts.depths.depths.values():
            state = depth.standing.state.value
            books[state] = books.get(state, 0) + 1
        connections, pairs = parts.subscription_counts()
        counters, upstream = parts.counters, parts.upstreams[0]
        sent = parts.envelope.messages + sum(counters.value(counter) for counter in _SENT_IN_LINE)
        counters.add(Counter.MESSAGES_PUBLISHED, sent - self._counted_messages)
        self._counted_messages = sent
        forgotten = parts.envelope.rings.forgotten
        counters.add(Counter.EVENTS_FORGOTTEN, forgotten - counters.value(Counter.EVENTS_FORGOTTEN))
        refused = parts.desk.refused_wishes
        counters.add(Counter.WISHES_REFUSED, refused - self._counted_wishes)
        self._counted_wishes = refused
        self.told_causes = cause, depth_cause = self.causes()
        return FeedReport(
            at_ns=now_ns,
            counters=counters.as_map(),
            ports=dict(upstream.ports),
            cause=cause.value if cause is not None else None,
            depth_cause=depth_cause.value if depth_cause is not None else None,
            symbols=states,
            books=books,
            topic_count=sum(len(s.topics) for s in parts.board.symbols.values()),
            connection_count=connections,
            subscription_count=pairs,
            slow_consumers=tuple(parts.peers.slow_peers()),
            unmeasured_count=parts.peers.unmeasured_count,
            latency=latencies.lines.copy(),
            utc_us=parts.clock.utc_us(),
            latencies={kind: one.copy() for kind, one in latencies.by_kind.items()},
            oldest_unread_ns=self._oldest_unread_ns(now_ns),
            consumer_lag_us=parts.peers.worst_lag_us,
            reported_lag=parts.peers.reported_lag.copy(),
            market_clock_us=parts.level1.links[0].pipeline.clock_us,
            max_symbols=upstream.max_symbols,
            is_delayed=upstream.is_delayed,
            samples=[
                {
                    "counter": sample.counter.label,
                    "count": sample.count,
                    "detail": sample.detail,
                    "line": sample.line,
                }
                for sample in parts.complaints.samples
            ],
            links=tuple(self._links()),
        )

    def _oldest_unread_ns(self, now_ns: int) -> int:
        read_ns = [
            link.oldest_held_ns
            for links in (self._parts.level1.links, self._parts.level2.links)
            for link in links
            if link.oldest_held_ns is not None
        ]
        return max(0, now_ns - min(read_ns, default=now_ns))

    def _links(self) -> Iterator[LinkReport]:
        for shard, level1 in enumerate(self._parts.level1.links):
            yield link_report(port_name("level1", shard), level1)
        for shard, level2 in enumerate(self._parts.level2.links):
            yield link_report(port_name("level2", shard), level2)

    def heartbeat(self, report: FeedReport, now_us: int) -> dict[str, Any]:
        """The heartbeat's details, in line with a report just made."""
        parts = self._parts
        wanted = sum(1 for symbol in parts.board.symbols.values() if symbol.is_wanted)
        return {
            **parts.describe(),
            "now_us": now_us,
            "upstream": report.ports,
            "symbols": wanted,
            "clients": report.connection_count,
            "degraded": self._degraded(),
            "tails_sequence": parts.system.tails_sequence,
        }

    def _degraded(self) -> list[str]:
        """Why this gateway is not what it should be; empty when it is."""
        cause, depth_cause = self.causes()
        reasons = [] if cause is None else [cause.value]
        if depth_cause is not None:
            reasons.append(f"level2_{depth_cause.value}")
        if self._parts.upstreams[0].ports["admin"] != Link.STREAMING.value:
            reasons.append("admin_down")
        return reasons


def _first(causes: Iterable[Cause | None]) -> Cause | None:
    return next((cause for cause in causes if cause is not None), None)
