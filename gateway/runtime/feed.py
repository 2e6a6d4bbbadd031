"""The feed thread: it owns the Level 1 connection and the data socket, and nothing else does.

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
from gateway.control.feed_commands import (
    AwaitSettled,
    FeedCommand,
    NoteAdmin,
    ReadSnapshots,
    ReadStandings,
    ReadWatches,
    Unwatch,
    Watch,
)
from gateway.control.watch_desk import WatchDesk
from gateway.counters import Complaints, Counter, Counters
from gateway.errors import GatewayError
from gateway.health.facts import FeedReport
from gateway.health.latency import LatencyHistogram
from gateway.iqfeed.link import Link
from gateway.model.enums import Cause, SymbolState
from gateway.normalize.board import Board
from gateway.normalize.symbols import Symbol
from gateway.runtime.level1_link import Level1Link
from gateway.runtime.publisher import SubscriptionDesk
from gateway.runtime.queues import CommandQueue, FactQueue, Order
from gateway.runtime.upstream import UpstreamDesk
from gateway.wire.envelope import Envelope
from gateway.wire.system import SystemTopics

TICK_NS: Final = 50_000_000
"""How often timers are looked at; also the slice of the tails scan."""
SECOND_NS: Final = 1_000_000_000
SUSPENDED_NS_MIN: Final = 2_000_000_000
"""A round takes 50 ms at most; after two seconds this process was stopped or starved."""
CATCH_UP_NS_MAX: Final = 3_000_000_000
"""How long the vendor's clock may take to catch up; it ticks every second."""
ORDERS_PER_ROUND_MAX: Final = 20
"""Commands executed between two reads: each is small, but data goes first."""
FINAL_DRAIN_NS: Final = 200_000_000
"""How long queued frames may take to leave before the process ends."""


@dataclass(slots=True)
class FeedParts:
    """What the feed thread works with; made by the composition root, owned by the thread."""

    data: "zmq.Socket[bytes]"
    link: Level1Link
    board: Board
    envelope: Envelope
    desk: WatchDesk
    subscriptions: SubscriptionDesk
    system: SystemTopics
    upstream: UpstreamDesk
    counters: Counters
    complaints: Complaints
    clock: Clock
    describe: Callable[[], dict[str, Any]]
    """What the heartbeat says beside figures: gateway_id, version, uptime_s."""
    subscription_counts: Callable[[], tuple[int, int]]
    """Number of connections and of pairs."""


@dataclass(slots=True)
class _Waiter:
    """One request that waits until its symbols have been answered for."""

    symbols: set[str]
    order: Order
    deadline_ns: int


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
        self._polled: tuple[int | None, int] = (None, 0)
        self._waiters: list[_Waiter] = []
        self._orders: list[Order] = []
        self._latency = LatencyHistogram()
        self._round_ns = parts.clock.monotonic_ns()
        self._caught_up_us = 0
        self._catch_up_until_ns = 0
        self._next_tick_ns = 0
        self._next_second_ns = 0
        self._goodbye: str | None = None
        self._counted_messages = 0
        self._reported_cause: Cause | None = None
        self.failure: BaseException | None = None
        """What ended the thread, when it was not asked to end."""
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        parts.board.on_settled = self._on_settled

    def start(self) -> None:
        """Begin to run in a thread of its own."""
        self._thread.start()

    def stop(self, reason: str) -> None:
        """Ask the thread to say goodbye, drain and end; returns at once."""
        self._goodbye = reason
        self._commands.wake()

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
            self._parts.link.close()
            self._parts.data.close(linger=FINAL_DRAIN_NS // 1_000_000)

    def _loop(self) -> None:
        self._round_ns = self._clock.monotonic_ns()
        parts, clock, link = self._parts, self._clock, self._parts.link
        data = parts.data
        wake_descriptor = self._commands.fileno()
        self._poller.register(data, zmq.POLLIN)
        self._poller.register(wake_descriptor, zmq.POLLIN)
        while self._goodbye is None:
            self._watch_link()
            now_ns = clock.monotonic_ns()
            wait_ns = 0 if self._orders else max(0, self._next_deadline_ns() - now_ns)
            ready = dict(self._poller.poll(-(-wait_ns // 1_000_000)))
            self._note_round(clock.monotonic_ns())
            descriptor = link.descriptor
            if descriptor is not None and descriptor in ready:
                if ready[descriptor] & (zmq.POLLOUT | zmq.POLLERR):
                    link.on_writable()
                if ready[descriptor] & (zmq.POLLIN | zmq.POLLERR):
                    self._read_link()
            if data in ready:
                parts.subscriptions.drain()
            if wake_descriptor in ready:
                self._orders += self._commands.take()
            for order in self._orders[:ORDERS_PER_ROUND_MAX]:
                self._execute(order)
            del self._orders[:ORDERS_PER_ROUND_MAX]
            now_ns = clock.monotonic_ns()
            if now_ns >= self._next_tick_ns:
                self._next_tick_ns = now_ns + TICK_NS
                self._tick(now_ns)
            deadline_ns = link.deadline_ns()
            # While a backlog of our own making is read, silence is not the link's.
            if deadline_ns is not None and now_ns >= deadline_ns and not self._catch_up_until_ns:
                link.tick()
                self._parts.upstream.note_link()

    def _note_round(self, now_ns: int) -> None:
        """Notice that this process did not run: what waits to be read then is old, not live.

        Prices are stale until the backlog is read and the vendor's clock has caught up, or has had
        time to: a silent link is judged by its session.
        """
        gap_ns = now_ns - self._round_ns
        self._round_ns = now_ns
        link = self._parts.link
        clock_us = link.pipeline.eastern.clock_us
        if gap_ns > SUSPENDED_NS_MIN:
            self._caught_up_us = (clock_us or 0) + (gap_ns - SUSPENDED_NS_MIN) // 1000
            self._catch_up_until_ns = now_ns + CATCH_UP_NS_MAX
            self._parts.upstream.note_behind(is_behind=True)
        elif self._catch_up_until_ns and link.is_drained:
            is_current = clock_us is None or clock_us >= self._caught_up_us
            if is_current or now_ns >= self._catch_up_until_ns:
                self._catch_up_until_ns = 0
                self._parts.upstream.note_behind(is_behind=False)

    def _read_link(self) -> None:
        """Read once, and measure how long the lines were with us."""
        lines = self._parts.counters.value(Counter.FEED_LINES)
        started_ns = self._clock.monotonic_ns()
        # Once more, just before the read: the process may have been stopped since the poll.
        self._note_round(started_ns)
        self._parts.link.on_readable()
        self._parts.upstream.note_link()
        count = self._parts.counters.value(Counter.FEED_LINES) - lines
        if count:
            # The last line of a chunk waits longest; every line is charged that much.
            self._latency.record((self._clock.monotonic_ns() - started_ns) // 1000, count)

    def _watch_link(self) -> None:
        """Keep the poller in step with the link's socket."""
        descriptor = self._parts.link.descriptor
        flags = zmq.POLLIN | zmq.POLLERR | (zmq.POLLOUT if self._parts.link.wants_write else 0)
        if (descriptor, flags) == self._polled:
            return
        known, _ = self._polled
        if known is not None and known != descriptor:
            self._poller.unregister(known)
        if descriptor is not None:
            self._poller.register(descriptor, flags)
        self._polled = (descriptor, flags)

    def _next_deadline_ns(self) -> int:
        deadline_ns = self._parts.link.deadline_ns()
        return min(self._next_tick_ns, deadline_ns or self._next_tick_ns)

    def _tick(self, now_ns: int) -> None:
        parts = self._parts
        parts.link.pipeline.flush(self._clock.utc_us())
        parts.desk.close_lingering()
        parts.system.scan_tails()
        for waiter in [w for w in self._waiters if now_ns >= w.deadline_ns]:
            self._waiters.remove(waiter)
            self._answer(waiter.order, None)
        if self._parts.upstream.state.cause is not self._reported_cause:
            # `health` must not say for a second that all is well when it is not.
            self._report(now_ns)
        if now_ns >= self._next_second_ns:
            # Never more than a second apart, whatever the tick's jitter.
            is_late = now_ns - self._next_second_ns > SECOND_NS
            self._next_second_ns = (
                now_ns + SECOND_NS if is_late else (self._next_second_ns + SECOND_NS)
            )
            self._beat(now_ns)

    def _beat(self, now_ns: int) -> None:
        """Once a second: a report for the control loop, and the heartbeat for consumers."""
        parts = self._parts
        parts.subscriptions.sweep()
        # First the report: who hears the heartbeat and asks for `health` gets what it said.
        report = self._report(now_ns)
        parts.system.publish(
            parts.system.heartbeat,
            {
                **parts.describe(),
                "now_us": self._clock.utc_us(),
                "upstream": report.ports,
                "symbols": sum(n for s, n in report.symbols.items() if s != SymbolState.CLOSED),
                "clients": report.connection_count,
                "degraded": self._degraded(),
                "tails_sequence": parts.system.tails.sequence,
            },
        )

    def _report(self, now_ns: int) -> FeedReport:
        """Tell the control loop how this thread is."""
        parts = self._parts
        states: dict[str, int] = {}
        for symbol in parts.board.symbols.values():
            states[symbol.state.value] = states.get(symbol.state.value, 0) + 1
        connections, pairs = parts.subscription_counts()
        counters, upstream = parts.counters, parts.upstream
        inline = (Counter.QUOTES_PUBLISHED, Counter.TRADES_PUBLISHED)
        sent = parts.envelope.messages + sum(counters.value(counter) for counter in inline)
        counters.add(Counter.MESSAGES_PUBLISHED, sent - self._counted_messages)
        self._counted_messages = sent
        self._reported_cause = upstream.state.cause
        report = FeedReport(
            at_ns=now_ns,
            counters=counters.as_map(),
            ports=dict(upstream.ports),
            cause=upstream.state.cause.value if upstream.state.cause is not None else None,
            symbols=states,
            topic_count=sum(len(s.topics) for s in parts.board.symbols.values()),
            connection_count=connections,
            subscription_count=pairs,
            latency=self._latency.copy(),
            market_clock_us=parts.link.pipeline.eastern.clock_us,
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
        )
        self._facts.post(report)
        return report

    def _degraded(self) -> list[str]:
        """Why this gateway is not what it should be; empty when it is."""
        upstream = self._parts.upstream
        reasons = [] if upstream.state.cause is None else [upstream.state.cause.value]
        if upstream.ports["admin"] != Link.STREAMING.value:
            reasons.append("admin_down")
        return reasons

    def _execute(self, order: Order) -> None:
        command = order.command
        if isinstance(command, AwaitSettled):
            self._await_settled(command, order)
            return
        try:
            result = self._do(command)
        except GatewayError as error:
            self._answer(order, error)
        else:
            self._answer(order, result)

    def _do(self, command: FeedCommand) -> object:
        desk = self._parts.desk
        match command:
            case Watch():
                return desk.watch(command)
            case Unwatch():
                desk.unwatch(command)
                return None
            case ReadStandings():
                return desk.standings(command)
            case ReadSnapshots():
                return desk.snapshots(command)
            case ReadWatches():
                return desk.report(command)
            case NoteAdmin(state, is_connected):
                self._parts.upstream.note_admin(state, is_connected=is_connected)
                return None
            case AwaitSettled():
                raise AssertionError("waits are not executed at once")

    def _await_settled(self, command: AwaitSettled, order: Order) -> None:
        symbols = self._parts.board.symbols
        pending = {
            name
            for name in command.symbols
            if name in symbols and symbols[name].state is SymbolState.PENDING
        }
        if not pending:
            self._answer(order, None)
            return
        deadline_ns = self._clock.monotonic_ns() + command.wait_ns
        self._waiters.append(_Waiter(pending, order, deadline_ns))

    def _on_settled(self, symbol: Symbol) -> None:
        for waiter in list(self._waiters):
            waiter.symbols.discard(symbol.name)
            if not waiter.symbols:
                self._waiters.remove(waiter)
                self._answer(waiter.order, None)

    def _answer(self, order: Order, result: object) -> None:
        if order.future is not None:
            self._facts.answer(order.future, result)

    def _finish(self) -> None:
        """Publish what waits, say goodbye, and let the queues drain."""
        self._parts.link.pipeline.flush_all()
        self._parts.system.say_goodbye(reason=self._goodbye or "stop", is_resume_expected=True)
        for waiter in self._waiters:
            self._answer(waiter.order, None)
