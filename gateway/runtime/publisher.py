"""The data socket: an XPUB in manual mode, drained with a bound, granting what may be granted.

Source of the options: measured behavior of libzmq 4.3.5. Manual mode lets us decide each
subscription; MAXMSGSIZE bounds what a stranger can make us hold; heartbeats find half-open peers;
a small send buffer keeps a stalled consumer from being fed minutes of old data later.
"""

from collections.abc import Callable, Hashable
from typing import Any, Final, Protocol

import zmq

from gateway.control.peer_desk import PeerDesk, PeerSockets
from gateway.counters import Counter, Counters
from gateway.errors import ConfigError
from gateway.model.messages import Kind
from gateway.model.protocol import DATA_MESSAGE_BYTES_MAX
from gateway.policy.subscriptions import Subscriptions
from gateway.runtime.grants import Grants
from gateway.runtime.pacing import SnapshotPace
from gateway.wire.codec import Encoded
from gateway.wire.envelope import Body, Envelope, Topic
from gateway.wire.topics import TopicName, grants_of, parse_topic

FRAMES_PER_TICK_MAX: Final = 1_000
"""Subscription frames read at a stretch; more wait, so that data goes first. Snapshots are answered
as their subscriptions are read, so under load they are delayed and never refused."""
ANSWER_BYTES_PER_TICK_MAX: Final = 262_144
"""Bytes of snapshots answered at a stretch; an order book of thousands of rows is as much."""
HEARTBEAT_MS: Final = 5_000
HEARTBEAT_TIMEOUT_MS: Final = 15_000
HANDSHAKE_MS: Final = 2_000
BACKLOG: Final = 4_096
LIBZMQ_MIN: Final = (4, 3, 5)


def check_libzmq() -> None:
    """Refuse a libzmq with known holes.

    Raises:
        ConfigError: Older than 4.3.5.
    """
    version = zmq.zmq_version_info()
    if version < LIBZMQ_MIN:
        raise ConfigError(
            "libzmq is too old",
            hint="Install pyzmq from a wheel: it brings libzmq 4.3.5 or later.",
            version=zmq.zmq_version(),
        )


def open_data_socket(
    context: "zmq.Context[zmq.Socket[bytes]]",
    *,
    bind: str,
    high_water_mark: int,
    send_buffer_bytes: int,
    name: str = "data.bind",
) -> "zmq.Socket[bytes]":
    """Make and bind the data socket.

    Args:
        context: The socket's.
        bind: Where to listen.
        high_water_mark: Messages queued per consumer before ZeroMQ drops for it.
        send_buffer_bytes: Kernel buffer per consumer.
        name: The setting that an address which cannot be bound is to be blamed on.

    Raises:
        ConfigError: The address cannot be bound; the text says why.
    """
    data = context.socket(zmq.XPUB)
    data.setsockopt(zmq.XPUB_MANUAL, 1)
    data.setsockopt(zmq.SNDHWM, high_water_mark)
    data.setsockopt(zmq.RCVHWM, 1_000)
    data.setsockopt(zmq.SNDBUF, send_buffer_bytes)
    data.setsockopt(zmq.MAXMSGSIZE, DATA_MESSAGE_BYTES_MAX)
    data.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    data.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
    data.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    data.setsockopt(zmq.BACKLOG, BACKLOG)
    data.setsockopt(zmq.LINGER, 0)
    if bind.startswith("tcp://["):
        data.setsockopt(zmq.IPV6, 1)
    bind_socket(data, name, bind)
    return data


def bind_socket(bound: "zmq.Socket[Any]", name: str, bind: str) -> None:
    """Bind a socket or say which setting is to blame.

    Raises:
        ConfigError: The address is taken or not usable; the socket is closed.
    """
    try:
        bound.bind(bind)
    except zmq.ZMQError as error:
        bound.close(linger=0)
        raise ConfigError(
            f"{name} cannot be bound",
            hint="Another gateway may be running: stop it, or choose another port.",
            bind=bind,
            reason=str(error),
        ) from error


class Peers(PeerSockets, Protocol):
    """Tells connections apart, and looks at them."""

    def of(self, frame: zmq.Frame) -> Hashable | None:
        """The connection a frame came from; None when it is gone, or nobody can say."""
        ...


class SubscriptionDesk:
    """Reads subscription frames, grants them, and answers snapshots.

    Args:
        data: The data socket; owned by the feed thread.
        answer: Answers snapshots from memory.
        envelope: Sends them.
        subscriptions: Counts pairs.
        system_topics: `sys` topics by name, for their snapshots.
        counters: Where frames are counted.
        on_gain: Told of a complete public topic that gained a connection, before the next frame
            is read: a private topic behind it is answered with that demand known.
        on_loss: Told of a complete public topic that lost a connection.
        peers: Tells connections apart.
        desk: Who they are, and how many snapshots each may have.
    """

    def __init__(
        self,
        data: "zmq.Socket[bytes]",
        *,
        answer: Callable[[TopicName], Body | Encoded],
        envelope: Envelope,
        subscriptions: Subscriptions,
        system_topics: dict[str, Topic],
        counters: Counters,
        on_gain: Callable[[TopicName], object],
        on_loss: Callable[[TopicName], object],
        peers: Peers,
        desk: PeerDesk,
    ) -> None:
        self._data = data
        self._answer_of = answer
        self._envelope = envelope
        self._subscriptions = subscriptions
        self._grants = Grants(data, subscriptions)
        self._system_topics = system_topics
        self._counters = counters
        self._on_gain = on_gain
        self._on_loss = on_loss
        self._peers = peers
        self._desk = desk
        self._answered_bytes = 0
        self._pace = SnapshotPace(
            self._answer, subscriptions=subscriptions, desk=desk, counters=counters
        )

    def drain(self) -> None:
        """Read what subscribers ask for, at most `FRAMES_PER_TICK_MAX` frames.

        Whole order books are large: when the answers of one call are, the rest waits for the next.
        """
        bytes_before = self._answered_bytes
        for _ in range(FRAMES_PER_TICK_MAX):
            if self._answered_bytes - bytes_before > ANSWER_BYTES_PER_TICK_MAX:
                return
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
        self._grants.give(topic)
        is_new = self._subscriptions.add(connection, topic)
        name = parse_topic(topic)
        if name is None:
            return
        if not name.nonce:
            if is_new:
                self._on_gain(name)
        elif name.kind is Kind.SYS and name.symbol == "client":
            self._desk.note_token(connection, name.nonce)
        else:
            self._answered_bytes += self._pace.ask(peer, topic)

    def _unsubscribe(self, connection: Hashable | None, topic: bytes) -> None:
        if connection is not None:
            # Named: the peer lives and took one subscription back. What it holds by another one
            # stays granted. A dead peer's grants are gone with its pipe.
            self._grants.take(connection, topic)
        is_gone = self._subscriptions.remove(connection, topic, self._peers.is_alive)
        name = parse_topic(topic)
        if not is_gone or name is None:
            return
        if not name.nonce:
            self._on_loss(name)
        elif name.kind is Kind.SYS and name.symbol == "client":
            self._desk.drop_token(connection, name.nonce)

    def sweep(self) -> None:
        """Take back what dead connections left behind."""
        for topic in self._subscriptions.sweep(self._peers.is_alive):
            name = parse_topic(topic)
            if name is not None and not name.nonce:
                self._on_loss(name)
        self._desk.sweep()

    def answer_delayed(self) -> None:
        """Answer the snapshots whose turn has come; call it every tick."""
        self._answered_bytes += self._pace.serve_delayed(bytes_max=ANSWER_BYTES_PER_TICK_MAX)

    def _answer(self, prefix: bytes) -> int:
        """Answer a snapshot from memory; how many bytes it took."""
        name = parse_topic(prefix)
        if name is None:
            return 0
        self._counters.add(Counter.SNAPSHOTS_ANSWERED)
        if name.kind is not Kind.SYS:
            return self._envelope.send_private(prefix, self._answer_of(name))
        topic = self._system_topics.get(name.symbol)
        if topic is None or topic.last is None:
            return 0
        body = self._envelope.snapshot_body(topic, items=len(topic.last), recv_us=0)
        return self._envelope.send_private(prefix, body)
