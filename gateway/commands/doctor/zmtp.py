"""Who listens at an address: a ZeroMQ socket of which type, or somebody else?

A ZeroMQ library only ever says that nothing comes. Here the first bytes of the protocol are read
as they are (ZMTP 3, RFC 23): the signature tells ZeroMQ from anything else, the mechanism whether
keys are asked for, and the READY command the socket's type, so that two addresses that were mixed
up are told apart from a gateway that hangs. The peer sees a connection that ends before it began.
"""

import enum
import re
import socket
from typing import Final, NamedTuple

from gateway.clock import SystemClock
from gateway.commands.doctor.hosts import resolve
from gateway.errors import bounded

SIGNATURE: Final = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f"
GREETING: Final = SIGNATURE + b"\x03\x00" + b"NULL".ljust(20, b"\x00") + b"\x00" * 32
"""Ours: version 3.0, no keys; 64 bytes."""
VERSION_END: Final = 12
"""A peer tells its mechanism behind our version; one that hears another mechanism hangs up."""
READY_BYTES_MAX: Final = 512
PORT_MAX: Final = 65_535
_TCP: Final = re.compile(r"tcp://(\[[^\]]+\]|[^:\[\]]+):([0-9]{1,5})")
_CLOCK: Final = SystemClock()


class Reach(enum.Enum):
    """What was found at an address."""

    NOBODY = "nobody"
    STRANGER = "stranger"
    """Accepts, and does not speak ZeroMQ."""
    MUTE = "mute"
    """Accepts, and says nothing."""
    KEYS = "keys"
    """ZeroMQ that asks for keys."""
    ZEROMQ = "zeromq"
    UNUSABLE = "unusable"
    """No address that can be looked at."""


class Listener(NamedTuple):
    """Who listens at an address."""

    reach: Reach
    """What kind of peer it is."""
    detail: str
    """The socket's type (`XPUB`, `ROUTER`), a stranger's first bytes, or the system's words."""


def look(endpoint: str, *, seconds: float) -> Listener:
    """Find out who listens at an address.

    Args:
        endpoint: `tcp://host:port` or `ipc://path`.
        seconds: Longest time for each of connecting and reading.

    Returns:
        What was found; never raises for what a peer does.
    """
    try:
        peer = open_endpoint(endpoint, seconds)
    except (OSError, ValueError, OverflowError) as error:
        is_address = _TCP.fullmatch(endpoint) or endpoint.startswith("ipc://")
        reach = Reach.NOBODY if is_address and isinstance(error, OSError) else Reach.UNUSABLE
        return Listener(reach, getattr(error, "strerror", None) or str(error))
    with peer:
        return _listen(_Reader(peer, seconds))


def _listen(reader: "_Reader") -> Listener:
    """Greet, and read how far the peer goes along."""
    opening = b""
    try:
        reader.peer.sendall(GREETING[:VERSION_END])
        opening = reader.read(len(SIGNATURE))
        if not opening:
            return Listener(Reach.STRANGER, "it ends the connection at once")
        if opening[:1] != b"\xff" or opening[9:10] != b"\x7f":
            return Listener(Reach.STRANGER, f"it says {bounded(opening)}")
        mechanism = reader.read(len(GREETING) - len(SIGNATURE))[2:22].rstrip(b"\x00")
        if mechanism not in (b"NULL", b""):
            return Listener(Reach.KEYS, _plain(mechanism))
        reader.peer.sendall(GREETING[VERSION_END:])
        return Listener(Reach.ZEROMQ, _socket_type(_read_ready(reader)))
    except OSError as error:
        if opening:
            return Listener(Reach.MUTE, "it begins to speak ZeroMQ and does not go on")
        is_silent = isinstance(error, TimeoutError)
        reason = "it says nothing" if is_silent else str(error.strerror or error)
        return Listener(Reach.MUTE if is_silent else Reach.STRANGER, reason)


class _Reader:
    """Reads from a peer until one common deadline."""

    def __init__(self, peer: socket.socket, seconds: float) -> None:
        self.peer = peer
        self._deadline_ns = _CLOCK.monotonic_ns() + round(seconds * 1e9)
        peer.settimeout(seconds)

    def read(self, count: int) -> bytes:
        """Read so many bytes; fewer at the end of the stream, or of the time if some came."""
        data = b""
        while len(data) < count:
            left_s = (self._deadline_ns - _CLOCK.monotonic_ns()) / 1e9
            self.peer.settimeout(max(0.001, left_s))
            try:
                part = self.peer.recv(count - len(data))
            except TimeoutError:
                if data:
                    break
                raise
            if not part:
                break
            data += part
        return data


def open_endpoint(endpoint: str, seconds: float) -> socket.socket:
    """Connect to an address, without a word.

    Args:
        endpoint: `tcp://host:port` or `ipc://path`.
        seconds: Longest time for the name and for the connection.

    Raises:
        OSError: Nobody accepts there.
        ValueError: Not an address of that form.
    """
    match = _TCP.fullmatch(endpoint)
    if match is not None:
        if int(match[2]) > PORT_MAX:
            raise ValueError("there is no such port")
        address, reason = resolve(match[1].strip("[]"), seconds=seconds)
        if address is None:
            raise OSError(reason)
        return socket.create_connection((address, int(match[2])), timeout=seconds)
    if not endpoint.startswith("ipc://") or not hasattr(socket, "AF_UNIX"):
        raise ValueError("not an address of the form tcp://host:port or ipc://path")
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        peer.settimeout(seconds)
        peer.connect(endpoint.removeprefix("ipc://"))
    except OSError:
        peer.close()
        raise
    return peer


def _read_ready(reader: _Reader) -> bytes:
    """The body of the first command; empty when it has another form."""
    head = reader.read(2)
    if len(head) < 2 or head[0] != 0x04:
        return b""
    return reader.read(min(head[1], READY_BYTES_MAX))


def _socket_type(ready: bytes) -> str:
    """The socket's type out of a READY command; empty when it does not say."""
    name = b"Socket-Type"
    at = ready.find(name)
    if at < 0:
        return ""
    at += len(name)
    size = int.from_bytes(ready[at : at + 4], "big")
    return _plain(ready[at + 4 : at + 4 + min(size, 16)])


def _plain(text: bytes) -> str:
    """A peer's text, escaped to printable ASCII."""
    return bounded(text.decode("latin-1"))[1:-1]
