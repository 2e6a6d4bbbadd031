"""A consumer that knows pyzmq and msgpack only, as a program in any language could be one."""

import secrets
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgpack
import zmq

from tests.support.history import History
from tests.support.slack import SLACK

SNAPSHOT: Final = 1
STALE: Final = 16
SUSPECT: Final = 32
DELAYED: Final = 128
QUOTE, TRADE, SUMMARY, FUNDAMENTAL, STATE = 1, 2, 3, 4, 9


class Message(NamedTuple):
    """One frame, taken apart as the wire contract says."""

    topic: str
    """Everything up to and including the second comma."""
    body: list[Any]
    """The msgpack array: header first."""
    at_s: float
    """When this program read it, monotonic seconds."""

    @property
    def kind(self) -> str:
        """The first part of the topic, a private prefix included."""
        return self.topic.split(",", 1)[0]

    @property
    def symbol(self) -> str:
        """The second part of the topic."""
        return self.topic.split(",")[1]

    @property
    def type(self) -> int:
        """The message type's number."""
        return int(self.body[0])

    @property
    def epoch(self) -> int:
        """The gateway run."""
        return int(self.body[1])

    @property
    def sequence(self) -> int:
        """The number of the message on its topic."""
        return int(self.body[2])

    @property
    def flags(self) -> int:
        """The bit set."""
        return int(self.body[3])

    @property
    def values(self) -> list[Any]:
        """Everything behind the header."""
        return self.body[6:]


def use_keys(socket: "zmq.Socket[bytes]", keys: tuple[str, str, str] | None) -> None:
    """Give a socket that is to connect its keys, when there are any."""
    if keys is not None:
        server, public, secret = (key.encode("ascii") for key in keys)
        socket.setsockopt(zmq.CURVE_SERVERKEY, server)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, secret)


class Consumer:
    """One SUB socket in a ZeroMQ context of its own.

    Args:
        endpoint: The gateway's data socket.
        topics: Subscribed at once, in order.
        queue_max: Frames that wait here for `receive`; 0 for any number.
        buffer_bytes: The kernel's buffer; None for the system's choice.
        keys: The gateway's public key, and both halves of its own; None without keys.
    """

    def __init__(
        self,
        endpoint: str,
        *topics: str,
        queue_max: int = 0,
        buffer_bytes: int | None = None,
        keys: tuple[str, str, str] | None = None,
    ) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        # The contract's advice: with the default, subscriptions beyond 1,000 are lost silently.
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.setsockopt(zmq.RCVHWM, queue_max)
        if buffer_bytes is not None:
            self._socket.setsockopt(zmq.RCVBUF, buffer_bytes)
        self._socket.setsockopt(zmq.LINGER, 0)
        use_keys(self._socket, keys)
        self._socket.connect(endpoint)
        self.history = History()
        self.messages: list[Message] = []
        """Everything received so far, oldest first."""
        self.subscribe(*topics)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave as a program that ends."""
        self._context.destroy(linger=0)

    def subscribe(self, *topics: str) -> None:
        """Ask for topics or prefixes."""
        for topic in topics:
            self._socket.setsockopt(zmq.SUBSCRIBE, topic.encode("latin-1"))

    def unsubscribe(self, *topics: str) -> None:
        """Take subscriptions back."""
        for topic in topics:
            self._socket.setsockopt(zmq.UNSUBSCRIBE, topic.encode("latin-1"))

    def receive(self, seconds: float) -> Message | None:
        """Take the next frame; None when none came in time."""
        if not self._socket.poll(max(0, round(seconds * 1000))):
            return None
        frame = self._socket.recv()
        kind, symbol, data = frame.split(b",", 2)
        topic = f"{kind.decode('latin-1')},{symbol.decode('latin-1')},"
        body = msgpack.unpackb(data)
        message = Message(topic, body, time.monotonic())
        self.messages.append(message)
        self.history.note(topic, body)
        return message

    def stream(self, seconds: float) -> Iterator[Message]:
        """Frames as they come, until the time is over."""
        deadline_s = time.monotonic() + seconds
        while (left_s := deadline_s - time.monotonic()) > 0:
            message = self.receive(left_s)
            if message is not None:
                yield message

    def read_until_silent(self, seconds: float, *, seconds_max: float = 60.0) -> None:
        """Read until nothing came for so long: all that was sent, once nothing more is."""
        deadline_s = time.monotonic() + seconds_max
        while self.receive(seconds) is not None:
            assert time.monotonic() < deadline_s, f"it was never silent for {seconds} s"

    def wait_for(
        self, accept: Callable[[Message], object], *, what: str, seconds: float = 8.0
    ) -> Message:
        """Read until a frame is accepted; fails with the latest frames when none is."""
        for message in self.stream(seconds * SLACK):
            if accept(message):
                return message
        latest = "\n".join(str(message)[:300] for message in self.messages[-12:])
        raise AssertionError(
            f"no {what} within {seconds} s; latest of {len(self.messages)}:\n{latest}"
        )

    def wait_for_topic(self, topic: str, *, seconds: float = 8.0) -> Message:
        """Read until the next frame of one topic."""
        return self.wait_for(lambda m: m.topic == topic, what=topic, seconds=seconds)

    def wait_for_state(
        self, symbol: str, state: str, cause: str | None, *, seconds: float = 8.0
    ) -> Message:
        """Read until a symbol's `state` topic says so."""
        return self.wait_for(
            lambda m: m.topic == f"state,{symbol}," and m.values[:2] == [state, cause],
            what=f"state {state}/{cause} of {symbol}",
            seconds=seconds,
        )

    def wait_for_all(
        self, topics: set[str], accept: Callable[[Message], bool], *, what: str, seconds: float
    ) -> list[Message]:
        """Read until each of some topics had an accepted frame."""
        left = set(topics)
        found: list[Message] = []
        for message in self.stream(seconds * SLACK):
            if message.topic in left and accept(message):
                left.remove(message.topic)
                found.append(message)
                if not left:
                    return found
        raise AssertionError(f"no {what} within {seconds} s for {len(left)}: {sorted(left)[:5]}")

    def wait_for_beats(self, count: int) -> list[Message]:
        """Read until so many more heartbeats came; needs `sys,heartbeat,`."""
        return [self.wait_for_topic("sys,heartbeat,", seconds=3.0) for _ in range(count)]

    def ask(self, topic: str, *, seconds: float = 5.0) -> Message:
        """Ask for a topic's last value by subscribing to a fresh private topic."""
        private = private_topic(topic)
        self.subscribe(private)
        answer = self.wait_for_topic(private, seconds=seconds)
        self.unsubscribe(private)
        return answer

    def on(self, topic: str) -> list[Message]:
        """What was received on one topic so far."""
        return [message for message in self.messages if message.topic == topic]


def private_topic(topic: str) -> str:
    """A private topic with a fresh nonce, as the wire contract spells it."""
    return f"~{secrets.token_hex(10)}.{topic}"
