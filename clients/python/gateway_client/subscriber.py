"""The SUB socket: made, made anew, and always drained.

Two settings are not to be touched. ZMTP heartbeats stay off: with a full receive queue they abort
the process inside libzmq. SNDHWM is 0: libzmq keeps subscriptions in that queue and silently drops
what is above the mark, at the start as well as after every reconnect.
"""

from collections.abc import Callable
from typing import Final

import zmq

from gateway_client.keys import CurveKeys
from gateway_client.messages import FRAME_BYTES_MAX

RECONNECT_MS: Final = 100
RECONNECT_MS_MAX: Final = 5_000
CONNECT_MS_MAX: Final = 1_000
_NOBLOCK: Final = int(zmq.NOBLOCK)


def set_curve(socket: "zmq.Socket[bytes]", curve: CurveKeys | None) -> None:
    """Give a socket its keys, when there are any."""
    if curve is not None:
        socket.curve_serverkey = curve.server_public_key.encode("ascii")
        socket.curve_publickey = curve.public_key.encode("ascii")
        socket.curve_secretkey = curve.secret_key.encode("ascii")


class Subscriber:
    """One data connection; every method belongs to the reader thread.

    Args:
        context: The client's ZeroMQ context.
        endpoint: Where the gateway publishes.
        receive_messages_max: Frames libzmq may hold for us (RCVHWM).
        curve: Keys, if any.
    """

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoint: str,
        *,
        receive_messages_max: int,
        curve: CurveKeys | None,
    ) -> None:
        self._context = context
        self._endpoint = endpoint
        self._receive_messages_max = receive_messages_max
        self._curve = curve
        self._topics: dict[str, None] = {}
        self.reopen_count = 0
        self.socket = self._open()

    def _open(self) -> "zmq.Socket[bytes]":
        socket = self._context.socket(zmq.SUB)
        socket.linger = 0
        socket.sndhwm = 0
        socket.rcvhwm = self._receive_messages_max
        socket.maxmsgsize = FRAME_BYTES_MAX
        socket.reconnect_ivl = RECONNECT_MS
        socket.reconnect_ivl_max = RECONNECT_MS_MAX
        # Else an attempt made while the way is cut waits for the system's own repeats, up to
        # seconds after it has healed.
        socket.connect_timeout = CONNECT_MS_MAX
        set_curve(socket, self._curve)
        for topic in self._topics:
            socket.subscribe(topic)
        socket.connect(self._endpoint)
        return socket

    def subscribe(self, topic: str) -> None:
        """Subscribe once, however often it is asked for."""
        if topic not in self._topics:
            self._topics[topic] = None
            self.socket.subscribe(topic)

    def unsubscribe(self, topic: str) -> None:
        """Take a subscription back."""
        if topic in self._topics:
            del self._topics[topic]
            self.socket.unsubscribe(topic)

    def repair(self, topic: str) -> bool:
        """Send a subscription again that the gateway has not seen; False when it is not ours."""
        if topic not in self._topics:
            return False
        self.socket.unsubscribe(topic)
        self.socket.subscribe(topic)
        return True

    def reopen(self) -> None:
        """Replace the socket; all subscriptions go with it, private ones excepted."""
        self.socket.close()
        self._topics = {topic: None for topic in self._topics if not _is_snapshot(topic)}
        self.reopen_count += 1
        self.socket = self._open()

    def drain(self, receive: Callable[[bytes], None], *, frames_max: int) -> bool:
        """Hand over what has arrived.

        Args:
            receive: Gets each frame.
            frames_max: Frames to read at most before other work gets its turn.

        Returns:
            Whether the socket is empty.
        """
        # `recv` is the Cython base class's method: 0.3 µs a frame, against 17 µs with zmq.asyncio.
        recv = self.socket.recv
        try:
            for _ in range(frames_max):
                receive(recv(_NOBLOCK))
        except zmq.Again:
            return True
        return False

    def close(self) -> None:
        """Close for good."""
        self.socket.close()


def _is_snapshot(topic: str) -> bool:
    return topic.startswith("~") and not topic.endswith(".sys,client,")
