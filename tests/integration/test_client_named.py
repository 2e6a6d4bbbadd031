"""The client has a name at a real gateway, says how it keeps up, repairs and comes back."""

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from gateway_client import GatewayClient, Quote, Trade

from tests.support.stage import Stage, simulated, wait_until

pytestmark = pytest.mark.slow
ADMIN = {"security": {"allow_local_admin": True}}
LEASE_S = 5


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A gateway whose administrators may do their work."""
    with simulated(settings=ADMIN, rate=500.0, equity_count=12) as stage:
        yield stage


@pytest.fixture
def client(stage: Stage) -> Iterator[GatewayClient]:
    """A connected client with short leases."""
    endpoints = stage.gateway.endpoints
    with GatewayClient(endpoints["data"], endpoints["control"], lease_s=LEASE_S) as client:
        yield client


def peers_of(client: GatewayClient) -> list[dict[str, Any]]:
    """The client's own data connections, as the gateway lists them."""
    return list(client.get_subscriptions(client.client_name)["peers"])


def read_until(client: GatewayClient, kind: type, symbol: str) -> None:
    """Read up to a message of a kind and symbol."""
    while True:
        item = client.next_message(10.0)
        assert item is not None, f"no {kind.__name__} of {symbol}"
        if isinstance(item, kind) and getattr(item, "symbol", None) == symbol:
            return


def test_client_without_leases_has_a_name(client: GatewayClient) -> None:
    """An operator who sees a slow connection must know whom to call."""
    client.subscribe_topics(["trade,AAPL,"])
    wait_until(lambda: len(peers_of(client)) == 1, what="a connection with its name")
    assert peers_of(client)[0]["client"] == client.client_name


def test_slow_application_is_reported(client: GatewayClient) -> None:
    """The socket is drained, so the gateway sees nothing of it: the client has to say so."""
    client.subscribe_symbols(["AAPL", "MSFT"], ["l1"])

    def is_reported() -> bool:
        return any(
            (peer.get("reported") or {}).get("lag_us", 0) > 1_500_000 for peer in peers_of(client)
        )

    # Nothing is read meanwhile.
    wait_until(is_reported, what="the lag of the application", seconds=15.0)


def test_lost_subscription_is_repaired(client: GatewayClient) -> None:
    """One can get lost in libzmq without a word: the gateway tells what it does not see."""
    client.subscribe_symbols(["AAPL"], ["trade", "quote"])
    read_until(client, Quote, "AAPL")
    engine = client._engine
    assert engine is not None
    done: Future[None] = Future()

    def lose(_: int) -> None:
        engine.subscriber.socket.unsubscribe("quote,AAPL,")
        done.set_result(None)

    engine.post(lose, done)
    done.result(5.0)
    wait_until(
        lambda: client.statistics().subscriptions_repaired == 1,
        what="the repair",
        seconds=15.0,
    )
    list(client.messages(timeout_s=0))
    read_until(client, Quote, "AAPL")


def test_evicted_client_comes_back_whole(stage: Stage, client: GatewayClient) -> None:
    """An eviction is an ordinary loss of the connection: what was missed is fetched."""
    client.subscribe_symbols(["AAPL"], ["trade"])
    read_until(client, Trade, "AAPL")
    wait_until(lambda: len(peers_of(client)) == 1, what="a connection with its name")
    with GatewayClient(
        stage.gateway.endpoints["data"], stage.gateway.endpoints["control"]
    ) as operator:
        assert operator.evict(client.client_name, "a test of the operator's") == 1
        assert operator.evict("nobody-has-this-name", "a test") == 0
    sequences: list[int] = []
    replayed = 0
    while len(sequences) < 400:
        item = client.next_message(10.0)
        assert item is not None
        if isinstance(item, Trade):
            sequences.append(item.sequence)
            replayed += bool(item.flags & 2)
    statistics = client.statistics()
    assert statistics.lost == 0
    assert statistics.replayed == replayed
    if not statistics.holes:
        assert sorted(sequences) == list(range(min(sequences), max(sequences) + 1))
    wait_until(lambda: len(peers_of(client)) == 1, what="its name again", seconds=15.0)
