"""A peer that speaks ZMTP by hand, so that it can break it: what no libzmq would ever send.

Source: ZMTP 3.0 (RFC 23), NULL mechanism.
"""

import socket
import struct
import time
from types import TracebackType
from typing import Final, Self

GREETING: Final = (
    b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)
)
COMMAND: Final = 0x04
LONG: Final = 0x02
MORE: Final = 0x01


class RawPeer:
    """One TCP connection to a ZeroMQ socket, greeted and ready.

    Args:
        endpoint: `tcp://127.0.0.1:PORT`.
        socket_type: What it says it is, such as `DEALER` or `XSUB`.
        buffer_bytes: The kernel's receive buffer; small for one that does not read.

    Raises:
        OSError: It was cut before it was ready.
    """

    def __init__(self, endpoint: str, socket_type: str, *, buffer_bytes: int | None = None) -> None:
        host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
        self.sock = socket.socket()
        if buffer_bytes is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        self.sock.settimeout(10.0)
        try:
            self.sock.connect((host, int(port)))
            self._greet(socket_type)
        except BaseException:
            self.sock.close()
            raise

    def _greet(self, socket_type: str) -> None:
        self.sock.sendall(GREETING)
        self._read(64)
        name = socket_type.encode()
        ready = b"\x05READY" + b"\x0bSocket-Type" + struct.pack(">I", len(name)) + name
        self.sock.sendall(bytes([COMMAND, len(ready)]) + ready)
        self._read_frame()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def is_cut(self, seconds: float = 5.0) -> bool:
        """Whether the other side ends the connection in time; what it sends is dropped."""
        end_s = time.monotonic() + seconds
        try:
            while (left_s := end_s - time.monotonic()) > 0:
                self.sock.settimeout(left_s)
                if not self.sock.recv(65_536):
                    return True
        except TimeoutError:
            return False
        except OSError:
            return True
        return False

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.sock.recv(count - len(data))
            if not part:
                raise ConnectionResetError("cut while it was greeted")
            data += part
        return data

    def _read_frame(self) -> bytes:
        flags, size = self._read(2)
        if flags & LONG:
            (size,) = struct.unpack(">Q", bytes([size]) + self._read(7))
        return self._read(size)


def frame(body: bytes, *, flags: int = 0) -> bytes:
    """One frame."""
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | LONG]) + struct.pack(">Q", len(body)) + body


def lying_frame(size: int, *, flags: int = 0) -> bytes:
    """The head of a frame that says how long it is, and nothing behind it."""
    return bytes([flags | LONG]) + struct.pack(">Q", size)
