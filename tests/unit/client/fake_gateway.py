"""A small gateway for the client's tests: raw pyzmq and msgpack, written from the wire contract.

One thread owns an XPUB and a ROUTER socket. Tests post what it should do and wait for what it saw.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Self

import msgpack
import zmq

TYPES = {
    "quote": 1, "trade": 2, "summary": 3, "fundamental": 4, "depth": 5, "order": 6, "book": 7,
    "news": 8, "state": 9, "regional": 10, "correction": 11,
}  # fmt: skip
SNAPSHOT = 1
REPLAY = 2
REPLAYED_KINDS = ("trade", "correction", "news")
WAIT_S = 10.0
Handler = Callable[[dict[str, Any]], Any]


class Refusal(Exception):
    """A handler's way to answer with an error."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.error = {"code": code, "message": code, "hint": f"hint for {code}", **more}


class FakeGateway:
    """Publishes what it is told, answers as the contract says, remembers what it was asked."""

    def __init__(self, *, heartbeat_s: float = 0.02) -> None:
        self.epoch = 1_700_000_000_000
        self.heartbeat_s = heartbeat_s
        self.has_heartbeats = True
        self.answers_snapshots = True
        self.silent_methods: set[str] = set()
        self.sequences: dict[str, int] = {}
        self.values: dict[str, list[Any]] = {}
        self.rings: dict[str, dict[int, list[Any]]] = {}
        """What `replay` finds, by topic and sequence; tests take out what is to be gone."""
        self.images: dict[str, list[Any]] = {}
        """Rows of a book by topic; snapshot requests for it are answered by an image."""
        self.subscribed: list[str] = []
        self.unsubscribed: list[str] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.held: list[tuple[list[bytes], dict[str, Any]]] = []
        self.handlers: dict[str, Handler] = {
            "hello": lambda _: {"protocol": [1], "gateway_id": "fake", "epoch": self.epoch},
            "ping": lambda _: {},
            "subscribe": self._subscribe,
            "replay": self._replay,
            "unsubscribe": lambda _: {"removed": 1},
            "renew": lambda _: {"expires_us": 1, "missing_subscriptions": []},
        }
        self._leases = 0
        self._changed = threading.Condition()
        self._commands: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._is_stopping = False
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._ports = [0, 0]
        self._open()
        self._thread = threading.Thread(target=self._run, name="fake-gateway")

    def _open(self) -> None:
        self._data = self._context.socket(zmq.XPUB)
        self._data.setsockopt(zmq.XPUB_VERBOSER, 1)
        self._data.setsockopt(zmq.SNDHWM, 0)
        self._control = self._context.socket(zmq.ROUTER)
        for index, socket in enumerate((self._data, self._control)):
            socket.setsockopt(zmq.LINGER, 0)
            self._bind(socket, self._ports[index])
            endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT)
            self._ports[index] = int(endpoint.rpartition(":")[2])

    def _bind(self, socket: "zmq.Socket[bytes]", port: int) -> None:
        deadline_s = time.monotonic() + WAIT_S
        while True:
            try:
                socket.bind(f"tcp://127.0.0.1:{port or '*'}")
            except zmq.ZMQError:
                # libzmq closes the earlier socket of this port in the background.
                if time.monotonic() > deadline_s:
                    raise
            else:
                return

    @property
    def data_endpoint(self) -> str:
        """Where it publishes."""
        return f"tcp://127.0.0.1:{self._ports[0]}"

    @property
    def control_endpoint(self) -> str:
        """Where it answers."""
        return f"tcp://127.0.0.1:{self._ports[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_stopping = True
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()

    # What tests do.

    def do(self, command: Callable[[], Any]) -> Any:
        """Run something in the gateway's thread and wait for it."""
        future: Future[Any] = Future()
        self._commands.append((command, future))
        return future.result(WAIT_S)

    def publish(self, topic: str, *fields: Any, flags: int = 0, is_lost: bool = False) -> None:
        """Publish on a topic; with `is_lost` only count it, as if the network had eaten it."""
        self.do(lambda: self._publish(topic, fields, flags, is_lost=is_lost))

    def send(self, frame: bytes) -> None:
        """Send any bytes."""
        self.do(lambda: self._data.send(frame))

    def restart(self, *, keeps_values: bool = True) -> None:
        """Close the sockets, come back on the same ports with a new epoch."""
        self.do(lambda: self._restart(keeps_values=keeps_values))

    def vanish(self) -> None:
        """Close both sockets until `restart`."""
        self.do(self._close)

    def wait_for(self, is_true: Callable[[], bool]) -> None:
        """Wait until the gateway has seen what the test waits for."""
        with self._changed:
            assert self._changed.wait_for(is_true, WAIT_S), "the gateway never saw it"

    def has_subscription(self, topic: str) -> bool:
        """Whether anybody is subscribed to exactly this topic."""
        return self.subscribed.count(topic) > self.unsubscribed.count(topic)

    def asked(self, method: str) -> list[dict[str, Any]]:
        """Parameters of every request of a method so far."""
        return [params for name, params in self.requests if name == method]

    # The gateway's thread.

    def _run(self) -> None:
        beat_at_s = time.monotonic()
        try:
            while not self._is_stopping:
                while self._commands:
                    command, future = self._commands.popleft()
                    try:
                        future.set_result(command())
                    except BaseException as error:
                        future.set_exception(error)
                if self._data.closed:
                    threading.Event().wait(0.001)
                    continue
                if self.has_heartbeats and time.monotonic() >= beat_at_s:
                    beat_at_s = time.monotonic() + self.heartbeat_s
                    self._beat()
                polled = [(self._data, zmq.POLLIN), (self._control, zmq.POLLIN)]
                zmq.zmq_poll(polled, 1)
                self._read()
                with self._changed:
                    self._changed.notify_all()
        finally:
            self._close()
            self._context.destroy(linger=0)

    def _read(self) -> None:
        for socket, read in ((self._data, self._on_data), (self._control, self._on_request)):
            while True:
                try:
                    frames = socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                read(frames)

    def _on_data(self, frames: list[bytes]) -> None:
        topic = frames[0][1:].decode()
        if frames[0][0] == 0:
            self.unsubscribed.append(topic)
            return
        self.subscribed.append(topic)
        if topic.startswith("~") and not topic.endswith("sys,client,") and self.answers_snapshots:
            self._answer(topic, topic.partition(".")[2])

    def _answer(self, private: str, base: str) -> None:
        body: list[Any]
        if base in self.images:
            position = self.sequences.get(base, 0)
            body = [13, self.epoch, position, SNAPSHOT, _now_us(), None, self.images[base]]
        elif base not in self.values:
            body = [
                9,
                self.epoch,
                0,
                0,
                _now_us(),
                None,
                "pending",
                None,
                _now_us(),
                None,
            ]
        else:
            body = list(self.values[base])
            body[2:4] = self.sequences.get(base, 0), body[3] | SNAPSHOT
        self._data.send(private.encode() + msgpack.packb(body))

    def _beat(self) -> None:
        details = {"now_us": _now_us(), "tails_sequence": self.sequences.get("sys,tails,", 0)}
        self._publish("sys,heartbeat,", (details,), 0, number=20)

    def _publish(
        self, topic: str, fields: Any, flags: int, *, is_lost: bool = False, number: int = 0
    ) -> None:
        self.sequences[topic] = self.sequences.get(topic, 0) + 1
        kind = topic.partition(",")[0].partition("@")[0]
        body = [
            number or TYPES[kind], self.epoch, self.sequences[topic], flags, _now_us(), None,
            *fields,
        ]  # fmt: skip
        self.values[topic] = body
        if kind in REPLAYED_KINDS:
            ring = self.rings.setdefault(topic, {})
            ring[self.sequences[topic]] = [*body[:3], flags | REPLAY, *body[4:]]
        if not is_lost:
            self._data.send(topic.encode() + msgpack.packb(body))

    def publish_sys(self, name: str, number: int, details: dict[str, Any]) -> None:
        """Publish a message of the gateway's own."""
        self.do(lambda: self._publish(f"sys,{name},", (details,), 0, number=number))

    def _close(self) -> None:
        self._data.close(0)
        self._control.close(0)

    def _restart(self, *, keeps_values: bool) -> None:
        self._close()
        self.epoch += 1_000
        self.sequences.clear()
        self.rings.clear()
        self.subscribed.clear()
        self.unsubscribed.clear()
        if keeps_values:
            for body in self.values.values():
                body[1:3] = self.epoch, 0
        else:
            self.values.clear()
        self._open()

    def _on_request(self, frames: list[bytes]) -> None:
        request = msgpack.unpackb(frames[-1])
        self.requests.append((request["method"], request.get("params", {})))
        if request["method"] in self.silent_methods:
            self.held.append((frames, request))
            return
        self.reply(frames, request)

    def reply(self, frames: list[bytes], request: dict[str, Any]) -> None:
        """Answer a request; from the gateway's thread only."""
        reply: dict[str, Any] = {"v": 1, "id": request["id"], "epoch": self.epoch, "now_us": 1}
        try:
            handler = self.handlers.get(request["method"], _refuse)
            reply |= {"ok": True, "result": handler(request.get("params", {}))}
        except Refusal as refusal:
            reply |= {"ok": False, "error": refusal.error}
        self._control.send_multipart([*frames[:-1], msgpack.packb(reply)])

    def _replay(self, params: dict[str, Any]) -> dict[str, Any]:
        first, last = params["from_sequence"], params["to_sequence"]
        if not 0 < last - first + 1 <= 5_000:
            raise Refusal("out_of_range")
        ring = self.rings.get(params["topic"], {})
        if params["epoch"] != self.epoch:
            ring = {}
        wanted = range(first, last + 1)
        return {
            "bodies": [ring[sequence] for sequence in wanted if sequence in ring],
            "complete": all(sequence in ring for sequence in wanted),
            "oldest": min(ring, default=None),
        }

    def _subscribe(self, params: dict[str, Any]) -> dict[str, Any]:
        self._leases += 1
        good = [symbol for symbol in params["symbols"] if not symbol.startswith("NO")]
        return {
            "lease_id": f"lease-{self._leases}" if good else None,
            "expires_us": 1,
            "topics": [
                {"topic": f"{kind},{symbol},", "state": "pending", "sequence": 0}
                for symbol in good
                for kind in params["kinds"]
            ],
            "rejected": [
                {"symbol": symbol, "code": "symbol_not_found", "hint": "check it"}
                for symbol in params["symbols"]
                if symbol not in good
            ],
        }


def _refuse(_: dict[str, Any]) -> Any:
    raise Refusal("unknown_method")


def _now_us() -> int:
    return time.time_ns() // 1_000


def quote(bid: float, ask: float | None = None, *, merged: int | None = None) -> list[Any]:
    """The fields of a quote after the header."""
    return [bid, 100, ask if ask is not None else bid + 0.01, 200, None, None, 5, 11, merged]


def trade(price: float, size: int = 100) -> list[Any]:
    """The fields of a trade after the header."""
    return [price, size, 1, 5, "01", "C", 0, 1000, None, None]


@contextmanager
def running(**options: Any) -> Iterator[FakeGateway]:
    """A fake gateway for the length of a block."""
    with FakeGateway(**options) as gateway:
        yield gateway
