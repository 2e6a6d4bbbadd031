"""The seam between bytes and frames: `Pipeline.feed`, bytes in, frames out.

One pipeline serves one Level 1 connection. This one is the reference; `gateway.compiled` reads the
usual lines without Python, hands every other one to `_read_one` here, and must publish the same.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from gateway.counters import Complaints, Counter, Counters
from gateway.iqfeed.lines import LineFramer
from gateway.normalize.board import Board
from gateway.normalize.columns import Columns
from gateway.normalize.conflation import conflate
from gateway.normalize.eastern import EasternTime
from gateway.normalize.level1 import Level1Normalizer
from gateway.normalize.quotes import QuoteFirstNormalizer
from gateway.normalize.rarities import RareLines
from gateway.normalize.values import Values

LINE_FAULTS: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a bug of ours could raise on one line: counted and quoted, never the end of the feed."""
_SYSTEM_LETTERS: Final = frozenset("STEnO")


class Framer(Protocol):
    """Cuts bytes into lines."""

    def feed(self, data: bytes, /) -> list[str]:
        """Take the next bytes and return the lines they complete."""
        ...

    def reset(self) -> None:
        """Forget the incomplete rest."""
        ...


class Pipeline:
    """Turns the bytes of one Level 1 connection into frames.

    Args:
        board: Symbols, states, and where frames go.
        values: Text-to-value caches, shared by all connections.
        counters: Where lines and messages are counted.
        complaints: Where bad lines are reported.
        on_system_line: Told of every line that is no data: S, T, E, n and unknown ones, in their
            place between the data lines.
        summary_interval_us: After a trade, at most one summary a symbol in this time.
        line_bytes_max: Longer lines are dropped.
    """

    def __init__(
        self,
        *,
        board: Board,
        values: Values,
        counters: Counters,
        complaints: Complaints,
        on_system_line: Callable[[str], None],
        summary_interval_us: int,
        line_bytes_max: int,
    ) -> None:
        self.eastern: Final = EasternTime()
        self._board = board
        self._values = values
        self._counters = counters
        self._complaints = complaints
        self._on_system_line = on_system_line
        self._summary_interval_us = summary_interval_us
        self._framer: Framer = LineFramer(complaints, line_bytes_max=line_bytes_max)
        self._rare = RareLines(board=board, eastern=self.eastern, complaints=complaints)
        self._level1: Level1Normalizer | None = None
        self._names: tuple[str, ...] = ()

    @property
    def clock_us(self) -> int | None:
        """The vendor's clock as its last `T` line told it, UTC; None before the first."""
        return self.eastern.clock_us

    def select(self, names: Sequence[str]) -> None:
        """Read P and Q lines by this field set from now on.

        Args:
            names: What IQConnect acknowledged, `Symbol` first.
        """
        self._retire()
        if self._names not in ((), tuple(names)):
            # Lines of another layout cannot be compared with those to come.
            for symbol in self._board.symbols.values():
                symbol.forget_line()
        self._names = tuple(names)
        make = QuoteFirstNormalizer if Columns(names).has_quote_first else Level1Normalizer
        self._level1 = make(
            names,
            board=self._board,
            eastern=self.eastern,
            values=self._values,
            counters=self._counters,
            complaints=self._complaints,
            summary_interval_us=self._summary_interval_us,
        )

    def _retire(self) -> None:
        """End the use of the present columns."""
        self.flush_all()
        if self._level1 is not None:
            self._level1.is_current = False
            self._level1 = None

    def set_protocol(self, version: str) -> None:
        """Read F lines by this protocol version's layout from now on."""
        self._rare.protocol = version

    def count_lines(self, chunk: bytes) -> int:
        """Count the lines that a chunk ends."""
        return chunk.count(b"\n")

    def reset(self) -> None:
        """Forget half a line, the field set and the clock: the connection is gone."""
        self._retire()
        self._framer.reset()
        self.eastern.forget_clock()

    def feed(self, chunk: bytes, recv_us: int) -> None:
        """Publish everything the next bytes complete.

        Args:
            chunk: Bytes as read, cut anywhere.
            recv_us: When they were read, microseconds since the Unix epoch, UTC.
        """
        lines = self._framer.feed(chunk)
        self._read(lines, recv_us)
        self._counters.add(Counter.FEED_LINES, len(lines))
        self._counters.add(Counter.FEED_BYTES, len(chunk))
        self._count()

    can_shed: Final = True
    """Whether `feed_shedding` leaves anything out."""

    def feed_shedding(self, held: Sequence[tuple[bytes, int, int]]) -> int:
        """Publish everything that many reads complete, without quotes that newer ones replace.

        Only lines that change nothing but a quote are left out, and never a symbol's last one,
        which is flagged CONFLATED and says how many it stands for.

        Args:
            held: Bytes as read, when they were read (UTC microseconds), and a number that does
                not matter here; oldest first.

        Returns:
            How many lines were left out.
        """
        if not isinstance(self._level1, QuoteFirstNormalizer):
            for data, recv_us, _ in held:
                self.feed(data, recv_us)
            return 0
        reads = []
        for data, recv_us, _ in held:
            reads.append((self._framer.feed(data), recv_us))
            self._counters.add(Counter.FEED_BYTES, len(data))
            self._counters.add(Counter.FEED_LINES, len(reads[-1][0]))
        kept, left_out = conflate(reads, commas=self._level1.part_count - 1)
        for lines, recv_us, merged in kept:
            if merged == 1:
                self._read(lines, recv_us)
            else:
                self._merge(lines, recv_us, merged)
        self._count()
        return left_out

    def _read(self, lines: Sequence[str], recv_us: int) -> None:
        """Read lines in their turn."""
        self._forget_old_clock(recv_us)
        if self._level1 is not None:
            self._level1.read(lines, recv_us, self._read_one)
        else:
            for line in lines:
                self._read_one(line, recv_us)

    def _forget_old_clock(self, recv_us: int) -> None:
        if recv_us > self.eastern.clock_until_us:
            self.eastern.forget_clock()

    def _count(self) -> None:
        """Hand the numbers of messages over to the counters."""
        if self._level1 is not None:
            self._level1.count()

    def _merge(self, lines: Sequence[str], recv_us: int, merged: int) -> None:
        """Publish a quote that stands for several."""
        self._forget_old_clock(recv_us)
        for line in lines:
            try:
                if self._level1 is not None:
                    self._level1.update(line, recv_us, merged)
            except LINE_FAULTS as fault:
                self._complain_of(line, fault)

    def _complain_of(self, line: str, fault: Exception) -> None:
        detail = f"{type(fault).__name__} in our own code"
        self._complaints.complain(Counter.PROCESSING_FAULTS, line, detail)

    def flush(self, now_us: int) -> None:
        """Publish the summaries whose interval has passed."""
        if self._level1 is not None:
            self._level1.flush(now_us)
        self._count()

    def flush_all(self) -> None:
        """Publish every summary that waits."""
        if self._level1 is not None:
            self._level1.flush_all()
        self._count()

    def _read_one(self, line: str, recv_us: int) -> None:
        """Read any line; whatever it is, the next one will be read."""
        level1 = self._level1
        try:
            if line[:2] == "Q," and level1 is not None:
                level1.update(line, recv_us)
            elif line[:2] == "P," and level1 is not None:
                level1.refresh(line, recv_us)
            else:
                self._dispatch(line, recv_us)
        except LINE_FAULTS as fault:
            self._complain_of(line, fault)

    def _dispatch(self, line: str, recv_us: int) -> None:
        """Handle every line that is not a P or Q line with a known layout."""
        letter, comma = line[0], line[1:2]
        if letter == "T" and comma == ",":
            # The clock dates the lines behind it, so it is set here and now.
            if not self.eastern.set_clock(line[2:].removesuffix(","), recv_us=recv_us):
                self._complaints.complain(Counter.LINES_INVALID, line, "not a server time")
                return
            self._on_system_line(line)
        elif letter in "PQ" and comma == ",":
            self._complaints.complain(Counter.LINES_UNMAPPED, line, "no field set agreed yet")
        elif comma == "," and self._rare.publish(letter, line, recv_us):
            return
        else:
            if letter not in _SYSTEM_LETTERS or comma not in (",", ""):
                self._complaints.complain(Counter.LINES_UNKNOWN, line, "unknown kind of line")
            self._on_system_line(line)
