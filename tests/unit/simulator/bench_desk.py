"""A simulator without sockets: connections end in a transport that only keeps the bytes."""

import asyncio
import random

from gateway.clock import FakeClock
from gateway.simulator import Simulator, SimulatorOptions
from gateway.simulator.admin import AdminConnection
from gateway.simulator.eastern import SECOND_US
from gateway.simulator.level1 import Level1Connection
from gateway.simulator.level2 import Level2Connection
from gateway.simulator.market_pump import MarketSource

WEDNESDAY = "2026-09-16T10:00:00"


class FakeTransport(asyncio.Transport):
    """Keeps what is written; never sends, so everything may be left waiting."""

    def __init__(self, *, is_reading_peer: bool = True) -> None:
        super().__init__()
        self.written = bytearray()
        self.is_reading_peer = is_reading_peer
        self.is_aborted = False
        self.is_closed = False
        self.is_held = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep the bytes."""
        self.written += data

    def get_write_buffer_size(self) -> int:
        """Everything written waits when the peer does not read."""
        return 0 if self.is_reading_peer else len(self.written)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing to limit."""

    def is_closing(self) -> bool:
        """Whether it was aborted."""
        return self.is_aborted or self.is_closed

    def abort(self) -> None:
        """Note the end."""
        self.is_aborted = True

    def close(self) -> None:
        """Note the end behind what was written."""
        self.is_closed = True

    def pause_reading(self) -> None:
        """Note that commands wait."""
        self.is_held = True

    def resume_reading(self) -> None:
        """Note that commands are read again."""
        self.is_held = False


class Peer:
    """One client of a simulator without sockets."""

    def __init__(self, connection: Level1Connection | Level2Connection | AdminConnection) -> None:
        self.transport = FakeTransport()
        self.connection = connection
        connection.connection_made(self.transport)

    def take(self) -> bytes:
        """Everything written since the last call."""
        self.connection.flush()
        data = bytes(self.transport.written)
        self.transport.written.clear()
        return data

    def lines(self) -> list[str]:
        """The same as text lines."""
        return self.take().decode("latin-1").splitlines()

    def ask(self, *commands: str) -> list[str]:
        """Send commands and take the answers."""
        self.take()
        self.connection.data_received("".join(f"{line}\r\n" for line in commands).encode())
        return self.lines()


class Bench:
    """A simulator whose time stands still and whose market moves when told."""

    def __init__(self, **changes: object) -> None:
        values: dict[str, object] = {"market_clock": WEDNESDAY, "rate": 0, "seed": 7} | changes
        self.clock = FakeClock()
        self.simulator = Simulator(
            SimulatorOptions(**values),  # type: ignore[arg-type]
            clock=self.clock,
        )

    def level1(self, protocol: str | None = "6.2") -> Peer:
        """A Level 1 client, its greeting already read."""
        simulator = self.simulator
        peer = Peer(
            Level1Connection(
                simulator, simulator.counts, options=simulator.options, rng=random.Random(1)
            )
        )
        if protocol is not None:
            peer.ask(f"S,SET PROTOCOL,{protocol}")
        return peer

    def level2(self, protocol: str | None = "6.2") -> Peer:
        """A Level 2 client, its greeting already read."""
        simulator = self.simulator
        peer = Peer(Level2Connection(simulator, simulator.counts, options=simulator.options))
        if protocol is not None:
            peer.ask(f"S,SET PROTOCOL,{protocol}")
        return peer

    def move(self, count: int) -> None:
        """Let some events happen to the watched symbols, and their lines be sent."""
        simulator = self.simulator
        source = simulator.hub.source
        assert isinstance(source, MarketSource)
        market = source.market
        start_us = market.moment.second * SECOND_US
        simulator.hub.publish(market.events(count, start_us, start_us + SECOND_US))

    def move_deep(self, count: int) -> None:
        """Let some events happen deep in the watched books."""
        source = self.simulator.hub.source
        assert isinstance(source, MarketSource)
        at_us = source.market.moment.second * SECOND_US + SECOND_US - 1
        self.simulator.depth.advance(count, at_us, can_change=source.market.can_change)

    def admin(self) -> Peer:
        """An admin client."""
        simulator = self.simulator
        return Peer(AdminConnection(simulator, simulator.counts, options=simulator.options))
