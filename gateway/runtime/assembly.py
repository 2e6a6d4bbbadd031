"""The parts of the feed, made and joined from plain values; the composition root calls it."""

from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any

import zmq

from gateway.clock import Clock
from gateway.control.depth_desk import DepthDesk
from gateway.control.lineage import AskLog, LineageDesk
from gateway.control.peer_desk import PeerDesk
from gateway.control.peer_teller import PeerTeller
from gateway.control.resync import ResyncDesk
from gateway.control.rights import make_rights
from gateway.control.symbol_list import SymbolList
from gateway.control.watch_desk import WatchDesk
from gateway.counters import Complaints, Counters, Sample
from gateway.iqfeed.level2_session import Level2Session
from gateway.iqfeed.link import Link
from gateway.iqfeed.session import Level1Session
from gateway.normalize.board import Board
from gateway.normalize.board_answers import BoardAnswers
from gateway.normalize.depth_answers import DepthAnswers
from gateway.normalize.depth_board import DepthBoard
from gateway.normalize.depth_care import DepthCare
from gateway.normalize.depth_pipeline import DepthPipeline
from gateway.normalize.level1_care import Level1Care
from gateway.normalize.pipeline import Pipeline
from gateway.normalize.values import Values
from gateway.normalize.variants import VariantPublisher
from gateway.policy.demand import Demand
from gateway.policy.entitlements import Entitlements
from gateway.policy.error_history import ErrorFact
from gateway.policy.peers import PeerNames
from gateway.policy.retry import Retry
from gateway.policy.subscriptions import Subscriptions
from gateway.runtime.feed import FeedParts
from gateway.runtime.feed_options import FeedOptions
from gateway.runtime.intake import Intake
from gateway.runtime.level1_link import Level1Link
from gateway.runtime.level2_link import Level2Link
from gateway.runtime.peer_sockets import PeerSockets
from gateway.runtime.pipelines import make_pipelines
from gateway.runtime.pool import Level1Pool, Level2Pool
from gateway.runtime.port_errors import PortErrors
from gateway.runtime.publisher import SubscriptionDesk
from gateway.runtime.subscription_reader import Peers
from gateway.runtime.upstream import DepthUpstreamDesk, UpstreamDesk, port_name
from gateway.wire.envelope import Envelope
from gateway.wire.rings import Rings
from gateway.wire.system import SystemTopics


class FeedAssembly:
    """Makes the feed's parts, which the feed thread then owns.

    Args:
        options: How the feed works.
        data: The bound data socket.
        epoch: This run, Unix milliseconds.
        clock: Monotonic for durations, UTC for stamps.
        on_sample: Told of each bad line that is kept; for the log.
        on_error: Told of what goes wrong on the ports; for the error history.
        send: Takes each frame; None for the data socket itself.
        peers: Tells the data socket's connections apart; None for what libzmq says.
        intake: Told what was read from the data socket; None for nobody.
        entitlements: What each client may hear; None without keys.
    """

    def __init__(
        self,
        options: FeedOptions,
        *,
        data: "zmq.Socket[bytes]",
        epoch: int,
        clock: Clock,
        on_sample: Callable[[Sample], None],
        on_error: Callable[[ErrorFact], object] = lambda _: None,
        send: Callable[[bytes], object] | None = None,
        peers: Peers | None = None,
        intake: Intake | None = None,
        entitlements: Entitlements | None = None,
    ) -> None:
        self._options = options
        self._data = data
        self._clock = clock
        self._on_error = on_error
        self._counters = Counters()
        self._complaints = Complaints(self._counters, on_sample=on_sample)
        self._pipelines = make_pipelines(options.pipeline, data if send is None else None)
        if send is None:
            # The Cython base class sends in a third of the time of the convenient one.
            send = zmq.backend.Socket.send.__get__(data)
        self._envelope = Envelope(epoch=epoch, send=send, rings=Rings(options.rings))
        self._board = Board(
            envelope=self._envelope,
            clock=clock,
            symbol_count_max=options.symbol_count_max,
            shard_count=options.level1_count,
            variants=VariantPublisher(
                self._envelope, counters=self._counters, per_topic_max=options.variants_max
            ),
            **self._pipelines.board_parts,
        )
        self._depths = DepthBoard(
            self._board,
            clock=clock,
            counters=self._counters,
            options=options.book,
            shard_count=options.level2_count,
            **self._pipelines.depth_parts,
        )
        self._demand = Demand(clock, linger_ns=options.linger_ns)
        self._values = Values(self._complaints, limits=options.price_limits)
        self._intake = intake
        self._peers = peers if peers is not None else PeerSockets()
        self._pairs = Subscriptions(per_connection_max=options.subscriptions_per_connection_max)
        self._rights = make_rights(
            entitlements if entitlements is not None else Entitlements(),
            limits=options.limits,
            clock=clock,
            counters=self._counters,
        )

    def parts(
        self,
        *,
        make_session: Callable[[int], Level1Session],
        make_level2_session: Callable[[], Level2Session],
        make_retry: Callable[[str], Retry],
        describe: Callable[[], dict[str, Any]],
    ) -> FeedParts:
        """Make and join all parts.

        Args:
            make_session: Makes the state machine of each new Level 1 connection, given its number.
            make_level2_session: Makes that of each new Level 2 connection.
            make_retry: Makes what decides when to connect, one for each connection, by its name.
            describe: What the heartbeat says beside figures.

        Returns:
            Everything a feed thread works with. Call once: parts are not shared.
        """
        board, depths, clock = self._board, self._depths, self._clock
        level1 = self._make_level1(make_session, make_retry)
        level2 = self._make_level2(make_level2_session, make_retry)
        depths.is_drained = lambda: level2.is_drained
        desk, depth_desk = self._make_desks(level1, level2)
        system = SystemTopics(
            self._envelope, clock, topics=lambda: chain(board.topics(), depths.topics())
        )
        peers = self._make_peers(system)
        if self._rights.are_on:
            system.on_quiet = peers.tell_tails
        upstreams, depth_upstreams = self._make_upstreams(level1, level2, desk, depth_desk, system)
        desk.symbol_limit = lambda: upstreams[0].max_symbols
        return FeedParts(
            data=self._data,
            level1=level1,
            level2=level2,
            board=board,
            depths=depths,
            care=self._make_care(depth_desk),
            level1_care=self._make_level1_care(desk, level1),
            envelope=self._envelope,
            desk=desk,
            resync=ResyncDesk(board=board, depths=depths, desk=desk, depth_desk=depth_desk),
            lineage=self._make_lineage(level1, level2),
            symbol_list=SymbolList(self._board, self._depths),
            subscriptions=self._make_subscriptions(desk, system, peers),
            peers=peers,
            usage=self._rights.usage,
            system=system,
            upstreams=upstreams,
            depth_upstreams=depth_upstreams,
            counters=self._counters,
            complaints=self._complaints,
            clock=clock,
            describe=describe,
            subscription_counts=self._count_subscriptions,
            pipelines=self._pipelines,
        )

    def _make_level1(
        self, make_session: Callable[[int], Level1Session], make_retry: Callable[[str], Retry]
    ) -> Level1Pool:
        """Make the Level 1 connections; none connects yet."""
        return Level1Pool(
            [
                Level1Link(
                    self._options.link,
                    make_session=partial(make_session, shard),
                    make_pipeline=self._make_pipeline,
                    retry=make_retry(port_name("level1", shard)),
                    clock=self._clock,
                    counters=self._counters,
                )
                for shard in range(self._options.level1_count)
            ],
            self._make_ask_log(),
        )

    def _make_level2(
        self, make_session: Callable[[], Level2Session], make_retry: Callable[[str], Retry]
    ) -> Level2Pool:
        """Make the Level 2 connections; none connects before depth is wanted."""
        return Level2Pool(
            [
                Level2Link(
                    self._options.level2,
                    make_session=make_session,
                    make_pipeline=self._make_depth_pipeline,
                    retry=make_retry(port_name("level2", shard)),
                    clock=self._clock,
                    counters=self._counters,
                    price_levels_max=self._options.price_levels_max,
                )
                for shard in range(self._options.level2_count)
            ],
            self._make_ask_log(),
        )

    def _make_upstreams(
        self,
        level1: Level1Pool,
        level2: Level2Pool,
        desk: WatchDesk,
        depth_desk: DepthDesk,
        system: SystemTopics,
    ) -> tuple[tuple[UpstreamDesk, ...], tuple[DepthUpstreamDesk, ...]]:
        """Make the desk of each connection."""
        ports = {"admin": Link.CLOSED.value}
        shared: dict[str, Any] = {"ports": ports, "system": system, "counters": self._counters}
        errors_of = partial(PortErrors, report=self._on_error, clock=self._clock)
        upstreams = tuple(
            UpstreamDesk(
                link=link,
                board=self._board,
                depths=self._depths,
                desk=desk,
                errors=errors_of(port_name("level1", shard)),
                shard=shard,
                **shared,
            )
            for shard, link in enumerate(level1.links)
        )
        depth_upstreams = tuple(
            DepthUpstreamDesk(
                link=link,
                depths=self._depths,
                desk=depth_desk,
                errors=errors_of(port_name("level2", shard)),
                shard=shard,
                **shared,
            )
            for shard, link in enumerate(level2.links)
        )
        return upstreams, depth_upstreams

    def _make_ask_log(self) -> AskLog:
        return AskLog(self._clock, symbol_count_max=self._options.symbol_count_max)

    def _make_lineage(self, level1: Level1Pool, level2: Level2Pool) -> LineageDesk:
        return LineageDesk(
            board=self._board,
            depths=self._depths,
            demand=self._demand,
            subscriptions=self._pairs,
            asked=level1.asked,
            depth_asked=level2.asked,
            clock=self._clock,
        )

    def _make_desks(self, level1: Level1Pool, level2: Level2Pool) -> tuple[WatchDesk, DepthDesk]:
        """Make the desks of both ports around one demand."""
        demand = self._demand
        depth_desk = DepthDesk(
            depths=self._depths,
            demand=demand,
            upstream=level2,
            clock=self._clock,
            counters=self._counters,
            images_per_minute_max=self._options.images_per_minute_max,
        )
        desk = WatchDesk(
            board=self._board,
            demand=demand,
            subscriptions=self._pairs,
            upstream=level1,
            depth=depth_desk,
            board_answers=BoardAnswers(self._board, clock=self._clock),
            depth_answers=DepthAnswers(self._board, self._depths, clock=self._clock),
            is_auto_watch=self._options.is_auto_watch,
        )
        return desk, depth_desk

    def _make_care(self, desk: DepthDesk) -> DepthCare:
        return DepthCare(
            self._depths,
            clock=self._clock,
            counters=self._counters,
            on_doubt=desk.ask_in_doubt,
            on_review=desk.review,
        )

    def _make_level1_care(self, desk: WatchDesk, level1: Level1Pool) -> Level1Care:
        self._board.on_silent = desk.ask_anew
        return Level1Care(
            self._board,
            clock=self._clock,
            counters=self._counters,
            refreshes_per_second_max=self._options.refreshes_per_second_max,
            heard_ns=lambda shard: level1.links[shard].heard_ns,
            on_audit=desk.ask_values,
            on_unanswered=desk.ask_anew,
        )

    def _make_depth_pipeline(self, on_system_line: Callable[[str], None]) -> DepthPipeline:
        return self._pipelines.make_depth(
            board=self._depths,
            values=self._values,
            clock=self._clock,
            counters=self._counters,
            complaints=self._complaints,
            on_system_line=on_system_line,
            line_bytes_max=self._options.line_bytes_max,
        )

    def _make_pipeline(self, on_system_line: Callable[[str], None]) -> Pipeline:
        return self._pipelines.make(
            board=self._board,
            values=self._values,
            counters=self._counters,
            complaints=self._complaints,
            on_system_line=on_system_line,
            summary_interval_us=self._options.summary_interval_us,
            line_bytes_max=self._options.line_bytes_max,
        )

    def _make_peers(self, system: SystemTopics) -> PeerDesk:
        names = PeerNames()
        teller = PeerTeller(
            names,
            envelope=self._envelope,
            system=system,
            clock=self._clock,
            on_error=self._on_error,
        )
        return PeerDesk(
            sockets=self._peers,
            subscriptions=self._pairs,
            names=names,
            teller=teller,
            clock=self._clock,
            counters=self._counters,
            options=self._options.peers,
            rights=self._rights,
        )

    def _make_subscriptions(
        self, desk: WatchDesk, system: SystemTopics, peers: PeerDesk
    ) -> SubscriptionDesk:
        return SubscriptionDesk(
            self._data,
            answer=desk.answer,
            envelope=self._envelope,
            subscriptions=self._pairs,
            system_topics=system.by_name(),
            counters=self._counters,
            on_gain=desk.note_subscription,
            on_loss=desk.drop_subscription,
            is_watched=self._demand.is_open,
            peers=self._peers,
            desk=peers,
            rights=self._rights,
            intake=self._intake,
        )

    def _count_subscriptions(self) -> tuple[int, int]:
        return self._pairs.connection_count(), self._pairs.pair_count
