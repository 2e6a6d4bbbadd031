"""The Level 2 port: one connection's protocol, depth watches and commands."""

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from gateway.simulator import fields
from gateway.simulator.connection import LineConnection
from gateway.simulator.counts import Counts
from gateway.simulator.depth_feed import FeedKey, feed_key
from gateway.simulator.depth_hub import DepthChannel, DepthHub, DepthWatch
from gateway.simulator.level1 import CLIENT_NAME_CHARACTERS_MAX, Desk
from gateway.simulator.options import SimulatorOptions
from gateway.simulator.venues import describe_maker

ORDERS, LEVELS = "order", "level"
"""What a watch asks for; a symbol can be watched both ways at once."""
NEWEST_PROTOCOL: Final = "6.2"
"""The first with requests by order and by level."""
LEVELS_MAX: Final = 1_000_000


class DepthDesk(Desk, Protocol):
    """What a Level 2 connection may ask of the simulator around it."""

    depth: DepthHub


class Level2Connection(LineConnection):
    """One Level 2 client.

    Args:
        desk: The simulator around it.
        counts: Where everything is counted.
        options: What the simulator was told.
    """

    port_name = "level2"

    def __init__(self, desk: DepthDesk, counts: Counts, *, options: SimulatorOptions) -> None:
        super().__init__(desk, counts, queue_bytes_max=options.client_queue_bytes_max)
        self._desk = desk
        self._depth = desk.depth
        self._clears = options.clears_depth_at_reconnect
        self.protocol = fields.PROTOCOL_AT_CONNECT
        self.has_time_lines = True
        self._watches: dict[tuple[str, str], tuple[DepthChannel, DepthWatch]] = {}
        self._commands: dict[str, Callable[[list[str]], None]] = {
            "SET PROTOCOL": self._set_protocol,
            "SET CLIENT NAME": self._set_client_name,
            "REQUEST WATCHES": lambda _: self.reply(",".join(("S,WATCHES", *self._symbols()))),
            "UNWATCH ALL": lambda _: self.unwatch_all(),
            "TIMESTAMPSON": lambda _: self._set_time_lines(is_on=True),
            "TIMESTAMPSOFF": lambda _: self._set_time_lines(is_on=False),
            "CONNECT": lambda _: desk.login.connect(is_admin=False),
            "DISCONNECT": lambda _: desk.login.disconnect(),
        }
        self._requests: dict[str, Callable[[list[str]], bool]] = {
            "WOR": lambda rest: self._request(rest, ORDERS),
            "ROR": lambda rest: self._end_request(rest, ORDERS),
            "WPL": lambda rest: self._request(rest, LEVELS),
            "RPL": lambda rest: self._end_request(rest, LEVELS),
        }

    def _symbols(self) -> list[str]:
        return list(dict.fromkeys(symbol for symbol, _ in self._watches))

    def watch_counts(self) -> tuple[int, int]:
        """Symbols watched; this port has no regional quotes."""
        return len(self._symbols()), 0

    def begin(self) -> None:
        """Open the conversation."""
        self.is_begun = True
        self.reply(self._desk.status.server_line())
        self.flush()

    def tell_link(self) -> None:
        """Tell that the link to DTN went or came; with it the books come anew."""
        status = self._desk.status
        self.reply(status.server_line())
        if not status.is_connected:
            return
        if self._clears:
            for channel, watch in self._first_watches():
                channel.clear(watch)
        for channel, watch in self._watches.values():
            watch.is_silent = False
            channel.replay(watch)

    def sample_line(self) -> str:
        """The last line of a watched book's summary; a time line where none is watched."""
        for channel, watch in self._watches.values():
            lines = channel.summary(watch)
            if lines:
                return lines[-1]
        return f"{self._desk.hub.time_text()}\r\n"

    def _first_watches(self) -> Iterator[tuple[DepthChannel, DepthWatch]]:
        """One watch of each symbol."""
        seen: set[str] = set()
        for (symbol, _), held in self._watches.items():
            if symbol not in seen:
                seen.add(symbol)
                yield held

    def receive_line(self, line: str) -> None:
        """Answer one command."""
        letter, rest = line[0], line[1:]
        if rest.startswith(",") and letter == "S":
            name, *arguments = rest[1:].split(",")
            command = self._commands.get(name)
            if command is None:
                self.refuse()
            else:
                command(arguments)
        elif line[3:4] == "," and line[:3] in self._requests:
            if self.protocol != NEWEST_PROTOCOL or not self._requests[line[:3]](
                line[4:].split(",")
            ):
                self.refuse()
        elif line == "T":
            self.reply(self._desk.hub.time_text())
        elif line == "c":
            self._desk.login.connect(is_admin=False)
        elif line == "x":
            self._desk.login.disconnect()
        elif letter == "w" and rest:
            self._watch(rest, ORDERS, levels_max=None)
        elif letter == "r" and rest:
            self._unwatch(rest, ORDERS)
        elif letter == "m" and rest:
            self.reply(f"M,{rest},{describe_maker(rest)}")
        else:
            self.refuse()

    def _request(self, arguments: list[str], way: str) -> bool:
        """Watch by order or by level; whether the request could be read."""
        symbol, *more = arguments
        levels_max = None
        if more and more[0] and way == LEVELS:
            if not more[0].isdecimal() or not 0 < int(more[0]) <= LEVELS_MAX:
                return False
            levels_max = int(more[0])
        if symbol:
            self._watch(symbol, way, levels_max=levels_max)
        return bool(symbol)

    def _end_request(self, arguments: list[str], way: str) -> bool:
        if arguments[0]:
            self._unwatch(arguments[0], way)
        return bool(arguments[0])

    def _watch(self, symbol: str, way: str, *, levels_max: int | None) -> None:
        if self._desk.hub.source.state(symbol) is None:
            self._counts.symbols_unknown += 1
            self.reply(f"n,{symbol}")
            return
        found = self._depth.find(symbol)
        key = (
            None
            if found is None
            else feed_key(
                found.depth_kind,
                is_newest=self.protocol == NEWEST_PROTOCOL,
                is_by_level=way == LEVELS,
                levels_max=levels_max,
            )
        )
        if found is None or key is None:
            self._counts.depth_refused += 1
            self.reply(f"q,{symbol},")
            return
        if not self._depth.has_room_for(symbol):
            self._counts.watches_refused += 1
            self.reply(f"S,SYMBOL LIMIT REACHED,{symbol}")
            return
        channel, watch = self._hold(symbol, way, key)
        if self._desk.status.is_connected:
            channel.replay(watch)

    def _hold(self, symbol: str, way: str, key: FeedKey) -> tuple[DepthChannel, DepthWatch]:
        """The watch that serves a request: the one there is, or a new one."""
        held = self._watches.get((symbol, way))
        if held is not None and held[1].key == key:
            held[1].is_silent = False
            return held
        found = self._depth.find(symbol)
        if found is None:
            raise KeyError(symbol)
        watch = DepthWatch(self.pending, key)
        channel = self._depth.add(found, watch)
        if held is not None:
            self._depth.remove(*held)
        self._watches[symbol, way] = (channel, watch)
        return channel, watch

    def _unwatch(self, symbol: str, way: str) -> None:
        held = self._watches.pop((symbol, way), None)
        if held is not None:
            self._depth.remove(*held)

    def unwatch_all(self) -> None:
        """End every watch of this connection."""
        for held in self._watches.values():
            self._depth.remove(*held)
        self._watches.clear()

    def _set_protocol(self, arguments: list[str]) -> None:
        version = arguments[0] if arguments else ""
        if version not in self._desk.status.protocols:
            self.reply(f"E,{version} is not a valid protocol.,")
            return
        self.protocol = version
        self.reply(f"S,CURRENT PROTOCOL,{version}")

    def _set_client_name(self, arguments: list[str]) -> None:
        self.name = ",".join(arguments)[:CLIENT_NAME_CHARACTERS_MAX]

    def _set_time_lines(self, *, is_on: bool) -> None:
        self.has_time_lines = is_on
