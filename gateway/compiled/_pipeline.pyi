"""What the extension offers; `source/` has its code, `symbols` and `pipeline` use it."""

from collections.abc import Callable, Sequence
from typing import Any

from gateway.book.sides import RowKey
from gateway.model.enums import Cause
from gateway.normalize.prints import Prints

source_digest: str
"""What `digest_of` told of the sources when it was built; empty when nobody asked."""

messages: tuple[tuple[str, int, int], ...]
"""Kind, number on the wire, and items of the body of each message that is made here."""
flags: tuple[int, int]
"""SNAPSHOT and SUSPECT as they are set here."""

def use_codec(
    pack: Callable[[tuple[Any, ...]], bytes], unpack: Callable[[bytes], tuple[Any, ...]]
) -> None:
    """Say how last values become bytes, and tuples again; before anything else."""

def count_lines(chunk: bytes, /) -> int:
    """Count the lines that a chunk ends."""

class Topic:
    """Has the attributes of `gateway.wire.envelope.Topic`, for what the extension publishes."""

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

class OrderRow:
    """A row that has left its book, as `gateway.book.sides.OrderRow`."""

    side: str
    order_id: int | None
    market_maker: str | None
    price: float
    size: int
    priority: int | None
    precision: int | None
    heard_us: int

class _Book:
    """What both books have of `gateway.book.book.Book`."""

    row_count: int
    empty_rows: int

    def __init__(self, *, rows_max: int) -> None: ...
    def clear(self, side: str, /) -> int: ...
    def crossing(self) -> str | None: ...
    def top(
        self, count: int, /
    ) -> tuple[list[tuple[float, int, int | None]], list[tuple[float, int, int | None]]]: ...
    def image(self, pack: object, /) -> tuple[int, bytes]:
        """Encode the whole book; `pack` is not asked."""

class OrderBook(_Book):
    """Does what `gateway.book.order_book.OrderBook` does."""

    def put(
        self,
        key: RowKey,
        side: str,
        order_id: int | None,
        market_maker: str | None,
        price: float,
        size: int,
        priority: int | None,
        precision: int | None,
        heard_us: int,
        /,
    ) -> bool | None: ...
    def delete(self, key: RowKey, /) -> OrderRow | None: ...
    def confirm(self, key: RowKey, heard_us: int, /) -> tuple[float, int] | None: ...
    def expire(self, heard_before_us: int, /) -> list[OrderRow]: ...

class LevelBook(_Book):
    """Does what `gateway.book.level_book.LevelBook` does."""

    def has(self, side: str, price: float, /) -> bool: ...
    def put(
        self,
        side: str,
        price: float,
        size: int,
        order_count: int | None,
        precision: int | None,
        /,
    ) -> bool | None: ...
    def delete(self, side: str, price: float, /) -> bool: ...

class DepthState:
    """The attributes of `gateway.normalize.depths.Depth` that usual rows read and change."""

    def __new__(
        cls,
        name: str,
        orders: OrderBook,
        levels: LevelBook,
        order_topic: Topic,
        depth_topic: Topic,
        /,
    ) -> DepthState: ...
    orders: Any
    levels: Any
    order_topic: Any
    depth_topic: Any
    flags: int
    takes_orders: bool
    takes_levels: bool
    is_dirty: bool
    merged: int
    recv_us: int
    event_us: int | None
    heard_us: int

class DepthTable:
    """The symbols that rows are looked up in."""

    def __len__(self) -> int: ...
    def add(self, depth: DepthState, /) -> None:
        """Add a symbol, in place of one of its name."""

    def remove(self, name: str, /) -> None:
        """Take a symbol out, if it is there."""

class DepthReader:
    """Reads one Level 2 connection's rows.

    Args:
        table: Where symbols are.
        epoch: Of every message.
        line_bytes_max: Longer lines are dropped.
        zmq_send: Address of libzmq's function; 0 for `send` to be called instead.
        socket: Address of libzmq's socket.
        read_line: Reads a line that is no usual row, and when it was read.
        drop_line: Told the first bytes of a line that is too long.
        change: Told of a symbol whose books have changed that had not before.
        date_day: When `YYYY-MM-DD` began; None when its hours are not equal, or it is none.
        send: Takes each frame where `zmq_send` is 0.
    """

    def __init__(
        self,
        table: DepthTable,
        *,
        epoch: int,
        line_bytes_max: int,
        zmq_send: int,
        socket: int,
        read_line: Callable[[str, int], object],
        drop_line: Callable[[str], object],
        change: Callable[[Any], object],
        date_day: Callable[[str], int | None],
        send: Callable[[bytes], object],
    ) -> None: ...
    def feed(self, chunk: bytes, recv_us: int, now_us: int, /) -> None:
        """Read what the next bytes complete; `now_us` by the monotonic clock."""

    def reset(self) -> None:
        """Forget half a line."""

    def take_counts(self) -> tuple[int, int, int, int]:
        """Lines, orders, levels and unknown deletions since the last call."""
