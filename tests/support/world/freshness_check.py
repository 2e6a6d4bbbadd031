"""Checks that nothing old is ever published as fresh, and that what was fresh is called back."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from tests.support.world.clock import SECOND_NS, WorldClock
from tests.support.world.data_socket import Received
from tests.support.world.wire import Wire

SILENCE_NS_MAX: Final = 3_500_000_000
CALL_BACK_NS_MAX: Final = 100_000_000
SNAPSHOT, STALE = 1, 16
LEVEL1_KINDS: Final = frozenset({"quote", "trade", "summary"})
LEVEL2_KINDS: Final = frozenset({"order", "depth", "book"})
CALLED_BACK: Final = {"quote": "level1", "summary": "level1", "book": "level2"}
"""Kinds whose last value is repeated as STALE when it is not to be trusted, with their ports."""


class FreshnessCheck:
    """Follows each connection's last line and each quote's flags.

    Args:
        fail: Takes what is wrong, in words.
        clock: The world's.
        shard_of: The connection of a symbol, by port.
        is_wanted: Whether a consumer subscribes to a topic; variants live only so long.
    """

    def __init__(
        self,
        fail: Callable[[str], None],
        clock: WorldClock,
        shard_of: Callable[[str, str], int],
        is_wanted: Callable[[str], bool],
    ) -> None:
        self._fail = fail
        self._clock = clock
        self._shard_of = shard_of
        self._is_wanted = is_wanted
        self._wires: dict[tuple[str, int], Wire] = {}
        self._fresh: dict[str, bool] = {}
        """Topics of kinds that are called back: whether the last message was not STALE."""
        self._stale_ns: dict[str, int] = {}
        self._suspended_until_ns = 0
        self._q_lines: Counter[str] = Counter()
        self._new_quotes: Counter[str] = Counter()
        self.call_backs = 0
        """Quotes that had to be called back, and were."""

    def suspended(self, until_ns: int) -> None:
        """The gateway's process does not run until then."""
        self._suspended_until_ns = until_ns

    # What the gateway could know.

    def opened(self, wire: Wire) -> None:
        """A connection stands."""
        self._wires[wire.port, wire.shard] = wire
        if wire.port != "admin":
            self._watch_silence(wire)

    def line(self, wire: Wire, line: bytes) -> None:
        """The gateway read a line."""
        if line.startswith(b"Q,"):
            self._q_lines[line.split(b",", 2)[1].decode("latin-1")] += 1
        elif line == b"S,SERVER DISCONNECTED":
            self.lost(wire)

    def lost(self, wire: Wire) -> None:
        """The gateway was told that a connection, or what is behind it, is gone."""
        now_ns = self._clock.now_ns
        names = [t for t, is_fresh in self._fresh.items() if is_fresh and self._is_of(t, wire)]
        if names:
            self._expect(names, since_ns=now_ns, within_ns=CALL_BACK_NS_MAX, why="loss")

    def _expect(self, names: list[str], *, since_ns: int, within_ns: int, why: str) -> None:
        def look() -> None:
            if self._clock.now_ns < self._suspended_until_ns + within_ns:
                # Suspended anew meanwhile.
                self._clock.at(self._suspended_until_ns + within_ns + 1, look)
                return
            for topic in names:
                if self._stale_ns.get(topic, 0) < since_ns and self._is_there(topic):
                    self._fail(f"{topic} was not called back in time after a {why}")
                else:
                    self.call_backs += 1

        begin_ns = max(self._clock.now_ns, self._suspended_until_ns)
        self._clock.at(begin_ns + within_ns + 1, look)

    def _is_there(self, topic: str) -> bool:
        """Whether a topic still exists: a variant goes with its last subscriber."""
        return "@" not in topic.partition(",")[0] or self._is_wanted(topic)

    def _is_of(self, topic: str, wire: Wire) -> bool:
        kind, symbol = topic.split(",", 2)[:2]
        port = CALLED_BACK[kind.partition("@")[0]]
        return port == wire.port and self._shard_of(port, symbol) == wire.shard

    def _watch_silence(self, wire: Wire) -> None:
        """Look when the connection would have been silent for too long."""
        until_ns = max(wire.last_line_ns, self._suspended_until_ns) + SILENCE_NS_MAX
        self._clock.at(until_ns + 1, lambda: self._look_for_silence(wire))

    def _look_for_silence(self, wire: Wire) -> None:
        if self._wires.get((wire.port, wire.shard)) is not wire:
            return
        since_ns = max(wire.last_line_ns, self._suspended_until_ns)
        if self._clock.now_ns - since_ns >= SILENCE_NS_MAX:
            for topic, is_fresh in self._fresh.items():
                if is_fresh and self._is_of(topic, wire) and self._is_there(topic):
                    self._fail(f"{topic} looks fresh although its connection is silent")
            if wire.stream.is_closed:
                return
        self._watch_silence_again(wire)

    def _watch_silence_again(self, wire: Wire) -> None:
        until_ns = max(wire.last_line_ns, self._suspended_until_ns) + SILENCE_NS_MAX
        until_ns = max(until_ns, self._clock.now_ns + SECOND_NS)
        self._clock.at(until_ns + 1, lambda: self._look_for_silence(wire))

    # What it said.

    def sent(self, message: Received) -> None:
        """A frame left the gateway."""
        topic, body = message
        kind, symbol = topic.split(",", 2)[:2]
        base = kind.partition("@")[0]
        is_level1 = base in LEVEL1_KINDS
        if not is_level1 and base not in LEVEL2_KINDS:
            return
        flags = body[3]
        if base in CALLED_BACK:
            self._fresh[topic] = not flags & STALE
            if flags & STALE:
                self._stale_ns[topic] = self._clock.now_ns
        if kind == "quote":
            self._count_quote(symbol, flags)
        if flags & STALE:
            return
        port = "level1" if is_level1 else "level2"
        wire = self._wires.get((port, self._shard_of(port, symbol)))
        if wire is None:
            self._fail(f"{topic} as fresh without any connection")
        elif self._clock.now_ns - wire.last_line_ns > SILENCE_NS_MAX and not (
            # Old books are emptied and told of when nothing of them is believed any more.
            base in LEVEL2_KINDS and body[6] == "clear"
        ):
            silence_s = (self._clock.now_ns - wire.last_line_ns) / SECOND_NS
            self._fail(f"{topic} as fresh {silence_s:.1f} s after the connection's last line")

    def _count_quote(self, symbol: str, flags: int) -> None:
        """A P line shows old values: only a Q line is a reason for a quote without SNAPSHOT."""
        if flags & (SNAPSHOT | STALE):
            return
        self._new_quotes[symbol] += 1
        if self._new_quotes[symbol] > self._q_lines[symbol]:
            self._fail(f"quote,{symbol}, as new without an update of the vendor's")
