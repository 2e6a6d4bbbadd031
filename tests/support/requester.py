"""A client of the control socket that knows pyzmq and msgpack only."""

import itertools
from types import TracebackType
from typing import Any, Self

import msgpack
import zmq

from tests.support.consumer import use_keys
from tests.support.slack import SLOWER


class Requester:
    """One DEALER or REQ socket in a ZeroMQ context of its own.

    Args:
        endpoint: The gateway's control socket.
        kind: `zmq.DEALER` or `zmq.REQ`.
        keys: The gateway's public key, and both halves of its own; None without keys.
    """

    def __init__(
        self,
        endpoint: str,
        kind: int = zmq.DEALER,
        *,
        keys: tuple[str, str, str] | None = None,
    ) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(kind)
        self._socket.setsockopt(zmq.LINGER, 0)
        use_keys(self._socket, keys)
        self._socket.connect(endpoint)
        self._ids = itertools.count(1)

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

    def send(self, *frames: bytes) -> None:
        """Send frames as they are."""
        self._socket.send_multipart(list(frames))

    def offer(self, *frames: bytes) -> bool:
        """Send frames if there is anybody to send them to.

        Returns:
            Whether there was: a connection that the gateway refused is given up, and to send
            without one waits for ever.
        """
        try:
            self._socket.send_multipart(list(frames), flags=zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def receive(self, seconds: float = 5.0) -> dict[str, Any]:
        """Read one reply: one frame, one map."""
        seconds *= SLOWER
        assert self._socket.poll(round(seconds * 1000)), f"no reply within {seconds} s"
        (frame,) = self._socket.recv_multipart()
        reply = msgpack.unpackb(frame)
        assert isinstance(reply, dict), reply
        return reply

    def exchange(self, request: object, *, seconds: float = 5.0) -> dict[str, Any]:
        """Send anything as one msgpack frame and read the reply."""
        self.send(msgpack.packb(request))
        return self.receive(seconds)

    def call(self, method: str, /, *, seconds: float = 5.0, **params: object) -> dict[str, Any]:
        """Send a request and read its reply, whatever it says."""
        request_id = next(self._ids)
        request = {"v": 1, "id": request_id, "method": method, "params": params}
        reply = self.exchange(request, seconds=seconds)
        assert reply["v"] == 1, reply
        assert reply["id"] == request_id, reply
        return reply

    def result(self, method: str, /, *, seconds: float = 5.0, **params: object) -> Any:
        """Send a request that must succeed and give its result."""
        reply = self.call(method, seconds=seconds, **params)
        assert reply["ok"], reply
        return reply["result"]

    def error(self, method: str, /, *, seconds: float = 5.0, **params: object) -> dict[str, Any]:
        """Send a request that must fail and give its error."""
        reply = self.call(method, seconds=seconds, **params)
        assert not reply["ok"], reply
        return dict(reply["error"])
