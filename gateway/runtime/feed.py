"""The feed thread: it owns the streaming connections and the data socket, and nothing else does.

It waits in one poller, reads large chunks, turns each line straight into a frame and sends it. No
lock and no queue stands between reading and sending: the socket's buffer is the queue, and it
drains first. Everything slow is the control loop's.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import zmq

from gateway.clock import Clock
from gateway.control.lineage import LineageDesk
from gateway.control.peer_desk import PeerDesk
from gateway.control.resync import ResyncDesk
from gateway.control.symbol_list import SymbolList
from gateway.control.usage_tap import UsageTap
from gateway.control.watch_desk import WatchDesk
from gateway.counters import Complaints, Counters
from gateway.health.facts import FeedReport
from gateway.normalize.board import Board
from gateway.normalize.depth_board import DepthBoard
from gateway.normalize.depth_care import DepthCare
from gateway.normalize.depth_pipeline import DepthPipeline
from gateway.normalize.level1_care import Level1Care
from gateway.runtime.feed_orders import FeedOrders
from gateway.runtime.feed_report import FeedReporter, Latencies
from gateway.runtime.level1_link import Level1Link
from gateway.runtime.level2_link import Level2Link
from gateway.runtime.pipelines import Pipelines
from gateway.runtime.pool import Level1Pool, Level2Pool
from gateway.runtime.port_desk import PortDesk
from gateway.runtime.publisher import SubscriptionDesk
from gateway.runtime.queues import CommandQueue, FactQueue
from gateway.runtime.upstream import DepthUpstreamDesk, UpstreamDesk
from gateway.wire.envelope import Envelope
from gateway.wire.system import SystemTopics

TICK_NS: Final = 50_000_000
"""How often timers are looked at; also the slice of the tails scan."""
SECOND_NS: Final = 1_000_000_000
SUSPENDED_NS_MIN: Final = 2_000_000_000
"""A round takes 50 ms at most; after two seconds this process was stopped or starved."""
CATCH_UP_NS_MAX: Final = 3_000_000_000
"""How long the vendor's clock may take to catch up; it ticks every second."""
RINGS_PER_TICK_MAX: Final = 50
"""Topics whose kept events are looked at for their age at a time."""
ADMIN_FIRST_NS_MAX: Final = 3_000_000_000
"""How long the data ports wait for the admin port to say that IQConnect is logged in."""
STRETCH_NS: Final = 2_000_000
"""How long the reads of one connection that wait are published in a row; the last one is ended."""
IN: Final = int(zmq.POLLIN)
"""Poll flags as plain numbers: arithmetic with ZeroMQ's own costs microseconds each round."""
READABLE: Final = int(zmq.POLLIN | zmq.POLLERR)
WRITABLE: Final = int(zmq.POLLOUT | zmq.POLLERR)
FINAL_DRAIN_NS: Final = 200_000_000
"""How long queued frames may take to leave before the process ends."""


@dataclass(slots=True)
class FeedParts:
    """What the feed thread works with; made by the composition root, owned by the thread."""

    data: "zmq.Socket[bytes]"
    level1: Level1Pool
    level2: Level2Pool
    board: Board
    depths: DepthBoard
    care: DepthCare
    level1_care: Level1Care
    envelope: Envelope
    desk: WatchDesk
    resync: ResyncDesk
    lineage: LineageDesk
    symbol_list: SymbolList
    subscriptions: SubscriptionDesk
    peers: PeerDesk
    usage: UsageTap
    system: SystemTopics
    upstreams: tuple[UpstreamDesk, ...]
    """One for each Level 1 connection."""
    depth_upstreams: tuple[DepthUpstreamDesk, ...]
    """One for each Level 2 connection."""
    counters: Counters
    complaints: Complaints
    clock: Clock
    describe: Callable[[], dict[str, Any]]
    """What the heartbeat says beside figures: gateway_id, version, uptime_s."""
    subscription_counts: Callable[[], tuple[int, int]]
    """Number of connections and of pairs."""
    pipelines: Pipelines
    """What made the Level 1 pipeline."""


Port = tuple[Level1Link | Level2Link[DepthPipeline], PortDesk]
"""A streaming connection with the desk that follows its state."""


class FeedThread:
    """Runs the feed.

    Args:
        parts: What it works with.
        commands: What the control loop asks.
        facts: What the control loop is told.
    """

    def __init__(self, parts: FeedParts, commands: CommandQueue, facts: FactQueue) -> None:
        self._parts = parts
        self._commands = commands
        self._facts = facts
        self._clock = parts.clock
        self._poller = zmq.Poller()
        self._ports: tuple[Port, ...] = (
            *zip(parts.level1.links, parts.upstreams, strict=True),
            *zip(parts.level2.links, parts.depth_upstreams, strict=True),
        )
        self._begin_ns: int | None = parts.clock.monotonic_ns() + ADMIN_FIRST_NS_MAX
        """When connections are made although the admin port has not spoken; None once they are."""
        self._polled: dict[int, tuple[int | None, int]] = {}
        self._reporter = FeedReporter(parts)
        desks = [desk for _, desk in self._ports]
        self._orders = FeedOrders(parts, desks, facts, on_ready=self._begin)
        self._latencies = Latencies(parts.counters)
        self._pump = parts.pipelines.make_pump(
            parts.level1.links, parts.clock, pause_ns_max=SUSPENDED_NS_MIN
        )
        self._round_ns = parts.clock.monotonic_ns()
        self._behind: dict[int, int] = {}
        """Ports whose backlog of our own making is being read, with the clock they must reach."""
        self._is_poll_old = False
        self._catch_up_until_ns = 0
        self._next_tick_ns = 0
        self._next_second_ns = 0
        self._goodbye: str | None = None
        self.failure: BaseException | None = None
        """What ended the thread, when it was not asked to end."""
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to run in a thread of its own."""
        self._thread.start()

    def stop(self, reason: str) -> None:
        """Ask the thread to say goodbye, drain and end; returns at once."""
        self._goodbye = reason
        self._commands.wake()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end.

        Returns:
            Whether the thread has ended.
        """
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._loop()
            self._finish()
        except BaseException as error:
            # A thread's last words: whatever it is, the control loop reports it and stops.
            self.failure = error
            self._facts.post(error)
        finally:
            for link, _ in self._ports:
                link.close()
            self._parts.data.close(linger=FINAL_DRAIN_NS // 1_000_000)

    def _loop(self) -> None:
        self._round_ns = self._clock.monotonic_ns()
        self._poller.register(self._parts.data, zmq.POLLIN)
        self._poller.register(self._commands.fileno(), zmq.POLLIN)
        while self._goodbye is None:
            for place, (link, _) in enumerate(self._ports):
                self._watch_link(place, link)
            self.turn(self._wait())

    def _wait(self) -> dict[Any, int]:
        """Wait for what `turn` has to do; where the extension can, it reads meanwhile."""
        deadline_ns = self.next_deadline_ns()
        if self._pump is None or not deadline_ns or self._behind or not self._pump.is_usable:
            wait_ns = deadline_ns - self._clock.monotonic_ns()
            return dict(self._poller.poll(max(0, -(-wait_ns // 1_000_000))))
        others = [known for place, known in self._polled.items() if place and known[0] is not None]
        watched = [(self._parts.data, IN), (self._commands.fileno(), IN), *others]
        ready = self._pump.wait(
            watched, deadline_ns=deadline_ns, seen_ns=self._round_ns, latencies=self._latencies
        )
        self._ports[0][1].note_link()
        return ready

    def turn(self, ready: dict[Any, int]) -> None:
        """Do everything that is due.

        Args:
            ready: What can be read or written: the data socket and descriptors, each with its
                poll flags.
        """
        parts, clock = self._parts, self._clock
        self._is_poll_old = False
        self._note_round(clock.monotonic_ns())
        for port in self._ports:
            self._serve_link(port, ready)
        if parts.data in ready:
            parts.subscriptions.drain()
        if self._commands.fileno() in ready:
            self._orders.add(self._commands.take())
        self._orders.execute()
        now_ns = clock.monotonic_ns()
        if now_ns >= self._next_tick_ns:
            self._next_tick_ns = now_ns + TICK_NS
            self._tick(now_ns)
        due_us = parts.depths.next_due_us()
        if due_us is not None and now_ns >= due_us * 1000:
            parts.level2.links[0].pipeline.flush()
        due_us = parts.board.variants.next_due_us()
        if due_us is not None and now_ns >= due_us * 1000:
            parts.board.variants.flush(now_ns // 1000)
        for place, (link, desk) in enumerate(self._ports):
            deadline_ns = link.deadline_ns()
            if deadline_ns is None or now_ns < deadline_ns:
                continue
            if place in self._behind and now_ns < self._catch_up_until_ns:
                # While a backlog of our own making is read, silence is not the link's.
                continue
            link.tick()
            desk.note_link()

    def _note_round(self, now_ns: int) -> None:
        """Notice that this process did not run: what waits to be read then is old, not live.

        Prices are stale until the backlog is read and the vendor's clock has caught up, or has had
        time to: a silent link is judged by its session.
        """
        gap_ns = now_ns - self._round_ns
        self._round_ns = now_ns
        if gap_ns > SUSPENDED_NS_MIN:
            missed_us = (gap_ns - SUSPENDED_NS_MIN) // 1000
            self._catch_up_until_ns = now_ns + CATCH_UP_NS_MAX
            self._is_poll_old = True
            for place, (link, desk) in enumerate(self._ports):
                # Nobody knows what waits until a poll or a read has told.
                link.is_drained = False
                self._behind[place] = (link.pipeline.clock_us or 0) + missed_us
                desk.note_behind(is_behind=True)
        elif self._behind:
            for place in list(self._behind):
                self._catch_up(place, now_ns)

    def _catch_up(self, place: int, now_ns: int) -> None:
        """Let one port's data be live again, once its backlog is read and its clock is right."""
        link, desk = self._ports[place]
        clock_us = link.pipeline.clock_us
        is_current = clock_us is None or clock_us >= self._behind[place]
        if not link.is_drained:
            return
        if is_current or now_ns >= self._catch_up_until_ns:
            del self._behind[place]
            deadline_ns = link.deadline_ns()
            if deadline_ns is not None and now_ns >= deadline_ns:
                # Its silence was not judged meanwhile; nothing may look live before it is.
                link.tick()
                desk.note_link()
            desk.note_behind(is_behind=False)

    def _serve_link(self, port: Port, ready: dict[Any, int]) -> None:
        """Read and write what one connection is ready for."""
        link, _ = port
        descriptor = link.descriptor
        flags = 0 if descriptor is None else ready.get(descriptor, 0)
        if not flags & IN:
            link.is_drained |= not self._is_poll_old and not link.has_backlog
        if flags & WRITABLE:
            link.on_writable()
        if flags & READABLE or link.has_backlog:
            self._read_link(port, is_readable=bool(flags & READABLE))

    def _read_link(self, port: Port, *, is_readable: bool) -> None:
        """Read, or go on with what was read, and measure how long the lines were with us."""
        link, desk = port
        self._latencies.begin()
        started_ns = self._clock.monotonic_ns()
        # Once more, just before the read: the process may have been stopped since the poll.
        self._note_round(started_ns)
        read_ns = link.on_readable() if is_readable else link.work()
        while read_ns is not None:
            now_ns = self._clock.monotonic_ns()
            self._latencies.end((now_ns - read_ns) // 1000)
            if not link.has_backlog or now_ns - started_ns >= STRETCH_NS:
                break
            self._latencies.begin()
            read_ns = link.work()
        desk.note_link()

    def _watch_link(self, place: int, link: Level1Link | Level2Link[DepthPipeline]) -> None:
        """Keep the poller in step with a link's socket."""
        descriptor = link.descriptor
        flags = READABLE | (WRITABLE if link.wants_write else 0)
        known, known_flags = self._polled.get(place, (None, 0))
        if (descriptor, flags) == (known, known_flags):
            return
        # The other link may have been given the descriptor that this one had.
        is_others = any(d == known for p, (d, _) in self._polled.items() if p != place)
        if known is not None and known != descriptor and not is_others:
            self._poller.unregister(known)
        if descriptor is not None:
            self._poller.register(descriptor, flags)
        self._polled[place] = (descriptor, flags)

    def next_deadline_ns(self) -> int:
        """When `turn` must be called at the latest although nothing can be read, monotonic."""
        if self._orders or any(link.has_backlog for link, _ in self._ports):
            return 0
        deadlines = [self._next_tick_ns]
        deadlines += [
            # Not judged while a backlog of our own making is read, so not waited for either.
            max(d, self._catch_up_until_ns) if place in self._behind else d
            for place, (link, _) in enumerate(self._ports)
            if (d := link.deadline_ns()) is not None
        ]
        for publisher in (self._parts.depths, self._parts.board.variants):
            due_us = publisher.next_due_us()
            if due_us is not None:
                deadlines.append(due_us * 1000)
        return min(deadlines)

    def _tick(self, now_ns: int) -> None:
        parts = self._parts
        if self._begin_ns is not None and now_ns >= self._begin_ns:
            self._begin()
        for link in parts.level1.links:
            link.pipeline.flush(self._clock.utc_us())
        parts.desk.close_lingering()
        parts.level1_care.look()
        parts.subscriptions.answer_delayed()
        parts.peers.look()
        self._tell_usage()
        parts.system.scan_tails()
        parts.envelope.rings.age(now_ns, rings_max=RINGS_PER_TICK_MAX)
        self._orders.waiters.expire(now_ns)
        if self._reporter.causes() != self._reporter.told_causes:
            # `health` must not say for a second that all is well when it is not.
            self._report(now_ns)
        if now_ns >= self._next_second_ns:
            # Never more than a second apart, whatever the tick's jitter.
            is_late = now_ns - self._next_second_ns > SECOND_NS
            self._next_second_ns = (
                now_ns + SECOND_NS if is_late else (self._next_second_ns + SECOND_NS)
            )
            self._beat(now_ns)

    def _tell_usage(self) -> None:
        used = self._parts.usage.take()
        if used is not None:
            self._facts.post(used)

    def _beat(self, now_ns: int) -> None:
        """Once a second: a report for the control loop, and the heartbeat for consumers."""
        parts = self._parts
        parts.subscriptions.sweep()
        parts.care.look()
        for _, desk in self._ports:
            desk.note_second()
        # First the report: who hears the heartbeat and asks for `health` gets what it said.
        report = self._report(now_ns)
        details = self._reporter.heartbeat(report, self._clock.utc_us())
        parts.system.publish(parts.system.heartbeat, details)

    def _report(self, now_ns: int) -> FeedReport:
        """Tell the control loop how this thread is."""
        report = self._reporter.report(now_ns, self._latencies)
        self._facts.post(report)
        return report

    def _begin(self) -> None:
        """Let the data ports connect, once."""
        if self._begin_ns is None:
            return
        self._begin_ns = None
        for link, _ in self._ports:
            link.begin()

    def _finish(self) -> None:
        """Publish what waits, say goodbye, and let the queues drain."""
        for link, _ in self._ports:
            link.pipeline.flush_all()
        self._parts.system.say_goodbye(reason=self._goodbye or "stop", is_resume_expected=True)
        self._orders.waiters.end()
        self._tell_usage()
