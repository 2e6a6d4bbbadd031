"""Whose a frame is: what the handshake has proven, and nothing that a peer says of itself."""

import socket
from collections.abc import Iterator

import pytest
import zmq

from gateway.policy.key_book import KeyBook
from gateway.policy.senders import ANYBODY
from gateway.runtime.senders import Senders

GREETING = (
    b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" * 32
)


def property_of(name: bytes, value: bytes) -> bytes:
    """One property of a READY command."""
    return bytes([len(name)]) + name + len(value).to_bytes(4, "big") + value


@pytest.fixture
def forged() -> Iterator[zmq.Frame]:
    """A frame of a peer without keys that calls itself somebody in its handshake."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.setsockopt(zmq.LINGER, 0)
        router.bind("tcp://127.0.0.1:*")
        port = int(router.getsockopt_string(zmq.LAST_ENDPOINT).rpartition(":")[2])
        body = b"\x05READY" + property_of(b"Socket-Type", b"DEALER")
        body += property_of(b"User-Id", b"alice") + property_of(b"X-Grant", b"1")
        body += property_of(b"X-Door", b"gateway")
        # One in a hundred such peers is never heard; why is not known, and not asked here.
        for _ in range(4):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
                peer.sendall(GREETING)
                assert peer.recv(64, socket.MSG_WAITALL)[:10] == GREETING[:10]
                peer.sendall(b"\x04" + bytes([len(body)]) + body)
                peer.sendall(b"\x00\x02hi")
                if router.poll(1_500):
                    yield router.recv_multipart(copy=False)[-1]
                    return
        pytest.fail("no peer was heard")


def test_libzmq_passes_on_what_a_peer_calls_itself(forged: zmq.Frame) -> None:
    """This is why it is not asked without keys."""
    assert forged.get("User-Id") == "alice"


def test_without_keys_nobody_is_anybody(forged: zmq.Frame) -> None:
    """A peer's own word is no proof."""
    assert Senders().of(forged) == ANYBODY
    assert Senders().may_stay(ANYBODY)


def test_with_keys_an_invented_grant_is_none(forged: zmq.Frame) -> None:
    """With CURVE libzmq keeps what the handler said; even without, the book decides."""
    assert Senders(KeyBook).of(forged) is None
    assert Senders(KeyBook).of(zmq.Frame(b"of no connection")) is None
