"""What the extension offers; `source/` has its code, `symbols` and `pipeline` use it."""

from collections.abc import Callable, Sequence
from typing import Any

from gateway.model.enums import Cause
from gateway.normalize.prints import Prints

source_digest: str
"""What `digest_of` told of the sources when it was built; empty when nobody asked."""

def use_codec(
    pack: Callable[[tuple[Any, ...]], bytes], unpack: Callable[[bytes], tuple[Any, ...]]
) -> None:
    """Say how last values become bytes, and tuples again; before anything else."""

def count_lines(chunk: bytes, /) -> int:
    """Count the lines that a chunk ends."""

class Topic:
    """Has the attributes of `gateway.wire.envelope.Topic`, for quotes and trades."""

    def __init__(self, *, prefix: bytes, type: int, is_kept: bool, floor: int) -> None: ...  # noqa: A002

class SymbolState:
    """The attributes of `gateway.normalize.symbols.Symbol` that usual lines read and change."""

    def __new__(cls, name: str, quote: Topic, trade: Topic, /) -> SymbolState: ...
    quote: Any
    trade: Any
    prints: Prints
    cause: Cause | None
    is_live: bool
    flags: int
    last_line_us: int | None
    line: str
    bid_time_text: str
    ask_time_text: str
    bid_us: int | None
    ask_us: int | None
    quote_us: int
    last_conditions: str | None
    summary_line: str | None
    summary_recv_us: int
    summary_due_us: int
    summary_merged: int

class SymbolTable:
    """The symbols that lines are looked up in."""

    def __len__(self) -> int: ...
    def add(self, symbol: SymbolState, /) -> None:
        """Add a symbol, in place of one of its name."""

    def remove(self, name: str, /) -> None:
        """Take a symbol out, if it is there."""

class Reader:
    """Reads one connection's lines.

    Args:
        table: Where symbols are.
        epoch: Of every message.
        line_bytes_max: Longer lines are dropped.
        summary_interval_us: After a trade, at most one summary a symbol in this time.
        price_max: Beyond it a price is out of range; 0 for no limit.
        jump_max: A trade may be so far from the last one, as a share of that; 0 for any.
        zmq_send: Address of libzmq's function; 0 for `send` to be called instead.
        socket: Address of libzmq's socket.
        read_line: Reads a line that is not usual, and when it was read.
        drop_line: Told the first bytes of a line that is too long.
        keep: Told of an event's topic and frame.
        mark: Told of a topic with variants, and how many messages it had.
        wait: Told of a symbol whose summary waits.
        date_second: When `HH:MM:SS` was, stamped now; None when it cannot be told.
        date_day: When `MM/DD/YYYY` began; None when its hours are not equal, or it is none.
        send: Takes each frame where `zmq_send` is 0.
    """

    def __init__(
        self,
        table: SymbolTable,
        *,
        epoch: int,
        line_bytes_max: int,
        summary_interval_us: int,
        price_max: float,
        jump_max: float,
        zmq_send: int,
        socket: int,
        read_line: Callable[[str, int], object],
        drop_line: Callable[[str], object],
        keep: Callable[[Any, bytes], object],
        mark: Callable[[Any, int], object],
        wait: Callable[[Any], object],
        date_second: Callable[[str], int | None],
        date_day: Callable[[str], int | None],
        send: Callable[[bytes], object],
    ) -> None: ...
    def feed(self, chunk: bytes, recv_us: int, /) -> None:
        """Read what the next bytes complete."""

    def read(self, lines: Sequence[str], recv_us: int, /) -> None:
        """Read lines that were cut already."""

    def split(self, chunk: bytes, /) -> list[str]:
        """Cut the next bytes into lines without reading them."""

    def pump(
        self,
        zmq_poll: int,
        items: Sequence[tuple[int, int, int]],
        own: int,
        deadline_ns: int,
        clock_until_us: int,
        seen_ns: int,
        pause_ns_max: int,
        read_bytes_max: int,
        /,
    ) -> tuple[tuple[int, ...], int, int, bool, list[tuple[int, int, int, int]], int]:
        """Wait for bytes, and read as long as nothing else comes. Linux only.

        Args:
            zmq_poll: Address of libzmq's function.
            items: What is waited for: a ZeroMQ socket's address or 0, a descriptor, poll flags.
            own: Which of them is the connection whose bytes are read here.
            deadline_ns: When to come back at the latest, monotonic.
            clock_until_us: When the vendor's clock is too old to date anything, UTC.
            seen_ns: When the clock was looked at last, monotonic.
            pause_ns_max: A longer pause means that this process did not run: nothing is read then.
            read_bytes_max: Of one read; the first call decides.

        Returns:
            What was found for each item, and is still to be looked at, the connection also after a
            read that left some; bytes read; when a line's end was read last, monotonic, or 0;
            whether the last read took all there was; of reads that took so many microseconds:
            lines, and the quotes and trades published without Python; how long the last read took,
            microseconds.

        Raises:
            OSError: It cannot be waited for, or sent.
        """

    def use(self, commas: int, has_trades: bool, /) -> None:
        """Read by this layout: commas of a whole line, 0 for none; whether trades too."""

    def reset(self) -> None:
        """Forget half a line."""

    def forget_seconds(self) -> None:
        """Forget when seconds were: the vendor's clock has moved."""

    def take_counts(self) -> tuple[int, int, int]:
        """Lines, quotes and trades since the last call."""
