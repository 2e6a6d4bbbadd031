"""Connections that a user with a key makes without an end, and never uses."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import zmq

from gateway.runtime import control_peers, intake_guard
from gateway.runtime.intake import IS_TOLD
from tests.support.keyring import EVERYTHING, Keyring
from tests.support.stage import Stage, simulated, wait_until

pytestmark = pytest.mark.slow
MANY = 30


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    """An administrator, and bob."""
    ring = Keyring(tmp_path, "alice")
    ring.add("bob", role="monitor", allow=EVERYTHING)
    return ring


@pytest.fixture
def stage(ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A gateway with keys, where a few connections are many."""
    monkeypatch.setattr(intake_guard, "SILENT_MAX", 5)
    monkeypatch.setattr(control_peers, "PER_USER_MAX", 4)
    with simulated(settings=ring.settings) as stage:
        yield stage


def connected(stage: Stage, name: str) -> int:
    """Connections to a socket, as the system knows them."""
    port = int(stage.gateway.endpoints[name].rpartition(":")[2])
    found = psutil.Process().net_connections("tcp")
    return sum(c.status == "ESTABLISHED" and c.laddr.port == port for c in found)


@pytest.mark.skipif(not IS_TOLD, reason="this system does not tell of them")
@pytest.mark.parametrize(("name", "kind"), [("data", zmq.SUB), ("control", zmq.DEALER)])
def test_silent_connections_are_bounded(stage: Stage, ring: Keyring, name: str, kind: int) -> None:
    """Nobody can say whose they are, and others lack their descriptors."""
    keys = ring.keys("bob")
    with (
        contextlib.ExitStack() as stack,
        zmq.Context() as context,
        stage.requester(keys=ring.keys("alice")) as alice,
    ):
        assert alice.result("ping") == {}
        for _ in range(MANY):
            one = stack.enter_context(context.socket(kind))
            one.linger = 0
            one.setsockopt(zmq.RECONNECT_IVL, -1)
            one.curve_serverkey = keys.server_public_key.encode()
            one.curve_publickey = keys.public_key.encode()
            one.curve_secretkey = keys.secret_key.encode()
            one.connect(stage.gateway.endpoints[name])
        wait_until(lambda: connected(stage, name) >= MANY, what="all connections")
        wait_until(lambda: connected(stage, name) <= 6, what="their end", seconds=15.0)
        assert alice.result("ping") == {}
        counters = alice.result("metrics")["client_metrics"]["counters"]
        assert counters["connections_limited"] >= MANY - 6
        stack.close()


def test_a_user_has_so_many_connections_to_ask_on(stage: Stage, ring: Keyring) -> None:
    """The next one is cut, until another of them ends."""
    four = [stage.requester(keys=ring.keys("bob")) for _ in range(4)]
    for requester in four:
        assert requester.result("ping") == {}
    with zmq.Context() as context, stage.requester(keys=ring.keys("alice")) as alice:
        keys = ring.keys("bob")
        with context.socket(zmq.DEALER) as fifth:
            fifth.linger = 0
            fifth.curve_serverkey = keys.server_public_key.encode()
            fifth.curve_publickey = keys.public_key.encode()
            fifth.curve_secretkey = keys.secret_key.encode()
            fifth.connect(stage.gateway.endpoints["control"])
            fifth.send(b"\x80")
            wait_until(
                lambda: alice.result("metrics")["client_metrics"]["counters"][
                    "connections_limited"
                ],
                what="the fifth's end",
            )
        four.pop().close()
        time.sleep(0.2)
        with stage.requester(keys=ring.keys("bob")) as again:
            assert again.result("ping") == {}
    for requester in four:
        requester.close()
