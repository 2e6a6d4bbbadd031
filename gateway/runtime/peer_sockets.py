"""The data socket's connections, looked at from outside: who they are, and what waits for them.

libzmq keeps its connections to itself, but tells with each subscription which descriptor it came
from. A descriptor is enough to ask the kernel who the peer is, how much it has not taken yet, and
to cut it off. libzmq may close it at any moment, and the next connection may be given the same
number: each is therefore known by number and inode together, checked before every use, and before
it is cut off checked again on a duplicate that nobody else can close.

Where a system or transport does not tell, nothing is invented: the connection is not measured.
"""

import os
import socket
import stat
import struct
import sys
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, TypeVar

import zmq

from gateway.policy.senders import Sender
from gateway.policy.slow_consumers import Backlog
from gateway.runtime.senders import Senders

if sys.platform != "win32":
    import fcntl

_TIOCOUTQ: Final = 0x5411
"""Linux: bytes of a socket that were written and not acknowledged (TCP) or not read (ipc)."""
_SO_NWRITE: Final = 0x1024
"""macOS: the same."""
_TCP_INFO_BYTES: Final = 256
_ACKED_AT: Final = 120
"""Offset of `tcpi_bytes_acked`, 64 bits (Linux 4.1)."""
_RECEIVED_AT: Final = 128
"""Offset of `tcpi_bytes_received`, 64 bits (Linux 4.1)."""
_NOT_SENT_AT: Final = 144
"""Offset of `tcpi_notsent_bytes`, 32 bits (Linux 4.6)."""
_WINDOW_AT: Final = 228
"""Offset of `tcpi_snd_wnd`, 32 bits (Linux 5.4)."""
_IPC_FULL_BYTES: Final = 32_768
"""Unread bytes of an ipc connection at which it counts as full: small frames cost the system much
more than their size, and about twice as many are all it takes."""
_INT: Final = struct.Struct("i")
_RESET: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER: on, for no time at all: what waits is dropped, and the peer is told by a reset."""


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Who is at the other end, as the kernel says."""

    text: str
    """Such as `tcp://127.0.0.1:45678` or `ipc pid 4711 #18`; two connections never share one."""
    transport: str
    """`tcp` or `ipc`; empty where it cannot be told."""


Answer = TypeVar("Answer")

UNKNOWN: Final = PeerAddress("", "")


class PeerSockets:
    """Connections by their descriptor, which libzmq tells, and what tells it from the next one.

    Args:
        senders: Reads whose a frame is; anybody's when left out.
    """

    def __init__(self, senders: Senders | None = None) -> None:
        self._senders = senders if senders is not None else Senders()
        self._windows: dict[Hashable, int] = {}

    def of(self, frame: zmq.Frame) -> Hashable | None:
        """The connection a frame came from; None when it is gone, or libzmq does not say."""
        try:
            descriptor = int(frame.get(zmq.SRCFD))
        except (zmq.ZMQError, ValueError):
            return None
        identity = identity_of(descriptor)
        return None if identity is None else (descriptor, identity)

    def sender_of(self, frame: zmq.Frame) -> Sender | None:
        """Whose a frame is; None when what let its connection in does not hold any more."""
        return self._senders.of(frame)

    def may_stay(self, sender: Sender) -> bool:
        """Whether what let a connection in still holds."""
        return self._senders.may_stay(sender)

    def is_alive(self, connection: Hashable) -> bool:
        """Whether a connection still exists."""
        return _descriptor_of(connection) is not None

    def address(self, connection: Hashable) -> PeerAddress:
        """Who is at the other end."""
        descriptor = _descriptor_of(connection)
        if descriptor is None:
            return UNKNOWN
        return _look(descriptor, lambda peer: _address_of(peer, descriptor)) or UNKNOWN

    def backlog(self, connection: Hashable) -> Backlog | None:
        """What waits for it; None where nobody can tell."""
        descriptor = _descriptor_of(connection)
        if descriptor is None:
            self._windows.pop(connection, None)
            return None
        return _look(descriptor, lambda peer: self._measure(connection, peer))

    def received_bytes(self, connection: Hashable) -> int | None:
        """What it has received since it was made; None where nobody can tell."""
        descriptor = _descriptor_of(connection)
        return None if descriptor is None else _look(descriptor, _received_of)

    def cut(self, connection: Hashable) -> bool:
        """Reset a connection.

        A mere end would reach a peer only behind everything that waits for it: a reset reaches it
        at once.

        Returns:
            Whether there was one.
        """
        descriptor = _descriptor_of(connection)
        if descriptor is None:
            return False
        self._windows.pop(connection, None)
        own = _look(descriptor, socket.socket.dup)
        if own is None:
            return False
        with own:
            if identity_of(own.fileno()) != _identity(connection):
                return False
            try:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                own.shutdown(socket.SHUT_RDWR)
            except OSError:
                return False
        return True

    def forget(self, connection: Hashable) -> None:
        """Drop what was learned of a connection that is gone."""
        self._windows.pop(connection, None)

    def _measure(self, connection: Hashable, peer: socket.socket) -> Backlog | None:
        unsent = _unsent_of(peer)
        if unsent is None:
            return None
        if peer.family == getattr(socket, "AF_UNIX", None) or not hasattr(socket, "TCP_INFO"):
            return Backlog(unsent, full_bytes=_IPC_FULL_BYTES)
        # The system doubles what is asked for, for its own use.
        full_bytes = peer.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) * 3 // 8
        info = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        if len(info) < _WINDOW_AT + 4:
            return Backlog(unsent, full_bytes=full_bytes)
        (acked,) = struct.unpack_from("Q", info, _ACKED_AT)
        (kept,) = struct.unpack_from("I", info, _NOT_SENT_AT)
        (window,) = struct.unpack_from("I", info, _WINDOW_AT)
        # The window grows back as the program reads: what is missing from the widest one ever
        # offered is what lies unread in the peer's kernel.
        widest = max(window, self._windows.get(connection, 0))
        self._windows[connection] = widest
        return Backlog(unsent, widest - window, acked, acked + window, full_bytes, kept)


def _identity(connection: Hashable) -> Hashable | None:
    return connection[1] if isinstance(connection, tuple) else None


def _descriptor_of(connection: Hashable) -> int | None:
    """The descriptor of a connection that exists; None when it is gone."""
    if not isinstance(connection, tuple):
        return None
    descriptor, identity = connection
    return descriptor if identity_of(descriptor) == identity else None


def identity_of(descriptor: int) -> Hashable | None:
    """What tells a connection from the next one with the same descriptor; None when it is gone.

    Descriptors are reused at once. On POSIX the socket's inode is its own; elsewhere the peer's
    address is, which a TCP connection has.
    """
    if os.name == "posix":
        try:
            status = os.fstat(descriptor)
        except OSError:
            return None
        # The number may belong to something else by now. What is no socket was never a peer, and
        # some of it (events, polls) shares one inode: it would look alive for ever.
        return status.st_ino if stat.S_ISSOCK(status.st_mode) else None
    return _look(descriptor, lambda peer: str(peer.getpeername()))


def _look(descriptor: int, ask: Callable[[socket.socket], Answer]) -> Answer | None:
    """Ask something of a socket that is libzmq's, without closing it; None when it is gone."""
    try:
        borrowed = socket.socket(fileno=descriptor)
    except OSError:
        return None
    try:
        return ask(borrowed)
    except OSError:
        return None
    finally:
        borrowed.detach()


def _received_of(peer: socket.socket) -> int | None:
    if peer.family == getattr(socket, "AF_UNIX", None) or not hasattr(socket, "TCP_INFO"):
        return None
    info = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    if len(info) < _RECEIVED_AT + 8:
        return None
    (received,) = struct.unpack_from("Q", info, _RECEIVED_AT)
    return int(received)


def _unsent_of(peer: socket.socket) -> int | None:
    """Bytes written and not yet taken; None where the system does not tell."""
    if sys.platform == "linux":
        (unsent,) = _INT.unpack(fcntl.ioctl(peer.fileno(), _TIOCOUTQ, b"\0" * _INT.size))
        return int(unsent)
    if sys.platform == "darwin":
        return peer.getsockopt(socket.SOL_SOCKET, _SO_NWRITE)
    return None


def _address_of(peer: socket.socket, descriptor: int) -> PeerAddress:
    if peer.family == getattr(socket, "AF_UNIX", None):
        process = ""
        if sys.platform == "linux":
            size = 3 * _INT.size
            credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
            process = f" pid {_INT.unpack_from(credentials)[0]}"
        return PeerAddress(f"ipc{process} #{descriptor}", "ipc")
    host, port, *_ = peer.getpeername()
    return PeerAddress(f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}", "tcp")
