"""The simulator: three listening ports around one source."""

import asyncio
import logging
import random
from functools import partial

from gateway.clock import Clock, SystemClock
from gateway.errors import ConfigError
from gateway.simulator.admin import AdminConnection
from gateway.simulator.agenda import Agenda
from gateway.simulator.connection import LineConnection
from gateway.simulator.control import ControlPort
from gateway.simulator.counts import Counts
from gateway.simulator.depth_hooks import DepthHooks
from gateway.simulator.depth_hub import DepthHub
from gateway.simulator.eastern import MarketClock, time_line
from gateway.simulator.faults import Faults
from gateway.simulator.hub import Hub
from gateway.simulator.level1 import Level1Connection
from gateway.simulator.level2 import Level2Connection
from gateway.simulator.login import Login
from gateway.simulator.market_pump import MarketPump, MarketSource
from gateway.simulator.options import SimulatorOptions
from gateway.simulator.ports import Port, Ports
from gateway.simulator.recorder import ExpectedTrade, TradeRecorder
from gateway.simulator.roster import Roster
from gateway.simulator.statistics import Statistics
from gateway.simulator.status import Status
from gateway.simulator.tape_pump import TapePump
from gateway.simulator.tape_source import TapeSource
from gateway.simulator.timeline import Timeline

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
        self.clock = SystemClock() if clock is None else clock
        self.counts = Counts()
        self._recorder = (
            TradeRecorder(self.counts, self.clock, trades_max=options.recorded_trades_max)
            if options.record_trades
            else None
        )
        self._rng = random.Random(f"{options.seed}/simulator")
        self._next_client = 1
        self._tasks: list[asyncio.Task[None]] = []
        self._left_at: asyncio.TimerHandle | None = None
        self.finished = asyncio.Event()
        """Set when the last client has been gone long enough, if that ends the simulator."""
        self.failure: BaseException | None = None
        """Why the simulator cannot go on; None while it can."""
        self.agenda = Agenda(self.clock)
        """What is due later; `run_due` does it where no `start` does."""
        self._build_source()
        self.status = Status(
            options.login,
            options.symbol_limit,
            options.is_delayed,
            self._source.clock_second(),
        )
        self.login = Login(
            self.status,
            self.counts,
            self.clock,
            self.agenda,
            credentials=options.credentials,
            delay_s=options.login_delay_s,
            is_up_at_start=options.is_connected_at_start,
            announce=self._tell_link,
        )
        self.ports = self._build_ports()
        self._statistics = Statistics(
            self.status,
            self.login,
            self.counts,
            ports=self.ports,
            roster=self.roster,
            clock_second=self._source.clock_second,
        )
        self.faults = Faults(self)
        """What can be made to go wrong."""
        self.timeline = (
            None if options.timeline is None else Timeline(options.timeline, seed=options.seed)
        )
        """What goes wrong by itself, and when."""
        self._control = (
            None
            if options.control_port is None
            else ControlPort(self.faults, self.counts, number=options.control_port)
        )

    def _build_ports(self) -> Ports:
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
        host = options.host
        return Ports(
            [
                Port("admin", host=host, number=options.admin_port, factory=admin),
                Port("level1", host=host, number=options.level1_port, factory=level1),
                Port("level2", host=host, number=options.level2_port, factory=level2),
            ]
        )

    @property
    def admin_port(self) -> int:
        """The port that is really listened on, once started."""
        return self.ports["admin"].number

    @property
    def level1_port(self) -> int:
        """The port that is really listened on, once started."""
        return self.ports["level1"].number

    @property
    def level2_port(self) -> int:
        """The port that is really listened on, once started."""
        return self.ports["level2"].number

    @property
    def control_port(self) -> int | None:
        """The control port that is really listened on, once started; None without one."""
        return None if self._control is None else self._control.number

    def _build_source(self) -> None:
        options, counts = self.options, self.counts
        source: MarketSource | TapeSource
        if options.tape is None:
            source = MarketSource(options, MarketClock(self.clock, options.market_clock))
        else:
            source = TapeSource(options, counts, self.clock)
        self._source = source
        self.roster = Roster(options.symbol_limit, begin=source.watch, end=source.unwatch)
        self.depth = DepthHub(
            source,
            counts,
            roster=self.roster,
            empty_time_share=options.empty_time_share,
            seed=options.seed,
        )
        self.hub = Hub(
            source,
            counts,
            rng=self._rng,
            roster=self.roster,
            # A tape is replayed as it is; nothing is invented beside it.
            correction_every=options.correction_every if options.tape is None else 0,
            recorder=self._recorder,
        )
        self.pump: MarketPump | TapePump
        if isinstance(source, MarketSource):
            self.pump = MarketPump(
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
            self.pump = TapePump(
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
        try:
            for port in self.ports:
                await port.listen()
            if self._control is not None:
                await self._control.start()
        except ConfigError:
            await self.stop()
            raise
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self.pump.run(), name="simulator-pump"),
            loop.create_task(self._statistics.run(), name="simulator-statistics"),
            loop.create_task(self.agenda.run(), name="simulator-agenda"),
        ]
        if self.timeline is not None:
            following = self.faults.follow(self.timeline)
            self._tasks.append(loop.create_task(following, name="simulator-timeline"))
        for task in self._tasks:
            task.add_done_callback(self._notice_end)

    def _notice_end(self, task: asyncio.Task[None]) -> None:
        """A pump that fails must not leave a simulator that looks alive."""
        if not task.cancelled() and (problem := task.exception()) is not None:
            self.fail(problem, task.get_name())

    @property
    def is_started(self) -> bool:
        """Whether it listens and pumps."""
        return bool(self._tasks)

    def fail(self, problem: BaseException, what: str) -> None:
        """End, because something cannot go on."""
        _log.error("%s failed", what, exc_info=problem)
        self.failure = problem
        self.finished.set()

    async def stop(self) -> None:
        """Close all ports and every connection; may be called again."""
        if self._control is not None:
            await self._control.stop()
        await self.faults.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for port in self.ports:
            await port.close()
        self._stay()

    def _stay(self) -> None:
        if self._left_at is not None:
            self._left_at.cancel()
            self._left_at = None

    async def drop_level1_clients(self) -> None:
        """Cut every Level 1 connection at once; returns when all are gone."""
        await self.ports["level1"].drop()

    async def drop_level2_clients(self) -> None:
        """Cut every Level 2 connection at once; returns when all are gone."""
        await self.ports["level2"].drop()

    def begin_anew(self) -> None:
        """Forget everything that a program forgets when it is started anew."""
        self._stay()
        self.login.forget()
        self._statistics.restart()
        self.status.login = self.options.login

    def set_server_connected(self, is_connected: bool) -> None:
        """Drop or restore the link to DTN; with it come fresh F and P, and books anew."""
        if is_connected:
            self.login.restore()
        else:
            self.login.lose()

    def _tell_link(self) -> None:
        """The link to DTN came or went: tell everybody."""
        if self.status.is_connected and isinstance(self._source, MarketSource):
            # Nobody could hear of it, but the market went on meanwhile.
            self.depth.change_unseen(self._source.change_unseen)
        for connection in self.ports.data_clients():
            if connection.is_begun:
                connection.tell_link()
                connection.flush()
        self.review()

    def stall_level1(self, is_stalled: bool) -> None:
        """Hang or revive the Level 1 port: connections stay, nothing is read or sent."""
        self.stall("level1", is_stalled=is_stalled)

    def stall_level2(self, is_stalled: bool) -> None:
        """Hang or revive the Level 2 port: connections stay, nothing is read or sent.

        The market goes on for Level 1. Lines wait, up to `client_queue_bytes_max` for each client.
        """
        self.stall("level2", is_stalled=is_stalled)

    def stall(self, name: str, *, is_stalled: bool) -> None:
        """Hang or revive a port, or `all`."""
        for port in self.ports.named(name):
            port.stall(is_stalled=is_stalled)
        self.review()

    def hold_market(self, is_held: bool) -> None:
        """Let nothing happen in the market, or let it go on; time lines go on meanwhile."""
        self.pump.is_held = is_held

    @property
    def expected_trades(self) -> list[ExpectedTrade]:
        """Every trade sent so far, oldest first; empty unless `record_trades`."""
        return [] if self._recorder is None else self._recorder.trades

    def statistics(self) -> dict[str, int]:
        """Every count by its name, and how many clients, watches and symbols there are."""
        return self.counts.as_map() | {
            "clients": len(self.ports.clients()),
            "level1_clients": len(self.ports["level1"].clients),
            "level2_clients": len(self.ports["level2"].clients),
            "admin_clients": len(self.ports["admin"].clients),
            "watches": self.hub.watch_count,
            "depth_watches": self.depth.watch_count,
            "symbols": self.hub.symbol_count,
        }

    def joined(self, connection: LineConnection) -> None:
        """A peer connected to one of the ports."""
        self._stay()
        number, self._next_client = self._next_client, self._next_client + 1
        connection.started_second = self._source.clock_second()
        port = self.ports[connection.port_name]
        port.add(connection, number, now_ns=self.clock.monotonic_ns())
        self.review()

    def left(self, connection: LineConnection) -> None:
        """A peer is gone; with it everything it had asked for."""
        connection.unwatch_all()
        self.ports[connection.port_name].clients.pop(connection, None)
        self.review()
        if self.options.is_exiting_with_last_client and not self.ports.clients():
            loop = asyncio.get_running_loop()
            self._left_at = loop.call_later(self.options.exit_delay_s, self.finished.set)

    def review(self) -> None:
        """Let the pump run exactly while there is somebody it may send to."""
        is_heard = any(
            port.clients and not port.is_stalled
            for port in (self.ports["level1"], self.ports["level2"])
        )
        if is_heard and self.status.is_connected:
            self.pump.active.set()
        else:
            self.pump.active.clear()

    def send_second(self, second: int) -> None:
        """Queue a T line on every socket that wants them."""
        line = time_line(second)
        for connection in self.ports.data_clients():
            if connection.has_time_lines and not connection.is_held:
                connection.reply(line)
                self.counts.timestamps_sent += 1

    def _send_news(self, headline: str) -> None:
        for connection in self.ports["level1"].clients:
            if connection.has_news:
                connection.reply(headline)
                self.counts.headlines_sent += 1

    def flush(self) -> None:
        """Send what is queued on every data socket."""
        for connection in self.ports.data_clients():
            connection.flush()

    async def _settle(self) -> None:
        """Flush, then wait until every reader has room: a tape drops nothing."""
        self.flush()
        for connection in self.ports.data_clients():
            await connection.drained.wait()

    def stats_line(self) -> str:
        """The statistics line of now."""
        return self._statistics.line()
