"""The control socket's connections, where there are keys: whose they are, and the end of them."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

import zmq

from gateway.clock import Clock
from gateway.control.told_once import ToldOnce
from gateway.control.upstream_requests import Caller
from gateway.counters import Counter, Counters
from gateway.logs import get_logger
from gateway.policy.senders import Sender
from gateway.runtime.peer_sockets import PeerSockets
from gateway.runtime.senders import Senders

CONNECTIONS_MAX: Final = 10_000
"""Connections remembered; of more, those that asked longest ago are cut only when they ask."""
PER_USER_MAX: Final = 256
"""Connections of one user at one time: each costs a descriptor, whatever is asked on it."""
CROWDED: Final = "too many connections"


@dataclass(frozen=True, slots=True)
class _Known:
    sender: Sender
    address: str


class ControlPeers:
    """Knows whose a connection is since its first request; used in the control loop only.

    Args:
        senders: Reads whose a frame is.
        counters: The control loop's own.
        clock: Monotonic.
    """

    def __init__(self, senders: Senders, counters: Counters, clock: Clock) -> None:
        self._senders = senders
        self._counters = counters
        self._sockets = PeerSockets(senders)
        self._known: OrderedDict[Hashable, _Known] = OrderedDict()
        self._by_user: dict[str, set[Hashable]] = {}
        self._told = ToldOnce(clock, get_logger("audit"))

    def admit(self, frame: zmq.Frame, identity: str) -> Caller | None:
        """Whose a request is.

        Args:
            frame: Of the request.
            identity: The connection's routing id, hexadecimal.

        Returns:
            None when the connection may not live on: it is cut, and the request is not answered.
        """
        address = _address_of(frame)
        sender = self._senders.of(frame)
        is_let = not self._senders.are_known or self._note(frame, sender, address)
        return Caller(identity, address, sender.user) if is_let and sender is not None else None

    def _note(self, frame: zmq.Frame, sender: Sender | None, address: str) -> bool:
        """Remember whose a connection is, or cut it; whether it may stay."""
        connection = self._sockets.of(frame)
        if sender is None:
            self._counters.add(Counter.FRAMES_UNGRANTED)
            if connection is not None:
                self._cut(connection, self._known.get(connection) or _Known(Sender(), address))
        elif connection in self._known and self._known[connection].sender == sender:
            self._known.move_to_end(connection)
        elif connection is not None:
            if connection not in self._known and self._is_crowded(sender.user):
                self._sockets.cut(connection)
                self._counters.add(Counter.CONNECTIONS_LIMITED)
                facts = {"address": address, "socket": "control", "reason": CROWDED}
                self._told.note("evicted", sender.user, "connections", **facts)
                return False
            self._drop(connection)
            self._known[connection] = _Known(sender, address)
            self._by_user.setdefault(sender.user, set()).add(connection)
            if len(self._known) > CONNECTIONS_MAX:
                self._forget_some()
        return sender is not None

    def _is_crowded(self, user: str) -> bool:
        """Whether a user has as many connections as it may."""
        own = self._by_user.get(user, set())
        if len(own) >= PER_USER_MAX:
            for connection in [c for c in own if not self._sockets.is_alive(c)]:
                self._drop(connection)
        return len(own) >= PER_USER_MAX

    def _drop(self, connection: Hashable) -> None:
        """Forget a connection."""
        known = self._known.pop(connection, None)
        own = self._by_user.get(known.sender.user) if known is not None else None
        if known is not None and own is not None:
            own.discard(connection)
            if not own:
                del self._by_user[known.sender.user]

    def cut(self, frame: zmq.Frame) -> bool:
        """Cut the connection that a frame came from; why is the caller's to write down.

        Returns:
            Whether there was one.
        """
        connection = self._sockets.of(frame)
        if connection is None:
            return False
        self._drop(connection)
        return self._sockets.cut(connection)

    def cut_revoked(self) -> int:
        """Cut the connections whose grant has ended.

        Returns:
            How many were cut.
        """
        self._forget_dead()
        revoked = [
            (connection, known)
            for connection, known in self._known.items()
            if not self._senders.may_stay(known.sender)
        ]
        return sum(self._cut(connection, known) for connection, known in revoked)

    def tell_due(self) -> None:
        """Tell how often what was written down has happened since; call it every second or so."""
        self._told.tell_due()

    def _cut(self, connection: Hashable, known: _Known) -> bool:
        self._drop(connection)
        if not self._sockets.cut(connection):
            return False
        self._counters.add(Counter.CONNECTIONS_REVOKED)
        get_logger("audit").warning(
            "evicted",
            user=known.sender.user or None,
            address=known.address,
            socket="control",
            reason="its key was revoked, or its file says something else",
        )
        return True

    def _forget_some(self) -> None:
        self._forget_dead()
        while len(self._known) > CONNECTIONS_MAX * 9 // 10:
            self._drop(next(iter(self._known)))

    def _forget_dead(self) -> None:
        for connection in [c for c in self._known if not self._sockets.is_alive(c)]:
            self._drop(connection)


def _address_of(frame: zmq.Frame) -> str:
    """The peer's address, where ZeroMQ tells."""
    try:
        return str(frame.get("Peer-Address"))
    except zmq.ZMQError:
        # Not a connection that has one, such as ipc.
        return ""
