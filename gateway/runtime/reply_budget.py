"""How much may wait for one requester that does not read its replies.

libzmq bounds their number, and a reply may be megabytes. What a connection was sent and its kernel
has not acknowledged waits with us; beyond a budget further replies are dropped, as libzmq drops
them when there are too many.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

import zmq

from gateway.runtime.peer_sockets import PeerSockets

WAITING_BYTES_MAX: Final = 4_194_304
"""Unacknowledged bytes beyond which nothing more is sent; the reply that goes beyond is."""
CONNECTIONS_MAX: Final = 10_000
"""Connections that are followed; of more, the one that asked longest ago begins anew."""


class _Account:
    __slots__ = ("acked_bytes", "connection", "sent_bytes")

    def __init__(self, connection: Hashable) -> None:
        self.connection = connection
        """Where it is sent to."""
        self.acked_bytes = 0
        """What its kernel had acknowledged when the account began."""
        self.sent_bytes = 0
        """What it was sent since."""


class ReplyBudget:
    """Lets replies through; the control loop's own.

    Args:
        sockets: Looks at connections.
    """

    def __init__(self, sockets: PeerSockets) -> None:
        self._sockets = sockets
        self._accounts: OrderedDict[bytes, _Account] = OrderedDict()

    def note(self, peer: bytes, frame: zmq.Frame) -> None:
        """Learn where a requester is.

        Args:
            peer: Its routing id.
            frame: Of its request.
        """
        connection = self._sockets.of(frame)
        account = self._accounts.get(peer)
        if account is None or account.connection != connection:
            self._accounts[peer] = _Account(connection)
            if len(self._accounts) > CONNECTIONS_MAX:
                self._accounts.popitem(last=False)
        self._accounts.move_to_end(peer)

    def admits(self, peer: bytes, size: int) -> bool:
        """Whether a reply may be sent, which is then counted.

        Args:
            peer: The requester's routing id.
            size: Of the reply, bytes.
        """
        account = self._accounts.get(peer)
        backlog = None if account is None else self._sockets.backlog(account.connection)
        if account is None or backlog is None or backlog.acked_bytes is None:
            # Gone, or of a kind whose kernel does not tell: libzmq's own bound has to do.
            return True
        waiting = account.sent_bytes - (backlog.acked_bytes - account.acked_bytes)
        if waiting <= 0:
            # Frames and keys cost more than what is in them: what is settled is begun anew.
            account.acked_bytes, account.sent_bytes, waiting = backlog.acked_bytes, 0, 0
        if waiting > WAITING_BYTES_MAX:
            return False
        account.sent_bytes += size
        return True
