"""One TCP connection without sockets: what the network does between its two ends."""

import random
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from gateway.simulator.connection import LineConnection
from tests.support.world.clock import SECOND_NS, WorldClock
from tests.support.world.ends import WorldStream, WorldTransport

GIVE_UP_NS: Final = 20 * SECOND_NS
"""After so long IQConnect's system notices that a cut connection is dead."""
FULL_NS_MAX: Final = 200_000_000
"""Longest time for which a full socket takes nothing more."""
BUSY_SHARE: Final = 0.1
"""Share of sends of which only a part is taken, where the network cuts at all."""


class NetworkRules:
    """How the network treats every connection of a world.

    Args:
        rng: Draws cuts, pieces and jitter.
        latency_ns: One way.
        cut_share: Share of what is sent that arrives in pieces.
    """

    def __init__(self, rng: random.Random, *, latency_ns: int = 0, cut_share: float = 0.0) -> None:
        self.rng: Final = rng
        self.latency_ns = latency_ns
        self.cut_share = cut_share
        self.held_since_ns: Final[dict[str, int]] = {}
        """By port: since when the simulator has been holding lines back, where it does."""
        self._holds: Counter[str] = Counter()

    def hold(self, port: str, *, now_ns: int) -> None:
        """Note one more reason for the simulator to hold lines back."""
        self._holds[port] += 1
        self.held_since_ns.setdefault(port, now_ns)

    def let_go(self, port: str) -> None:
        """Note one reason less; with the last one everything has been sent."""
        self._holds[port] -= 1
        if not self._holds[port]:
            del self.held_since_ns[port]

    def pieces(self, data: bytes) -> list[tuple[int, bytes]]:
        """What arrives of one write: delays and bytes."""
        rng = self.rng
        if len(data) < 2 or not self.cut_share or rng.random() >= self.cut_share:
            return [(self.latency_ns, data)]
        places = sorted(rng.randint(1, len(data) - 1) for _ in range(rng.randint(1, 3)))
        delay_ns, begin, pieces = self.latency_ns, 0, []
        for end in (*places, len(data)):
            if end > begin:
                pieces.append((delay_ns, data[begin:end]))
                delay_ns += rng.randint(0, 3_000_000)
                begin = end
        return pieces


class WireWatcher(Protocol):
    """Who is told what happens on a connection."""

    def opened(self, wire: "Wire") -> None:
        """It stands."""
        ...

    def read(self, wire: "Wire", chunk: bytes) -> None:
        """The gateway read something."""
        ...

    def commanded(self, wire: "Wire", data: bytes) -> None:
        """Commands reached the simulator."""
        ...

    def ended(self, wire: "Wire", how: str) -> None:
        """An end (FIN) or a reset (RST) reached the gateway."""
        ...

    def gone(self, wire: "Wire") -> None:
        """The simulator's end is gone."""
        ...


class Wire:
    """One connection of the gateway to a port of the simulator.

    Args:
        clock: The world's.
        rules: How the network treats it.
        port: `admin`, `level1` or `level2`.
        descriptor: The gateway's number for it.
        watcher: Told what happens on it.
    """

    def __init__(
        self,
        clock: WorldClock,
        rules: NetworkRules,
        *,
        port: str,
        descriptor: int,
        watcher: "WireWatcher",
    ) -> None:
        self._clock = clock
        self._rules = rules
        self._watcher = watcher
        self.port = port
        self.stream = WorldStream(self, descriptor)
        self.transport = WorldTransport(self)
        self.connection: LineConnection | None = None
        """The simulator's end, while it is there."""
        self._arrival_ns = [0, 0]
        self._held: list[bytes] | None = None
        self._end_held: Callable[[], None] | None = None
        self.is_cut = False
        """Whether nothing arrives any more, either way."""
        self.shard = -1
        """Which of the port's connections it is; negative until that is known."""
        self.opened_ns = 0
        """When it stood."""
        self.unread: deque[int] = deque()
        """When each piece was written that the gateway has not read to its end."""
        self.lost_ns: int | None = None
        """From when on what was written did not reach the gateway; None while all does."""
        self.gone_ns: int | None = None
        """When the simulator's end was gone; None while it is there."""
        self.partial = b""
        """The line that the gateway has read the beginning of."""
        self.last_line_ns = 0
        """When the gateway last read a complete line."""

    # Making it.

    def refuse(self) -> None:
        """Nobody listens."""
        self._clock.at(self._clock.now_ns + self._rules.latency_ns, self._be_refused)

    def _be_refused(self) -> None:
        self.stream.problem = "ECONNREFUSED"

    def accept(self, make: Callable[[], LineConnection]) -> None:
        """Let the connection be made after the way to and fro."""

        def stand() -> None:
            if self.stream.is_closed or self.is_cut:
                return
            self.stream.is_open = True
            self.opened_ns = self.last_line_ns = self._clock.now_ns
            self._watcher.opened(self)
            self.connection = make()
            self.connection.connection_made(self.transport)

        self._clock.at(self._clock.now_ns + 2 * self._rules.latency_ns, stand)

    # From the simulator to the gateway.

    def to_gateway(self, data: bytes) -> None:
        """Carry bytes to the gateway, in order."""
        written_ns = self._rules.held_since_ns.get(self.port, self._clock.now_ns)
        if self.is_cut or self.stream.is_closed or self.stream.problem is not None:
            self._lose(written_ns)
            return
        for delay_ns, piece in self._rules.pieces(data):
            self.unread.append(written_ns)
            self._arrive(0, delay_ns, partial(self._put, piece))

    def _arrive(self, way: int, delay_ns: int, action: Callable[[], None]) -> None:
        at_ns = max(self._arrival_ns[way], self._clock.now_ns + delay_ns)
        self._arrival_ns[way] = at_ns
        self._clock.at(at_ns, action)

    def _put(self, data: bytes) -> None:
        if self.is_cut or self.stream.is_closed or self.stream.problem is not None:
            return
        if self._held is not None:
            self._held.append(data)
        else:
            self.stream.inbox.append(data)

    def _lose(self, written_ns: int) -> None:
        """Note that what was written then, and all that follows, does not arrive."""
        if self.lost_ns is None or written_ns < self.lost_ns:
            self.lost_ns = written_ns

    def _lose_unread(self) -> None:
        if self.unread:
            self._lose(self.unread[0])

    def on_chunk(self, chunk: bytes) -> None:
        """The gateway read something."""
        self._watcher.read(self, chunk)

    # From the gateway to the simulator.

    def to_simulator(self, data: bytes) -> int:
        """Carry commands; a busy socket takes only a part of them."""
        rng = self._rules.rng
        is_shared_out = self._rules.cut_share > 0 and self.port != "admin" and len(data) > 1
        if is_shared_out and rng.random() < BUSY_SHARE:
            data = data[: rng.randint(1, len(data) - 1)]
            self.stream.is_full = True
            self._clock.at(self._clock.now_ns + rng.randint(0, FULL_NS_MAX), self._have_room)
        if not self.is_cut:
            for delay_ns, piece in self._rules.pieces(data):
                self._arrive(1, delay_ns, partial(self._command, piece))
        return len(data)

    def _have_room(self) -> None:
        self.stream.is_full = False

    def _command(self, data: bytes) -> None:
        if self.is_cut or self.connection is None or self.transport.is_closing():
            return
        self._watcher.commanded(self, data)
        if self.transport.is_paused:
            self.transport.waiting.append(data)
        else:
            self.connection.data_received(data)

    def read_waiting(self) -> None:
        """The simulator reads again."""
        waiting, self.transport.waiting = self.transport.waiting, []
        for data in waiting:
            if self.connection is not None and not self.transport.is_closing():
                self.connection.data_received(data)

    # The end.

    def simulator_closed(self, *, is_reset: bool) -> None:
        """The simulator closed its end: the gateway hears of it behind what was sent before."""
        self._clock.at(self._clock.now_ns, self._be_gone)
        if not self.is_cut:
            end = self._reset_arrives if is_reset else self._end_arrives
            self._arrive(0, self._rules.latency_ns, end)

    def _end_arrives(self) -> None:
        if self.is_cut or self.stream.is_closed or self.stream.problem is not None:
            return
        if self._held is not None:
            self._end_held = self._end_arrives
            return
        self.stream.is_ended = True
        self._watcher.ended(self, "FIN")

    def _reset_arrives(self) -> None:
        if self.is_cut or self.stream.is_closed or self.stream.problem is not None:
            return
        if self._held is not None:
            self._end_held = self._reset_arrives
            return
        self._lose_unread()
        self.stream.inbox.clear()
        self.stream.problem = "Connection reset by peer"
        self._watcher.ended(self, "RST")

    def gateway_closed(self) -> None:
        """The gateway closed its end: what it has not read is lost."""
        self._lose_unread()
        self.stream.inbox.clear()
        self._held = None
        if self.stream.is_open and not self.is_cut and self.gone_ns is None:
            self._arrive(1, self._rules.latency_ns, self._be_closed)

    def _be_closed(self) -> None:
        if not self.is_cut:
            self._be_gone()

    def _be_gone(self) -> None:
        connection, self.connection = self.connection, None
        if connection is None:
            return
        self.gone_ns = self._clock.now_ns
        if connection.delivery.bytes_queued:
            # What a stall or a slow reader held back never left.
            self._lose(self._rules.held_since_ns.get(self.port, self.gone_ns))
        connection.connection_lost(None)
        self._watcher.gone(self)

    # Faults of the network.

    @property
    def is_standing(self) -> bool:
        """Whether the gateway has reason to believe in it."""
        return self.stream.is_open and not self.stream.is_closed and self.stream.problem is None

    def reset(self) -> None:
        """Something in between resets the connection, both ways."""
        if self.is_standing:
            self._held = self._end_held = None
            self._reset_arrives()
            self._be_gone()

    def cut(self) -> None:
        """From now on nothing arrives, and neither end is told; each gives up at last."""
        self.is_cut = True
        self._held = self._end_held = None
        self._lose_unread()
        self._clock.at(self._clock.now_ns + GIVE_UP_NS, self._be_gone)

    def hold(self) -> None:
        """Nothing arrives for a while; then all of it does, at once."""
        if self._held is None and self.is_standing:
            self._held = []

    def release(self) -> None:
        """Let arrive what was held."""
        held, self._held = self._held, None
        ending, self._end_held = self._end_held, None
        if held is None or self.is_cut or not self.is_standing:
            return
        self.stream.inbox.extend(held)
        if ending is not None:
            ending()
