"""A relay's consumers: their subscriptions read, granted, counted and passed on.

A join behind a relay has no race, whoever else holds the topic already. The grant on our XPUB is
made before the request for the snapshot goes up; from then on every frame of the topic that we
read reaches the consumer. The gateway sends the snapshot and the topic's frames down one
connection, and we pass them on in their order: what the snapshot does not cover comes behind it.
"""

from collections.abc import Hashable

import zmq

from gateway.control.peer_desk import PeerDesk
from gateway.counters import Counter, Counters
from gateway.model.messages import Kind
from gateway.policy.subscriptions import Subscriptions
from gateway.relay.upstream import Upstream
from gateway.runtime.grants import Grants
from gateway.runtime.pacing import SnapshotPace
from gateway.runtime.publisher import FRAMES_PER_TICK_MAX, Peers
from gateway.wire.topics import TopicName, grants_of, parse_topic


class ConsumerDesk:
    """Reads what consumers ask for; every method belongs to the relay thread.

    Args:
        data: The relay's data socket, an XPUB in manual mode.
        upstream: Where topics are asked for.
        subscriptions: Counts pairs.
        counters: Where frames are counted.
        peers: Tells connections apart.
        desk: Who they are.
    """

    def __init__(
        self,
        data: "zmq.Socket[bytes]",
        *,
        upstream: Upstream,
        subscriptions: Subscriptions,
        counters: Counters,
        peers: Peers,
        desk: PeerDesk,
    ) -> None:
        self._data = data
        self._upstream = upstream
        self._subscriptions = subscriptions
        self._grants = Grants(data, subscriptions)
        self._counters = counters
        self._peers = peers
        self._desk = desk
        self._pace = SnapshotPace(
            self._ask, subscriptions=subscriptions, desk=desk, counters=counters
        )

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
        self._desk.sweep()

    def _subscribe(self, connection: Hashable | None, topic: bytes) -> None:
        self._counters.add(Counter.SUBSCRIPTIONS_SEEN)
        if connection is None:
            # Gone before its frame was read: nobody is there to be granted anything.
            return
        peer = self._desk.peer_of(connection)
        is_full = self._subscriptions.is_full(connection)
        if not grants_of(topic) or (is_full and not self._subscriptions.holds(connection, topic)):
            self._counters.add(Counter.SUBSCRIPTIONS_REFUSED)
            if is_full:
                self._desk.note_refusal(connection)
            return
        # Before the frame goes up: that is what makes joins free of races.
        self._grants.give(topic)
        is_first = not self._subscriptions.count(topic)
        self._subscriptions.add(connection, topic)
        name = parse_topic(topic)
        token = _token_of(name)
        if token:
            self._desk.note_token(connection, token)
        if name is not None and name.nonce and not token:
            self._pace.ask(peer, topic)
        elif is_first:
            self._upstream.subscribe(topic)

    def pass_delayed(self) -> None:
        """Pass on the requests for snapshots whose turn has come; call it every tick."""
        self._pace.serve_delayed(bytes_max=FRAMES_PER_TICK_MAX)

    def _ask(self, topic: bytes) -> int:
        """Ask the gateway for a snapshot, anew where it was asked for before; counts as one."""
        if self._upstream.is_subscribed(topic):
            self._upstream.ask_again(topic)
        else:
            self._upstream.subscribe(topic)
        return 1

    def _unsubscribe(self, connection: Hashable | None, topic: bytes) -> None:
        if connection is not None:
            # Named: the peer lives. A dead peer's grants are gone with its pipe.
            self._grants.take(connection, topic)
        if not self._subscriptions.remove(connection, topic, self._peers.is_alive):
            return
        token = _token_of(parse_topic(topic))
        if token:
            self._desk.drop_token(connection, token)
        self._note_loss(topic)

    def _note_loss(self, topic: bytes) -> None:
        """Take a topic back from the gateway when its last consumer has left it."""
        if not self._subscriptions.count(topic):
            self._upstream.unsubscribe(topic)


def _token_of(name: TopicName | None) -> str:
    """The token of a client's own topic, which names it and is never answered; else empty."""
    is_own = name is not None and name.kind is Kind.SYS and name.symbol == "client"
    return name.nonce if name is not None and is_own else ""
