"""The Python client before a gateway with keys: it comes in, and comes back, by itself."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_client import (
    AsyncGatewayClient,
    CurveKeys,
    Disconnected,
    GatewayClient,
    Quote,
    Reconnected,
    RequestTimedOut,
)

from tests.support.keyring import Keyring, new_pair
from tests.support.processes import GatewayProcess
from tests.support.requester import Requester
from tests.support.stage import Stage, free_ports, simulated, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    """Two clients."""
    return Keyring(tmp_path, "alice", "bob")


@pytest.fixture
def stage(ring: Keyring) -> Iterator[Stage]:
    """A gateway with keys and a market."""
    with simulated(settings=ring.settings) as stage:
        yield stage


@pytest.mark.asyncio
async def test_the_asyncio_client_comes_in_with_a_key(stage: Stage, ring: Keyring) -> None:
    """Both clients share the way in."""
    endpoints = stage.gateway.endpoints
    async with AsyncGatewayClient(
        endpoints["data"], endpoints["control"], curve=ring.keys("bob")
    ) as client:
        assert (await client.call("ping", {})) == {}


def test_a_client_that_was_refused_comes_in_once_its_key_is_known(
    stage: Stage, ring: Keyring
) -> None:
    """The operator adds it while the strategy waits: nobody has to restart anything."""
    ends, pair = stage.gateway.endpoints, new_pair()
    keys = CurveKeys(ring.server.public, *pair)
    client = GatewayClient(ends["data"], ends["control"], curve=keys, connect_timeout_s=1.0)
    try:
        assert not client.connect()
        ring.add("carol", pair)
        wait_until(client.connect, what="a connection on both sockets", seconds=20.0)
        assert client.call("ping", {}) == {}
    finally:
        client.disconnect()


def test_a_client_whose_key_comes_back_goes_on_by_itself(stage: Stage, ring: Keyring) -> None:
    """A file that was away for a moment must not cost anybody a restart."""
    ends = stage.gateway.endpoints
    with GatewayClient(
        ends["data"], ends["control"], curve=ring.keys("alice"), request_timeout_s=1.0
    ) as client:
        client.subscribe_symbols(["AAPL"], ["quote"])
        ring.remove("alice")
        next(item for item in client if isinstance(item, Disconnected))
        with pytest.raises(RequestTimedOut):
            client.call("ping", {})
        ring.add("alice", ring.pairs["alice"])
        wait_until(lambda: can_call(client), what="an answer", seconds=20.0)
        next(item for item in client if isinstance(item, Reconnected))
        assert any(isinstance(item, Quote) for item in client)


def can_call(client: GatewayClient) -> bool:
    """Whether a request is answered."""
    try:
        answer: dict[str, object] = client.call("ping", {})
    except RequestTimedOut:
        return False
    return answer == {}


def test_a_client_whose_key_is_revoked_learns_that_it_is_away(stage: Stage, ring: Keyring) -> None:
    """It must not go on with prices that have stopped."""
    ends = stage.gateway.endpoints
    with GatewayClient(ends["data"], ends["control"], curve=ring.keys("alice")) as client:
        client.subscribe_symbols(["AAPL"], ["quote"])
        ring.remove("alice")
        ended = next(item for item in client if isinstance(item, Disconnected))
    assert ended.cause == "silence"


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no such signal here")
def test_a_signal_reads_the_files_at_once(ring: Keyring, tmp_path: Path) -> None:
    """The process lives on, and what it printed has no secret in it."""
    level1_port, admin_port = free_ports(2)
    with GatewayProcess(
        tmp_path,
        level1_port=level1_port,
        admin_port=admin_port,
        settings=ring.settings,
        keys=ring.keys("alice"),
    ) as gateway:
        gateway.start()
        ring.write("carol", 'public_key: "nonsense"')
        gateway.send_signal(signal.SIGHUP)
        wait_until(lambda: "carol.yaml" in gateway.printed(), what="a word about the file")
        keys = ring.add("carol")
        gateway.send_signal(signal.SIGHUP)
        wait_until(lambda: is_answered(gateway.control, keys), what="carol")
        printed = gateway.printed()
    secrets = [ring.server.secret, *(pair.secret for pair in ring.pairs.values())]
    assert not [secret for secret in secrets if secret in printed]
    assert "carol" in printed


def is_answered(control: str, keys: CurveKeys) -> bool:
    """Whether a request with these keys is answered."""
    with Requester(control, keys=keys) as requester:
        requester.send(b"\x80")
        return bool(requester._socket.poll(500))
