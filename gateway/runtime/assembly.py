"""The parts of the feed, made and joined from plain values; the composition root calls it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zmq

from gateway.clock import Clock
from gateway.control.watch_desk import WatchDesk
from gateway.counters import Complaints, Counters, Sample
from gateway.iqfeed.session import Level1Session
from gateway.normalize.board import Board
from gateway.normalize.pipeline import Pipeline
from gateway.normalize.values import Values
from gateway.policy.backoff import Backoff
from gateway.policy.demand import Demand
from gateway.policy.subscriptions import Subscriptions
from gateway.runtime.feed import FeedParts
from gateway.runtime.level1_link import Level1Link, LinkOptions
from gateway.runtime.publisher import SubscriptionDesk
from gateway.runtime.upstream import UpstreamDesk
from gateway.wire.envelope import Envelope
from gateway.wire.system import SystemTopics


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """What of the settings decides how the feed works."""

    link: LinkOptions
    """Where Level 1 is and how to connect."""
    line_bytes_max: int
    """Longer lines are dropped."""
    summary_interval_us: int
    """After a trade, at most one summary a symbol in this time."""
    symbol_count_max: int
    """Symbols kept in memory."""
    subscriptions_per_connection_max: int
    """More are not granted."""
    linger_ns: int
    """How long a symbol is kept after the last wish for it."""
    is_auto_watch: bool
    """Whether a subscription to a symbol's topic is a wish for it."""


class FeedAssembly:
    """Makes the feed's parts, which the feed thread then owns.

    Args:
        options: How the feed works.
        data: The bound data socket.
        epoch: This run, Unix milliseconds.
        clock: Monotonic for durations, UTC for stamps.
        on_sample: Told of each bad line that is kept; for the log.
    """

    def __init__(
        self,
        options: FeedOptions,
        *,
        data: "zmq.Socket[bytes]",
        epoch: int,
        clock: Clock,
        on_sample: Callable[[Sample], None],
    ) -> None:
        self._options = options
        self._data = data
        self._clock = clock
        self._counters = Counters()
        self._complaints = Complaints(self._counters, on_sample=on_sample)
        # The Cython base class sends in a third of the time of the convenient one.
        send = zmq.backend.Socket.send.__get__(data)
        self._envelope = Envelope(epoch=epoch, send=send)
        self._board = Board(
            envelope=self._envelope, clock=clock, symbol_count_max=options.symbol_count_max
        )
        self._values = Values(self._complaints)
        self._pairs = Subscriptions(per_connection_max=options.subscriptions_per_connection_max)

    def parts(
        self,
        *,
        make_session: Callable[[], Level1Session],
        backoff: Backoff,
        describe: Callable[[], dict[str, Any]],
    ) -> FeedParts:
        """Make and join all parts.

        Args:
            make_session: Makes the state machine of each new connection.
            backoff: Waits between attempts to connect.
            describe: What the heartbeat says beside figures.

        Returns:
            Everything a feed thread works with. Call once: parts are not shared.
        """
        board, envelope, counters, clock = self._board, self._envelope, self._counters, self._clock
        link = Level1Link(
            self._options.link,
            make_session=make_session,
            make_pipeline=self._make_pipeline,
            backoff=backoff,
            clock=clock,
            counters=counters,
        )
        desk = WatchDesk(
            board=board,
            demand=Demand(clock, linger_ns=self._options.linger_ns),
            subscriptions=self._pairs,
            upstream=link,
            is_auto_watch=self._options.is_auto_watch,
        )
        system = SystemTopics(envelope, clock, topics=board.topics)
        return FeedParts(
            data=self._data,
            link=link,
            board=board,
            envelope=envelope,
            desk=desk,
            subscriptions=self._make_subscriptions(desk, system),
            system=system,
            upstream=UpstreamDesk(
                link=link, board=board, desk=desk, system=system, counters=counters
            ),
            counters=counters,
            complaints=self._complaints,
            clock=clock,
            describe=describe,
            subscription_counts=self._count_subscriptions,
        )

    def _make_pipeline(self, on_system_line: Callable[[str], None]) -> Pipeline:
        return Pipeline(
            board=self._board,
            values=self._values,
            counters=self._counters,
            complaints=self._complaints,
            on_system_line=on_system_line,
            summary_interval_us=self._options.summary_interval_us,
            line_bytes_max=self._options.line_bytes_max,
        )

    def _make_subscriptions(self, desk: WatchDesk, system: SystemTopics) -> SubscriptionDesk:
        return SubscriptionDesk(
            self._data,
            board=self._board,
            envelope=self._envelope,
            subscriptions=self._pairs,
            system_topics=system.by_name(),
            counters=self._counters,
            on_gain=desk.note_subscription,
            on_loss=desk.drop_subscription,
        )

    def _count_subscriptions(self) -> tuple[int, int]:
        return self._pairs.connection_count(), self._pairs.pair_count
