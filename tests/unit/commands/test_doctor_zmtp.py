"""Who listens at an address: told apart by the first bytes, within a time, whatever they are."""

import socket
import time
from pathlib import Path

import pytest
import zmq

from gateway.commands.doctor.zmtp import Listener, Reach, look
from tests.support.stage import free_ports
from tests.support.strangers import HTTP, Stranger

SECONDS = 2.0


@pytest.mark.parametrize(
    ("kind", "name"), [(zmq.XPUB, "XPUB"), (zmq.ROUTER, "ROUTER"), (zmq.PULL, "PULL")]
)
def test_the_type_of_a_zeromq_socket_is_read(kind: int, name: str) -> None:
    """Mixed-up addresses are the likeliest mistake, and ZeroMQ itself says nothing of it."""
    with zmq.Context() as context, context.socket(kind) as made:
        port = made.bind_to_random_port("tcp://127.0.0.1")
        assert look(f"tcp://127.0.0.1:{port}", seconds=SECONDS) == Listener(Reach.ZEROMQ, name)
        assert look(f"tcp://localhost:{port}", seconds=SECONDS).reach is Reach.ZEROMQ


def test_a_socket_behind_a_path_is_read(tmp_path: Path) -> None:
    """The gateway may listen on ipc:// alone."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as made:
        made.bind(f"ipc://{tmp_path}/data")
        assert look(f"ipc://{tmp_path}/data", seconds=SECONDS) == Listener(Reach.ZEROMQ, "XPUB")
    assert look(f"ipc://{tmp_path}/none", seconds=SECONDS).reach is Reach.NOBODY


def test_a_socket_that_asks_for_keys_is_told_apart() -> None:
    """Without keys such a socket looks as if it hung."""
    public, secret = zmq.curve_keypair()
    with zmq.Context() as context, context.socket(zmq.ROUTER) as made:
        made.curve_server, made.curve_publickey, made.curve_secretkey = True, public, secret
        port = made.bind_to_random_port("tcp://127.0.0.1")
        assert look(f"tcp://127.0.0.1:{port}", seconds=SECONDS) == Listener(Reach.KEYS, "CURVE")


@pytest.mark.parametrize(
    ("says", "reach"),
    [
        (HTTP, Reach.STRANGER),
        (b"S,STATS,,,0,0,1\r\n", Reach.STRANGER),
        (b"\xff", Reach.STRANGER),
        (b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f", Reach.ZEROMQ),
        (b"\xff" + bytes(8) + b"\x7f" + bytes(400), Reach.ZEROMQ),
        (b"", Reach.MUTE),
    ],
)
def test_strangers_are_bounded_and_quoted(says: bytes, reach: Reach) -> None:
    """Whatever they say, it ends in time and is shown as printable text."""
    with Stranger(says) as stranger:
        started_s = time.monotonic()
        found = look(stranger.endpoint, seconds=0.3)
        assert time.monotonic() - started_s < 3.0
    assert found.reach is reach or found.reach is Reach.MUTE
    assert found.detail.isprintable()
    assert len(found.detail) < 100


def test_one_that_hangs_up_is_a_stranger() -> None:
    """A port with a door and nobody behind."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            listening.accept()[0].close()
    assert look(f"tcp://127.0.0.1:{port}", seconds=0.3).reach is Reach.NOBODY


@pytest.mark.parametrize(
    "endpoint", ["", "nonsense", "tcp://127.0.0.1:*", "tcp://127.0.0.1:99999", "udp://1.2.3.4:5"]
)
def test_what_is_no_address_is_told_as_such(endpoint: str) -> None:
    """A configuration that leaves the port to the system names no port to look at."""
    assert look(endpoint, seconds=SECONDS).reach is Reach.UNUSABLE


def test_nobody_is_nobody() -> None:
    """A refused connection is the clearest answer."""
    found = look(f"tcp://127.0.0.1:{free_ports(1)[0]}", seconds=SECONDS)
    assert found.reach is Reach.NOBODY
