"""A relay's consumers: their subscriptions read, granted, counted and passed on.

A join behind a relay has no race, whoever else holds the topic already. The grant on our XPUB is
made before the request for the snapshot goes up; from then on every frame of the topic that we
read reaches the consumer. The gateway sends the snapshot and the topic's frames down one
connection, and we pass them on in their order: what the snapshot does not cover comes behind it.
"""

from collections.abc import Hashable
from typing import Final

import zmq

from gateway.counters import Counter, Counters
from gateway.policy.subscriptions import Subscriptions
from gateway.relay.upstream import Upstream
from gateway.runtime.grants import Grants
from gateway.runtime.publisher import FRAMES_PER_TICK_MAX, Peers
from gateway.wire.topics import grants_of, is_private, sys_topic

CLIENT_TOPIC_END: Final = b"." + sys_topic("client")


class ConsumerDesk:
    """Reads what consumers ask for; every method belongs to the relay thread.

    Args:
        data: The relay's data socket, an XPUB in manual mode.
        upstream: Where topics are asked for.
        subscriptions: Counts pairs.
        counters: Where frames are counted.
        peers: Tells connections apart.
    """

    def __init__(
        self,
        data: "zmq.Socket[bytes]",
        *,
        upstream: Upstream,
        subscriptions: Subscriptions,
        counters: Counters,
        peers: Peers,
    ) -> None:
        self._data = data
        self._upstream = upstream
        self._subscriptions = subscriptions
        self._grants = Grants(data, subscriptions)
        self._counters = counters
        self._peers = peers
        self._tokens: dict[Hashable, str] = {}
        """Of the topics `~<token>.sys,client,`, by connection."""

    def drain(self) -> None:
        """Read what consumers ask for, at most `FRAMES_PER_TICK_MAX` frames."""
        for _ in range(FRAMES_PER_TICK_MAX):
            try:
                frame = self._data.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            data = frame.bytes
            if data[:1] == b"\x01":
                self._subscribe(self._peers.of(frame), data[1:])
            elif data[:1] == b"\x00":
                self._unsubscribe(self._peers.of(frame), data[1:])
            else:
                self._counters.add(Counter.USER_MESSAGES)

    def sweep(self) -> None:
        """Take back what dead connections left behind."""
        for topic in set(self._subscriptions.sweep(self._peers.is_alive)):
            self._note_loss(topic)
        living = self._subscriptions.connections()
        for connection in self._tokens.keys() - living.keys():
            del self._tokens[connection]

    def token_of(self, connection: Hashable) -> str:
        """The token of a connection's own topic; empty while it has none."""
        return self._tokens.get(connection, "")

    def _subscribe(self, connection: Hashable | None, topic: bytes) -> None:
        self._counters.add(Counter.SUBSCRIPTIONS_SEEN)
        if connection is None:
            # Gone before its frame was read: nobody is there to be granted anything.
            return
        if not grants_of(topic) or self._subscriptions.is_full(connection):
            self._counters.add(Counter.SUBSCRIPTIONS_REFUSED)
            return
        # Before the frame goes up: that is what makes joins free of races.
        self._grants.give(topic)
        is_first = not self._subscriptions.count(topic)
        self._subscriptions.add(connection, topic)
        is_of_client = is_private(topic) and topic.endswith(CLIENT_TOPIC_END)
        if is_of_client:
            self._tokens[connection] = topic[1 : -len(CLIENT_TOPIC_END)].decode("ascii")
        if is_first:
            self._upstream.subscribe(topic)
        elif is_private(topic) and not is_of_client:
            self._upstream.ask_again(topic)

    def _unsubscribe(self, connection: Hashable | None, topic: bytes) -> None:
        if connection is not None:
            # Named: the peer lives. A dead peer's grants are gone with its pipe.
            self._grants.take(connection, topic)
        if self._subscriptions.remove(connection, topic, self._peers.is_alive):
            self._note_loss(topic)

    def _note_loss(self, topic: bytes) -> None:
        """Take a topic back from the gateway when its last consumer has left it."""
        if not self._subscriptions.count(topic):
            self._upstream.unsubscribe(topic)
