"""The world: simulator, network, gateway and consumers in one process without a thread or a socket.

Time stands still but for jumps from one event to the next, so a quiet hour costs little, and a seed
decides everything else: the same seed gives the same bytes.
"""

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from pydantic import SecretStr

from gateway.control.desk import parse_params
from gateway.runtime.tcp_stream import Stream
from gateway.settings import Credentials, load_settings
from gateway.simulator import Simulator, SimulatorOptions
from gateway.simulator.market_pump import MarketPump, MarketSource
from tests.support.world.checks import Checks
from tests.support.world.clock import SECOND_NS, WorldClock
from tests.support.world.data_socket import Received, WorldConsumer, WorldData
from tests.support.world.gateway_half import Asked, GatewayHalf
from tests.support.world.wire import NetworkRules, Wire

EASTERN: Final = ZoneInfo("America/New_York")
PORTS: Final = {9300: "admin", 5009: "level1", 9200: "level2"}
ROUNDS_MAX: Final = 20_000
"""Rounds without time passing: more is a busy loop."""
LOG_EVENTS_MAX: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldOptions:
    """What a world is made of."""

    seed: int = 1
    """Decides everything that is drawn."""
    level1_count: int = 1
    """Level 1 connections."""
    level2_count: int = 1
    """Level 2 connections."""
    start: str = "2026-09-16T10:00:00"
    """Eastern time at which the world begins; the host's wall clock agrees."""
    latency_ms: float = 1.0
    """One way between simulator and gateway."""
    cut_share: float = 0.0
    """Share of what is sent that arrives in pieces."""
    simulator: Mapping[str, Any] = field(default_factory=dict)
    """Options of the simulator that differ from a small market's."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the gateway that differ, by section."""
    credentials: tuple[str, str] | None = None
    """What the gateway logs IQConnect in with."""
    is_checked: bool = True
    """Whether every promise is checked all the time."""
    is_digested: bool = False
    """Whether a digest of all frames is kept."""


class World:
    """One seeded run.

    Args:
        options: What it is made of.
    """

    def __init__(self, options: WorldOptions | None = None) -> None:
        options = options if options is not None else WorldOptions()
        self.options: Final = options
        self.rng: Final = random.Random(f"{options.seed}/world")
        start = datetime.fromisoformat(options.start).replace(tzinfo=EASTERN)
        self.clock: Final = WorldClock(utc_us=round(start.timestamp() * 1_000_000))
        self.log: Final[list[dict[str, Any]]] = []
        """What the gateway logged."""
        self.trace: list[str] | None = None
        """What happened, in words; None while nobody wants to know."""
        self._logging_before = structlog.get_config()
        structlog.configure(processors=[self._take_log])
        self.simulator: Final = Simulator(self._simulator_options(), clock=self.clock)
        self.rules: Final = NetworkRules(
            random.Random(f"{options.seed}/network"),
            latency_ns=round(options.latency_ms * 1_000_000),
            cut_share=options.cut_share,
        )
        self.wires: Final[list[Wire]] = []
        """Connections of which at least one end is there."""
        self.attempts_ns: Final[dict[str, list[int]]] = {port: [] for port in PORTS.values()}
        """When connections were begun, by port."""
        self.is_black: set[str] = set()
        """Ports whose new connections get no answer at all."""
        self._next_descriptor = 1000
        self._next_consumer = 0
        self.frames = 0
        self.kept: list[Received] | None = None
        """Every frame with public topic since it was made a list; None while nobody asks."""
        self._digest = hashlib.sha256()
        self.data: Final = WorldData(self._on_frame)
        self.gateway: Final = self._make_gateway()
        self.checks: Final = Checks(self)
        self._suspended_until_ns = 0
        pump = self.simulator.pump
        assert isinstance(pump, MarketPump)
        self.pump: Final = pump
        self._pump_ns = self._statistics_ns = self.clock.now_ns
        self._batch_ns = round(self.simulator.options.batch_ms * 1_000_000)
        self._is_pumping = False
        self._may_be_ready = True
        # Deadlines change only when their owner does something.
        self._feed_ns = self.clock.now_ns
        self._admin_ns = self.gateway.admin.deadline_ns()

    def _simulator_options(self) -> SimulatorOptions:
        options = self.options
        values: dict[str, Any] = {
            "seed": options.seed,
            "rate": 10.0,
            "batch_ms": 100.0,
            "equity_count": 10,
            "depth_orders": 6,
            "market_clock": options.start,
            "record_trades": True,
            "news_interval_s": 0,
            "correction_every": 50,
        }
        return SimulatorOptions(**(values | dict(options.simulator)))

    def _make_gateway(self) -> GatewayHalf:
        options = self.options
        values: dict[str, Any] = {
            "gateway_id": "world",
            "connection": {
                "max_connections": options.level1_count + options.level2_count,
                "level2_connections": options.level2_count,
            },
        }
        for name, section in options.settings.items():
            known = values.get(name, {})
            values[name] = {**known, **section} if isinstance(section, Mapping) else section
        credentials = Credentials.none()
        if options.credentials is not None:
            login, password = options.credentials
            credentials = Credentials(
                login=SecretStr(login), password=SecretStr(password), product_id="PRODUCT"
            )
        return GatewayHalf(
            load_settings(None, overrides=values),
            credentials,
            clock=self.clock,
            rng=random.Random(f"{options.seed}/gateway"),
            data=self.data,
            open_stream=self._open_stream,
        )

    def close(self) -> None:
        """Give the log back; nothing else was taken."""
        structlog.configure(**self._logging_before)

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take_log(self, _: object, level: str, event: Any) -> Any:
        if len(self.log) < LOG_EVENTS_MAX:
            self.log.append({"level": level, **event})
        self.note(f"log {level} {dict(event)}")
        raise structlog.DropEvent

    def note(self, text: str) -> None:
        """Put something into the trace."""
        if self.trace is not None:
            self.trace.append(f"{self.clock.elapsed_s:12.6f} {text}")

    # Connections.

    @property
    def attempts(self) -> dict[str, int]:
        """Connections begun, by port."""
        return {port: len(times) for port, times in self.attempts_ns.items()}

    def _open_stream(self, host: str, number: int) -> Stream:
        del host
        port = PORTS[number]
        self.attempts_ns[port].append(self.clock.now_ns)
        self._next_descriptor += 1
        is_refused = self.simulator.ports[port].is_refused
        if is_refused and self.rules.rng.random() < 0.5:
            self.note(f"{port} refused at once")
            raise ConnectionRefusedError(111, "Connection refused")
        wire = Wire(
            self.clock,
            self.rules,
            port=port,
            descriptor=self._next_descriptor,
            watcher=self,
        )
        self.wires.append(wire)
        self.note(f"{port} connecting #{self._next_descriptor}")
        if is_refused:
            wire.refuse()
        elif port not in self.is_black:
            wire.accept(self.simulator.ports[port].new_connection)
        return wire.stream

    def standing(self, port: str = "all") -> list[Wire]:
        """The connections of a port that stand, as far as the gateway knows."""
        return [w for w in self.wires if port in ("all", w.port) and w.is_standing]

    def opened(self, wire: Wire) -> None:
        """A connection stands; which of its port's it is, the gateway knows."""
        for place, link in enumerate(self.gateway.links):
            if link.descriptor == wire.stream.fileno():
                first = self.options.level1_count if wire.port == "level2" else 0
                wire.shard = place - first
        self.note(f"{wire.port}.{wire.shard} opened #{wire.stream.fileno()}")
        self.checks.opened(wire)

    def read(self, wire: Wire, chunk: bytes) -> None:
        """The gateway read something."""
        if self.trace is not None:
            self.note(f"{wire.port}.{wire.shard} -> {chunk!r}")
        self.checks.read(wire, chunk)

    def commanded(self, wire: Wire, data: bytes) -> None:
        """Commands reached the simulator."""
        if self.trace is not None:
            self.note(f"{wire.port}.{wire.shard} <- {data!r}")
        self.checks.commanded(wire, data)

    def ended(self, wire: Wire, how: str) -> None:
        """An end reached the gateway."""
        self.note(f"{wire.port}.{wire.shard} {how}")
        self.checks.ended(wire)

    def gone(self, wire: Wire) -> None:
        """The simulator's end is gone."""
        self.checks.gone(wire)
        self.wires[:] = [w for w in self.wires if w.gone_ns is None or w.is_standing]

    # Consumers.

    def _on_frame(self, message: Received) -> None:
        self.frames += 1
        if self.kept is not None and message.topic[0] != "~":
            self.kept.append(message)
        if self.trace is not None:
            self.note(f"frame {message.topic} {message.body[:12]}")
        if self.options.is_digested:
            self._digest.update(repr((self.clock.now_ns, message)).encode())
        self.checks.frame(message)

    @property
    def digest(self) -> str:
        """What all frames and their times add up to."""
        return self._digest.hexdigest()

    def consumer(self, *topics: str, queue_max: int = 1_000_000) -> WorldConsumer:
        """A consumer joins and subscribes."""
        self._next_consumer += 1
        consumer = WorldConsumer(
            self._next_consumer,
            queue_max=queue_max,
            on_message=self.checks.received,
            on_drop=self.checks.dropped,
        )
        self.data.join(consumer)
        for topic in topics:
            self.data.subscribe(consumer, topic)
        return consumer

    def lease(self, symbols: list[str], kinds: list[str], *, lease_s: int = 86_400) -> Asked:
        """A program takes a lease."""
        params = parse_params(
            "subscribe",
            {"client": "world", "symbols": symbols, "kinds": kinds, "lease_s": lease_s},
        )
        return self.gateway.request(self.gateway.desk.subscribe(params))  # type: ignore[arg-type]

    def release(self, lease_id: str) -> Asked:
        """A program gives a lease back."""
        params = parse_params("unsubscribe", {"client": "world", "lease_id": lease_id})
        return self.gateway.request(self.gateway.desk.unsubscribe(params))  # type: ignore[arg-type]

    def renew(self, lease_id: str) -> Asked:
        """A program keeps a lease."""
        params = parse_params("renew", {"client": "world", "lease_id": lease_id})
        return self.gateway.request(self.gateway.desk.consumers.renew(params))  # type: ignore[arg-type]

    # Time.

    def suspend(self, seconds: float) -> None:
        """Let the gateway's process not run for a while."""
        self._suspended_until_ns = self.clock.now_ns + round(seconds * SECOND_NS)
        self.checks.suspended(self._suspended_until_ns)

    @property
    def source(self) -> MarketSource:
        """The simulator's market."""
        source = self.simulator.hub.source
        assert isinstance(source, MarketSource)
        return source

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self._may_be_ready = True
        self._run_until(self.clock.now_ns + round(seconds * SECOND_NS))

    def _run_until(self, until_ns: int) -> None:
        clock, rounds = self.clock, 0
        while True:
            before_ns = clock.now_ns
            due_ns = self._do_due(before_ns)
            if due_ns > before_ns:
                if before_ns >= until_ns:
                    return
                clock.now_ns = min(due_ns, until_ns)
                rounds = 0
            else:
                rounds += 1
                assert rounds < ROUNDS_MAX, "the gateway runs in circles: time does not pass"

    def _do_due(self, now_ns: int) -> int:
        """Let happen what is due now.

        Returns:
            When the next thing is: now, while there may be more.
        """
        clock = self.clock
        # Only events, and what the gateway does itself, can make something ready.
        self._may_be_ready |= clock.run_due()
        sim_ns = self._move_simulator(now_ns)
        is_awake = now_ns >= self._suspended_until_ns
        if not is_awake:
            return min(sim_ns, self._suspended_until_ns, clock.next_ns or sim_ns)
        gateway, feed = self.gateway, self.gateway.feed
        ready = gateway.ready() if self._may_be_ready else {}
        if ready or self._feed_ns <= now_ns:
            feed.turn(ready or gateway.ready())
            self._feed_ns = feed.next_deadline_ns()
            self._may_be_ready = True
            return now_ns
        admin_ns = self._admin_ns
        if gateway.admin.is_ready or (admin_ns is not None and admin_ns <= now_ns):
            gateway.admin.serve()
            self._may_be_ready = True
            self._admin_ns = gateway.admin.deadline_ns()
            return now_ns
        if gateway.next_house_ns <= now_ns:
            gateway.keep_house()
            self._may_be_ready = True
            return now_ns
        self._may_be_ready = False
        next_ns = min(sim_ns, self._feed_ns, gateway.next_house_ns)
        if admin_ns is not None and admin_ns < next_ns:
            next_ns = admin_ns
        event_ns = clock.next_ns
        return next_ns if event_ns is None else min(next_ns, event_ns)

    def _move_simulator(self, now_ns: int) -> int:
        """Let the simulator's own tasks do what is due; returns when they must again."""
        simulator = self.simulator
        later = simulator.agenda._entries
        if later and min(due_ns for due_ns, _ in later.values()) <= now_ns:
            simulator.agenda.run_due()
        if now_ns >= self._statistics_ns:
            self._statistics_ns += SECOND_NS
            for client in [*simulator.ports["admin"].clients]:
                if client.is_begun:
                    client.reply(simulator.stats_line())
                    client.flush()
        next_ns = self._statistics_ns
        if later:
            next_ns = min(next_ns, *(due_ns for due_ns, _ in later.values()))
        if not self.pump.active.is_set():
            self._is_pumping = False
            return next_ns
        if not self._is_pumping:
            # Nothing happens in a market that nobody can see.
            self._is_pumping = True
            self.pump._reached_us = self.source.clock.now_us()
            self._pump_ns = now_ns
        if now_ns >= self._pump_ns:
            self._pump_ns = now_ns + self._batch_ns
            self.pump.advance(self.source.clock.now_us())
            simulator.flush()
        return min(next_ns, self._pump_ns)
