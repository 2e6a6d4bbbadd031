"""Somebody records what a consumer and a gateway say to each other, and says it again."""

import selectors
import socket
import threading
from pathlib import Path
from typing import Final, Self

import pytest
import zmq

from tests.support import fault_table
from tests.support.consumer import Consumer, use_keys
from tests.support.fault_table import fault_row
from tests.support.keyring import Keyring
from tests.support.stage import simulated

pytestmark = pytest.mark.slow
READ_MAX: Final = 65_536


class Recorder:
    """Passes one connection on, and keeps what went by.

    Args:
        port: Where it goes.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.said = bytearray()
        """By the consumer."""
        self.answered = bytearray()
        """By the gateway."""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        near, _ = self._listener.accept()
        with (
            near,
            socket.create_connection(("127.0.0.1", self._port)) as far,
            selectors.DefaultSelector() as selector,
        ):
            selector.register(near, selectors.EVENT_READ, (far, self.said))
            selector.register(far, selectors.EVENT_READ, (near, self.answered))
            while not self._ending.is_set():
                for key, _ in selector.select(0.05):
                    other, kept = key.data
                    data = key.fileobj.recv(READ_MAX)  # type: ignore[union-attr] # a socket
                    if not data:
                        return
                    kept += data
                    other.sendall(data)


def port_of(endpoint: str) -> int:
    """The port of an address."""
    return int(endpoint.rpartition(":")[2])


def greeting_of(data: bytes) -> tuple[bytes, bytes]:
    """The greeting, which is public, and the rest."""
    return data[:64], data[64:]


@fault_row(63)
def test_nothing_is_delivered_to_or_by_a_recording(tmp_path: Path) -> None:
    """Each session has keys of its own that nobody keeps: a recording is noise."""
    ring = Keyring(tmp_path, "alice", "bob")
    with simulated(settings=ring.settings) as stage:
        endpoint = stage.gateway.endpoints["data"]
        with Recorder(port_of(endpoint)) as recorder:
            real = Consumer(
                f"tcp://127.0.0.1:{recorder.port}", "sys,heartbeat,", keys=ring.keys("alice")
            )
            with real:
                real.wait_for_beats(2)
        other = stage.consumer("sys,heartbeat,", keys=ring.keys("bob"))
        other.wait_for_beats(1)
        delivered = replayed_to_gateway(port_of(endpoint), bytes(recorder.said))
        received = replayed_to_consumer(ring, bytes(recorder.answered))
        other.wait_for_beats(1)
        requester = stage.requester(keys=ring.keys("bob"))
        users = {peer["user"] for peer in requester.result("subscriptions")["peers"]}
    fault_table.note(
        63,
        "a recorded session said again, to each end",
        lost=0,
        more=f"{len(recorder.said)} and {len(recorder.answered)} bytes; "
        f"{delivered} and {received} messages delivered",
    )
    assert len(recorder.said) > 300
    assert len(recorder.answered) > 300
    assert (delivered, received) == (0, 0)
    assert users == {"bob"}


def replayed_to_gateway(port: int, said: bytes) -> int:
    """Say what a consumer said; how much more comes back than a handshake's own answers."""
    greeting, rest = greeting_of(said)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
        peer.sendall(greeting)
        peer.recv(64, socket.MSG_WAITALL)
        peer.sendall(rest)
        answer = b""
        peer.settimeout(5.0)
        try:
            while data := peer.recv(READ_MAX):
                answer += data
        except ConnectionError:
            # A reset is an answer, too.
            answer += b""
    return answer.count(b"MESSAGE")


def replayed_to_consumer(ring: Keyring, answered: bytes) -> int:
    """Answer a real consumer with what a gateway answered; how much it takes for messages."""
    greeting, rest = greeting_of(answered)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        zmq.Context() as context,
        context.socket(zmq.SUB) as sub,
    ):
        sub.setsockopt(zmq.LINGER, 0)
        use_keys(sub, ring.keys("alice"))
        sub.subscribe(b"")
        sub.connect(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        near, _ = server.accept()
        with near:
            near.sendall(greeting)
            near.settimeout(1.0)
            near.recv(64, socket.MSG_WAITALL)
            near.recv(READ_MAX)
            near.sendall(rest)
            return int(sub.poll(1_500))
