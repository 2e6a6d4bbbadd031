"""What must hold in every world, at every moment."""

import re
from typing import TYPE_CHECKING, Any, Final

from gateway.counters import Counter
from gateway.policy.shards import shard_of
from tests.support.world.data_socket import Received, WorldConsumer
from tests.support.world.freshness_check import FreshnessCheck
from tests.support.world.history_check import HistoryCheck
from tests.support.world.state_check import StateCheck
from tests.support.world.trade_check import ENDLESS_NS, TradeCheck, Window
from tests.support.world.wire import Wire

if TYPE_CHECKING:
    from tests.support.world.world import World

VIOLATIONS_MAX: Final = 30
REQUESTS_MAX: Final = 20
STALE: Final = 16
VALUE_TYPES: Final = frozenset({1, 3})
"""Quote and summary."""
UNREADABLE: Final = (
    Counter.LINES_UNKNOWN,
    Counter.LINES_INVALID,
    Counter.LINES_TRUNCATED,
    Counter.LINES_OVERSIZE,
    Counter.LINES_UNMAPPED,
)
"""What counts lines that cannot be read."""
_SYMBOL: Final = rb"[A-Z0-9@.#$+=&%/-]{1,48}"
_HELLO: Final = rb"S,SET PROTOCOL,[56]\.\d|S,SET CLIENT NAME,[\w .-]+"
GRAMMAR: Final = {
    "level1": re.compile(
        rb"%b|S,SELECT UPDATE FIELDS,[\w ,/%%-]+|T|S,NEWSON|[wrf]%b|S,REG(ON|OFF),%b"
        % (_HELLO, _SYMBOL, _SYMBOL)
    ),
    "level2": re.compile(
        rb"%b|S,TIMESTAMPSON|[wr]%b|(WOR|ROR|RPL),%b|WPL,%b(,[1-9]\d*)?"
        % (_HELLO, _SYMBOL, _SYMBOL, _SYMBOL)
    ),
    "admin": re.compile(
        rb"%b|S,REGISTER CLIENT APP,[\w.,-]+|S,SET (LOGINID|PASSWORD),[^,\r\n]+"
        rb"|S,SET AUTOCONNECT,O(n|ff)|S,CONNECT" % _HELLO
    ),
}
"""Every line that may reach IQConnect; S,DISCONNECT, which would end it for all, is not in it."""


class Checks:
    """All checkers of one world.

    Args:
        world: Whose promises they hold it to.
    """

    def __init__(self, world: "World") -> None:
        self._world = world
        self._is_on = world.options.is_checked
        self.violations: Final[list[str]] = []
        """What did not hold."""
        self._counts = {
            "level1": world.options.level1_count,
            "level2": world.options.level2_count,
        }
        self.history: Final = HistoryCheck(self.fail)
        self.trades: Final = TradeCheck(self.fail, lambda symbol: self.shard("level1", symbol))
        # Who is wanted on Level 1 all the time is spoken for by Level 1 all the time.
        self.states: Final = StateCheck(self.fail, self.trades.symbols)
        self.freshness: Final = FreshnessCheck(
            self.fail, world.clock, self.shard, world.data.is_wanted
        )
        self._commands: dict[int, bytes] = {}
        self._level1_wires: list[Wire] = []
        self.last: Final[dict[str, list[object]]] = {}
        """The last body of each public topic."""
        self.answers: Final[dict[str, list[object]]] = {}
        """The body of each private topic."""

    def shard(self, port: str, symbol: str) -> int:
        """Which of a port's connections delivers a symbol."""
        return shard_of(symbol, self._counts[port])

    def fail(self, text: str) -> None:
        """Note what did not hold."""
        self._world.note(f"VIOLATION {text}")
        if len(self.violations) < VIOLATIONS_MAX:
            self.violations.append(f"{self._world.clock.elapsed_s:.6f} {text}")

    # What happens.

    def opened(self, wire: Wire) -> None:
        """A connection stands."""
        if wire.port == "level1":
            # What is lost on it shows only when both its ends are gone.
            self._level1_wires.append(wire)
        if self._is_on:
            self.freshness.opened(wire)

    def read(self, wire: Wire, chunk: bytes) -> None:
        """The gateway read something."""
        if not self._is_on or b"\n" not in chunk:
            wire.partial += chunk
            return
        *lines, wire.partial = (wire.partial + chunk).split(b"\n")
        wire.last_line_ns = self._world.clock.now_ns
        for line in lines:
            self.freshness.line(wire, line.rstrip(b"\r"))

    def commanded(self, wire: Wire, data: bytes) -> None:
        """Commands reached the simulator."""
        if not self._is_on:
            return
        *lines, rest = (self._commands.get(id(wire), b"") + data).split(b"\r\n")
        self._commands[id(wire)] = rest
        for line in lines:
            if not GRAMMAR[wire.port].fullmatch(line):
                self.fail(f"{wire.port} was sent {line!r}")

    def ended(self, wire: Wire) -> None:
        """An end or a reset reached the gateway."""
        if self._is_on:
            self.freshness.lost(wire)

    def gone(self, wire: Wire) -> None:
        """The simulator's end is gone."""
        self._commands.pop(id(wire), None)

    def frame(self, message: Received) -> None:
        """A frame left the gateway."""
        if not self._is_on:
            return
        self.history.sent(message)
        topic = message.topic
        if topic[0] == "~":
            self.answers[topic] = message.body
            self._answered(topic, message.body)
            return
        self.last[topic] = message.body
        if topic.startswith("trade,"):
            self.trades.sent(message)
        if topic.startswith(("state,", "sys,")):
            self.states.sent(message)
        else:
            self.freshness.sent(message)

    def _answered(self, topic: str, body: list[Any]) -> None:
        """A snapshot of what is not live must say so, as the topic itself does."""
        kind, symbol = topic.partition(".")[2].split(",")[:2]
        state = self.states.states.get(symbol, ("live", None))[0]
        is_value = body[0] in VALUE_TYPES and any(value is not None for value in body[6:])
        if kind in ("quote", "summary") and is_value and state != "live" and not body[3] & STALE:
            self.fail(f"{topic} answers as fresh while {symbol} is {state}")

    def received(self, consumer: WorldConsumer, message: Received) -> None:
        """A consumer read a frame."""
        if self._is_on:
            self.history.received(consumer, message)

    def dropped(self, consumer: WorldConsumer, message: Received) -> None:
        """A frame was lost to a consumer that does not read."""
        self.history.dropped(consumer, message)

    def suspended(self, until_ns: int) -> None:
        """The gateway's process does not run until then."""
        self.freshness.suspended(until_ns)

    def finish(self) -> None:
        """Check what can be checked only when everything has arrived."""
        world = self._world
        for wire in self._level1_wires:
            if wire.lost_ns is not None:
                to_ns = ENDLESS_NS if wire.gone_ns is None else wire.gone_ns
                self.trades.windows.append(Window(wire.shard, wire.lost_ns, to_ns))
        self.trades.finish(world.simulator.expected_trades)
        self._check_bounds()

    def check_nothing_was_unreadable(self) -> None:
        """Check that every line was understood; for worlds in which all are genuine."""
        counters = self._world.gateway.parts.counters
        found = {c.label: counters.value(c) for c in UNREADABLE if counters.value(c)}
        if found:
            samples = [s.line for s in self._world.gateway.parts.complaints.samples][-3:]
            self.fail(f"genuine lines were not understood: {found}, such as {samples}")

    def check_no_symbol_was_doubted(self) -> None:
        """Check that no symbol was taken for silent; for worlds in which none was."""
        for symbol, moves in self.states.moves.items():
            if any(cause == "symbol_silent" for _, cause in moves):
                self.fail(f"{symbol} was taken for silent: {moves[-4:]}")

    def _check_bounds(self) -> None:
        """Nothing may be left over, and nothing may have been tried too often."""
        world, gateway = self._world, self._world.gateway
        faults = gateway.parts.counters.value(Counter.PROCESSING_FAULTS)
        if faults:
            self.fail(f"{faults} lines made our own code fail")
        if gateway.failure is not None:
            self.fail(f"the feed failed: {gateway.failure!r}")
        if len(gateway.commands):
            self.fail(f"{len(gateway.commands)} commands are left")
        for port, count in (*self._counts.items(), ("admin", 1)):
            allowed = count * (10 + world.clock.elapsed_s / 0.9)
            if world.attempts[port] > allowed:
                self.fail(f"{world.attempts[port]} connections to {port}, {allowed:.0f} allowed")
        for link in gateway.links:
            # Requests go out in batches, so a few may be about to.
            if link._session is not None and link._session.queued_count > REQUESTS_MAX:
                self.fail(f"{link._session.queued_count} requests are left on {link.address}")
