"""The data socket: an XPUB in manual mode, drained with a bound, granting what may be granted.

Source of the options: measured behavior of libzmq 4.3.5. Manual mode lets us decide each
subscription; MAXMSGSIZE bounds what a stranger can make us hold; keepalives find half-open peers;
a small send buffer keeps a stalled consumer from being fed minutes of old data later.
"""

from collections.abc import Callable
from typing import Any, Final

import zmq

from gateway.control.held_wishes import HeldWishes
from gateway.counters import Counter
from gateway.errors import ConfigError
from gateway.model.messages import Kind
from gateway.model.protocol import DATA_MESSAGE_BYTES_MAX
from gateway.policy.guards import Step
from gateway.policy.peers import Peer
from gateway.runtime.pacing import SnapshotPace
from gateway.runtime.subscription_reader import SubscriptionReader, token_of
from gateway.wire.codec import Encoded
from gateway.wire.envelope import Body, Envelope, Topic
from gateway.wire.topics import TopicName, parse_topic

ANSWER_BYTES_PER_TICK_MAX: Final = 262_144
"""Bytes of snapshots answered at a stretch; an order book of thousands of rows is as much."""
WAITING_MAX: Final = 10
"""Frames of one consumer that wait for us in ZeroMQ's queue; more wait in the kernel, and in its
program then. Of whoever sends quicker than is read ZeroMQ keeps many times as many."""
KEEPALIVE_S: Final = 5
KEEPALIVES_MAX: Final = 3
"""A peer that is gone without a word is found after so many unanswered questions, 20 s in all."""
HANDSHAKE_MS: Final = 2_000
BACKLOG: Final = 4_096
LIBZMQ_MIN: Final = (4, 3, 5)

Guard = Callable[["zmq.Socket[Any]"], object]


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
    guard: Guard | None = None,
) -> "zmq.Socket[bytes]":
    """Make and bind the data socket.

    Args:
        context: The socket's.
        bind: Where to listen.
        high_water_mark: Messages queued per consumer before ZeroMQ drops for it.
        send_buffer_bytes: Kernel buffer per consumer.
        name: The setting that an address which cannot be bound is to be blamed on.
        guard: Gives the socket its keys before it is bound; None without keys.

    Raises:
        ConfigError: The address cannot be bound; the text says why.
    """
    data = context.socket(zmq.XPUB)
    data.setsockopt(zmq.XPUB_MANUAL, 1)
    data.setsockopt(zmq.SNDHWM, high_water_mark)
    data.setsockopt(zmq.SNDBUF, send_buffer_bytes)
    data.setsockopt(zmq.MAXMSGSIZE, DATA_MESSAGE_BYTES_MAX)
    bound_input(data, waiting_max=WAITING_MAX)
    data.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    data.setsockopt(zmq.BACKLOG, BACKLOG)
    data.setsockopt(zmq.LINGER, 0)
    if guard is not None:
        guard(data)
    bind_socket(data, name, bind)
    return data


def bound_input(bound: "zmq.Socket[Any]", *, waiting_max: int) -> None:
    """Bound what waits for us, and let the kernel find peers that are gone.

    ZeroMQ's own heartbeats do not go with that: libzmq 4.3.5 ends the whole process (`Assertion
    failed: !_io_error`) when a peer vanishes whose queue here is full and its heartbeat is due
    before we read. A heartbeat of the peer's own, read together with what filled the queue, does
    the same when the queue is read later. And without a bound one peer that sends without end to an
    XPUB holds up our thread inside libzmq, which moves what comes from queue to queue for as long
    as more comes; a ROUTER does not do that.

    Args:
        bound: The socket, before it is bound.
        waiting_max: Messages of one peer that wait for us; 0 for any number.
    """
    bound.setsockopt(zmq.RCVHWM, waiting_max)
    bound.setsockopt(zmq.TCP_KEEPALIVE, 1)
    bound.setsockopt(zmq.TCP_KEEPALIVE_IDLE, KEEPALIVE_S)
    bound.setsockopt(zmq.TCP_KEEPALIVE_INTVL, KEEPALIVE_S)
    bound.setsockopt(zmq.TCP_KEEPALIVE_CNT, KEEPALIVES_MAX)


def bind_socket(bound: "zmq.Socket[Any]", name: str, bind: str) -> None:
    """Bind a socket or say which setting is to blame.

    Raises:
        ConfigError: The address is taken or not usable; the socket is closed.
    """
    if bind.startswith("tcp://["):
        bound.setsockopt(zmq.IPV6, 1)
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


class SubscriptionDesk(SubscriptionReader):
    """Answers snapshots, and tells who wants what.

    Args:
        data: The data socket; owned by the feed thread.
        answer: Answers snapshots from memory.
        envelope: Sends them.
        system_topics: `sys` topics by name, for their snapshots.
        on_gain: Told of a complete public topic that gained a connection, before the next frame
            is read: a private topic behind it is answered with that demand known.
        on_loss: Told of a complete public topic that lost a connection.
        is_watched: Whether a symbol is watched already.
        parts: As `SubscriptionReader` takes them.
    """

    def __init__(
        self,
        data: "zmq.Socket[bytes]",
        *,
        answer: Callable[[TopicName], Body | Encoded],
        envelope: Envelope,
        system_topics: dict[str, Topic],
        on_gain: Callable[[TopicName], object],
        on_loss: Callable[[TopicName], object],
        is_watched: Callable[[str], bool],
        **parts: Any,
    ) -> None:
        super().__init__(data, **parts)
        self._answer_of = answer
        self._envelope = envelope
        self._system_topics = system_topics
        self._wishes = HeldWishes(on_gain, on_loss, is_watched=is_watched, counters=self._counters)
        self._answered_bytes = 0
        self._answered_bytes_max = 0
        self._pace = SnapshotPace(
            self._answer,
            subscriptions=self._subscriptions,
            desk=self._desk,
            counters=self._counters,
        )

    def drain(self) -> None:
        """Read what subscribers ask for, and answer it.

        Whole order books are large: when the answers of one call are, the rest waits for the next.
        """
        self._answered_bytes_max = self._answered_bytes + ANSWER_BYTES_PER_TICK_MAX
        super().drain()

    def is_enough(self) -> bool:
        """Whether the answers of one call are as long as they may be."""
        return self._answered_bytes > self._answered_bytes_max

    def gained(self, peer: Peer, topic: bytes, name: TopicName | None, *, is_new: bool) -> None:
        """Answer a private topic, want what a public one names."""
        if name is None:
            return
        if not name.nonce:
            if is_new:
                self._wishes.gain(name)
        elif not token_of(name):
            self._answered_bytes += self._pace.ask(peer, topic)

    def lost(self, topic: bytes, name: TopicName | None) -> None:
        """Want what a public topic names no longer."""
        del topic
        if name is not None and not name.nonce:
            self._wishes.lose(name)

    def give_up(self, step: Step) -> None:
        """Let snapshots and new wishes wait, or not any more."""
        self._pace.is_held = step >= Step.DELAY
        self._wishes.hold(is_holding=step >= Step.REFUSE_WATCHES)

    def answer_delayed(self) -> None:
        """Answer the snapshots whose turn has come; call it every tick."""
        self._answered_bytes += self._pace.serve_delayed(bytes_max=ANSWER_BYTES_PER_TICK_MAX)

    def _answer(self, peer: Peer, prefix: bytes) -> int:
        """Answer a snapshot from memory, or say that it may not be had; how many bytes it took."""
        name = parse_topic(prefix)
        if name is None:
            return 0
        refusal = self._rights.refusal_of(peer, name, self._envelope.epoch)
        if refusal is not None:
            return self._envelope.send_private(prefix, refusal)
        self._counters.add(Counter.SNAPSHOTS_ANSWERED)
        if name.kind is not Kind.SYS:
            return self._envelope.send_private(prefix, self._answer_of(name))
        topic = self._system_topics.get(name.symbol)
        if topic is None or topic.last is None:
            return 0
        body = self._envelope.snapshot_body(topic, items=len(topic.last), recv_us=0)
        return self._envelope.send_private(prefix, body)
