"""The simulator: three listening ports around one source."""

import asyncio
import errno
import logging
import random
from functools import partial
from typing import Final

from gateway.clock import Clock, SystemClock
from gateway.errors import ConfigError
from gateway.simulator.admin import AdminConnection
from gateway.simulator.client_lines import client_line
from gateway.simulator.connection import ConnectionFactory, LineConnection
from gateway.simulator.counts import Counts
from gateway.simulator.depth_hooks import DepthHooks
from gateway.simulator.depth_hub import DepthHub
from gateway.simulator.eastern import MarketClock, time_line
from gateway.simulator.hub import Hub
from gateway.simulator.level1 import Level1Connection
from gateway.simulator.level2 import Level2Connection
from gateway.simulator.market_pump import MarketPump, MarketSource
from gateway.simulator.options import SimulatorOptions
from gateway.simulator.recorder import ExpectedTrade, TradeRecorder
from gateway.simulator.roster import Roster
from gateway.simulator.status import Status, Traffic
from gateway.simulator.tape_pump import TapePump
from gateway.simulator.tape_source import TapeSource

STATS_INTERVAL_S: Final = 1.0

_log = logging.getLogger(__name__)


class Simulator(DepthHooks):
    """A faithful IQConnect: admin, Level 1 and Level 2 ports on this machine.

    Args:
        options: What to simulate.
        clock: The host's clocks, or a test's.

    Raises:
        ConfigError: The options cannot be used, the tape cannot be read.
    """

    def __init__(self, options: SimulatorOptions, *, clock: Clock | None = None) -> None:
        self.options = options
        self._clock = SystemClock() if clock is None else clock
        self.counts = Counts()
        self._recorder = (
            TradeRecorder(self.counts, trades_max=options.recorded_trades_max)
            if options.record_trades
            else None
        )
        self._rng = random.Random(f"{options.seed}/simulator")
        self._level1: dict[Level1Connection, int] = {}
        self._level2: dict[Level2Connection, int] = {}
        self._admin: dict[AdminConnection, int] = {}
        self._next_client = 1
        self._servers: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._is_level1_stalled = False
        self._is_level2_stalled = False
        self._left_at: asyncio.TimerHandle | None = None
        self.finished = asyncio.Event()
        """Set when the last client has been gone long enough, if that ends the simulator."""
        self.failure: BaseException | None = None
        """Why the simulator cannot go on; None while it can."""
        self.admin_port = options.admin_port
        """The port that is really listened on, once started."""
        self.level1_port = options.level1_port
        """The port that is really listened on, once started."""
        self.level2_port = options.level2_port
        """The port that is really listened on, once started."""
        self._build_source()
        self.status = Status(
            options.login,
            options.symbol_limit,
            options.is_delayed,
            self._source.clock_second(),
            is_connected=options.is_connected_at_start,
        )
        self._received, self._sent = Traffic(), Traffic()

    def _build_source(self) -> None:
        options, counts = self.options, self.counts
        source: MarketSource | TapeSource
        if options.tape is None:
            source = MarketSource(options, MarketClock(self._clock, options.market_clock))
        else:
            source = TapeSource(options, counts, self._clock)
        self._source = source
        roster = Roster(options.symbol_limit, begin=source.watch, end=source.unwatch)
        self.depth = DepthHub(
            source,
            counts,
            roster=roster,
            empty_time_share=options.empty_time_share,
            seed=options.seed,
        )
        self.hub = Hub(
            source,
            counts,
            rng=self._rng,
            roster=roster,
            # A tape is replayed as it is; nothing is invented beside it.
            correction_every=options.correction_every if options.tape is None else 0,
            recorder=self._recorder,
        )
        self._pump: MarketPump | TapePump
        if isinstance(source, MarketSource):
            self._pump = MarketPump(
                source,
                self.hub,
                self.depth,
                counts,
                options=options,
                send_second=self.send_second,
                send_news=self._send_news,
                flush=self.flush,
            )
        else:
            self._pump = TapePump(
                source,
                self.hub,
                counts,
                speed=options.tape_speed,
                send_second=self.send_second,
                settle=self._settle,
            )

    async def start(self) -> None:
        """Listen on all ports, admin first, and begin to pump.

        Raises:
            ConfigError: A port is taken or the address is not of this machine.
        """
        options = self.options
        admin = partial(AdminConnection, self, self.counts, options=options)
        level1 = partial(
            Level1Connection,
            self,
            self.counts,
            options=options,
            rng=random.Random(f"{options.seed}/level1"),
        )
        level2 = partial(Level2Connection, self, self.counts, options=options)
        try:
            self.admin_port = await self._listen(admin, options.admin_port, "admin_port")
            self.level1_port = await self._listen(level1, options.level1_port, "level1_port")
            self.level2_port = await self._listen(level2, options.level2_port, "level2_port")
        except ConfigError:
            await self.stop()
            raise
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._pump.run(), name="simulator-pump"),
            loop.create_task(self._run_statistics(), name="simulator-statistics"),
        ]
        for task in self._tasks:
            task.add_done_callback(self._notice_end)

    def _notice_end(self, task: asyncio.Task[None]) -> None:
        """A pump that fails must not leave a simulator that looks alive."""
        if not task.cancelled() and (problem := task.exception()) is not None:
            _log.error("%s failed", task.get_name(), exc_info=problem)
            self.failure = problem
            self.finished.set()

    async def _listen(self, factory: ConnectionFactory, port: int, setting: str) -> int:
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(factory, self.options.host, port)
        except OSError as problem:
            is_busy = problem.errno == errno.EADDRINUSE
            raise ConfigError(
                "the port is already in use" if is_busy else "cannot listen there",
                hint="Stop the other program, a running IQConnect perhaps, or choose other ports.",
                setting=setting,
                host=self.options.host,
                port=port,
                problem=problem.strerror,
            ) from problem
        self._servers.append(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Close all ports and every connection; may be called again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for server in self._servers:
            server.close()
        await self._drop(self._clients())
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()
        if self._left_at is not None:
            self._left_at.cancel()
            self._left_at = None

    async def _drop(self, connections: list[LineConnection]) -> None:
        for connection in connections:
            connection.abort()
        for connection in connections:
            await connection.closed.wait()

    async def drop_level1_clients(self) -> None:
        """Cut every Level 1 connection at once; returns when all are gone."""
        await self._drop([*self._level1])

    async def drop_level2_clients(self) -> None:
        """Cut every Level 2 connection at once; returns when all are gone."""
        await self._drop([*self._level2])

    def set_server_connected(self, is_connected: bool) -> None:
        """Drop or restore the link to DTN; with it come fresh F and P, and books anew."""
        if is_connected == self.status.is_connected:
            return
        self.status.is_connected = is_connected
        self.status.reconnections += is_connected
        if is_connected and isinstance(self._source, MarketSource):
            # Nobody could hear of it, but the market went on meanwhile.
            self.depth.change_unseen(self._source.change_unseen)
        for connection in self._data_clients():
            if connection.is_begun:
                connection.tell_link()
                connection.flush()
        self._review()

    def stall_level1(self, is_stalled: bool) -> None:
        """Hang or revive the Level 1 port: connections stay, nothing is read or sent."""
        if is_stalled != self._is_level1_stalled:
            self._is_level1_stalled = is_stalled
            self._hold([*self._level1], is_held=is_stalled)

    def stall_level2(self, is_stalled: bool) -> None:
        """Hang or revive the Level 2 port: connections stay, nothing is read or sent.

        The market goes on for Level 1. Lines wait, up to `client_queue_bytes_max` for each client.
        """
        if is_stalled != self._is_level2_stalled:
            self._is_level2_stalled = is_stalled
            self._hold([*self._level2], is_held=is_stalled)

    def _hold(
        self, connections: list[Level1Connection] | list[Level2Connection], *, is_held: bool
    ) -> None:
        for connection in connections:
            connection.hold(is_held=is_held)
            if not is_held and not connection.is_begun:
                connection.begin()
        self._review()

    def hold_market(self, is_held: bool) -> None:
        """Let nothing happen in the market, or let it go on; time lines go on meanwhile."""
        self._pump.is_held = is_held

    @property
    def expected_trades(self) -> list[ExpectedTrade]:
        """Every trade sent so far, oldest first; empty unless `record_trades`."""
        return [] if self._recorder is None else self._recorder.trades

    def statistics(self) -> dict[str, int]:
        """Every count by its name, and how many clients, watches and symbols there are."""
        return self.counts.as_map() | {
            "clients": len(self._clients()),
            "level1_clients": len(self._level1),
            "level2_clients": len(self._level2),
            "admin_clients": len(self._admin),
            "watches": self.hub.watch_count,
            "depth_watches": self.depth.watch_count,
            "symbols": self.hub.symbol_count,
        }

    def joined(self, connection: LineConnection) -> None:
        """A peer connected to one of the ports."""
        if self._left_at is not None:
            self._left_at.cancel()
            self._left_at = None
        number, self._next_client = self._next_client, self._next_client + 1
        connection.started_second = self._source.clock_second()
        if isinstance(connection, Level1Connection | Level2Connection):
            if isinstance(connection, Level1Connection):
                self._level1[connection] = number
                is_stalled = self._is_level1_stalled
            else:
                self._level2[connection] = number
                is_stalled = self._is_level2_stalled
            if is_stalled:
                connection.hold(is_held=True)
            else:
                connection.begin()
        elif isinstance(connection, AdminConnection):
            self._admin[connection] = number
            connection.greet()
            connection.flush()
        self._review()

    def left(self, connection: LineConnection) -> None:
        """A peer is gone; with it everything it had asked for."""
        if isinstance(connection, Level1Connection):
            connection.unwatch_all()
            self._level1.pop(connection, None)
        elif isinstance(connection, Level2Connection):
            connection.unwatch_all()
            self._level2.pop(connection, None)
        elif isinstance(connection, AdminConnection):
            self._admin.pop(connection, None)
        self._review()
        if self.options.is_exiting_with_last_client and not self._clients():
            loop = asyncio.get_running_loop()
            self._left_at = loop.call_later(self.options.exit_delay_s, self.finished.set)

    def _review(self) -> None:
        """Let the pump run exactly while there is somebody it may send to."""
        is_heard = (self._level1 and not self._is_level1_stalled) or (
            self._level2 and not self._is_level2_stalled
        )
        if is_heard and self.status.is_connected:
            self._pump.active.set()
        else:
            self._pump.active.clear()

    def send_second(self, second: int) -> None:
        """Queue a T line on every socket that wants them."""
        line = time_line(second)
        for connection in self._data_clients():
            if connection.has_time_lines and not connection.is_held:
                connection.reply(line)
                self.counts.timestamps_sent += 1

    def _send_news(self, headline: str) -> None:
        for connection in self._level1:
            if connection.has_news:
                connection.reply(headline)
                self.counts.headlines_sent += 1

    def _data_clients(self) -> list[Level1Connection | Level2Connection]:
        return [*self._level1, *self._level2]

    def _clients(self) -> list[LineConnection]:
        return [*self._admin, *self._level1, *self._level2]

    def flush(self) -> None:
        """Send what is queued on every data socket."""
        for connection in self._data_clients():
            connection.flush()

    async def _settle(self) -> None:
        """Flush, then wait until every reader has room: a tape drops nothing."""
        self.flush()
        for connection in self._data_clients():
            await connection.drained.wait()

    def stats_line(self) -> str:
        """The statistics line of now."""
        return self.status.stats_line(
            second=self._source.clock_second(),
            symbols=self.hub.symbol_count,
            clients=len(self._clients()),
            received=self._received,
            sent=self._sent,
        )

    async def _run_statistics(self) -> None:
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while True:
            next_at += STATS_INTERVAL_S
            await asyncio.sleep(next_at - loop.time())
            # What DTN would have sent: each event once, however many sockets got it.
            self._received.measure(self.counts.events * 60)
            self._sent.measure(self.counts.bytes_sent)
            for admin in [*self._admin]:
                admin.reply(self.stats_line())
                if admin.has_client_stats:
                    for client, number in (self._admin | self._level1 | self._level2).items():
                        admin.reply(client_line(number, client))
                admin.flush()
