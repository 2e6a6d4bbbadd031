"""A socket that speaks lines: splits what comes in, bounds what waits to go out."""

import asyncio
import logging
from collections.abc import Callable
from typing import ClassVar, Final, Protocol

from gateway.simulator.counts import Counts
from gateway.simulator.delivery import Delivery

COMMAND_BYTES_MAX: Final = 64 * 1024
"""An unfinished command longer than this closes its connection."""
WRITE_HIGH_BYTES: Final = 256 * 1024
"""Beyond this a source that may wait, waits."""
SYNTAX_ERROR: Final = "E,!SYNTAX_ERROR!,"

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """Who is told when a connection begins and ends."""

    def joined(self, connection: "LineConnection") -> None:
        """A peer connected."""
        ...

    def left(self, connection: "LineConnection") -> None:
        """A peer is gone."""
        ...


class LineConnection(asyncio.Protocol):
    """One client's connection; a port's grammar overrides `receive_line`.

    Args:
        owner: Told of beginning and end.
        counts: Where everything is counted.
        queue_bytes_max: Bytes that may wait for this reader.
    """

    port_name: ClassVar[str]
    """Which port this is a client of."""

    def __init__(self, owner: Owner, counts: Counts, *, queue_bytes_max: int) -> None:
        self._owner = owner
        self._counts = counts
        self._queue_bytes_max = queue_bytes_max
        self._transport: asyncio.Transport | None = None
        self._unfinished = b""
        self.delivery = Delivery()
        """How bytes go out: at once, or as a fault has it."""
        self.is_begun = False
        """Whether the conversation was opened."""
        self.is_half_open = False
        """Whether nothing is read, and nothing that is said arrives anywhere."""
        self.has_time_lines = False
        self.has_news = False
        self.has_client_stats = False
        self.mangle: Callable[[list[str]], None] | None = None
        """Spoils the lines of a flush; None while they go out as they are."""
        self.drained = asyncio.Event()
        self.drained.set()
        self.closed = asyncio.Event()
        self.pending: list[str] = []
        """Complete lines, line ends included, that the next flush sends."""
        self.name = ""
        """What the client calls itself."""
        self.started_second = 0
        """Eastern second at which it connected."""
        self.bytes_received = 0
        self.bytes_sent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's word that a peer connected."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(transport)
        self._transport = transport
        self.delivery.open(transport)
        transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        self._counts.clients_accepted += 1
        self._owner.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's word that the peer is gone; whoever waits for it must not wait on."""
        del exc
        self._transport = None
        self.pending.clear()
        self.drained.set()
        self.closed.set()
        self._owner.left(self)

    def pause_writing(self) -> None:
        """Asyncio's word that much waits for this reader."""
        self.drained.clear()

    def resume_writing(self) -> None:
        """Asyncio's word that the reader caught up."""
        self.drained.set()

    def data_received(self, data: bytes) -> None:
        """Split what came into lines; CR LF, LF and LF CR all end one."""
        self.bytes_received += len(data)
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            text = line.strip(b"\r").decode("latin-1")
            if text:
                self._counts.lines_received += 1
                self.receive_line(text)
        if len(self._unfinished) > COMMAND_BYTES_MAX:
            self._counts.oversize_commands += 1
            self.abort()
        self.flush()

    def receive_line(self, line: str) -> None:
        """Answer one command; a port's grammar goes here."""
        raise NotImplementedError(line)

    def reply(self, line: str) -> None:
        """Queue one line, without its line end, for the next flush."""
        self.pending.append(f"{line}\r\n")

    def refuse(self) -> None:
        """Answer a command that is not understood."""
        self._counts.syntax_errors += 1
        self.reply(SYNTAX_ERROR)

    def begin(self) -> None:
        """Open the conversation."""
        raise NotImplementedError

    def tell_link(self) -> None:
        """Tell that the link to DTN went or came; a port without prices says nothing."""

    def sample_line(self) -> str:
        """A line as this port sends it now, with its line end."""
        raise NotImplementedError

    def flush(self) -> None:
        """Send the queued lines; a reader too far behind loses its connection."""
        if not self.pending:
            return
        transport = self._transport
        if transport is None or transport.is_closing():
            self.pending.clear()
            return
        if self.mangle is not None:
            self.mangle(self.pending)
        data = "".join(self.pending).encode("latin-1")
        count = len(self.pending)
        self.pending.clear()
        self._send(data, lines=count)

    def send_raw(self, data: bytes) -> None:
        """Send bytes that need be no lines, behind everything queued."""
        self.flush()
        if self._transport is not None and not self._transport.is_closing():
            self._send(data, lines=0)

    def _send(self, data: bytes, *, lines: int) -> None:
        counts = self._counts
        if self.is_half_open:
            counts.lines_lost += lines
            counts.bytes_lost += len(data)
            return
        counts.lines_sent += lines
        counts.bytes_sent += len(data)
        self.bytes_sent += len(data)
        self.delivery.write(data)
        if self.bytes_queued > self._queue_bytes_max:
            counts.slow_clients_closed += 1
            _log.warning("slow reader closed, %d bytes waiting", self.bytes_queued)
            self.abort()

    @property
    def bytes_queued(self) -> int:
        """Bytes that wait for this reader."""
        return self.delivery.bytes_queued

    @property
    def is_held(self) -> bool:
        """Whether nothing is read or sent, and lines wait."""
        return self.delivery.is_held

    def hold(self, *, is_held: bool) -> None:
        """Stop or resume; commands wait in the socket meanwhile, and lines wait here."""
        self.delivery.hold(is_held=is_held)
        self._pause_or_resume()

    def set_half_open(self, *, is_half_open: bool) -> None:
        """Play dead or revive: commands wait in the socket meanwhile, lines are lost."""
        self.is_half_open = is_half_open
        self._pause_or_resume()

    def _pause_or_resume(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self.is_held or self.is_half_open:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def watch_counts(self) -> tuple[int, int]:
        """Symbols watched, and how many of them with regional quotes."""
        return 0, 0

    def unwatch_all(self) -> None:
        """End everything this client asked for."""

    def close(self) -> None:
        """Close the connection behind everything queued; lines that wait for a fault are lost."""
        self.flush()
        # From here on nothing reaches the peer, so nothing may count as sent to it.
        self.unwatch_all()
        if self._transport is not None:
            self._transport.close()

    def abort(self, *, is_reset: bool = False) -> None:
        """Drop the connection at once, what waits for it included.

        Args:
            is_reset: Whether the peer shall see a reset (RST) instead of an end.
        """
        self.unwatch_all()
        if self._transport is not None:
            if is_reset:
                self.delivery.discard_at_close()
            self._transport.abort()


ConnectionFactory = Callable[[], LineConnection]
