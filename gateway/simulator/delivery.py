"""The last step of a line: bytes to a transport, at once or as a fault has it."""

import asyncio
import random
import socket
import struct
import sys
from typing import Final

SECOND_NS: Final = 1_000_000_000
_DISCARD: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER: on, for no time at all, which makes the close a reset."""


class Delivery:
    """One connection's way out: whole, in slices, slowly, or not now."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting = bytearray()
        self.is_held = False
        """Whether everything waits here."""
        self._rng: random.Random | None = None
        self._slice_bytes_max = 0
        self._bytes_per_s = 0
        self._paid_ns = 0

    def open(self, transport: asyncio.Transport) -> None:
        """Take the transport to write to."""
        self._transport = transport

    @property
    def bytes_queued(self) -> int:
        """Bytes that wait here and in the transport."""
        waiting = 0 if self._transport is None else self._transport.get_write_buffer_size()
        return waiting + len(self._waiting)

    def write(self, data: bytes) -> None:
        """Send bytes, or let them wait behind those that wait already."""
        if self.is_held or self._bytes_per_s:
            self._waiting += data
        else:
            self._put(data)

    def _put(self, data: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        if self._rng is None:
            transport.write(data)
            return
        begin = 0
        while begin < len(data):
            end = begin + self._rng.randint(1, self._slice_bytes_max)
            transport.write(data[begin:end])
            begin = end

    def hold(self, *, is_held: bool) -> None:
        """Let everything wait, or send what waited."""
        self.is_held = is_held
        self._let_go()

    def slice(self, bytes_max: int, rng: random.Random) -> None:
        """Write in pieces of random length from now on.

        Args:
            bytes_max: Longest piece; 0 to write everything whole again.
            rng: Draws the lengths.
        """
        self._slice_bytes_max = bytes_max
        self._rng = rng if bytes_max else None

    def pace(self, bytes_per_s: int, *, now_ns: int) -> None:
        """Deliver at most so fast from now on; `release` must be called again and again.

        Args:
            bytes_per_s: Bytes a second; 0 to deliver at once again, with what waited.
            now_ns: The monotonic clock.
        """
        self._bytes_per_s = bytes_per_s
        self._paid_ns = now_ns
        self._let_go()

    def release(self, *, now_ns: int) -> None:
        """Deliver what a slow reader has had time for since the last call."""
        if not self._bytes_per_s or self.is_held:
            self._paid_ns = now_ns
            return
        count = (now_ns - self._paid_ns) * self._bytes_per_s // SECOND_NS
        if count <= 0:
            return
        # Only the time that was used up is paid, so that slow rates lose nothing by rounding.
        self._paid_ns += count * SECOND_NS // self._bytes_per_s
        if self._waiting:
            self._put(bytes(self._waiting[:count]))
            del self._waiting[:count]

    def _let_go(self) -> None:
        if self._waiting and not self.is_held and not self._bytes_per_s:
            data = bytes(self._waiting)
            self._waiting.clear()
            self._put(data)

    def discard_at_close(self) -> None:
        """Let the coming close be a reset that throws away what the peer has not read."""
        peer = None if self._transport is None else self._transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD)
