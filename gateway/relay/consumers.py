"""A relay's consumers: their subscriptions read, granted, counted and passed on.

A join behind a relay has no race, whoever else holds the topic already. The grant on our XPUB is
made before the request for the snapshot goes up; from then on every frame of the topic that we
read reaches the consumer. The gateway sends the snapshot and the topic's frames down one
connection, and we pass them on in their order: what the snapshot does not cover comes behind it.
"""

from typing import Any

import zmq

from gateway.policy.peers import Peer
from gateway.relay.upstream import Upstream
from gateway.runtime.pacing import SnapshotPace
from gateway.runtime.subscription_reader import FRAMES_PER_TICK_MAX, SubscriptionReader, token_of
from gateway.wire.codec import make_pack
from gateway.wire.topics import TopicName, parse_topic


class ConsumerDesk(SubscriptionReader):
    """Passes on what consumers ask for; every method belongs to the relay thread.

    Args:
        data: The relay's data socket, an XPUB in manual mode.
        upstream: Where topics are asked for.
        parts: As `SubscriptionReader` takes them.
    """

    def __init__(self, data: "zmq.Socket[bytes]", *, upstream: Upstream, **parts: Any) -> None:
        super().__init__(data, **parts)
        self._upstream = upstream
        self._pack = make_pack()
        self._pace = SnapshotPace(
            self._ask,
            subscriptions=self._subscriptions,
            desk=self._desk,
            counters=self._counters,
        )

    def gained(self, peer: Peer, topic: bytes, name: TopicName | None, *, is_new: bool) -> None:
        """Pass on a topic with its first consumer, and a private one in its turn."""
        if name is not None and name.nonce and not token_of(name):
            self._pace.ask(peer, topic)
        elif is_new and self._subscriptions.count(topic) == 1:
            self._upstream.subscribe(topic)

    def lost(self, topic: bytes, name: TopicName | None) -> None:
        """Take a topic back from the gateway when its last consumer has left it."""
        del name
        if not self._subscriptions.count(topic):
            self._upstream.unsubscribe(topic)

    def pass_delayed(self) -> None:
        """Pass on the requests for snapshots whose turn has come; call it every tick."""
        self._pace.serve_delayed(bytes_max=FRAMES_PER_TICK_MAX)

    def _ask(self, peer: Peer, topic: bytes) -> int:
        """Ask the gateway for a snapshot, anew where it was asked for before; counts as one.

        What a consumer may not have is answered here: the gateway judges the relay alone.
        """
        name = parse_topic(topic)
        refusal = self._rights.refusal_of(peer, name, self._upstream.epoch) if name else None
        if refusal is not None:
            self._data.send(topic + self._pack(refusal))
            return 1
        if self._upstream.is_subscribed(topic):
            self._upstream.ask_again(topic)
        else:
            self._upstream.subscribe(topic)
        return 1
