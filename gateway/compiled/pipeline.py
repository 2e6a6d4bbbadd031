"""The compiled pipeline: usual lines become frames in the extension, all others in Python.

It is the same `Pipeline` with another reader in front. What the extension does not know is not
repeated here: such a line goes to `_read_one`, in its place, and finds the symbol as the lines
before have left it.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from gateway.compiled import _pipeline
from gateway.compiled.library import Functions
from gateway.compiled.symbols import SymbolIndex
from gateway.counters import Counter
from gateway.iqfeed.lines import LineFramer
from gateway.normalize.board import Board
from gateway.normalize.columns import Columns
from gateway.normalize.pipeline import Pipeline
from gateway.normalize.symbols import Symbol
from gateway.normalize.values import Values


class NativeSocket(NamedTuple):
    """How the data socket is used without Python."""

    functions: Functions
    socket: int
    """Address of libzmq's socket; owned by the thread that feeds the pipeline."""


NO_SOCKET: Final = NativeSocket(Functions(send=0, poll=0), socket=0)
"""Frames go through Python."""


class Pumped(NamedTuple):
    """What came while the extension waited and read."""

    found: tuple[int, ...]
    """For each item that was waited for, what is still to be looked at."""
    heard_ns: int
    """When a line's end was read last, monotonic; 0 when none was."""
    is_drained: bool
    """Whether the last read took all there was."""
    latencies: list[tuple[int, int, int, int]]
    """Of reads that took so many microseconds: lines, and quotes and trades without Python."""
    last_us: int
    """How long the last read took; Python reads no line before."""


class _ReaderFramer:
    """Has a reader cut bytes into lines, so that half a line is kept in one place."""

    def __init__(self, reader: _pipeline.Reader) -> None:
        self.feed: Final = reader.split
        self.reset: Final = reader.reset


class CompiledPipeline(Pipeline):
    """Turns the bytes of one Level 1 connection into frames.

    Args:
        board: Symbols, kept in a `SymbolIndex`.
        values: As `Pipeline` takes it.
        native: The data socket; None for the envelope's `send`.
        summary_interval_us: As `Pipeline` takes it.
        line_bytes_max: As `Pipeline` takes it.
        parts: What else `Pipeline` takes.

    Raises:
        TypeError: The board's symbols are not the extension's.
    """

    def __init__(
        self,
        *,
        board: Board,
        values: Values,
        native: NativeSocket | None,
        summary_interval_us: int,
        line_bytes_max: int,
        **parts: Any,
    ) -> None:
        super().__init__(
            board=board,
            values=values,
            summary_interval_us=summary_interval_us,
            line_bytes_max=line_bytes_max,
            **parts,
        )
        if not isinstance(board.symbols, SymbolIndex):
            raise TypeError("the compiled pipeline needs a board with a SymbolIndex")
        envelope, sender = board.envelope, native or NO_SOCKET
        self._reader = _pipeline.Reader(
            board.symbols.table,
            epoch=envelope.epoch,
            line_bytes_max=line_bytes_max,
            summary_interval_us=summary_interval_us,
            price_max=values.limits.price_max,
            jump_max=values.limits.jump_max,
            zmq_send=sender.functions.send,
            socket=sender.socket,
            read_line=self._read_one,
            drop_line=LineFramer(self._complaints, line_bytes_max=line_bytes_max).drop,
            keep=envelope.rings.keep,
            mark=envelope.mark,
            wait=self._hold_summary,
            date_second=self.eastern.near_clock,
            date_day=self.eastern.day_begin_us,
            send=envelope.send,
        )
        self._framer = _ReaderFramer(self._reader)
        self._native = native
        self._lines = 0

    def select(self, names: Sequence[str]) -> None:
        """Read P and Q lines by this field set from now on; see `Pipeline.select`."""
        super().select(names)
        columns = Columns(names)
        if columns.has_quote_first:
            self._reader.use(columns.part_count - 1, columns.is_usual)

    def feed(self, chunk: bytes, recv_us: int) -> None:
        """Publish everything the next bytes complete; see `Pipeline.feed`."""
        self._forget_old_clock(recv_us)
        self._reader.feed(chunk, recv_us)
        self._counters.add(Counter.FEED_BYTES, len(chunk))
        self._count_lines()

    def pump(
        self,
        items: Sequence[tuple[int, int, int]],
        *,
        deadline_ns: int,
        seen_ns: int,
        pause_ns_max: int,
        read_bytes_max: int,
    ) -> Pumped:
        """Wait for bytes, and publish what they complete, as long as nothing else comes.

        Args:
            items: What is waited for, the connection first: a ZeroMQ socket's address or 0, a
                descriptor, poll flags.
            deadline_ns: When to come back at the latest, monotonic.
            seen_ns: When the clock was looked at last, monotonic.
            pause_ns_max: A longer pause means that this process did not run: nothing is read then.
            read_bytes_max: Of one read; the first call decides.

        Raises:
            ValueError: There is no socket to send to.
            OSError: It cannot be waited for, or sent.
        """
        if self._native is None:
            raise ValueError("frames are not sent by the extension")
        found, size, heard_ns, is_drained, latencies, last_us = self._reader.pump(
            self._native.functions.poll,
            items,
            0,
            deadline_ns,
            self.eastern.clock_until_us,
            seen_ns,
            pause_ns_max,
            read_bytes_max,
        )
        self._counters.add(Counter.FEED_BYTES, size)
        self._count_lines()
        return Pumped(found, heard_ns, is_drained, latencies, last_us)

    def feed_shedding(self, held: Sequence[tuple[bytes, int, int]]) -> int:
        """Publish many reads without quotes that newer ones replace; see the base's."""
        left_out = super().feed_shedding(held)
        # They were counted when they were cut, before some were left out.
        self._lines = 0
        return left_out

    def count_lines(self, chunk: bytes) -> int:
        """Count the lines that a chunk ends."""
        return _pipeline.count_lines(chunk)

    def _read(self, lines: Sequence[str], recv_us: int) -> None:
        self._forget_old_clock(recv_us)
        self._reader.read(lines, recv_us)

    def _retire(self) -> None:
        self._reader.use(0, False)
        super()._retire()

    def _forget_old_clock(self, recv_us: int) -> None:
        if recv_us > self.eastern.clock_until_us:
            self.eastern.forget_clock()
            self._reader.forget_seconds()

    def _dispatch(self, line: str, recv_us: int) -> None:
        if line[0] == "T":
            # Before anybody is told of it, who might raise: nothing is dated meanwhile.
            self._reader.forget_seconds()
        super()._dispatch(line, recv_us)

    def reset(self) -> None:
        """Forget half a line, the field set and the clock: the connection is gone."""
        super().reset()
        self._reader.forget_seconds()

    def _count_lines(self) -> None:
        self._count()
        self._counters.add(Counter.FEED_LINES, self._lines)
        self._lines = 0

    def _count(self) -> None:
        lines, quotes, trades = self._reader.take_counts()
        self._lines += lines
        self._counters.add(Counter.QUOTES_PUBLISHED, quotes)
        self._counters.add(Counter.TRADES_PUBLISHED, trades)
        super()._count()

    def _hold_summary(self, symbol: Symbol) -> None:
        if self._level1 is not None:
            self._level1.hold_summary(symbol)
