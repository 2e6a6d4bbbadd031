"""What a streaming connection is made of and whom it tells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.iqfeed.events import Event
from gateway.runtime.host_address import HostAddress
from gateway.runtime.tcp_stream import Stream

LINE_BYTES_USUAL_MAX: Final = 512
"""So many bytes for each line that may be held; a line of prices has a third of that."""
READS_HELD_MIN: Final = 16
"""Whole reads that may be held in any case."""
GIVEN_UP: Final = "given up on request"
"""The reason of a connection that was closed on purpose, to be made anew."""


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """How to connect; all durations in nanoseconds."""

    host: HostAddress
    port: int
    connect_ns_max: int
    read_bytes_max: int
    held_lines_max: int
    """Lines that may be held unread before shedding begins."""
    open_stream: Callable[[str, int], Stream]
    """Begins a connection to an address; raises OSError."""

    @property
    def held_bytes_max(self) -> int:
        """Bytes that may be held unread before shedding begins, whatever they are."""
        usual = self.held_lines_max * LINE_BYTES_USUAL_MAX
        return max(usual, READS_HELD_MIN * self.read_bytes_max)


class LinkOwner(Protocol):
    """Who is told what happens on the link."""

    def on_session_event(self, event: Event) -> None:
        """One event of the session, in its place between the data lines."""
        ...

    def on_link_lost(self, reason: str) -> None:
        """The connection is over, or could not be made; another attempt follows."""
        ...


class LinePipeline(Protocol):
    """What the link hands its bytes to."""

    @property
    def can_shed(self) -> bool:
        """Whether `feed_shedding` leaves anything out: only then is anything read ahead."""
        ...

    @property
    def clock_us(self) -> int | None:
        """The vendor's clock as its last `T` line told it, UTC; None before the first."""
        ...

    def feed(self, chunk: bytes, recv_us: int) -> None:
        """Publish everything the next bytes complete; lines that are no data come back.

        Bytes in, frames out, and nothing returned: neither the link nor the feed thread sees a
        line or a message, so that an implementation need not make objects of them.
        """
        ...

    def count_lines(self, chunk: bytes) -> int:
        """Count the lines that a chunk ends, quicker than they are read."""
        ...

    def feed_shedding(self, held: Sequence[tuple[bytes, int, int]]) -> int:
        """The same for many chunks at once, leaving out what newer lines replace.

        Returns:
            How many lines were left out.
        """
        ...

    def reset(self) -> None:
        """Forget what belonged to the connection that was lost."""
        ...

    def flush_all(self) -> None:
        """Publish everything that waits."""
        ...

    def set_protocol(self, version: str) -> None:
        """Read by this protocol version's layouts from now on."""
        ...
