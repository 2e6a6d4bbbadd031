"""The data socket without ZeroMQ: an XPUB in manual mode, and its consumers.

Frames go to every consumer that was granted a prefix of theirs. A consumer that does not read gets
a bounded queue, and what finds it full is lost to it, as libzmq has it.
"""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple

import msgpack
import zmq

from gateway.policy.senders import ANYBODY, Sender
from gateway.runtime.peer_sockets import PeerAddress


class Received(NamedTuple):
    """One frame, taken apart as the wire contract says."""

    topic: str
    """Everything up to and including the second comma."""
    body: list[Any]
    """The msgpack array: header first."""


class WorldConsumer:
    """One subscriber.

    Args:
        number: Tells it from others.
        queue_max: Frames that wait for it while it does not read.
        on_message: Given what it reads, in order.
        on_drop: Given what was lost to it.
    """

    def __init__(
        self,
        number: int,
        *,
        queue_max: int,
        on_message: Callable[["WorldConsumer", Received], None],
        on_drop: Callable[["WorldConsumer", Received], None],
    ) -> None:
        self.number: Final = number
        self._queue_max = queue_max
        self._on_message = on_message
        self._on_drop = on_drop
        self._queue: deque[Received] = deque()
        self.is_reading = True
        self.is_alive = True
        self.topics: Final[set[bytes]] = set()
        """What it asked for."""
        self.grants: Final[set[bytes]] = set()
        """What it may have."""

    def take(self, message: Received) -> None:
        """A frame arrives."""
        if self.is_reading:
            self._on_message(self, message)
        elif len(self._queue) < self._queue_max:
            self._queue.append(message)
        else:
            self._on_drop(self, message)

    def pause(self) -> None:
        """Read nothing for a while."""
        self.is_reading = False

    def resume(self) -> None:
        """Read what waited, and go on."""
        self.is_reading = True
        while self._queue:
            self._on_message(self, self._queue.popleft())


class _Frame(NamedTuple):
    """A subscription frame with whom it came from."""

    bytes: bytes
    consumer: WorldConsumer | None


class WorldData:
    """What the feed thread has for a data socket.

    Args:
        on_frame: Told of each frame before anybody gets it.
    """

    def __init__(self, on_frame: Callable[[Received], None]) -> None:
        self._on_frame = on_frame
        self._asked: deque[_Frame] = deque()
        self._current: WorldConsumer | None = None
        self._ways: dict[bytes, tuple[WorldConsumer, ...]] = {}
        self.consumers: Final[list[WorldConsumer]] = []

    # What the gateway calls.

    @property
    def is_readable(self) -> bool:
        """Whether subscription frames wait."""
        return bool(self._asked)

    def recv(self, flags: int = 0, copy: bool = True) -> _Frame:
        """The next subscription frame; what it grants is its sender's."""
        del flags, copy
        if not self._asked:
            raise zmq.Again
        frame = self._asked.popleft()
        self._current = frame.consumer
        return frame

    def setsockopt(self, option: int, prefix: bytes) -> None:
        """Grant a prefix to the sender of the frame just read, or take it back."""
        consumer = self._current
        if consumer is None:
            return
        if option == zmq.SUBSCRIBE:
            consumer.grants.add(prefix)
        elif option == zmq.UNSUBSCRIBE:
            consumer.grants.discard(prefix)
        if prefix.startswith(b"~"):
            # A private topic concerns no other.
            self._ways.pop(prefix, None)
        else:
            self._ways.clear()

    def send(self, frame: bytes) -> None:
        """Take one frame for everybody who was granted it."""
        end = frame.index(b",", frame.index(b",") + 1) + 1
        topic = frame[:end]
        message = Received(topic.decode("ascii"), msgpack.unpackb(frame[end:]))
        self._on_frame(message)
        ways = self._ways.get(topic)
        if ways is None:
            ways = self._ways[topic] = tuple(
                one
                for one in self.consumers
                if any(topic.startswith(prefix) for prefix in one.grants)
            )
        for consumer in ways:
            consumer.take(message)

    def close(self, linger: int | None = None) -> None:
        """Nothing to close."""

    # Who the gateway asks about its peers.

    def of(self, frame: _Frame) -> Hashable | None:
        """The consumer of a frame; None when it is gone."""
        consumer = frame.consumer
        return consumer.number if consumer is not None and consumer.is_alive else None

    def sender_of(self, frame: _Frame) -> Sender:
        """There are no keys here."""
        del frame
        return ANYBODY

    def received_bytes(self, connection: Hashable) -> int | None:
        """Nobody sends anything else here."""
        del connection
        return None

    def may_stay(self, sender: Sender) -> bool:
        """Nobody is put out."""
        del sender
        return True

    def is_alive(self, connection: Hashable) -> bool:
        """Whether a consumer is there."""
        return any(one.number == connection for one in self.consumers)

    def address(self, connection: Hashable) -> PeerAddress:
        """What a consumer is called."""
        return PeerAddress(f"world #{connection}", "")

    def backlog(self, connection: Hashable) -> None:
        """Nothing can be measured here."""

    def cut(self, connection: Hashable) -> bool:
        """Nobody is cut off here."""
        del connection
        return False

    def forget(self, connection: Hashable) -> None:
        """Nothing was learned."""

    def is_wanted(self, topic: str) -> bool:
        """Whether a consumer subscribes to exactly this topic."""
        name = topic.encode("ascii")
        return any(name in one.topics for one in self.consumers)

    # What consumers do.

    def join(self, consumer: WorldConsumer) -> None:
        """A consumer connects."""
        self.consumers.append(consumer)

    def subscribe(self, consumer: WorldConsumer, topic: str) -> None:
        """A consumer asks for a topic or prefix."""
        name = topic.encode("ascii")
        consumer.topics.add(name)
        self._asked.append(_Frame(b"\x01" + name, consumer))

    def unsubscribe(self, consumer: WorldConsumer, topic: str) -> None:
        """A consumer takes a subscription back."""
        name = topic.encode("ascii")
        consumer.topics.discard(name)
        self._asked.append(_Frame(b"\x00" + name, consumer))

    def leave(self, consumer: WorldConsumer) -> None:
        """A consumer is gone: libzmq takes its subscriptions back and does not say whose."""
        consumer.is_alive = False
        self.consumers.remove(consumer)
        self._ways.clear()
        for topic in sorted(consumer.topics):
            self._asked.append(_Frame(b"\x00" + topic, None))
