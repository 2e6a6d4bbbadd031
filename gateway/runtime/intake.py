"""What the connections of one socket send, beside what its reader has been given of it.

Three threads meet here: whoever reads the socket's events says which connections there are, the
reader says what it was given, and the guard looks. Each writes only what is its own, by operations
that the interpreter does at a stretch.
"""

import socket
import struct
import sys
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

import zmq
from zmq.utils.monitor import parse_monitor_message

from gateway.policy.intake import FRAME_BYTES, IntakeAccount, IntakeRules
from gateway.runtime.peer_sockets import PeerSockets, identity_of
from gateway.runtime.socket_monitors import end_monitor

if sys.platform != "win32":
    import fcntl
    import termios

ACCEPTED_MAX: Final = 100_000
"""Connections that were made and not looked at yet; of more the oldest are forgotten."""
READ_MAX: Final = 1_000
"""Events read at a stretch."""
IS_TOLD: Final = sys.platform == "linux"
"""Whether the system tells how much a TCP connection has received."""
_TCP_INFO_BYTES: Final = 136
_INT: Final = struct.Struct("i")
_RECEIVED_OF: Final = struct.Struct("128xQ").unpack_from
"""`tcpi_bytes_received` (Linux 4.1)."""


@dataclass(slots=True)
class Watched:
    """One connection."""

    connection: Hashable
    """How others know it: its descriptor, and what tells it from the next one with that number."""
    descriptor: int
    family: int
    account: IntakeAccount
    since_ns: int
    """When it was first seen, monotonic."""


class Intake:
    """The connections of one socket.

    Args:
        name: `data` or `control`.
        rules: What is borne.
    """

    def __init__(self, name: str, rules: IntakeRules) -> None:
        self.name: Final = name
        self._rules = rules
        self._accepted: deque[tuple[int, str]] = deque(maxlen=ACCEPTED_MAX)
        self._monitored: zmq.Socket[Any] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._taken: dict[Hashable, int] = {}
        self._users: dict[Hashable, str] = {}
        self.silent_max: int | None = None
        """Connections of which nothing was ever read that are borne; None for any number."""
        self.is_empty = True
        """Whether the reader has found nothing more to read; the reader says so."""
        self.watched: dict[int, Watched] = {}
        """By descriptor; the guard's own."""

    # Whoever reads the events.

    def watch(self, monitored: "zmq.Socket[Any]") -> None:
        """Learn of a socket's connections by its monitor; call it before it is bound.

        A socket has one monitor only: where another reads it, that tells `note_accepted`.
        """
        address = f"inproc://intake.{self.name}.events"
        monitored.monitor(address, zmq.Event.ACCEPTED | zmq.Event.MONITOR_STOPPED)
        self._monitor = zmq.Context.shadow(monitored.context.underlying).socket(zmq.PAIR)
        # Without a bound: at one, libzmq's I/O thread would wait for us, and data with it.
        self._monitor.setsockopt(zmq.RCVHWM, 0)
        self._monitor.connect(address)
        self._monitored = monitored

    def note_accepted(self, descriptor: int, endpoint: str) -> None:
        """A connection was made.

        Args:
            descriptor: Its own.
            endpoint: Where it came in, as it was bound.
        """
        self._accepted.append((descriptor, endpoint))

    # The reader.

    def note_taken(self, connection: Hashable | None, size: int, user: str = "") -> None:
        """The reader was given a frame.

        Args:
            connection: Whose; None when it is gone.
            size: Bytes that are in it.
            user: Who it is; empty without keys.
        """
        if connection is not None:
            self._taken[connection] = self._taken.get(connection, 0) + size + FRAME_BYTES
            if user:
                self._users[connection] = user

    def unread_of(self, connection: Hashable) -> int | None:
        """What a connection has sent beyond what was read of it; None where nobody can tell.

        Args:
            connection: As others know it.
        """
        if not isinstance(connection, tuple) or not IS_TOLD:
            return None
        received = _received_by(connection[0], socket.AF_INET)
        return None if received is None else received - self._taken.get(connection, 0)

    # The guard.

    def learn(self, now_ns: int) -> None:
        """Begin to watch the connections that were made since."""
        self._read_events()
        while self._accepted:
            descriptor, endpoint = self._accepted.popleft()
            watched = self._watched_of(descriptor, endpoint, now_ns)
            if watched is not None:
                self.watched[descriptor] = watched

    def judge(self, watched: Watched, now_ns: int) -> str:
        """Look at a connection.

        Returns:
            Why it must go; empty when it may stay, or is gone.
        """
        # Before the kernel is asked: what is read meanwhile is received as well.
        is_empty, taken = self.is_empty, self._taken.get(watched.connection, 0)
        received = _received_by(watched.descriptor, watched.family)
        if received is None:
            self.forget(watched)
            return ""
        account = watched.account
        if account.may_matter(received):
            received -= _unread_by(watched.descriptor)
        return account.look(received, taken=taken, is_empty=is_empty, now_ns=now_ns)

    def too_silent(self, now_ns: int, *, age_ns_min: int) -> list[Watched]:
        """The connections that nothing was ever read of, without the youngest that are borne.

        Args:
            now_ns: Monotonic.
            age_ns_min: Younger ones may be about to speak.
        """
        if self.silent_max is None or len(self.watched) <= self.silent_max:
            return []
        silent = [
            watched
            for watched in self.watched.values()
            if watched.connection not in self._taken and now_ns - watched.since_ns >= age_ns_min
        ]
        silent.sort(key=lambda watched: watched.since_ns, reverse=True)
        return silent[self.silent_max :]

    def user_of(self, connection: Hashable) -> str:
        """Whose a connection is; empty when nobody is known."""
        return self._users.get(connection, "")

    def forget(self, watched: Watched) -> None:
        """Watch a connection no more."""
        if self.watched.get(watched.descriptor) is watched:
            del self.watched[watched.descriptor]
        self._taken.pop(watched.connection, None)
        self._users.pop(watched.connection, None)

    def sweep(self) -> None:
        """Forget what is gone; call it now and then."""
        is_alive = PeerSockets().is_alive
        for watched in list(self.watched.values()):
            if not is_alive(watched.connection):
                self.forget(watched)
        # Others are of connections that nobody watches, such as over ipc, or were told late.
        for connection in list(self._taken):
            if not is_alive(connection):
                self._taken.pop(connection, None)
                self._users.pop(connection, None)

    def close(self) -> None:
        """End the monitor, if it is ours; before its socket is closed."""
        monitored, self._monitored = self._monitored, None
        monitor, self._monitor = self._monitor, None
        if monitor is not None:
            end_monitor(monitor, monitored)

    def _read_events(self) -> None:
        if self._monitor is None:
            return
        for _ in range(READ_MAX):
            try:
                event = parse_monitor_message(self._monitor.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return
            if event["event"] == zmq.Event.ACCEPTED:
                endpoint = event["endpoint"].decode("ascii", "replace")
                self._accepted.append((int(event["value"]), endpoint))

    def _watched_of(self, descriptor: int, endpoint: str, now_ns: int) -> Watched | None:
        """A connection to be watched; None for one that is gone or that nobody can tell of.

        Its number may be another's by now, even that of our own connection to IQConnect: only what
        came in at our address is one of ours.
        """
        port = endpoint.rpartition(":")[2]
        identity = identity_of(descriptor)
        if not IS_TOLD or not endpoint.startswith("tcp://") or identity is None:
            return None
        try:
            borrowed = socket.socket(fileno=descriptor)
        except OSError:
            return None
        try:
            family, own = borrowed.family, borrowed.getsockname()
        except OSError:
            return None
        finally:
            borrowed.detach()
        if not isinstance(own, tuple) or str(own[1]) != port:
            return None
        account = IntakeAccount(self._rules, now_ns=now_ns)
        return Watched((descriptor, identity), descriptor, family, account, now_ns)


def _unread_by(descriptor: int) -> int:
    """Bytes that wait in the kernel until ZeroMQ reads them; not memory of ours."""
    if sys.platform != "linux":
        return 0
    try:
        (unread,) = _INT.unpack(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(_INT.size)))
    except OSError:
        return 0
    return int(unread)


def _received_by(descriptor: int, family: int) -> int | None:
    """Bytes that a descriptor's connection has received; None when it is gone.

    It may be another's by now: who acts on the answer asks whose it is first.
    """
    try:
        borrowed = socket.socket(family, socket.SOCK_STREAM, 0, descriptor)
    except OSError:
        return None
    try:
        info = borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    except OSError:
        return None
    finally:
        borrowed.detach()
    return int(_RECEIVED_OF(info)[0]) if len(info) >= _TCP_INFO_BYTES else None
