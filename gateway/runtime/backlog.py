"""What was read from a connection and could not be published yet: a bounded queue of chunks."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple


class Held(NamedTuple):
    """One read."""

    data: bytes
    """Bytes as read, cut anywhere."""
    recv_us: int
    """When, UTC."""
    recv_ns: int
    """When, monotonic."""


class Backlog:
    """Chunks that wait to be published, oldest first.

    The reader stops reading ahead when `is_full`, so there are never more than `lines_max` lines,
    or `bytes_max` bytes, and one chunk.

    Args:
        lines_max: Lines that may wait before the backlog counts as full.
        bytes_max: Bytes that may wait: a peer may send no end of a line for long.
        count_lines: Counts the lines that a chunk ends.
    """

    __slots__ = ("_bytes", "_bytes_max", "_chunks", "_count_lines", "_lines_max", "lines")

    def __init__(
        self, lines_max: int, *, bytes_max: int, count_lines: Callable[[bytes], int]
    ) -> None:
        self._lines_max = lines_max
        self._count_lines = count_lines
        self._bytes_max = bytes_max
        self._bytes = 0
        self._chunks: deque[tuple[Held, int]] = deque()
        self.lines = 0
        """Lines that wait."""

    def __bool__(self) -> bool:
        return bool(self._chunks)

    @property
    def oldest_ns(self) -> int | None:
        """When the oldest of it was read, monotonic; None when nothing waits."""
        return self._chunks[0][0].recv_ns if self._chunks else None

    @property
    def is_full(self) -> bool:
        """Whether more waits than may."""
        return self.lines > self._lines_max or self._bytes > self._bytes_max

    def put(self, held: Held) -> None:
        """Add what was read last."""
        lines = self._count_lines(held.data)
        self._chunks.append((held, lines))
        self.lines += lines
        self._bytes += len(held.data)

    def take(self) -> Held:
        """Take what was read first; there must be something."""
        held, lines = self._chunks.popleft()
        self.lines -= lines
        self._bytes -= len(held.data)
        return held

    def take_all(self) -> list[Held]:
        """Take everything, oldest first."""
        held = [chunk for chunk, _ in self._chunks]
        self.clear()
        return held

    def clear(self) -> None:
        """Forget everything."""
        self._chunks.clear()
        self.lines = self._bytes = 0
