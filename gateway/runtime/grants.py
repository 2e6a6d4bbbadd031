"""Grants on an XPUB in manual mode: what the peer of the last received frame may hear.

libzmq applies them to the peer of the frame that was received last, and to nobody else: what a
connection was granted can be taken back only while one of its own frames is handled. So when what
a user may hear changes, its connections are cut; they come back, and are judged anew.
"""

from collections.abc import Hashable

import zmq

from gateway.control.rights import RightsDesk
from gateway.policy.senders import Sender
from gateway.policy.subscriptions import Subscriptions


class Grants:
    """Gives and takes grants; call before the next frame is received.

    Args:
        data: The XPUB.
        subscriptions: Every pair that was granted.
        rights: Says what a subscription is granted as.
    """

    def __init__(
        self, data: "zmq.Socket[bytes]", subscriptions: Subscriptions, rights: RightsDesk
    ) -> None:
        self._data = data
        self._subscriptions = subscriptions
        self._rights = rights

    def give(self, prefixes: tuple[bytes, ...]) -> None:
        """Let the peer hear what a subscription is granted as."""
        for prefix in prefixes:
            self._data.setsockopt(zmq.SUBSCRIBE, prefix)

    def take(self, connection: Hashable, sender: Sender, topic: bytes) -> None:
        """End what one subscription let the peer hear; what it holds by another stays granted."""
        for prefix in self._rights.granted_as(sender, topic):
            if not self._is_held_otherwise(connection, sender, topic, prefix):
                self._data.setsockopt(zmq.UNSUBSCRIBE, prefix)

    def _is_held_otherwise(
        self, connection: Hashable, sender: Sender, topic: bytes, prefix: bytes
    ) -> bool:
        """Whether a prefix is granted by another subscription of the same peer too."""
        if not topic:
            return self._subscriptions.holds(connection, prefix)
        if not self._subscriptions.holds(connection, b""):
            return False
        return prefix in self._rights.granted_as(sender, b"")
