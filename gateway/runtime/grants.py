"""Grants on an XPUB in manual mode: what the peer of the last received frame may hear."""

from collections.abc import Hashable

import zmq

from gateway.policy.subscriptions import Subscriptions
from gateway.wire.topics import grants_of


class Grants:
    """Gives and takes grants.

    libzmq applies them to the peer of the frame that was received last: call before the next one
    is.

    Args:
        data: The XPUB.
        subscriptions: Every pair that was granted.
    """

    def __init__(self, data: "zmq.Socket[bytes]", subscriptions: Subscriptions) -> None:
        self._data = data
        self._subscriptions = subscriptions

    def give(self, topic: bytes) -> None:
        """Let the peer hear what a subscription stands for."""
        for prefix in grants_of(topic):
            self._data.setsockopt(zmq.SUBSCRIBE, prefix)

    def take(self, connection: Hashable, topic: bytes) -> None:
        """End what one subscription let the peer hear; what it holds by another stays granted."""
        for prefix in grants_of(topic):
            if not self._is_held_otherwise(connection, topic, prefix):
                self._data.setsockopt(zmq.UNSUBSCRIBE, prefix)

    def _is_held_otherwise(self, connection: Hashable, topic: bytes, prefix: bytes) -> bool:
        """Whether a prefix is granted by another subscription of the same peer too."""
        if not topic:
            return self._subscriptions.holds(connection, prefix)
        return self._subscriptions.holds(connection, b"") and prefix in grants_of(b"")
