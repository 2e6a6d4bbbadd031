"""A TCP connection that never blocks: what a link reads from and writes to."""

import errno
import socket
from typing import Final, Protocol

_IN_PROGRESS: Final = frozenset({0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY, 10035})
"""What a connection that is being made answers; 10035 is Windows' WSAEWOULDBLOCK."""


class Stream(Protocol):
    """A connection that is being made or stands; everything raises OSError when it is over."""

    def fileno(self) -> int:
        """What to poll: it becomes writable when the connection stands or has failed."""
        ...

    def connect_error(self) -> str | None:
        """Why the connection could not be made; None when it stands."""
        ...

    def recv(self, bytes_max: int, /) -> bytes:
        """Read once; empty at the peer's end of stream; BlockingIOError when nothing waits."""
        ...

    def send(self, data: bytes, /) -> int:
        """Write what fits and say how much; BlockingIOError when nothing does."""
        ...

    def close(self) -> None:
        """Close at once."""
        ...


class TcpStream(socket.socket):
    """A connection of the host's, begun and not waited for.

    Args:
        host: A numeric address: looking names up could block.
        port: Where to connect.
        receive_buffer_bytes: The kernel's buffer for what we have not read yet.

    Raises:
        OSError: Refused at once.
    """

    def __init__(self, host: str, port: int, *, receive_buffer_bytes: int) -> None:
        super().__init__(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            self.setblocking(False)
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
            code = self.connect_ex((host, port))
            if code not in _IN_PROGRESS:
                raise ConnectionRefusedError(code, errno.errorcode.get(code, str(code)))
        except OSError:
            self.close()
            raise

    def connect_error(self) -> str | None:
        """Why the connection could not be made; None when it stands."""
        code = self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return errno.errorcode.get(code, str(code)) if code else None
