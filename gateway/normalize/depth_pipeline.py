"""The seam between bytes and frames on the Level 2 port: `DepthPipeline.feed`.

One pipeline serves one Level 2 connection. A compiled implementation can take its place without
another line changing; both must pass the same vectors and the same tests.
"""

from collections.abc import Callable, Sequence
from typing import Final

from gateway.clock import Clock
from gateway.counters import Complaints, Counter, Counters
from gateway.iqfeed.lines import LineFramer
from gateway.iqfeed.system import DepthCleared, parse_system
from gateway.normalize.depth_board import DepthBoard
from gateway.normalize.eastern import EasternTime
from gateway.normalize.level2 import Level2Reader
from gateway.normalize.pipeline import LINE_FAULTS
from gateway.normalize.values import Values

_CLEAR: Final = "S,CLEAR DEPTH,"
_SYSTEM_LETTERS: Final = frozenset("STEnOMq")


class DepthPipeline:
    """Turns the bytes of one Level 2 connection into frames.

    Args:
        board: The books, and where frames go.
        values: Text-to-value caches, shared by all connections.
        clock: Monotonic, for what is conflated.
        counters: Where lines and messages are counted.
        complaints: Where bad lines are reported.
        on_system_line: Told of every line that is no data, in its place between the data lines.
        line_bytes_max: Longer lines are dropped.
    """

    def __init__(
        self,
        *,
        board: DepthBoard,
        values: Values,
        clock: Clock,
        counters: Counters,
        complaints: Complaints,
        on_system_line: Callable[[str], None],
        line_bytes_max: int,
    ) -> None:
        self.eastern: Final = EasternTime()
        self._board = board
        self._clock = clock
        self._counters = counters
        self._complaints = complaints
        self._on_system_line = on_system_line
        self._framer = LineFramer(complaints, line_bytes_max=line_bytes_max)
        self._reader = Level2Reader(
            board, eastern=self.eastern, values=values, counters=counters, complaints=complaints
        )

    @property
    def clock_us(self) -> int | None:
        """The vendor's clock as its last `T` line told it, UTC; None before the first."""
        return self.eastern.clock_us

    def set_protocol(self, version: str) -> None:
        """Note the protocol: nothing depends on it, the letters of both dialects differ."""

    def count_lines(self, chunk: bytes) -> int:
        """Count the lines that a chunk ends."""
        return chunk.count(b"\n")

    def reset(self) -> None:
        """Forget half a line and the clock: the connection is gone."""
        self._framer.reset()
        self.eastern.forget_clock()

    def feed(self, chunk: bytes, recv_us: int) -> None:
        """Publish everything the next bytes complete.

        Args:
            chunk: Bytes as read, cut anywhere.
            recv_us: When they were read, microseconds since the Unix epoch, UTC.
        """
        rows = self._board.rows
        rows.now_us = now_us = self._clock.monotonic_ns() // 1000
        if recv_us > self.eastern.clock_until_us:
            self.eastern.forget_clock()
        self._counters.add(Counter.FEED_LINES, self._read_chunk(chunk, recv_us))
        self._counters.add(Counter.FEED_BYTES, len(chunk))
        rows.count()
        self._flush(now_us)

    def _read_chunk(self, chunk: bytes, recv_us: int) -> int:
        """Read what the next bytes complete; how many lines that was."""
        lines = self._framer.feed(chunk)
        for line in lines:
            self._read_one(line, recv_us)
        return len(lines)

    def _read_one(self, line: str, recv_us: int) -> None:
        try:
            if not self._reader.read(line, recv_us):
                self._read_other(line, recv_us)
        except LINE_FAULTS as fault:
            self._complaints.complain(
                Counter.PROCESSING_FAULTS, line, f"{type(fault).__name__} in our own code"
            )

    can_shed: Final = False
    """Every row changes a book: none may be left out."""

    def feed_shedding(self, held: Sequence[tuple[bytes, int, int]]) -> int:
        """Publish everything that many reads complete; nothing is left out."""
        for data, recv_us, _ in held:
            self.feed(data, recv_us)
        return 0

    def flush(self) -> None:
        """Publish the books whose interval has passed."""
        self._flush(self._clock.monotonic_ns() // 1000)

    def _flush(self, now_us: int) -> None:
        try:
            self._board.flush(now_us)
        except LINE_FAULTS as fault:
            # One book that cannot be sent must not end the feed of all others.
            detail = f"{type(fault).__name__} in our own code"
            self._complaints.complain(Counter.PROCESSING_FAULTS, "a book", detail)

    def flush_all(self) -> None:
        """Publish what waits, as far as its interval has passed: books are states, not events."""
        self.flush()

    def _read_other(self, line: str, recv_us: int) -> None:
        """Handle every line that is no row."""
        if line.startswith(_CLEAR):
            self._read_clear(line, recv_us)
            return
        letter = line[0]
        if letter == "T" and line[1:2] == ",":
            # The clock tells the two readings of a repeated hour apart.
            self.eastern.set_clock(line[2:].removesuffix(","), recv_us=recv_us)
        elif letter not in _SYSTEM_LETTERS:
            self._complaints.complain(Counter.LINES_UNKNOWN, line, "unknown kind of line")
        self._on_system_line(line)

    def _read_clear(self, line: str, recv_us: int) -> None:
        """Empty a side in its place between the rows."""
        cleared = parse_system(line)
        if not isinstance(cleared, DepthCleared):
            self._complaints.complain(Counter.LINES_INVALID, line, "no side to clear")
            return
        depth = self._board.depths.get(cleared.symbol)
        if depth is None:
            self._counters.add(Counter.LINES_UNWATCHED)
            return
        depth.heard_us = self._board.rows.now_us
        self._board.hear_clear(depth, cleared.side, recv_us)
