"""The two ends of a connection without sockets, as the gateway and as the simulator know them."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.world.wire import Wire


class WorldStream:
    """The gateway's end: what `TcpStream` is elsewhere."""

    def __init__(self, wire: "Wire", descriptor: int) -> None:
        self._wire = wire
        self._descriptor = descriptor
        self.inbox: deque[bytes] = deque()
        """Bytes that arrived."""
        self.problem: str | None = None
        """Why it could not be made, or ended."""
        self.is_open = False
        self.is_ended = False
        """Whether the peer's end of stream arrived."""
        self.is_closed = False
        self.is_full = False
        """Whether no more can be sent for the moment."""

    @property
    def is_readable(self) -> bool:
        """Whether a read would say something."""
        return self.is_open and (bool(self.inbox) or self.is_ended or self.problem is not None)

    @property
    def is_writable(self) -> bool:
        """Whether a connection that was being made stands or failed, or bytes can be sent."""
        return (self.is_open and not self.is_full) or self.problem is not None

    def fileno(self) -> int:
        """A number of its own; closed, none."""
        return -1 if self.is_closed else self._descriptor

    def connect_error(self) -> str | None:
        """Why the connection could not be made; None when it stands."""
        return None if self.is_open else self.problem

    def recv(self, bytes_max: int, /) -> bytes:
        """Read once, across the borders of what was written."""
        if self.problem is not None:
            raise ConnectionResetError(104, self.problem)
        inbox = self.inbox
        if not inbox:
            if self.is_ended:
                return b""
            raise BlockingIOError
        parts, left = [], bytes_max
        while inbox and left:
            data = inbox[0]
            if len(data) <= left:
                inbox.popleft()
                self._wire.unread.popleft()
            else:
                inbox[0] = data[left:]
            parts.append(data[:left])
            left -= len(parts[-1])
        chunk = b"".join(parts)
        self._wire.on_chunk(chunk)
        return chunk

    def send(self, data: bytes, /) -> int:
        """Write, now and then only a part."""
        if self.problem is not None:
            raise BrokenPipeError(32, self.problem)
        if self.is_full:
            raise BlockingIOError
        return self._wire.to_simulator(data)

    def close(self) -> None:
        """Close at once."""
        if not self.is_closed:
            self.is_closed = True
            self._wire.gateway_closed()


class _Lingering:
    """The socket that a transport would tell of: it only learns that a close shall be a reset."""

    def __init__(self, transport: "WorldTransport") -> None:
        self._transport = transport

    def setsockopt(self, *_: object) -> None:
        """The only option there is: SO_LINGER for no time at all."""
        self._transport.is_reset_at_close = True


class WorldTransport(asyncio.Transport):
    """The simulator's end."""

    def __init__(self, wire: "Wire") -> None:
        super().__init__()
        self._wire = wire
        self._is_closing = False
        self.is_paused = False
        self.is_reset_at_close = False
        self.waiting: list[bytes] = []
        """Commands that came while nothing was read."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Only the socket, and of it only one option."""
        return _Lingering(self) if name == "socket" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send to the gateway."""
        if not self._is_closing:
            self._wire.to_gateway(bytes(data))

    def get_write_buffer_size(self) -> int:
        """Nothing waits here: the network takes everything."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing to limit."""

    def is_closing(self) -> bool:
        """Whether it was closed or aborted."""
        return self._is_closing

    def close(self) -> None:
        """End the stream behind what was written."""
        self._end(is_reset=False)

    def abort(self) -> None:
        """Drop the connection: an end as well, but for one that shall be a reset."""
        self._end(is_reset=self.is_reset_at_close)

    def _end(self, *, is_reset: bool) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._wire.simulator_closed(is_reset=is_reset)

    def pause_reading(self) -> None:
        """Let commands wait."""
        self.is_paused = True

    def resume_reading(self) -> None:
        """Read what waited."""
        self.is_paused = False
        self._wire.read_waiting()
